/**
 * With which credentials an identity logs in elsewhere, and since when it cannot any more. Until then a login may succeed, so an
 * enumeration of what came of logins counts only if it began later.
 */
import { isOpen } from './credential.ts';
import type { Tracked } from './credential.ts';

/** The dependency that issues, as far as this process knows it. */
export interface Issuer {
  /** The classes of its credentials that let the identity in elsewhere. */
  readonly issues: readonly string[];
  /** Milliseconds for which such a credential may still be accepted after it is confirmed. */
  readonly tail: number;
  /** True once this process has looked. What nobody has looked at has not ended. */
  readonly inventoried: boolean;
  readonly tracked: readonly Tracked[];
}

/**
 * Monotonic time from which on nothing of it lets the identity in; undefined while something may. What a person must end is
 * another identity's, such as an account that took the name of the one that is retired.
 */
export const issuingEndedAt = ({ issues, tail, inventoried, tracked }: Issuer): number | undefined => {
  if (!inventoried) return undefined;
  const issuing = tracked.filter(({ credential }) => issues.includes(credential.class) && credential.end.by !== 'Person');
  if (issuing.some((entry) => isOpen(entry) || entry.confirmedAt === undefined)) return undefined;
  return Math.max(Number.NEGATIVE_INFINITY, ...issuing.map(({ confirmedAt = 0 }) => confirmedAt + tail));
};
