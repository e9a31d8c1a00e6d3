/**
 * Tries the API servers as the identity: by a canary, which is a token of its ServiceAccount that lasts ten minutes. It must work before
 * the lock; a refusal means something only then, and only while the canary itself cannot have run out.
 *
 *   nothing ──take: works at every API server──▶ held ──its time is over, or `drop`──▶ nothing
 *
 * What is held is in the memory of this process alone. With nothing held, the tokens of an identity are only observed.
 */
import { randomUUID } from 'node:crypto';

import type { Finding, Target } from '../../api/v1alpha1/index.ts';
import type { ApiServer, ApiServers } from '../../kube/api-servers.ts';
import { type BoundCanaries, canaryName } from '../../kube/canary.ts';
import { toOutcome } from '../../kube/errors.ts';
import { reviewToken, tryToken, type TokenVerdict } from '../../kube/token-review.ts';
import { type CanaryAccount, lifetimeSeconds } from '../../kube/tokens.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { needsPerson, retryable } from '../../runtime/outcome.ts';
import { createTimedMemory } from '../../runtime/timed-memory.ts';
import { printable, someOf } from '../text.ts';
import type { Controls, Observation, Tried } from '../revoker.ts';
import { tokensId } from './ids.ts';
import { tokenCache } from './token-cache.ts';

export interface ProbeOptions {
  readonly canaries: BoundCanaries;
  readonly apiServers: ApiServers;
  readonly clock: Clock;
}

export interface CanaryProbe extends Controls {
  /** The same again. Undefined when no canary is held that worked and still lives: then nothing is proven, whatever is answered. Never rejects. */
  readonly attempt: (target: Target, signal: AbortSignal) => Promise<Observation | undefined>;
}

/** What worked. */
interface Held {
  readonly token: string;
  /** Monotonic. */
  readonly until: number;
  readonly controlAt: Date;
  /** From the first look at which all of them refused it at the source: until when a cache may let it in. */
  readonly cachedUntil?: Date | undefined;
  /** What each API server at which it worked calls itself to its tokens, by the server's name. */
  readonly audiences: ReadonlyMap<string, readonly string[]>;
}

const method = 'probe/tokenreview+selfsubjectreview';
/** Milliseconds. What is tried in the last moments of a canary may be refused because it is over. */
const margin = 15_000;
/** Milliseconds that a canary must have left for a run not to take another one. */
const enough = 300_000;
/** Of identities that are being retired at the same time. */
const mostRemembered = 10_000;
const concurrency = 8;
/** Milliseconds in which every canary has ended by itself. */
const lifetime = lifetimeSeconds * 1000 + margin;
/** In place of a time: it was given up, and people were told. */
const givenUp = -Infinity;

