/**
 * What access may be left, and until when, per class of credential: pure. Two kinds of it are told apart.
 *
 * - What the run waits for: a cache that still lets a token in, the propagation of a policy, the life of what nobody can revoke. Until all
 *   of that is over, the run says until when (`residualUntil`).
 * - What outlasts the run, since nobody can observe its end, or the settle time is shorter: who checks a token by its signature alone asks
 *   nobody. It is told with the record, and never counted as gone.
 */
import type { CredentialStatus } from '../api/v1alpha1/index.ts';
import type { Residue } from '../revokers/revoker.ts';
import { inWholeSeconds } from '../runtime/clock.ts';

/** What a dependency says of the classes of its credentials. */
export interface Settling {
  /** Milliseconds. */
  readonly settleTime: number;
  readonly residues?: Readonly<Record<string, readonly Residue[]>>;
}

/** A time in milliseconds since the epoch; `unknown` where nobody can say. */
export type Until = number | 'unknown';

/** Until when a credential that is not confirmed could still work; undefined once it is. `isHere`: its absence was seen by this process. */
export const residualOf = (status: CredentialStatus, { settleTime, residues = {} }: Settling, isHere = true): Until | undefined => {
  const { state, absentSince, expiresAt, residualUntil } = status;
  switch (state) {
    case 'Confirmed':
      return undefined;
    case 'Waiting':
      return expiresAt === undefined ? 'unknown' : Date.parse(expiresAt);
    case 'Absent':
      return absentSince === undefined || !isHere ? 'unknown' : Date.parse(absentSince) + Math.max(settleTime, awaitedFor(residues[status.class]));
    case 'Present':
    case 'Unknown':
      return residualUntil === undefined ? 'unknown' : Date.parse(residualUntil);
  }
};

/** Milliseconds after the end of a credential for which the run waits, beside the settle time. */
export const awaitedFor = (residues: readonly Residue[] = []): number => Math.max(0, ...residues.map(({ awaited, milliseconds = 0 }) => (awaited ? milliseconds : 0)));

/** The latest of them: undefined when there is none, unknown when one is. */
export const latest = (times: readonly (Until | undefined)[]): Until | undefined => {
  const left = times.filter((time) => time !== undefined);
  const known = left.filter((time) => time !== 'unknown');
  return left.length === 0 ? undefined : known.length < left.length ? 'unknown' : Math.max(...known);
};

/** As a status has it: a time (RFC 3339, without fractions), or `unknown`. */
export const timeOf = (until: Until | undefined): string | undefined =>
  typeof until === 'number' ? inWholeSeconds(new Date(until)) : until;

/** What may outlast the end of a run, of one class. */
export interface Outlasting {
  readonly class: string;
  readonly kind: Residue['kind'];
  /** RFC 3339; left out where it has no end. */
  readonly until?: string;
  readonly message: string;
}

/** True of what nobody waits for, and of what goes on for longer than the settle time: then that was too short to see its end. */
export const outlasts = ({ awaited, milliseconds = 0 }: Residue, settleTime: number): boolean => !awaited || milliseconds > settleTime;

/** Of the credentials that there were, one for each class and kind: it is over when the last of the class is. */
export const outlasting = (credentials: readonly CredentialStatus[], { settleTime, residues = {} }: Settling): readonly Outlasting[] =>
  Object.entries(residues).flatMap(([name, all]) => {
    const ends = credentials.flatMap((each) => (each.class === name ? (each.absentSince ?? each.confirmedAt ?? []) : [])).sort();
    const last = ends.at(-1);
    if (last === undefined) return [];
    return all
      .filter((residue) => outlasts(residue, settleTime))
      .map(({ kind, milliseconds, message }) => ({
        class: name,
        kind,
        ...(milliseconds === undefined ? {} : { until: new Date(Date.parse(last) + milliseconds).toISOString() }),
        message,
      }));
  });
