/** One system of a universe in which an identity can get in: the cluster itself, Vault, Google Cloud. Each later one is another of these. */
import type { Random } from '../../src/runtime/random.ts';
import type { WireAnswer, WireRequest, WireServer, WireStream } from './engine/wire.ts';
import type { IdentityPlan, RealmAct } from './plan.ts';

/** A way in that works at this moment. */
export interface Way {
  /** Never the same for two. */
  readonly id: string;
  /** What the operator calls it in its status; the same for all that end together. */
  readonly credential: string;
  /** Where the credential has one in the status: of another of the same name it is not this. */
  readonly uid?: string;
  /** False when only a cache still lets it in: at its source it has ended. */
  readonly atSource: boolean;
  /** When people brought it back after it had ended: that it works since is their doing. */
  readonly broughtBackAt?: number;
}

/** The identity as it is known everywhere. */
export interface Person {
  readonly namespace: string;
  readonly name: string;
}

/** Milliseconds until what waits for a person is looked at again, at most: until then it may still be said. */
export const lookedAtAgainAfter = 330_000;

export interface Realm {
  /** As the dependency is called in the status of a run. */
  readonly name: 'kubernetes' | 'vault' | 'google';
  readonly servers: readonly WireServer[];
  /** Milliseconds for which an absence must hold here before it may be believed. */
  readonly settleTime: number;
  /** Milliseconds by which what has ended there may go on being felt, at most: a part of the settle time. */
  readonly propagation: number;
  /** Gives the identity what it has there, before anything happens. */
  readonly settle: (identity: Person, plan: IdentityPlan) => void;
  /** Gives somebody who stays what he has there, before anything happens. */
  readonly welcome: (neighbour: Person) => void;
  /** What of an identity works at this very moment, by whatever cache. */
  readonly waysIn: (identity: Person) => readonly Way[];
  /** Told after anything began or ceased to work at its source, for some identity. */
  readonly onChange: (listener: () => void) => void;
  /** Whether the identity can be given more, as people with every right have left it; undefined where nothing is locked here. */
  readonly isLocked: (identity: Person) => boolean | undefined;
  /** Whether it may get more there although it is locked: what others would be locked out with is left open, and what no lock stops. */
  readonly staysOpen?: (identity: Person) => boolean;
  /** Why something of it there cannot be ended before somebody does what only people can, and whether that is so. */
  readonly isStuck?: Readonly<Record<string, (identity: Person) => boolean>>;
  /** Does it. */
  readonly free?: (identity: Person) => void;
  /** One thing that an identity, or a neighbour, does: uses what it has, and gets more of it. Nothing where it is refused. */
  readonly act: (identity: Person, random: Random) => void;
  /** What people, or whoever is this identity, can do here and nowhere else. */
  readonly acts?: Partial<Readonly<Record<RealmAct, (identity: Person) => void>>>;
  /** Which credentials a request, if it is taken, ends for good; undefined of a question, and of what can be taken back. */
  readonly ends: (request: WireRequest) => ((credential: { readonly id: string; readonly uid?: string }) => boolean) | undefined;
  /** Whether it may begin something that is no stored object, such as a token. */
  readonly gives: (request: WireRequest) => boolean;
  /** Which list of what there is a request asks for, by a name for it. */
  readonly listed: (request: WireRequest) => string | undefined;
  /** The lists in which everything is that the identity can have there, whose account has that UID. */
  readonly lists: (identity: Person, uid: string | undefined) => readonly string[];
  /** Where a request tries something that is of an account: by the UID of that, and whether it was taken or refused. */
  readonly tried?: (request: WireRequest, answer: WireAnswer | WireStream) => { readonly uid: string; readonly taken: boolean } | undefined;
  /** Why a person has to take something apart there, and until when that is so of this identity: Infinity while it is. */
  readonly sharedUntil?: Readonly<Record<string, (identity: Person) => number>>;
  /** What a run for the account of that UID need not follow, though it works there. */
  readonly unfollowed?: (way: Way, uid: string | undefined) => boolean;
  /** Everything that others have there, in a form that can be compared. */
  readonly ofOthers: () => string;
  /** Where access is given by whole documents that are read and written back: whether this reads one, and somebody else's change of it. */
  readonly documents?: { readonly isRead: (request: WireRequest) => boolean; readonly change: () => void };
  /** The faults that only this system can have: each is switched on, and returns what switches it off. */
  readonly knobs: readonly { readonly name: string; readonly on: (random: Random) => () => void }[];
}
