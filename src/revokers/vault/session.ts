/**
 * The token of our own with which one server is asked: come by when it is first needed, kept alive while it is used, and come by
 * anew when it ends, is refused, or people put another in its place. One attempt at a time serves all who wait for it.
 *
 *   none ──asked for──▶ attempt ──▶ held ──due──▶ held, with an attempt behind it
 *    ▲                    │ failed     │
 *    └──── back-off ◀─────┘            └── ended, or found invalid ──▶ none
 */
import { createBackoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { createCoalescer } from '../../runtime/coalesce.ts';
import { abortable } from '../../runtime/deadline.ts';
import { OutcomeError, retryable } from '../../runtime/outcome.ts';
import type { Random } from '../../runtime/random.ts';
import { redactText } from '../../runtime/redact.ts';
import { type Ask, type Login, type VaultToken, lookupSelf, renew } from './logins.ts';

/** A token while it is used. Another one of these is another token. */
export interface Held {
  readonly token: VaultToken;
  /** When it ends unless it is renewed, on the wall clock; undefined when never. */
  readonly expiresAt: Date | undefined;
}

export interface VaultSession {
  /** One that is good as far as is known. Rejects as the login does, at once for a while after one that failed. */
  readonly hold: (signal: AbortSignal) => Promise<Held>;
  /** After a 403: true when the token was what was refused, so that another one is worth a try. */
  readonly isInvalid: (held: Held, signal: AbortSignal) => Promise<boolean>;
  /** Nobody is served any more. */
  readonly close: () => void;
}

export interface SessionOptions {
  readonly login: Login;
  readonly ask: Ask;
  readonly clock: Clock;
  readonly random: Random;
}

/** The part of a token's life after which it is renewed, less up to a tenth of it, so that not all connectors do it at once. */
const dueShare = 2 / 3;
/** Milliseconds between two looks at a Secret from which a token comes. */
const rereadEvery = 60_000;
/** A token that is younger, in milliseconds, is not asked about: what its login gave is what there is. */
const tooYoung = 5_000;

const closed = retryable('ConnectorChanged', 'the connector is not what it was; asked again');

const toFailure = (error: unknown): OutcomeError =>
  error instanceof OutcomeError ? error : retryable('LoginFailed', redactText(error instanceof Error ? error.message : String(error)));

/** Everything on the monotonic clock. */
interface State extends Held {
  readonly since: number;
  readonly endsAt: number;
  /** When it is to be renewed, or to be replaced by another login. */
  readonly dueAt: number;
  readonly rereadAt: number;
}

export const createVaultSession = ({ login, ask, clock, random }: SessionOptions): VaultSession => {
  const backoff = createBackoff({ base: 1_000, factor: 2, max: 30_000, jitter: 0.2, random });
  const closing = new AbortController();
  let held: State | undefined;
  let attempt: Promise<State> | undefined;
  let failure: { readonly error: OutcomeError; readonly count: number; readonly until: number } | undefined;

  const stateOf = (token: VaultToken, since: number): State => {
    const now = clock.monotonic();
    const { ttl } = token;
    return {
      token,
      since,
      expiresAt: ttl === undefined ? undefined : new Date(clock.now().getTime() + ttl),
      endsAt: ttl === undefined ? Infinity : now + ttl,
      dueAt: ttl === undefined ? Infinity : now + ttl * dueShare * (1 - 0.1 * random()),
      rereadAt: login.isReplaced === undefined ? Infinity : now + rereadEvery,
    };
  };

  const logIn = async (): Promise<State> => stateOf(await login.obtain(closing.signal), clock.monotonic());

  const isReplaced = async ({ token }: State): Promise<boolean> => {
    try {
      return (await login.isReplaced?.(token, closing.signal)) ?? false;
    } catch (error) {
      // Whoever takes the Secret away means it.
      if (error instanceof OutcomeError && error.kind === 'NeedsPerson') held = undefined;
      throw error;
    }
  };

  /** What is held, made good for longer; or another one. */
  const refresh = async (state: State): Promise<State> => {
    if (await isReplaced(state)) return logIn();
    if (clock.monotonic() < state.dueAt) return { ...state, rereadAt: clock.monotonic() + rereadEvery };
    const renewed = state.token.renewable ? await renew(state.token, ask, closing.signal) : undefined;
    // Near the end of the longest life that a token may have, renewals give less and less.
    const enough = renewed !== undefined && (renewed.ttl ?? Infinity) >= (state.token.ttl ?? 0) / 2;
    if (enough) return stateOf(renewed, state.since);
    return login.isReplaced === undefined ? logIn() : stateOf(renewed ?? withTimeLeft(state), state.since);
  };

  /** A token that people gave, and that nobody can renew, is used for as long as it lasts. */
  const withTimeLeft = ({ token, endsAt }: State): VaultToken => ({ ...token, ttl: Math.max(1, endsAt - clock.monotonic()) });

  const begin = (): Promise<State> => {
    if (attempt !== undefined) return attempt;
    if (closing.signal.aborted) return Promise.reject(closed);
    if (failure !== undefined && clock.monotonic() < failure.until) return Promise.reject(failure.error);
    const alive = held !== undefined && clock.monotonic() < held.endsAt ? held : undefined;
    const current = (alive === undefined ? logIn() : refresh(alive)).then(
      (state) => {
        failure = undefined;
        held = state;
        return state;
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

  const isHeld = ({ token }: Held): boolean => held?.token.value === token.value;

  const check = createCoalescer(async (signal) => {
    const value = held?.token.value;
    if (value === undefined) return;
    const answer = await ask(lookupSelf, value, signal);
    if (answer.status === 403 && held?.token.value === value) held = undefined;
  });

  return {
    hold: async (signal) => {
      signal.throwIfAborted();
      const now = clock.monotonic();
      if (held !== undefined && now < held.endsAt) {
        // Whoever asks goes on with what there is; if this fails, it shows when that has ended.
        if (now >= Math.min(held.dueAt, held.rereadAt)) begin().catch(() => undefined);
        return held;
      }
      return abortable(begin(), signal);
    },
    isInvalid: async (asked, signal) => {
      if (held === undefined || !isHeld(asked)) return true;
      if (clock.monotonic() - held.since < tooYoung) return false;
      await check.read(signal);
      return !isHeld(asked);
    },
    close: () => {
      closing.abort(closed);
    },
  };
};
