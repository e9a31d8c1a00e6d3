/**
 * The contract between Offboard and one system that holds credentials: the manual for connector authors.
 *
 * A revoker only acts and tells what it saw. What is believed, and what happens next, is decided elsewhere, from what
 * every revoker reports in the same words. Three rules make the reports trustworthy:
 *
 * 1. Unknown is not absent. Only positive evidence is `Absent`; every `catch` in `observe` ends in `Unknown`.
 * 2. A revoke that was accepted says nothing about the outcome. Only `observe` does.
 * 3. An inventory is complete or it is an error. A list that could not be read to its end is never a shorter list.
 *
 * Every call is idempotent, takes a signal, and has a deadline of its own that is shorter than the reconcile's. Failures
 * are {@link OutcomeError}s whose messages carry no secret.
 */
import type { Dependency, Finding, Target, Undeclared } from '../api/v1alpha1/index.ts';

/** How a credential ends. */
export type CredentialEnd =
  /** `revoke` ends it. */
  | { readonly by: 'Revoke' }
  /** It has no life of its own and ends with the other credentials. It is observed, never revoked. */
  | { readonly by: 'Others' }
  /** Nobody can revoke it: it is waited out. */
  | { readonly by: 'Expiry'; readonly at: Date }
  /** Ending it is not ours: a person must act. The reason is CamelCase; the message says what to do, to the command. */
  | { readonly by: 'Person'; readonly reason: string; readonly message: string };

/** One thing that grants access. */
export interface Credential {
  /** What it is called in its dependency. Together with `uid` it is unique within a revoker. Never a secret. */
  readonly id: string;
  /** The UID, where the dependency has one. A thing of the same name with another UID is another credential. */
  readonly uid?: string;
  /** The kind, in the dependency's own terms, such as `RoleBinding`. A closed set per revoker. */
  readonly class: string;
  /** What it grants, for people. */
  readonly grants?: readonly string[];
  readonly end: CredentialEnd;
  /**
   * True when the dependency itself listed it in this inventory; false when it is only known from the target, such as
   * an account that may be gone already. A confirmed credential that is seen again is open again.
   */
  readonly seen: boolean;
  /** Who else has it, for people: only this identity's part of it ends, and they keep theirs. */
  readonly sharedWith?: readonly string[];
  /** Who manages it as far as the dependency tells, such as a GitOps tool: named when the credential keeps returning. */
  readonly manager?: string;
}

export interface Inventory {
  readonly credentials: readonly Credential[];
  /** What is true of the identity and is not a credential. */
  readonly findings: readonly Finding[];
  /** Which place answered, where the UIDs of credentials say in which each was seen. */
  readonly origin?: string;
  /**
   * The dependency with what it names pinned to what was found, by ids that the system gives only once. The run keeps it: what is made
   * anew under the same name is then another. Left out where there is nothing to pin.
   */
  readonly pinned?: Partial<Dependency>;
}

/** What was looked for beyond what the identity names. Whatever could not be looked for is a finding (`NotEnumerated`): unknown is not absent. */
export interface Discovery {
  /** In an order that does not depend on the system's. */
  readonly undeclared: readonly Undeclared[];
  readonly findings: readonly Finding[];
}

/** Something the operator may not do, in words that name the exact permission. */
export interface MissingPermission {
  readonly permission: string;
  /** As whoever grants it has to write it, where that is other than `permission`. */
  readonly line?: string;
  readonly message: string;
}

/**
 * It was taken, and cannot be carried out for now: the system behind the dependency refuses, as a database that does not drop
 * a user. Shown on the credential, asked for again after a pause, and over when that is accepted.
 */
export interface Refusal {
  /** A condition's reason, such as `RevocationStuck`. */
  readonly refused: string;
  /** The words of whoever refuses, redacted. */
  readonly message: string;
}

/** `NothingThere`: it was gone before we asked. No answer is believed to be the end; each is shown as it is. */
export type RevokeAnswer = 'Accepted' | 'NothingThere' | Refusal;

