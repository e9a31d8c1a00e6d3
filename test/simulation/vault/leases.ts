/**
 * Leases and their ends, as Vault's expiration manager goes about it.
 *
 *   live ──revoke, sync──▶ gone, if the database drops the user; else live as before, and the caller is told
 *   live ──revoke, not sync; its token ends; its time is over──▶ pending ──dropped──▶ gone
 *                                                                  │ six refusals in ten minutes
 *                                                                  ▼
 *                                                            irrevocable ──revoke, sync, and the database does it──▶ gone
 */
import { between } from '../engine/random.ts';
import type { Core } from './core.ts';
import type { Lease } from './storage.ts';

export type LeaseEnd = { readonly kind: 'Accepted' } | { readonly kind: 'Refused'; readonly why: string };

export interface Leases {
  /** The text is what the database says where it makes no user. */
  readonly issue: (accessor: string, role: string, ttl: number, owner: string | undefined) => { readonly lease: Lease; readonly password: string } | string;
  readonly revoke: (id: string, sync: boolean) => LeaseEnd;
  /** All of these tokens: they have ended. */
  readonly endOf: (accessors: ReadonlySet<string>) => void;
  /** As `sys/leases/revoke-force` does it: forgotten, whatever there is behind them. */
  readonly force: (prefix: string) => void;
  /** Given up on at once, as after six refusals. */
  readonly giveUp: (id: string, why: string) => void;
}

/** Milliseconds from one refusal to the next try, as they were seen on a real server. */
const pauses = [23_000, 53_000, 64_000, 161_000, 297_000];
/** How long what is queued waits for its turn. */
const queue = { least: 5, most: 150 };

export const createLeases = (core: Core): Leases => {
  const { store, database, now, after, random } = core;
  /** What is to be tried, by lease. */
  const tries = new Map<string, () => void>();
  const read = (id: string): Lease | undefined => store.active().storage.leases.get(id);
  const put = (lease: Lease): void => {
    store.write(({ leases }) => leases.set(lease.id, lease));
  };
  const forget = (id: string): void => {
    tries.get(id)?.();
    tries.delete(id);
    store.write(({ leases }) => leases.delete(id));
  };
  const giveUp = (id: string, why: string): void => {
    tries.get(id)?.();
    tries.delete(id);
    const lease = read(id);
    if (lease !== undefined) put({ ...lease, pending: true, expiresAt: Math.min(lease.expiresAt, now()), revokeError: `out of retries: ${why}` });
  };

  const attempt = (id: string, failed: number): void => {
    const lease = read(id);
    if (lease === undefined || lease.revokeError !== undefined) return;
    const refusal = database.drop(lease.user);
    if (refusal === undefined) {
      forget(id);
      return;
    }
    const pause = pauses[failed];
    if (pause === undefined) giveUp(id, words(refusal));
    else later(id, pause, failed + 1);
  };
  const later = (id: string, delay: number, failed: number): void => {
    tries.get(id)?.();
    tries.set(id, after(delay, () => { attempt(id, failed); }));
  };
  const beginPending = (lease: Lease): void => {
    if (!lease.pending) put({ ...lease, pending: true, expiresAt: now() });
  };
  const enqueue = (lease: Lease): void => {
    if (lease.revokeError !== undefined) return;
    beginPending(lease);
    later(lease.id, between(random, queue.least, queue.most), 0);
  };

  const expire = (id: string): void => {
    const lease = read(id);
    if (lease !== undefined && !lease.pending) enqueue(lease);
  };

  return {
    issue: (accessor, role, ttl, owner) => {
      const id = `database/creds/${role}/${core.newId()}`;
      const user = `v-kubernet-${role.slice(0, 8)}-${core.newId(20)}-${Math.floor(core.wall() / 1_000)}`;
      const password = core.newId(20);
      const lease: Lease = { id, accessor, user, issuedAt: now(), expiresAt: now() + ttl, pending: false, revokeError: undefined };
      const refusal = database.create({ name: user, password, leaseId: id, owner });
      if (refusal !== undefined) return refusal;
      put(lease);
      after(ttl, () => { expire(id); });
      return { lease, password };
    },
    revoke: (id, sync) => {
      const lease = read(id);
      if (lease === undefined) return { kind: 'Accepted' };
      const acceptance = core.acceptance('Lease');
      switch (acceptance.kind) {
        case 'Ignored':
          return { kind: 'Accepted' };
        case 'Late':
          if (lease.revokeError !== undefined) return { kind: 'Accepted' };
          beginPending(lease);
          if (!tries.has(id)) later(id, acceptance.after, 0);
          return { kind: 'Accepted' };
        case 'Fails':
          if (lease.revokeError !== undefined) return { kind: 'Accepted' };
          beginPending(lease);
          if (!tries.has(id)) tries.set(id, after(acceptance.after, () => { giveUp(id, words('context deadline exceeded')); }));
          return { kind: 'Accepted' };
        case 'Done':
          break;
      }
      if (!sync) {
        enqueue(lease);
        return { kind: 'Accepted' };
      }
      const refusal = database.drop(lease.user);
      if (refusal !== undefined) return { kind: 'Refused', why: words(refusal) };
      forget(id);
      return { kind: 'Accepted' };
    },
    endOf: (accessors) => {
      for (const lease of [...store.active().storage.leases.values()]) {
        if (accessors.has(lease.accessor)) enqueue(lease);
      }
    },
    force: (prefix) => {
      for (const id of [...store.active().storage.leases.keys()]) {
        if (id.startsWith(`${prefix}/`)) forget(id);
      }
    },
    giveUp,
  };
};

/** As the server puts what its plugin said. */
const words = (refusal: string): string => `failed to revoke entry: resp: (*logical.Response)(nil) err: ${refusal}`;
