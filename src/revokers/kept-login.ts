/**
 * What a login gave, kept for all who use it: come by when it is first needed, made good for longer behind those who use it, and
 * come by anew when it has ended or was dropped. One attempt at a time serves all who wait for it.
 *
 *   none ──asked for──▶ attempt ──▶ kept ──due──▶ kept, with an attempt behind it
 *    ▲                    │ failed     │
 *    └──── back-off ◀─────┘            └── ended, or dropped ──▶ none
 */
import { createBackoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { abortable } from '../runtime/deadline.ts';
import { OutcomeError, retryable } from '../runtime/outcome.ts';
import type { Random } from '../runtime/random.ts';
import { redactText } from '../runtime/redact.ts';

/** Monotonic times. */
export interface Kept {
  /** From then on it is not used. */
  readonly endsAt: number;
  /** From then on it is refreshed, behind whoever uses it. */
  readonly dueAt: number;
}

export interface KeptLogin<T extends Kept> {
  /** What is good as far as is known. Rejects as the login does, at once for a while after one that failed. */
  readonly hold: (signal: AbortSignal) => Promise<T>;
  /** What is kept, be it over. */
  readonly current: () => T | undefined;
  readonly drop: () => void;
  /** Nobody is served any more. */
  readonly close: () => void;
}

export interface KeptLoginOptions<T extends Kept> {
  readonly logIn: (signal: AbortSignal) => Promise<T>;
  /** What is kept and not over, made good for longer; or another one. */
  readonly refresh: (kept: T, signal: AbortSignal) => Promise<T>;
  readonly clock: Clock;
  readonly random: Random;
}

const closed = retryable('ConnectorChanged', 'the connector is not what it was; asked again');

const toFailure = (error: unknown): OutcomeError =>
  error instanceof OutcomeError ? error : retryable('LoginFailed', redactText(error instanceof Error ? error.message : String(error)));

export const createKeptLogin = <T extends Kept>({ logIn, refresh, clock, random }: KeptLoginOptions<T>): KeptLogin<T> => {
  const backoff = createBackoff({ base: 1_000, factor: 2, max: 30_000, jitter: 0.2, random });
  const closing = new AbortController();
  let kept: T | undefined;
  let attempt: Promise<T> | undefined;
  let failure: { readonly error: OutcomeError; readonly count: number; readonly until: number } | undefined;

  const begin = (): Promise<T> => {
    if (attempt !== undefined) return attempt;
    if (closing.signal.aborted) return Promise.reject(closed);
    if (failure !== undefined && clock.monotonic() < failure.until) return Promise.reject(failure.error);
    const alive = kept !== undefined && clock.monotonic() < kept.endsAt ? kept : undefined;
    const current = (alive === undefined ? logIn(closing.signal) : refresh(alive, closing.signal)).then(
      (fresh) => {
        failure = undefined;
        kept = fresh;
        return fresh;
      },
      (error: unknown) => {
        const count = (failure?.count ?? 0) + 1;
        failure = { error: toFailure(error), count, until: clock.monotonic() + backoff.next(count - 1) };
        throw failure.error;
      },
    ).finally(() => {
      attempt = undefined;
    });
    attempt = current;
    return current;
  };

  return {
    hold: async (signal) => {
      signal.throwIfAborted();
      const now = clock.monotonic();
      if (kept !== undefined && now < kept.endsAt) {
        // Whoever asks goes on with what there is; if this fails, it shows when that has ended.
        if (now >= kept.dueAt) begin().catch(() => undefined);
        return kept;
      }
      return abortable(begin(), signal);
    },
    current: () => kept,
    drop: () => {
      kept = undefined;
    },
    close: () => {
      closing.abort(closed);
    },
  };
};
