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
import { createLeaseClaim, within } from './lease-claim.ts';
import type { Attempt, LeaderLock, LeaseClaim } from './lease-claim.ts';
import { linkSignals } from './linked-signal.ts';
import type { Logger } from './logger.ts';
import type { Random } from './random.ts';

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

/** What a lost leader leaves between the rejection of `run` and the first moment at which another one can lead. */
const exitMargin = (leaseDuration: number, renewDeadline: number): number => Math.min(1000, (leaseDuration - renewDeadline) / 2);

/** The states of one stand for election, and until when the lease is certainly ours. */
interface Term {
  readonly enter: (next: State) => void;
  /** Leading, or still finishing. */
  readonly working: () => boolean;
  readonly steppingDown: () => boolean;
  /** The lease was written; the write was sent at this monotonic time. */
  readonly renewed: (sent: number) => void;
  readonly inTime: () => boolean;
  /** Milliseconds from now until `after` milliseconds past the last renewal. */
  readonly left: (after: number) => number;
}

const createTerm = (clock: Clock, renewDeadline: number): Term => {
  let state: State = 'Waiting';
  let renewedAt = Number.NEGATIVE_INFINITY;
  const left = (after: number): number => renewedAt + after - clock.monotonic();
  return {
    enter: (next) => {
      if (!transitions[state].includes(next)) throw new Error(`leader election: ${state} cannot become ${next}`);
      state = next;
    },
    working: () => state === 'Leading' || state === 'SteppingDown',
    steppingDown: () => state === 'SteppingDown',
    renewed: (sent) => {
      renewedAt = sent;
    },
    inTime: () => left(renewDeadline) > 0,
    left,
  };
};

interface Candidacy extends Required<Omit<LeaderElectorOptions, 'onLeading'>> {
  readonly onLeading: (leading: boolean) => void;
  readonly term: Term;
  readonly claim: LeaseClaim;
}

export const createLeaderElector = (options: LeaderElectorOptions): LeaderElector => {
  const { leaseDuration = 15_000, renewDeadline = 10_000, retryPeriod = 2_000, onLeading = () => undefined } = options;
  if (!(leaseDuration > renewDeadline && renewDeadline > retryPeriod * 1.2 && retryPeriod > 0 && leaseDuration % 1000 === 0)) {
    throw new RangeError(
      'leader election needs leaseDuration > renewDeadline > 1.2 × retryPeriod > 0, and a leaseDuration in whole seconds',
    );
  }
  const term = createTerm(options.clock, renewDeadline);
  const claim = createLeaseClaim({ ...options, leaseDuration, callLimit: renewDeadline / 2 });
  const candidacy = { ...options, leaseDuration, renewDeadline, retryPeriod, onLeading, term, claim };
  let started = false;
  return {
    run: async (signal, lead) => {
      if (started) throw new Error('leader election: run may be called once');
      started = true;
      const acquired = await acquire(candidacy, signal);
      if (acquired && !signal.aborted) {
        await hold(candidacy, signal, lead);
        return;
      }
      if (acquired) await release(candidacy, Promise.resolve());
      term.enter('Stopped');
    },
    isLeader: () => term.working() && term.inTime(),
  };
};

const acquire = async (candidacy: Candidacy, signal: AbortSignal): Promise<boolean> => {
  const { clock, random, retryPeriod, term } = candidacy;
  while (!signal.aborted) {
    const attempt = await attemptUnlessStopped(candidacy, signal);
    if (attempt.kind === 'held') {
      term.renewed(attempt.sent);
      if (term.inTime()) return true;
    }
    await pause(clock, retryPeriod * (1 + 1.2 * random()), signal);
  }
  return false;
};

/** A process that only waits must not need long to stop, but should not leave a lease behind that it is just getting. */
const attemptUnlessStopped = async ({ clock, claim, renewDeadline, retryPeriod }: Candidacy, signal: AbortSignal): Promise<Attempt> => {
  const over = linkSignals(signal);
  const attempt = claim.attempt(false).finally(() => {
    over.abort(undefined);
  });
  await pause(clock, renewDeadline, over.signal);
  over.unlink();
  return within(clock, retryPeriod, attempt).catch(() => ({ kind: 'failed' }));
};

const hold = async (candidacy: Candidacy, signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void> => {
  const { clock, log, onLeading, term, leaseDuration, renewDeadline } = candidacy;
  const leading = new AbortController();
  const renewing = new AbortController();
  const loss = Promise.withResolvers<LeadershipLostError>();
  const lose = (why: string): void => {
    if (!term.working() || renewing.signal.aborted) return;
    term.enter('Lost');
    const error = new LeadershipLostError(`${why}; the process must exit and stand for election anew`);
    log.error('Leadership is lost', { error });
    leading.abort(error);
    loss.resolve(error);
  };
  const stepDown = (): void => {
    if (!term.working() || term.steppingDown()) return;
    term.enter('SteppingDown');
    leading.abort(signal.reason);
  };
  term.enter('Leading');
  log.info('This process leads');
  onLeading(true);
  signal.addEventListener('abort', stepDown, { once: true });
  const renewals = keep(candidacy, renewing.signal, lose);
  const work = settled(() => lead(leading.signal));
  const first = await Promise.race([work, loss.promise]);
  if (first instanceof LeadershipLostError) {
    // Work that ends in time can still write down where it was; work that does not is left behind by the exit.
    const takeover = term.left(leaseDuration - exitMargin(leaseDuration, renewDeadline));
    await Promise.race([work, pause(clock, takeover, renewing.signal)]);
  }
  signal.removeEventListener('abort', stepDown);
  stepDown();
  renewing.abort();
  onLeading(false);
  if (!term.working()) throw await loss.promise;
  await release(candidacy, renewals);
  term.enter('Stopped');
  if ('error' in first) throw first.error;
};

/** Renews until it is told to stop, or the lease is lost. Resolves when nothing of it is under way any more. */
const keep = async (candidacy: Candidacy, stop: AbortSignal, lose: (why: string) => void): Promise<void> => {
  const { clock, random, claim, term, renewDeadline, retryPeriod } = candidacy;
  const late = (): void => {
    lose(`the lease was not renewed for ${String(renewDeadline)} ms`);
  };
  const over = (): boolean => stop.aborted || !term.working();
  let cancel = clock.schedule(term.left(renewDeadline), late);
  while (!over()) {
    await pause(clock, retryPeriod * (1 - 0.1 * random()), stop);
    if (over()) break;
    const attempt = await claim.attempt(true);
    if (over()) break;
    // A renewal that was answered too late heals nothing: the work may already have been told to end.
    if (!term.inTime()) late();
    else if (attempt.kind === 'taken') lose(`${claim.holder()} took the lease`);
    else if (attempt.kind === 'held') {
      term.renewed(attempt.sent);
      cancel();
      cancel = clock.schedule(term.left(renewDeadline), late);
    }
  }
  cancel();
};

const release = ({ clock, claim, log, retryPeriod }: Candidacy, ready: Promise<void>): Promise<void> =>
  within(clock, retryPeriod, ready.then(claim.release)).catch((error: unknown) => {
    log.warn('The lease could not be released and will expire by itself', { error });
  });

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
