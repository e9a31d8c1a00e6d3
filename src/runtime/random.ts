import { generateKeyPairSync } from 'node:crypto';

/** A number in [0, 1), uniform. Injected wherever chance decides, so that a test can replay it from its seed. */
export type Random = () => number;

export const systemRandom: Random = Math.random;

/** An Ed25519 private key that never was before: PKCS#8, PEM. */
export const newEd25519Key = (): string => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** `ms` moved by at most `fraction` of itself either way: keeps many timers from firing together. */
export const jitter = (random: Random, ms: number, fraction: number): number => ms * (1 + fraction * (2 * random() - 1));
