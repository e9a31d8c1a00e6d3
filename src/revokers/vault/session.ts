/**
 * The token of our own with which one server is asked: kept alive while it is used, and come by anew when it ends, is refused, or
 * people put another in its place.
 */
import type { Clock } from '../../runtime/clock.ts';
import { createCoalescer } from '../../runtime/coalesce.ts';
import { OutcomeError } from '../../runtime/outcome.ts';
import type { Random } from '../../runtime/random.ts';
import { createKeptLogin, type Kept } from '../kept-login.ts';
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

/** Everything on the monotonic clock. */
interface State extends Held, Kept {
  readonly since: number;
  /** When it is to be renewed, or to be replaced by another login. */
  readonly renewAt: number;
}

export const createVaultSession = ({ login, ask, clock, random }: SessionOptions): VaultSession => {
  /** With the time of the next look at it. */
  const lookedAt = (state: Omit<State, 'dueAt'>): State => ({
    ...state,
    dueAt: login.isReplaced === undefined ? state.renewAt : Math.min(state.renewAt, clock.monotonic() + rereadEvery),
  });

  const stateOf = (token: VaultToken, since: number): State => {
    const now = clock.monotonic();
    const { ttl } = token;
    return lookedAt({
      token,
      since,
      expiresAt: ttl === undefined ? undefined : new Date(clock.now().getTime() + ttl),
      endsAt: ttl === undefined ? Infinity : now + ttl,
      renewAt: ttl === undefined ? Infinity : now + ttl * dueShare * (1 - 0.1 * random()),
    });
  };

  const logIn = async (signal: AbortSignal): Promise<State> => stateOf(await login.obtain(signal), clock.monotonic());

  const isReplaced = async ({ token }: State, signal: AbortSignal): Promise<boolean> => {
    try {
      return (await login.isReplaced?.(token, signal)) ?? false;
    } catch (error) {
      // Whoever takes the Secret away means it.
      if (error instanceof OutcomeError && error.kind === 'NeedsPerson') kept.drop();
      throw error;
    }
  };

  const refresh = async (state: State, signal: AbortSignal): Promise<State> => {
    if (await isReplaced(state, signal)) return logIn(signal);
    if (clock.monotonic() < state.renewAt) return lookedAt(state);
    const renewed = state.token.renewable ? await renew(state.token, ask, signal) : undefined;
    // Near the end of the longest life that a token may have, renewals give less and less.
    const enough = renewed !== undefined && (renewed.ttl ?? Infinity) >= (state.token.ttl ?? 0) / 2;
    if (enough) return stateOf(renewed, state.since);
    return login.isReplaced === undefined ? logIn(signal) : stateOf(renewed ?? withTimeLeft(state), state.since);
  };

  /** A token that people gave, and that nobody can renew, is used for as long as it lasts. */
  const withTimeLeft = ({ token, endsAt }: State): VaultToken => ({ ...token, ttl: Math.max(1, endsAt - clock.monotonic()) });

  const kept = createKeptLogin<State>({ logIn, refresh, clock, random });
  const isHeld = ({ token }: Held): boolean => kept.current()?.token.value === token.value;

  const check = createCoalescer(async (signal) => {
    const held = kept.current();
    if (held === undefined) return;
    const answer = await ask(lookupSelf, held.token.value, signal);
    if (answer.status === 403 && isHeld(held)) kept.drop();
  });

  return {
    hold: kept.hold,
    isInvalid: async (asked, signal) => {
      const held = kept.current();
      if (held === undefined || !isHeld(asked)) return true;
      if (clock.monotonic() - held.since < tooYoung) return false;
      await check.read(signal);
      return !isHeld(asked);
    },
    close: kept.close,
  };
};