/** What a dependency answered about one credential. */
export interface Observation {
  readonly state: 'Present' | 'Absent' | 'Unknown';
  /** How it was asked, such as `get/serviceaccounts` or `via-serviceaccount`. */
  readonly method: string;
  /** Why it is still there or could not be told, in the dependency's own words, redacted. */
  readonly message?: string;
  /** When it is still there because of something only a person can end (somebody's finalizer): the condition's reason. */
  readonly reason?: string;
  /**
   * Of one that ends by itself (`Expiry`) and is still there: when, as is known now, which may be later than was thought. None where
   * that is not known, as while more of the kind can be made.
   */
  readonly expiresAt?: Date;
  /** Of one that is still there, and can work only until a time, such as what a cache or a leeway still lets in: that time. */
  readonly worksUntil?: Date;
  /**
   * When it was tried and not only asked about: what the observation says was seen by that. With `Present` and a source that does not
   * refuse it: the dependency says that it is gone, and it works all the same. Once it can be tried no more, that word is not believed.
   */
  readonly tried?: Tried;
}

/** A try of a credential, or of a canary of its class, that counts because it worked before. */
export interface Tried {
  /** When it last worked, as seen by this process. */
  readonly controlAt: Date;
  /** How often it was refused in this observation. */
  readonly refusals: number;
  /** At how many servers it was tried. */
  readonly servers: number;
  /** True when the source itself refused it, whatever a cache may still let in; left out where nobody can tell the source from what is late. */
  readonly deadAtSource?: boolean;
}

/**
 * The positive controls of a dependency, for identities that ask for them. What they need lives in the memory of this process alone; what
 * they leave in the dependency can be found again by any process.
 */
export interface Controls {
  /** What would be tried, for people; undefined where the identity asks for nothing. */
  readonly tries: (target: Target) => string | undefined;
  /**
   * Tries, before the lock, what will be tried after the end, and keeps it. Called at each look until then: does nothing while what worked
   * lasts for long enough, and goes on with that while it lives where it cannot be tried anew. One that did not work is told as a finding
   * (`NotProbed`), and what it was for is only observed. Rejects where a person must act before anything is touched, such as for a missing
   * permission.
   */
  readonly take: (target: Target, signal: AbortSignal) => Promise<readonly Finding[]>;
  /**
   * Ends whatever `take` made, in this process or another, and sees that it is gone and refused; at once where there is nothing.
   * Rejects until that was seen. Resolves to what is left, for people, where that gives no access any more and cannot be removed; once.
   */
  readonly drop: (target: Target, signal: AbortSignal) => Promise<string | undefined>;
}

/**
 * `Cached` may answer from a watch and be late: fit for an inventory that people read. `Fresh` reads the dependency's
 * own truth, starting after the call: the only kind that counts towards a confirmation.
 */
export type Freshness = 'Cached' | 'Fresh';

/** How a dependency is stopped from issuing more credentials. */
export type LockCapability =
  /** It cannot be; the explanation is shown to people. */
  | { readonly kind: 'NotLockable'; readonly explanation: string }
  | {
      readonly kind: 'Lockable';
      /**
       * True where the lock stands apart from the credentials, and after the end as long as the record does. Such a lock is observed again
       * at each look, so that has to cost next to nothing. Others go with what they lock.
       */
      readonly stays?: true;
      readonly lock: (target: Target, signal: AbortSignal) => Promise<void>;
      /** Leaves all as it was before `lock`. */
      readonly unlock: (target: Target, signal: AbortSignal) => Promise<void>;
      /** `Present` when the lock was seen to hold, by effect where that is possible. */
      readonly observeLock: (target: Target, signal: AbortSignal) => Promise<Observation>;
    };

