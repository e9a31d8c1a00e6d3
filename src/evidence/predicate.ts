/** What a record says: the predicate of its in-toto Statement. docs/record.md describes it, docs/record.schema.json holds it to that. */
import type { CredentialStatus, Finding, Outcome, Target } from '../api/v1alpha1/index.ts';

export const predicateType = 'https://offboard.dev/attestation/offboarding/v1alpha1';

/** Of record to record: the digest is the SHA-256 of the payload that is signed, as `sha256:` and hexadecimal digits. */
export interface Link {
  readonly name: string;
  readonly digest: string;
}

/** As the API server knows them; absent where nobody stamped it. */
export interface Person {
  readonly username: string;
}

/** Times are RFC 3339 in UTC, lengths of time whole milliseconds. */
export interface Predicate {
  readonly record: {
    readonly name: string;
    /** UID of the namespace kube-system, which is the nearest that a cluster has to an id. */
    readonly cluster: string;
    /** Absent in the first record of a cluster. */
    readonly previous?: Link;
    /** An earlier record of the same run, which waivers had completed. */
    readonly revises?: string;
    /** The record whose identity's name this one used again. */
    readonly supersedes?: string;
  };
  readonly outcome: Outcome;
  /** `dependencies` is what else the run's target names, so that the tombstone can ask there again. */
  readonly identity: Pick<Target, 'serviceAccount' | 'workloadIdentity' | 'certificates'> & {
    readonly probe: boolean;
    readonly dependencies?: readonly RecordedDeclaration[];
  };
  readonly run: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly reason: string;
    readonly urgency: string;
    readonly soak?: string;
    readonly createdAt: string;
    readonly startedAt: string;
    readonly lockedAt?: string;
    readonly lockLostAt?: string;
    readonly revokeStartedAt?: string;
    readonly revokedAt?: string;
    readonly completedAt: string;
  };
  readonly people: {
    /** `isOffboard`: the operator's own account, since the identity was deleted or had expired. */
    readonly requestedBy?: Person & { readonly isOffboard?: true };
    readonly enforcedBy?: Person;
    /** `accepted` is false when it came too late. */
    readonly cancel?: { readonly requestedBy?: Person; readonly reason: string; readonly accepted: boolean };
    /** In force at the end. */
    readonly waivers: readonly RecordedWaiver[];
    /** Somebody took the finalizer off the run or its identity, so that it could have been deleted before the end. */
    readonly glassBroken: boolean;
  };
  readonly dependencies: readonly RecordedDependency[];
  /** The versions of the operator and of the API server. */
  readonly versions: { readonly offboard: string; readonly kubernetes?: string };
  /** Where the credentials of long dependencies are: each is an OffboardingRecord that holds a chunk. */
  readonly chunks?: readonly RecordedChunk[];
}

/** What was to be ended in one system, as the API of that time has it: `declared` is canonical JSON. */
export interface RecordedDeclaration {
  readonly name: string;
  readonly declared: string;
}

export interface RecordedWaiver {
  readonly name: string;
  readonly dependency: string;
  readonly approvedBy: string;
  readonly expiresAt: string;
  readonly reason?: string;
}

export interface RecordedDependency {
  readonly name: string;
  readonly kind: string;
  readonly state: 'Confirmed' | 'Waived' | 'Open';
  /** Why it is not confirmed. */
  readonly message?: string;
  /** For how long an absence had to hold. */
  readonly settleMilliseconds: number;
  /** The last enumeration, which found nothing new: when it was done. Absent where there was none. */
  readonly enumeratedAt?: string;
  /** `Unknown`: it had held, and could not be seen at the end. */
  readonly lock: 'Locked' | 'NotLocked' | 'NotLockable' | 'Unknown';
  /** Why, or where it was tried and where it could not be. */
  readonly lockMessage?: string;
  readonly credentials: readonly RecordedCredential[];
  /** What may still be accepted by whoever asks nobody, and until when; left out where there is no end. */
  readonly outlasting: readonly { readonly class: string; readonly kind: string; readonly until?: string; readonly message: string }[];
  /** Among them what is not provable, and what could not be tried. */
  readonly findings: readonly Finding[];
}

/** `id` never is a secret. An entry with a `count` stands for so many, and `digest` is that of their sorted ids. */
export interface RecordedCredential
  extends Pick<
    CredentialStatus,
    | 'id' | 'uid' | 'class' | 'state' | 'grants' | 'method' | 'expiresAt' | 'foundAt' | 'revokeRequestedAt' | 'requestId' | 'absentSince' | 'confirmedAt'
    | 'foundAbsent' | 'returned' | 'count' | 'digest' | 'probe' | 'message'
  > {
  /** What its end rests on; none while it is open and nobody has given it up. */
  readonly strength?: 'Probed' | 'Observed' | 'WaitedOut' | 'Waived';
  /** While it is there: the last time at which it can work. */
  readonly residualUntil?: string;
  /** From the first absence to the last, by a clock that nobody sets. */
  readonly absentMilliseconds?: number;
}

export interface RecordedChunk extends Link {
  /** The dependency whose credentials it holds. */
  readonly dependency: string;
  readonly count: number;
}
