/** The lease itself: who holds it, since when this process has seen so, and the writes that get, keep and release it. */
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

/** Who leads. The times are the holder's wall clock, for people to read. */
export interface LeaderRecord {
  /** Empty when it was released. */
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  readonly acquireTime: Date;
  readonly renewTime: Date;
  /** How often the lease went from one holder to another. */
  readonly leaseTransitions: number;
  /** Changes with every write (a resourceVersion). Empty in a record that is to be created. */
  readonly version: string;
}

/** Where the record is kept. Rejections of any kind mean that nothing is known about the outcome. */
export interface LeaderLock {
  /** Undefined when there is none. Must not come from a cache. */
  get(): Promise<LeaderRecord | undefined>;
  /** Rejects when there is one already. */
  create(record: LeaderRecord): Promise<LeaderRecord>;
  /** Rejects when the stored record has another version than this one. */
  update(record: LeaderRecord): Promise<LeaderRecord>;
}

/** `held` since it was sent; `taken`: another one has it; `failed`: nothing is known. */
export type Attempt = { readonly kind: 'held'; readonly sent: number } | { readonly kind: 'taken' | 'failed' };

export interface LeaseClaim {
  /** Tries to get the lease, or, while `leading`, to keep it. Never rejects. */
  readonly attempt: (leading: boolean) => Promise<Attempt>;
  readonly release: () => Promise<void>;
  /** Who held it when it was last seen. */
  readonly holder: () => string;
}

export interface LeaseClaimOptions {
  readonly lock: LeaderLock;
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds. */
  readonly leaseDuration: number;
  /** Milliseconds for each call of the lock, so that one that hangs leaves time for another. */
  readonly callLimit: number;
}

export const createLeaseClaim = ({ lock, identity, leaseDuration, callLimit, clock, log }: LeaseClaimOptions): LeaseClaim => {
  /** The record as last seen, and the monotonic time at which this version of it was first seen. */
  let observed: { readonly record: LeaderRecord; readonly at: number } | undefined;
  let failing = false;

  const observe = (record: LeaderRecord): void => {
    if (observed?.record.version === record.version) return;
    if (record.holderIdentity !== (observed?.record.holderIdentity ?? '') && record.holderIdentity !== identity) {
      log.info('Another process leads', { holder: record.holderIdentity });
    }
    observed = { record, at: clock.monotonic() };
  };

  const write = async (previous: LeaderRecord | undefined): Promise<Attempt> => {
    const ours = previous?.holderIdentity === identity;
    const sent = clock.monotonic();
    const now = clock.now();
    const record: LeaderRecord = {
      holderIdentity: identity,
      leaseDurationSeconds: leaseDuration / 1000,
      acquireTime: ours ? previous.acquireTime : now,
      renewTime: now,
      leaseTransitions: previous === undefined ? 0 : previous.leaseTransitions + (ours ? 0 : 1),
      version: previous?.version ?? '',
    };
    observe(await within(clock, callLimit, previous === undefined ? lock.create(record) : lock.update(record)));
    return { kind: 'held', sent };
  };

  /** Its holder may still lead. A holder with a longer lease than ours is given that time. */
  const isLive = ({ record, at }: NonNullable<typeof observed>): boolean =>
    record.holderIdentity !== '' && clock.monotonic() < at + Math.max(record.leaseDurationSeconds * 1000, leaseDuration);

  const readAndWrite = async (leading: boolean): Promise<Attempt> => {
    const record = await within(clock, callLimit, lock.get());
    if (record === undefined) return write(undefined);
    observe(record);
    if (record.holderIdentity !== identity) {
      // Whoever wrote over our record, or emptied it, has let others lead: there is nothing to go back to.
      if (leading || observed === undefined || isLive(observed)) return { kind: 'taken' };
    }
    return write(record);
  };

  return {
    attempt: async (leading) => {
      try {
        const known = leading ? observed?.record : undefined;
        // A renewal mostly needs no read: its version says whether anything has changed.
        const attempt = await (known === undefined ? readAndWrite(leading) : write(known).catch(() => readAndWrite(leading)));
        failing = false;
        return attempt;
      } catch (error) {
        if (failing) log.debug('The lease still cannot be read or written', { error });
        else log.warn('The lease cannot be read or written', { error });
        failing = true;
        return { kind: 'failed' };
      }
    },
    release: async () => {
      const record = await lock.get();
      if (record?.holderIdentity !== identity) return;
      const now = clock.now();
      await lock.update({ ...record, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now });
      log.info('The lease is released');
    },
    holder: () => observed?.record.holderIdentity || 'nobody',
  };
};

/** Settles as `promise` does, or rejects after `limit` milliseconds; what comes later is dropped. */
export const within = <T>(clock: Clock, limit: number, promise: Promise<T>): Promise<T> => {
  const late = Promise.withResolvers<never>();
  const cancel = clock.schedule(limit, () => {
    late.reject(new Error(`no answer within ${String(limit)} ms`));
  });
  return Promise.race([promise, late.promise]).finally(cancel);
};
