/**
 * Every token of a server, by accessor. A token tells only what it is when it is asked for one by one, so all who ask at the
 * same time share one sweep, and what never changes of a token is remembered. Which tokens there are is asked every time.
 */
import type { Clock } from '../../runtime/clock.ts';
import { createCoalescer } from '../../runtime/coalesce.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { retryable } from '../../runtime/outcome.ts';
import { createShare } from '../../runtime/share.ts';
import type { Freshness } from '../revoker.ts';
import { textsOf } from '../fields.ts';
import { dataOf } from './answers.ts';
import type { VaultClient, Watermark } from './client.ts';
import { classifyList, classifyToken, failureOf, type TokenFacts } from './errors.ts';
import { originText } from './origin.ts';
import { ask, capabilitiesSelf, list, tokenAccessors, tokenLookup } from './paths.ts';

export interface TokenSweep {
  readonly mark: Watermark;
  readonly tokens: readonly TokenFacts[];
  /** Accessors in the list that lead to no token: left behind by a crash, until somebody tidies the token store. */
  readonly dangling: number;
}

export interface TokenReader {
  /** `Fresh` begins after the call; `Cached` may be up to {@link trustSweep} old. */
  readonly sweep: (freshness: Freshness, signal: AbortSignal) => Promise<TokenSweep>;
  /** One token as it is now; undefined when it is gone. */
  readonly read: (accessor: string, mark: Watermark, signal: AbortSignal) => Promise<TokenFacts | undefined>;
}

/** Milliseconds. The inventory of every run asks at every look; what a sweep did not show yet is found by a later one. */
const trustSweep = 15_000;
/** Tokens whose facts are remembered, about 250 bytes each; beyond that all are asked for anew. */
const maxRemembered = 50_000;

export const createTokenReader = (client: VaultClient, clock: Clock, concurrency: number): TokenReader => {
  const known = createFactMemory();
  let last: { readonly sweep: TokenSweep; readonly at: number } | undefined;
  const sweeping = createCoalescer(async (signal) => {
    const at = clock.monotonic();
    const sweep = await takeSweep(client, known, concurrency, signal);
    last = { sweep, at };
    return sweep;
  });
  return {
    sweep: async (freshness, signal) => {
      const young = freshness === 'Cached' && last !== undefined && clock.monotonic() - last.at < trustSweep ? last.sweep : undefined;
      return young ?? sweeping.read(signal);
    },
    read: async (accessor, mark, signal) => {
      const looked = await lookUp(client, accessor, mark, signal);
      if (looked === 'Dangling') return undefined;
      return looked;
    },
  };
};

interface FactMemory {
  /** Lets go of all that is not in `accessors`, and of everything when the origin is another. */
  readonly keepOnly: (origin: string, accessors: readonly string[]) => void;
  readonly get: (accessor: string) => TokenFacts | undefined;
  readonly add: (facts: TokenFacts) => TokenFacts;
}

const createFactMemory = (): FactMemory => {
  const share = createShare();
  let known = new Map<string, TokenFacts>();
  let from = '';
  return {
    keepOnly: (origin, accessors) => {
      if (origin !== from) known = new Map();
      from = origin;
      known = new Map(accessors.flatMap((accessor) => {
        const facts = known.get(accessor);
        return facts === undefined ? [] : [[accessor, facts]];
      }));
    },
    get: (accessor) => known.get(accessor),
    add: ({ accessor, entityId, path, meta }) => {
      const facts = { accessor, entityId: share(entityId), path: share(path), meta: share(meta) };
      if (known.size < maxRemembered) known.set(accessor, facts);
      return facts;
    },
  };
};

const takeSweep = async (client: VaultClient, known: FactMemory, concurrency: number, signal: AbortSignal): Promise<TokenSweep> => {
  const mark = await client.watermark(signal);
  const own = await client.self(signal);
  const answer = await client.request(list(tokenAccessors, mark), signal);
  const verdict = classifyList(answer);
  if (verdict.state === 'Unknown') throw failureOf(answer, 'listing token accessors');
  // Our own token shows that the list is one, unless it has no accessor (batch) or may be another namespace's.
  const mustHaveOwn = own.accessor !== '' && mark.origin.namespace === '';
  if (mustHaveOwn && !verdict.keys.includes(own.accessor)) throw retryable('OwnTokenMissing', 'the list of token accessors lacks our own token, so it is not whole');
  known.keepOnly(originText(mark.origin), verdict.keys);
  const looked = await mapBounded(
    verdict.keys,
    concurrency,
    async (accessor) => known.get(accessor) ?? lookUp(client, accessor, mark, signal).then((found) => (typeof found === 'object' ? known.add(found) : found)),
    signal,
  );
  return {
    mark,
    tokens: looked.filter((found) => typeof found === 'object'),
    dangling: looked.filter((found) => found === 'Dangling').length,
  };
};

/** Undefined when it has gone meanwhile. */
const lookUp = async (client: VaultClient, accessor: string, mark: Watermark, signal: AbortSignal): Promise<TokenFacts | 'Dangling' | undefined> => {
  const answer = await client.request(ask(tokenLookup, { accessor }, mark), signal);
  const verdict = classifyToken(answer, accessor);
  switch (verdict.state) {
    case 'Present':
      return verdict.facts;
    case 'Gone':
      return undefined;
    case 'Denied':
      // The same words for "you may not" and "it leads to no token". If we may, it is the latter.
      if (await mayLookUp(client, mark, signal)) return 'Dangling';
      throw failureOf(answer, 'looking up a token by its accessor');
    case 'Unknown':
      throw failureOf(answer, 'looking up a token by its accessor');
  }
};

const mayLookUp = async (client: VaultClient, mark: Watermark, signal: AbortSignal): Promise<boolean> => {
  const path = tokenLookup.join('/');
  const answer = await client.request(ask(capabilitiesSelf, { paths: [path] }, mark), signal);
  const capabilities = textsOf(dataOf(answer.body), path);
  if (answer.status !== 200 || capabilities === undefined) throw failureOf(answer, 'asking for our own capabilities');
  return capabilities.includes('update') || capabilities.includes('root');
};
