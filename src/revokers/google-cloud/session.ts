/**
 * The access token of our own: come by when it is first needed, replaced behind those who use it before it ends, and at once when it
 * is refused or people give another key. One attempt at a time serves all who wait for it.
 *
 *   none ──asked for──▶ attempt ──▶ held ──due──▶ held, with an attempt behind it
 *    ▲                    │ failed     │
 *    └──── back-off ◀─────┘            └── ended, or refused ──▶ none
 */
import { createBackoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { abortable } from '../../runtime/deadline.ts';
import { OutcomeError, retryable } from '../../runtime/outcome.ts';
import type { Random } from '../../runtime/random.ts';
import { redactText } from '../../runtime/redact.ts';
import type { GoogleLogin, GoogleToken } from './logins.ts';

/** A token while it is used. Another one of these is another token. */
export interface Held extends GoogleToken {
  /** On the wall clock. */
  readonly expiresAt: Date;
}

export interface GoogleSession {
  /** One that is good as far as is known. Rejects as the login does, at once for a while after one that failed. */
  readonly hold: (signal: AbortSignal) => Promise<Held>;
  /** After a 401: true when another one is worth a try. */
  readonly refuse: (held: Held) => boolean;
  /** Nobody is served any more. */
  readonly close: () => void;
}

export interface SessionOptions {
  readonly login: GoogleLogin;
  readonly clock: Clock;
  readonly random: Random;
}

/** The part of a token's life after which another one is got, less up to a tenth of it, so that not all connectors do it at once. */
const dueShare = 2 / 3;
/** Milliseconds between two looks at a Secret from which a key comes. */
const rereadEvery = 60_000;
/** A token is not used for so long before its end, in milliseconds: it must last until it arrives. */
const margin = 10_000;
/** Where a service refuses every token that it is given, it costs a login no more often than this, in milliseconds. */
const refusedEvery = 60_000;

const closed = retryable('ConnectorChanged', 'the connector is not what it was; asked again');

const toFailure = (error: unknown): OutcomeError =>
  error instanceof OutcomeError ? error : retryable('LoginFailed', redactText(error instanceof Error ? error.message : String(error)));

/** Everything on the monotonic clock. */
interface State {
  readonly held: Held;
  readonly endsAt: number;
  readonly dueAt: number;
  readonly rereadAt: number;
}

export const createGoogleSession = ({ login, clock, random }: SessionOptions): GoogleSession => {
  const backoff = createBackoff({ base: 1_000, factor: 2, max: 30_000, jitter: 0.2, random });
  const closing = new AbortController();
  let state: State | undefined;
  let attempt: Promise<State> | undefined;
  let failure: { readonly error: OutcomeError; readonly count: number; readonly until: number } | undefined;
  let refusedAt = -Infinity;

  const logIn = async (): Promise<State> => {
    const token = await login.obtain(closing.signal);
    const now = clock.monotonic();
    const { ttl } = token;
    return {
      held: { ...token, expiresAt: new Date(clock.now().getTime() + ttl) },
      endsAt: now + ttl - Math.min(margin, ttl / 10),
      dueAt: now + ttl * dueShare * (1 - 0.1 * random()),
      rereadAt: login.isReplaced === undefined ? Infinity : now + rereadEvery,
    };
  };

  const isReplaced = async (): Promise<boolean> => {
    try {
      return (await login.isReplaced?.(closing.signal)) ?? false;
    } catch (error) {
      // Whoever takes the Secret away means it.
      if (error instanceof OutcomeError && error.kind === 'NeedsPerson') state = undefined;
      throw error;
    }
  };

  const refresh = async (current: State): Promise<State> => {
    const now = clock.monotonic();
    if (now >= current.dueAt || (await isReplaced())) return logIn();
    return { ...current, rereadAt: now + rereadEvery };
  };

  const begin = (): Promise<State> => {
    if (attempt !== undefined) return attempt;
    if (closing.signal.aborted) return Promise.reject(closed);
    if (failure !== undefined && clock.monotonic() < failure.until) return Promise.reject(failure.error);
    const alive = state !== undefined && clock.monotonic() < state.endsAt ? state : undefined;
    const current = (alive === undefined ? logIn() : refresh(alive)).then(
      (fresh) => {
        failure = undefined;
        state = fresh;
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
      if (state !== undefined && now < state.endsAt) {
        // Whoever asks goes on with what there is; if this fails, it shows when that has ended.
        if (now >= Math.min(state.dueAt, state.rereadAt)) begin().catch(() => undefined);
        return state.held;
      }
      return (await abortable(begin(), signal)).held;
    },
    refuse: (held) => {
      if (state?.held.value !== held.value) return true;
      const now = clock.monotonic();
      if (now < refusedAt + refusedEvery) return false;
      refusedAt = now;
      state = undefined;
      return true;
    },
    close: () => {
      closing.abort(closed);
    },
  };
};
