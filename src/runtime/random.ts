/** A number in [0, 1), uniform. Injected wherever chance decides, so that a test can replay it from its seed. */
export type Random = () => number;

export const systemRandom: Random = Math.random;

/** `ms` moved by at most `fraction` of itself either way: keeps many timers from firing together. */
export const jitter = (random: Random, ms: number, fraction: number): number => ms * (1 + fraction * (2 * random() - 1));
