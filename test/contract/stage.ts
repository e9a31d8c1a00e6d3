/** What the conformance kit needs from somebody who brings a revoker. */
import type { Target } from '../../src/api/v1alpha1/index.ts';
import type { Credential, Revoker } from '../../src/revokers/revoker.ts';

/** What can be wrong between us and a dependency. The harness says what each is in the dependency's own protocol. */
export type Fault =
  /** Our own credential is refused. */
  | 'Unauthorized'
  /** We lack the permission. */
  | 'Forbidden'
  /** "Not found", from something that is not the dependency, such as a proxy. */
  | 'NotFoundPage'
  /** "Not found", from the dependency, about something else than what was asked for. */
  | 'NotFoundOther'
  | 'TooManyRequests'
  | 'ServerError'
  | 'Unavailable'
  /** Success, with an answer that is not the dependency's, such as a sign-in page. */
  | 'Garbage'
  /** Success, and nothing in it. */
  | 'Empty'
  | 'Disconnected'
  /** The answer never comes. */
  | 'Hanging'
  /** The client library throws something that nobody expected. */
  | 'Crash';

export const faults: readonly Fault[] = [
  'Unauthorized',
  'Forbidden',
  'NotFoundPage',
  'NotFoundOther',
  'TooManyRequests',
  'ServerError',
  'Unavailable',
  'Garbage',
  'Empty',
  'Disconnected',
  'Hanging',
  'Crash',
];

/** A dependency that holds credentials of one identity, and also some of others, and a revoker that speaks to it. */
export interface Stage {
  readonly revoker: Revoker;
  readonly target: Target;
  /** The ids of everything that was planted for the identity: what a whole inventory lists. */
  readonly planted: readonly string[];
  /** Bearer secrets of the identity, of others, and of ours: they must never be told. The fault answers hold them, too. */
  readonly secrets: readonly string[];
  /** A second process: the same dependency, nothing remembered. */
  readonly restart: () => Promise<Revoker>;
  /** From the (`after` + 1)th request on, every request goes wrong in this way. `undefined` heals. */
  readonly breakWith: (fault: Fault | undefined, after?: number) => void;
  /** Requests so far that could have changed something. */
  readonly writes: () => number;
  /** The dependency's own truth, asked past the revoker: is this very thing there and grants? */
  readonly exists: (credential: Credential) => Promise<boolean>;
  /** Everything that the dependency holds of others, in some comparable form. */
  readonly foreign: () => Promise<unknown>;
  /** From now on the dependency accepts the end of this credential and does not carry it out. Absent: it never does that. */
  readonly hold?: (credential: Credential) => Promise<void>;
  /**
   * From now on the system behind the dependency refuses to end this credential, which the dependency tells of its revoke. False
   * for a credential that has none behind it. Absent: there is no such system.
   */
  readonly refuse?: (credential: Credential) => Promise<boolean>;
  /** It refuses no more. */
  readonly relent?: () => Promise<void>;
  /** Whether the identity would get a new credential now, tried past the revoker. For a dependency that can be locked. */
  readonly admits?: () => Promise<boolean>;
  /** Somebody else locks it, in the dependency's own way. Absent: nobody else can. */
  readonly lockForeign?: () => Promise<void>;
  /** Everything that a lock may change, past the revoker, in some comparable form. For a dependency that can be locked. */
  readonly lockable?: () => Promise<unknown>;
  /** What was made to be tried, past the revoker. For a dependency that is tried. */
  readonly leftBehind?: () => Promise<readonly unknown[]>;
  /** Something puts another thing of the same name in the place of this one. Absent: names are never used again. */
  readonly recreate?: (credential: Credential) => Promise<void>;
  /** Takes every permission away, in the way the dependency does it. */
  readonly deny: () => void | Promise<void>;
  /** Moves the clock that the revoker was given, in milliseconds. */
  readonly advance: (ms: number) => Promise<void>;
  /** Waits until what was accepted has happened, by whatever the dependency does on its own. */
  readonly settle: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface Harness {
  /** A new stage for each rule. */
  readonly open: () => Promise<Stage>;
}
