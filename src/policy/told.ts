/** Text for people, wherever a status holds it. */
import { limit, redact } from '../runtime/redact.ts';

/**
 * `text` as a status may tell it: what looks like a bearer secret is masked, line ends, terminal escapes and characters that
 * turn text round are written out, and it is no longer than `length`. Names are data from outside, and nearly anything may
 * be the name of a binding, a user or a manager. Applying it twice changes nothing more.
 */
export const told = (text: string, length = 2_048): string => limit(redact(text), length);

/** The largest power of two that is not above `n`: status is quiet, and tells of what goes on each time that has doubled. */
export const powerOfTwo = (n: number): number => (n < 1 ? 0 : 2 ** Math.floor(Math.log2(n)));
