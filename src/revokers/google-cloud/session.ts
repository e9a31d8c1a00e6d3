/** The access token of our own: replaced before it ends, and at once when it is refused or people give another key. */
import type { Clock } from '../../runtime/clock.ts';
import { OutcomeError } from '../../runtime/outcome.ts';
import type { Random } from '../../runtime/random.ts';
import { createKeptLogin, type Kept } from '../kept-login.ts';
import type { GoogleLogin, GoogleToken } from './logins.ts';

/** A token while it is used. Another value is another token. */
export type Held = GoogleToken;

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

interface State extends GoogleToken, Kept {
  /** When another one is to be got, whether or not people gave another key. */
  readonly replaceAt: number;
}

export const createGoogleSession = ({ login, clock, random }: SessionOptions): GoogleSession => {
  let refusedAt = -Infinity;

  /** With the time of the next look at it. */
  const lookedAt = (state: Omit<State, 'dueAt'>): State => ({
    ...state,
    dueAt: login.isReplaced === undefined ? state.replaceAt : Math.min(state.replaceAt, clock.monotonic() + rereadEvery),
  });

  const logIn = async (signal: AbortSignal): Promise<State> => {
    const token = await login.obtain(signal);
    const now = clock.monotonic();
    const { ttl } = token;
    return lookedAt({ ...token, endsAt: now + ttl - Math.min(margin, ttl / 10), replaceAt: now + ttl * dueShare * (1 - 0.1 * random()) });
  };

  const isReplaced = async (signal: AbortSignal): Promise<boolean> => {
    try {
      return (await login.isReplaced?.(signal)) ?? false;
    } catch (error) {
      // Whoever takes the Secret away means it.
      if (error instanceof OutcomeError && error.kind === 'NeedsPerson') kept.drop();
      throw error;
    }
  };

  const kept = createKeptLogin<State>({
    logIn,
    refresh: async (state, signal) => (clock.monotonic() >= state.replaceAt || (await isReplaced(signal)) ? logIn(signal) : lookedAt(state)),
    clock,
    random,
  });

  return {
    hold: kept.hold,
    refuse: (held) => {
      if (kept.current()?.value !== held.value) return true;
      const now = clock.monotonic();
      if (now < refusedAt + refusedEvery) return false;
      refusedAt = now;
      kept.drop();
      return true;
    },
    close: kept.close,
  };
};