/** What a credential may still give after it has ended in its dependency. */
export interface Residue {
  /**
   * `TokenCache`: a server accepts again what it accepted a moment ago. `Propagation`: the change is on its way. `OfflineVerifier`: whoever
   * checks a token by its signature alone asks nobody.
   */
  readonly kind: 'TokenCache' | 'Propagation' | 'OfflineVerifier';
  /** For how long after the end at most; left out where it has no end. */
  readonly milliseconds?: number;
  /** True where the settle time or an expiry waits for it; false where nobody can observe its end, so that it outlasts the run. */
  readonly awaited: boolean;
  /** For people: who may still be let in, by whom. */
  readonly message: string;
}

/** One kind of dependency that identities declare, of which one identity may have several. */
export interface DependencyKind {
  readonly kind: string;
  /** The revoker of one dependency; undefined for a dependency of another kind. */
  readonly bind: (dependency: Dependency) => Revoker | undefined;
}

export interface Revoker {
  /** What kind of dependency this is, such as `vault`: a closed set, fit for a metric's label. */
  readonly kind: string;
  /** The dependency's name in the status: `kubernetes`, or as the identity declares it. */
  readonly name: string;
  /** Names of the dependencies that must be confirmed before anything is revoked here. */
  readonly after?: readonly string[];
  /** The classes of its credentials with which the identity logs in to other dependencies. */
  readonly issues?: readonly string[];
  /**
   * Names of the dependencies with whose credentials the identity logs in here. The last enumeration counts only if it began
   * after all of those are confirmed: until then a login may succeed.
   */
  readonly issuers?: readonly string[];
  /**
   * Milliseconds for which a credential of the classes that it issues may still let the identity in elsewhere after it is
   * confirmed here, such as what a cache of tokens outlasts the settle time.
   */
  readonly tail?: number;
  /** Milliseconds for which `Absent` must hold before it is believed (caches, propagation). */
  readonly settleTime: number;
  /** What the credentials of a class may still give after their end. */
  readonly residues?: Readonly<Record<string, readonly Residue[]>>;
  /** How many calls of one run this dependency takes at the same time. */
  readonly concurrency: number;
  /** What we may not do for these credentials. Writes nothing. */
  readonly preflight: (
    target: Target,
    credentials: readonly Credential[],
    signal: AbortSignal,
  ) => Promise<readonly MissingPermission[]>;
  /** Every credential that the dependency holds for the target, whole, or an error. Writes nothing. */
  readonly inventory: (target: Target, freshness: Freshness, signal: AbortSignal) => Promise<Inventory>;
  /** What still uses the identity (`InUse`): it holds a Routine run, and is asked before anything is touched. Writes nothing. */
  readonly usage: (target: Target, signal: AbortSignal) => Promise<readonly Finding[]>;
  /**
   * What the dependency holds of the identity, or may, that the identity does not name, as far as the connector's grants cover it: for
   * people who make a plan. It may take long, and is asked for once. Writes nothing. Left out where all is found by the identity alone.
   */
  readonly discover?: (target: Target, signal: AbortSignal) => Promise<Discovery>;
  readonly lock: LockCapability;
  /** Left out where nothing can be tried. Taken before the lock, dropped before the end and when a run is cancelled. */
  readonly controls?: Controls;
  /** True when the dependency's own log knows a request by the id that `revoke` is given. */
  readonly logsRequests?: true;
  /** Asks the dependency to end a credential. Resolves when that was accepted, and also when it is gone already. */
  readonly revoke: (credential: Credential, target: Target, signal: AbortSignal, requestId?: string) => Promise<RevokeAnswer>;
  /**
   * `Absent` when the dependency told by itself, such as through a watch, that this very thing has ended; undefined when it
   * told nothing. It may begin the span of a settle time and never ends it. Left out where a dependency tells nothing.
   */
  readonly toldGone?: (credential: Credential) => Observation | undefined;
  /** Asks the dependency's own truth about one credential. Never rejects. */
  readonly observe: (credential: Credential, target: Target, signal: AbortSignal) => Promise<Observation>;
}
