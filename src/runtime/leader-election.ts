/**
 * One leader at a time, by client-go's algorithm (k8s.io/client-go/tools/leaderelection) on a record with optimistic locking.
 *
 *   Waiting ──lease written──▶ Leading ──stopped, or the work ended──▶ SteppingDown ──released──▶ Stopped
 *      │                          │                                        │
 *      │ stopped                  └──────── not renewed in time, ◀─────────┘
 *      ▼                                    or taken: Lost
 *   Stopped
 *
 * Why there are never two: a leader counts from when it SENT its last accepted renewal, and ends its work `renewDeadline`
 * after that; a follower counts from when it RECEIVED the record, which is later, and takes over `leaseDuration` after that,
 * and then only if the record is still the one it saw. Both count on their own monotonic clock; a time written by the other
 * is never compared with anything. While it steps down a leader goes on renewing until its work has ended.
 *
 * The monotonic clock must run while the process does not: a virtual machine that is suspended with its clock and resumed
 * is beyond what this, or client-go, can see.
 */
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import type { Random } from './random.ts';

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

export interface LeaderElectorOptions {
  readonly lock: LeaderLock;
  /** Must never be used by two processes, also not by one after the other: host name and a random part. */
  readonly identity: string;
  /** Milliseconds for which others leave a record alone that does not change; whole seconds. */
  readonly leaseDuration?: number;
  /** Milliseconds after the last accepted renewal was sent at which leading ends. */
  readonly renewDeadline?: number;
  /** Milliseconds between two attempts to get or keep the lease. */
  readonly retryPeriod?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly onLeading?: (leading: boolean) => void;
}

export interface LeaderElector {
  /**
   * Waits for the lease, then runs `lead` until the signal is aborted or `lead` ends, then releases the lease. May be called once.
   *
   * Resolves when it stopped as asked. Rejects with what `lead` rejected with, or with {@link LeadershipLostError}, and then
   * the process must exit, non-zero and at once, as controller-runtime's do: work that did not heed its signal may still
   * run, and from now on another process may lead. (It has had `leaseDuration - renewDeadline`, less a second, to end.)
   */
  run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void>;
  /** True while nobody else can hold the lease. Also right when timers are late, so it may be asked before each write. */
  isLeader(): boolean;
}

/** Leading ended without anybody asking for it. The process must exit. */
export class LeadershipLostError extends Error {
  override readonly name = 'LeadershipLostError';
}

type State = 'Waiting' | 'Leading' | 'SteppingDown' | 'Lost' | 'Stopped';

const transitions: Readonly<Record<State, readonly State[]>> = {
  Waiting: ['Leading', 'Stopped'],
  Leading: ['SteppingDown', 'Lost'],
  SteppingDown: ['Lost', 'Stopped'],
  Lost: [],
  Stopped: [],
};

/** `held` since it was sent; `taken`: another one has it; `failed`: nothing is known. */
type Attempt = { readonly kind: 'held'; readonly sent: number } | { readonly kind: 'taken' | 'failed' };

/** What a lost leader leaves between the rejection of `run` and the first moment at which another one can lead. */
const exitMargin = (leaseDuration: number, renewDeadline: number): number => Math.min(1000, (leaseDuration - renewDeadline) / 2);