export const createCanaryProbe = ({ canaries, apiServers, clock }: ProbeOptions): CanaryProbe => {
  const memory = createTimedMemory<Held>(clock, mostRemembered);
  /** Monotonic times from which on the Secret of an account could not be removed, for a reason that others have to mend; `givenUp` once people were told. */
  const leftSince = createTimedMemory<number>(clock, mostRemembered);

  const control = async (account: CanaryAccount, signal: AbortSignal): Promise<Held | string> => {
    const made = await canaries.make(account, signal);
    if ('impossible' in made) return made.impossible;
    const tries = await mapBounded(await apiServers.all(signal), concurrency, (server) => controlAt(server, account, made.token, signal), signal);
    const failed = tries.find(({ why }) => why !== undefined);
    if (failed?.why !== undefined) return `it did not work at API server ${failed.server} before the lock either: ${failed.why}`;
    return {
      token: made.token,
      until: made.until - margin,
      controlAt: clock.now(),
      audiences: new Map(tries.map(({ server, audiences }) => [server, audiences])),
    };
  };

  /**
   * Whoever takes our right away, or puts a finalizer on the Secret, keeps no run from its end for longer than a canary can live: what is
   * left then is an empty Secret, and people are told of it.
   */
  const remove = async (account: CanaryAccount, signal: AbortSignal): Promise<string | undefined> => {
    try {
      await canaries.remove(account, signal);
      return undefined;
    } catch (error) {
      const { kind, reason, message } = toOutcome(error);
      if (signal.aborted || (kind !== 'NeedsPerson' && reason !== 'CanaryLeft')) throw error;
      const since = leftSince.get(keyOf(account)) ?? clock.monotonic();
      leftSince.set(keyOf(account), since, Infinity);
      if (clock.monotonic() - since < lifetime) throw error;
      leftSince.set(keyOf(account), givenUp, Infinity);
      return since === givenUp ? undefined : `Secret "${canaryName(account.uid)}" in namespace "${account.namespace}" is left, and empty: delete it. ${message}`;
    }
  };

  const drop: Controls['drop'] = async (target, signal) => {
    const account = accountOf(target);
    if (target.probe !== true || account === undefined) return undefined;
    const left = await remove(account, signal);
    const held = memory.get(keyOf(account));
    if (held !== undefined) await seeDead({ apiServers, clock }, account, held, signal);
    memory.forget(keyOf(account));
    return left;
  };

  return {
    tries: ({ probe, serviceAccount }) => (probe === true ? tokensId(serviceAccount) : undefined),
    take: async (target, signal) => {
      if (target.probe !== true) return [];
      const account = accountOf(target);
      if (account === undefined) return [notProbed(target, 'the UID of the ServiceAccount is not known, so that no token of it can be made')];
      const before = memory.get(keyOf(account));
      if (before !== undefined && before.until - clock.monotonic() >= enough) return [];
      leftSince.forget(keyOf(account));
      const held = await control(account, signal).catch((error: unknown) => (signal.aborted ? Promise.reject(error as Error) : toldOfReview(error)));
      const isNone = typeof held === 'string' || held instanceof Error;
      // The one from before may be dead by our own hand. What counts after the end is a refusal for the account's sake, all the same.
      if (isNone && memory.get(keyOf(account)) !== undefined) return [];
      if (held instanceof Error) throw held;
      if (typeof held === 'string') {
        // What is left of it ends by itself within ten minutes, and is looked for again when the run ends.
        await canaries.remove(account, signal).catch(() => undefined);
        return [notProbed(target, held)];
      }
      memory.set(keyOf(account), held, held.until);
      return [];
    },
    drop,
    attempt: async (target, signal) => {
      const account = accountOf(target);
      const held = account && memory.get(keyOf(account));
      if (account === undefined || held === undefined) return undefined;
      const seen = await tryEverywhere(apiServers, account, held, signal).catch((error: unknown): Observation => ({
        state: 'Unknown', method, message: printable(`the canary could not be tried: ${toOutcome(error).message}`, 1_000),
      }));
      const cachedUntil = seen.tried?.deadAtSource === true ? (held.cachedUntil ?? new Date(clock.now().getTime() + tokenCache)) : undefined;
      memory.set(keyOf(account), { ...held, cachedUntil }, held.until);
      if (seen.state === 'Present' && cachedUntil !== undefined && cachedUntil > clock.now()) return { ...seen, worksUntil: cachedUntil };
      // One that ran out meanwhile may have been refused for that. That it still works is true all the same.
      return seen.state === 'Present' || held.until > clock.monotonic() ? seen : undefined;
    },
  };
};

const accountOf = ({ serviceAccount: { namespace, name, uid } }: Target): CanaryAccount | undefined =>
  uid === undefined ? undefined : { namespace, name, uid };

const keyOf = ({ namespace, name, uid }: CanaryAccount): string => JSON.stringify([namespace, name, uid]);

const notProbed = (target: Target, why: string): Finding => ({
  type: 'NotProbed',
  object: tokensId(target.serviceAccount),
  message: printable(`no token of it is tried, and that its tokens have ended is only observed: ${why}`, 1_000),
});

const toldOfReview = (error: unknown): Error => {
  const outcome = toOutcome(error);
  const isOurs = outcome.kind === 'NeedsPerson' && outcome.reason === 'PermissionMissing' && outcome.message.includes('tokenreviews');
  return isOurs
    ? needsPerson('PermissionMissing', 'Offboard may not create tokenreviews.authentication.k8s.io: bind the ClusterRole offboard-token-reviews, as config/canaries does, or ask for no probe', { cause: outcome })
    : outcome;
};

// ---- before the lock -------------------------------------------------------------------------------------------

interface Control {
  readonly server: string;
  readonly audiences: readonly string[];
  /** Why it does not count. */
  readonly why?: string;
}

/** All that will be tried after the end; else a refusal then may have another cause than the end. */
const controlAt = async (server: ApiServer, account: CanaryAccount, token: string, signal: AbortSignal): Promise<Control> => {
  const review = await reviewToken(server, account, token, undefined, signal);
  if (review.said !== 'Taken') return { server: server.name, audiences: [], why: whyNot(review) };
  const { audiences } = review;
  if (audiences.length === 0) return { server: server.name, audiences, why: 'it does not say for which audience it takes tokens' };
  for (const verdict of await Promise.all([reviewToken(server, account, token, [...audiences, nonce()], signal), tryToken(server, account, token, signal)])) {
    if (verdict.said !== 'Taken') return { server: server.name, audiences, why: whyNot(verdict) };
  }
  return { server: server.name, audiences };
};

/** No server has an answer in memory for an audience that nobody ever named. */
const nonce = (): string => `offboard-${randomUUID()}`;

const whyNot = (verdict: Exclude<TokenVerdict, { readonly said: 'Taken' }>): string =>
  verdict.said === 'Unknown' ? verdict.why : `it refuses the token${verdict.cause === 'Untold' ? '' : ` for the sake of: ${verdict.cause}`}`;

// ---- after the end ---------------------------------------------------------------------------------------------

