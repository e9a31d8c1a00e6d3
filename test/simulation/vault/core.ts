/** What all parts of the simulated Vault share: its storage, its time, its chance, and what is wrong with it. */
import type { Random } from '../../../src/runtime/random.ts';
import type { Scheduler } from '../engine/scheduler.ts';
import { createDatabase, type Database } from './database.ts';
import { createStore, type Store } from './storage.ts';

/**
 * What becomes of an end that was asked for. `Done` is what a healthy server does. `Ignored`: it says yes and does nothing. `Late`: it
 * says yes and does it so many milliseconds later. `Fails`: it says yes, and so many milliseconds later gives up; a lease is
 * irrevocable from then on, anything else goes on as if nobody had asked.
 */
export type Acceptance = { readonly kind: 'Done' } | { readonly kind: 'Ignored' } | { readonly kind: 'Late' | 'Fails'; readonly after: number };

export type Ending = 'Lease' | 'Token' | 'Entity' | 'AuthRole' | 'SecretId' | 'Certificate';

export interface Core {
  readonly store: Store;
  readonly database: Database;
  readonly random: Random;
  /** Milliseconds since the beginning of the universe. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
  readonly text: (time: number) => string;
  /** Does it then, or, where the server is sealed then, once it is not; never on another storage than that of now. */
  readonly after: (delay: number, action: () => void) => () => void;
  readonly acceptance: (what: Ending) => Acceptance;
  readonly accept: (what: Ending, acceptance: Acceptance) => void;
  readonly isSealed: () => boolean;
  readonly seal: () => void;
  readonly unseal: () => void;
  /** Milliseconds since the last unseal; Infinity where it never was sealed. */
  readonly sinceUnseal: () => number;
  readonly clusterId: () => string;
  /** Accessors that lead to no token, as a crash leaves them behind. */
  readonly dangling: ReadonlySet<string>;
  readonly leaveDangling: () => void;
  /** All is lost, and another cluster begins. */
  readonly loseStorage: () => void;
  readonly newId: (length?: number) => string;
  readonly newUuid: () => string;
}

export interface CoreOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** The wall-clock time at the beginning of the universe, in milliseconds since 1970. */
  readonly epoch: number;
  /** Called whenever something was written, here or in the database. */
  readonly changed: () => void;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const done: Acceptance = { kind: 'Done' };

export const createCore = ({ scheduler, random, epoch, changed }: CoreOptions): Core => {
  const now = scheduler.now;
  const store = createStore(now, changed);
  const acceptances = new Map<Ending, Acceptance>();
  const waiting: (() => void)[] = [];
  const dangling = new Set<string>();
  const newId = (length = 24): string => {
    let id = '';
    for (let at = 0; at < length; at += 1) id += alphabet[Math.floor(random() * alphabet.length)] ?? '';
    return id;
  };
  const newUuid = (): string => {
    let hex = '';
    for (let at = 0; at < 4; at += 1) hex += Math.floor(random() * 2 ** 32).toString(16).padStart(8, '0');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
  let clusterId = newUuid();
  let sealed = false;
  let unsealedAt = -Infinity;
  return {
    store,
    database: createDatabase(changed),
    random,
    now,
    wall: () => epoch + now(),
    text: (time) => new Date(epoch + time).toISOString(),
    after: (delay, action) => {
      const cluster = clusterId;
      let cancelled = false;
      const act = (): void => {
        if (cancelled || cluster !== clusterId) return;
        if (sealed) waiting.push(act);
        else action();
      };
      const cancel = scheduler.after(delay, act);
      return () => {
        cancelled = true;
        cancel();
      };
    },
    acceptance: (what) => acceptances.get(what) ?? done,
    accept: (what, acceptance) => { acceptances.set(what, acceptance); },
    isSealed: () => sealed,
    seal: () => { sealed = true; },
    unseal: () => {
      if (!sealed) return;
      sealed = false;
      unsealedAt = now();
      for (const act of waiting.splice(0)) act();
    },
    sinceUnseal: () => now() - unsealedAt,
    clusterId: () => clusterId,
    dangling,
    leaveDangling: () => { dangling.add(newId()); },
    loseStorage: () => {
      clusterId = newUuid();
      dangling.clear();
      store.lose();
    },
    newId,
    newUuid,
  };
};

/** Carries out the end of what is no lease, as the server takes it now. */
export const carryOut = (core: Core, what: Ending, act: () => void): void => {
  const acceptance = core.acceptance(what);
  switch (acceptance.kind) {
    case 'Done':
      act();
      return;
    case 'Late':
      core.after(acceptance.after, act);
      return;
    case 'Ignored':
    case 'Fails':
      return;
  }
};