export const createLeaderElector = (options: LeaderElectorOptions): LeaderElector => {
  const { clock, random, log } = options;
  const { leaseDuration = 15_000, renewDeadline = 10_000, retryPeriod = 2_000 } = options;
  if (!(leaseDuration > renewDeadline && renewDeadline > retryPeriod * 1.2 && retryPeriod > 0 && leaseDuration % 1000 === 0)) {
    throw new RangeError(
      'leader election needs leaseDuration > renewDeadline > 1.2 × retryPeriod > 0, and a leaseDuration in whole seconds',
    );
  }
  const claim = createClaim({ ...options, leaseDuration, callLimit: renewDeadline / 2 });
  let started = false;
  let state: State = 'Waiting';
  /** Monotonic time of the sending of the last accepted renewal. */
  let renewed = Number.NEGATIVE_INFINITY;

  const enter = (next: State): void => {
    if (!transitions[state].includes(next)) throw new Error(`leader election: ${state} cannot become ${next}`);
    state = next;
  };

  const working = (): boolean => state === 'Leading' || state === 'SteppingDown';

  const inTime = (): boolean => clock.monotonic() < renewed + renewDeadline;

  /** A process that only waits must not need long to stop, but should not leave a lease behind that it is just getting. */
  const unlessStopped = async (attempt: Promise<Attempt>, signal: AbortSignal): Promise<Attempt> => {
    const answered = new AbortController();
    void attempt.then(() => {
      answered.abort();
    });
    await pause(clock, renewDeadline, AbortSignal.any([signal, answered.signal]));
    return within(clock, retryPeriod, attempt).catch(() => ({ kind: 'failed' }) as const);
  };

  const release = (ready: Promise<void>): Promise<void> =>
    within(clock, retryPeriod, ready.then(claim.release)).catch((error: unknown) => {
      log.warn('The lease could not be released and will expire by itself', { error });
    });

  const acquire = async (signal: AbortSignal): Promise<boolean> => {
    while (!signal.aborted) {
      const attempt = await unlessStopped(claim.attempt(false), signal);
      if (attempt.kind === 'held') {
        renewed = attempt.sent;
        if (inTime()) return true;
      }
      await pause(clock, retryPeriod * (1 + 1.2 * random()), signal);
    }
    return false;
  };

  /** Renews until it is told to stop, or the lease is lost. Resolves when nothing of it is under way any more. */
  const keep = async (stop: AbortSignal, lose: (why: string) => void): Promise<void> => {
    let cancel = (): void => undefined;
    const watch = (): void => {
      cancel();
      cancel = clock.schedule(renewed + renewDeadline - clock.monotonic(), () => {
        lose(`the lease was not renewed for ${String(renewDeadline)} ms`);
      });
    };
    watch();
    while (!stop.aborted && working()) {
      await pause(clock, retryPeriod * (1 - 0.1 * random()), stop);
      if (stop.aborted || !working()) break;
      const attempt = await claim.attempt(true);
      if (!working()) break;
      // A renewal that was answered too late heals nothing: the work may already have been told to end.
      if (!inTime()) lose(`the lease was not renewed for ${String(renewDeadline)} ms`);
      else if (attempt.kind === 'taken') lose(`${claim.holder()} took the lease`);
      else if (attempt.kind === 'held') {
        renewed = attempt.sent;
        watch();
      }
    }
    cancel();
  };

  const hold = async (signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void> => {
    const leading = new AbortController();
    const renewing = new AbortController();
    const loss = Promise.withResolvers<LeadershipLostError>();
    const lose = (why: string): void => {
      if (!working() || renewing.signal.aborted) return;
      enter('Lost');
      const error = new LeadershipLostError(`${why}; the process must exit and stand for election anew`);
      log.error('Leadership is lost', { error });
      leading.abort(error);
      loss.resolve(error);
    };
    const stepDown = (): void => {
      if (state !== 'Leading') return;
      enter('SteppingDown');
      leading.abort(signal.reason);
    };
    enter('Leading');
    log.info('This process leads');
    options.onLeading?.(true);
    signal.addEventListener('abort', stepDown, { once: true });
    const renewals = keep(renewing.signal, lose);
    const work = settled(() => lead(leading.signal));
    const first = await Promise.race([work, loss.promise]);
    if (first instanceof LeadershipLostError) {
      // Work that ends in time can still write down where it was; work that does not is left behind by the exit.
      const takeover = renewed + leaseDuration - exitMargin(leaseDuration, renewDeadline);
      await Promise.race([work, pause(clock, takeover - clock.monotonic(), renewing.signal)]);
    }
    signal.removeEventListener('abort', stepDown);
    stepDown();
    renewing.abort();
    options.onLeading?.(false);
    if (!working()) throw await loss.promise;
    await release(renewals);
    enter('Stopped');
    if ('error' in first) throw first.error;
  };

  return {
    run: async (signal, lead) => {
      if (started) throw new Error('leader election: run may be called once');
      started = true;
      const acquired = await acquire(signal);
      if (acquired && !signal.aborted) {
        await hold(signal, lead);
        return;
      }
      if (acquired) await release(Promise.resolve());
      enter('Stopped');
    },
    isLeader: () => working() && inTime(),
  };
};

interface Claim {
  /** Tries to get the lease, or, while `leading`, to keep it. Never rejects. */
  attempt(leading: boolean): Promise<Attempt>;
  release(): Promise<void>;
  /** Who held it when it was last seen. */
  holder(): string;
}

interface ClaimOptions extends LeaderElectorOptions {
  readonly leaseDuration: number;
  /** Milliseconds for each call of the lock, so that one that hangs leaves time for another. */
  readonly callLimit: number;
}

const createClaim = ({ lock, identity, leaseDuration, callLimit, clock, log }: ClaimOptions): Claim => {
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
const within = <T>(clock: Clock, limit: number, promise: Promise<T>): Promise<T> => {
  const late = Promise.withResolvers<never>();
  const cancel = clock.schedule(limit, () => {
    late.reject(new Error(`no answer within ${String(limit)} ms`));
  });
  return Promise.race([promise, late.promise]).finally(cancel);
};

/** Resolves after `delay` milliseconds, or at once when the signal is aborted. */
const pause = (clock: Clock, delay: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.schedule(delay, end);
    signal.addEventListener('abort', end, { once: true });
  });

const settled = async (work: () => Promise<void>): Promise<Readonly<Record<string, never>> | { readonly error: unknown }> => {
  try {
    await work();
    return {};
  } catch (error) {
    return { error };
  }
};