/** What one API server makes of it. `Live`: by its own look; `Cached`: from memory, while its own look says no. */
type Told = { readonly server: string } & (
  | { readonly state: 'Live' | 'Cached' | 'Dead'; readonly refusals: number }
  | { readonly state: 'Unknown'; readonly why: string }
);

const tryEverywhere = async (apiServers: ApiServers, account: CanaryAccount, held: Held, signal: AbortSignal): Promise<Observation> => {
  const servers = await apiServers.all(signal);
  const names = new Set(servers.map(({ name }) => name));
  const told = await mapBounded(servers, concurrency, (server) => tryAt(server, account, held, signal), signal);
  // One that cannot be seen now may still run, and let the identity in.
  const unseen = [...held.audiences.keys()].filter((name) => !names.has(name)).map((server): Told => ({ server, state: 'Unknown', why: 'the canary worked there, and it cannot be seen now' }));
  return judge([...told, ...unseen], held);
};

const tryAt = async (server: ApiServer, account: CanaryAccount, { token, audiences }: Held, signal: AbortSignal): Promise<Told> => {
  // One that joined since is asked by the names of the others.
  const known = audiences.get(server.name) ?? [...new Set([...audiences.values()].flat())];
  const [live, ...others] = await Promise.all([
    reviewToken(server, account, token, [...known, nonce()], signal),
    reviewToken(server, account, token, undefined, signal),
    tryToken(server, account, token, signal),
  ]);
  const isRefused = (verdict: TokenVerdict): boolean => verdict.said === 'Refused' && (verdict.cause === 'Account' || verdict.cause === 'Untold');
  const refusals = [live, ...others].filter(isRefused).length;
  if (live.said === 'Taken') return { server: server.name, state: 'Live', refusals };
  if (!isRefused(live)) return { server: server.name, state: 'Unknown', why: whyNot(live) };
  if (others.some(({ said }) => said === 'Taken')) return { server: server.name, state: 'Cached', refusals };
  const doubtful = others.find((verdict) => !isRefused(verdict));
  if (doubtful === undefined || doubtful.said === 'Taken') return { server: server.name, state: 'Dead', refusals };
  return { server: server.name, state: 'Unknown', why: whyNot(doubtful) };
};

const judge = (told: readonly Told[], { controlAt }: Held): Observation => {
  const where = (state: Told['state']): readonly string[] => told.flatMap((each) => (each.state === state ? [each.server] : []));
  const say = (state: Observation['state'], message: string): Observation => ({ state, method, message: printable(message, 1_000) });
  const live = where('Live');
  const cached = where('Cached');
  const unknown = told.find((each) => each.state === 'Unknown');
  const tried: Tried = {
    controlAt,
    refusals: told.reduce((sum, each) => sum + ('refusals' in each ? each.refusals : 0), 0),
    servers: told.length,
    deadAtSource: live.length === 0,
  };
  if (live.length > 0) {
    return { ...say('Present', `the API server says that the ServiceAccount is gone, and a token of it still works at API server ${someOf(live, 4)}`), tried };
  }
  if (cached.length > 0) {
    const message = `dead at source; API server ${someOf(cached, 4)} still accepts it from its cache (up to 10 s)`;
    // At the source everywhere, or nothing is said of it.
    return unknown === undefined ? { ...say('Present', message), tried } : say('Present', `API server ${someOf(cached, 4)} still accepts it from its cache (up to 10 s)`);
  }
  if (unknown !== undefined) return say('Unknown', `whether API server ${unknown.server} still takes a token of it could not be told: ${unknown.why}`);
  return { state: 'Absent', method, tried };
};

// ---- the end of the canary itself ------------------------------------------------------------------------------

/** A server learns of the end of a Secret within milliseconds. */
const looks = 20;
/** Milliseconds. */
const betweenLooks = 100;

/** Refused at the source everywhere, for whatever reason; or over by its time. */
const seeDead = async ({ apiServers, clock }: Pick<ProbeOptions, 'apiServers' | 'clock'>, account: CanaryAccount, held: Held, signal: AbortSignal): Promise<void> => {
  const seeDeadAt = async (server: ApiServer): Promise<void> => {
    for (let look = 1; ; look += 1) {
      const audiences = held.audiences.get(server.name) ?? [...new Set([...held.audiences.values()].flat())];
      const verdict = await reviewToken(server, account, held.token, [...audiences, nonce()], signal);
      if (verdict.said === 'Refused') return;
      if (verdict.said === 'Unknown') throw retryable('CanaryLeft', `whether API server ${server.name} still takes the canary could not be told: ${verdict.why}`);
      if (look === looks) throw retryable('CanaryLeft', `API server ${server.name} still takes the canary, whose Secret is gone`);
      await sleep(clock, betweenLooks, signal);
    }
  };
  await mapBounded(await apiServers.all(signal), concurrency, seeDeadAt, signal);
};
