/** What all who use one client share: reads that are under way, turns at policies, and what is remembered of the answers. */
import { createBatcher, type Batcher } from '../../runtime/batcher.ts';
import type { Clock } from '../../runtime/clock.ts';
import { createKeyedCoalescer } from '../../runtime/coalesce.ts';
import type { Random } from '../../runtime/random.ts';
import { createTimedMemory } from '../../runtime/timed-memory.ts';
import type { Freshness } from '../revoker.ts';
import type { GoogleClient } from './api.ts';
import type { Account } from './errors.ts';
import { createMinting, type Minting } from './minting.ts';
import type { Policy } from './policies.ts';
import { type AccountName, readAccount, readPolicy, readProjectId, searchAttached, searchPolicies } from './reads.ts';
import { parseResource, projectNumberIn, type Resource, withProjectId } from './resources.ts';
import { type Removal, type RemovalAnswer, removeMembers } from './removals.ts';

export interface ServerMemory {
  /** `Fresh` begins after the call; `Cached` may be up to {@link trust} old. Undefined when there is no such resource. */
  readonly policy: (resource: Resource, freshness: Freshness, signal: AbortSignal) => Promise<Policy | undefined>;
  /** As it is now; undefined when there is none. */
  readonly account: (name: AccountName, signal: AbortSignal) => Promise<Account | undefined>;
  /** The name with the id of its project, where it has the number. */
  readonly withProjectId: (name: string, signal: AbortSignal) => Promise<string>;
  readonly searchPolicies: (scope: string, terms: readonly string[], freshness: Freshness, signal: AbortSignal) => Promise<readonly string[]>;
  readonly searchAttached: (scope: string, email: string, freshness: Freshness, signal: AbortSignal) => Promise<readonly string[]>;
  readonly removals: Batcher<Removal, RemovalAnswer>;
  readonly minting: Minting;
  /** Identities whose positive control was refused. */
  readonly refusedControls: { readonly has: (identity: string) => boolean; readonly set: (identity: string, refused: boolean) => void };
}

export interface MemoryOptions {
  readonly clock: Clock;
  readonly random: Random;
}

/** Milliseconds. The inventory of every run asks at every look; what was not shown yet is found by a later one. */
const trust = 15_000;
/** Answers of one kind that are remembered; beyond that all are asked for anew. A policy of 1,500 members is some 100 kB. */
const mostRemembered = 500;
const mostIdentities = 50_000;
/** Milliseconds for which a removal waits for others on the same resource. Less makes more writes, more slows all (`make bench GOOGLE=1000`). */
const gathering = 100;
/** Members in one write. Each by e-mail costs a question between the read and the write, and the longer that takes, the likelier is a conflict. */
const mostInOneWrite = 100;

export const createServerMemory = (client: GoogleClient, { clock, random }: MemoryOptions, concurrency: number): ServerMemory => {
  const remembered = <T>(fetch: (key: string, signal: AbortSignal) => Promise<T>) => {
    const young = createTimedMemory<{ readonly value: T }>(clock, mostRemembered);
    const reads = createKeyedCoalescer(async (key, signal) => {
      const value = await fetch(key, signal);
      young.set(key, { value }, clock.monotonic() + trust);
      return value;
    });
    return async (key: string, freshness: Freshness, signal: AbortSignal): Promise<T> => {
      signal.throwIfAborted();
      const known = freshness === 'Cached' ? young.get(key) : undefined;
      return known === undefined ? reads.read(key, signal) : known.value;
    };
  };
  const policies = remembered((name, signal) => readPolicy(client, resourceOf(name), signal));
  const accounts = createKeyedCoalescer((key, signal) => readAccount(client, JSON.parse(key) as AccountName, signal));
  const policySearches = remembered((key, signal) => {
    const [scope = '', ...terms] = JSON.parse(key) as readonly string[];
    return searchPolicies(client, scope, terms, signal);
  });
  const attachedSearches = remembered((key, signal) => {
    const [scope = '', email = ''] = JSON.parse(key) as readonly string[];
    return searchAttached(client, scope, email, signal);
  });
  const projects = new Map<string, string>();
  return {
    policy: ({ name }, freshness, signal) => policies(name, freshness, signal),
    account: (name, signal) => accounts.read(JSON.stringify(name), signal),
    withProjectId: async (name, signal) => {
      const number = projectNumberIn(name);
      if (number === undefined) return name;
      const id = projects.get(number) ?? (await readProjectId(client, number, signal));
      if (projects.size >= mostRemembered) projects.clear();
      projects.set(number, id);
      return withProjectId(name, id);
    },
    searchPolicies: (scope, terms, freshness, signal) => policySearches(JSON.stringify([scope, ...terms]), freshness, signal),
    searchAttached: (scope, email, freshness, signal) => attachedSearches(JSON.stringify([scope, email]), freshness, signal),
    removals: createBatcher({
      clock,
      wait: gathering,
      limit: mostInOneWrite,
      run: (name, removals, signal) => removeMembers({ client, clock, random, concurrency }, name, removals, signal),
    }),
    minting: createMinting(clock, mostIdentities),
    refusedControls: createFlags(mostIdentities),
  };
};

const resourceOf = (name: string): Resource => {
  const resource = parseResource(name);
  if (resource === undefined) throw new Error('a name that is none of a resource was to be read');
  return resource;
};

/** Beyond the limit all are forgotten. */
const createFlags = (limit: number): ServerMemory['refusedControls'] => {
  const flagged = new Set<string>();
  return {
    has: (identity) => flagged.has(identity),
    set: (identity, refused) => {
      if (flagged.size >= limit) flagged.clear();
      if (refused) flagged.add(identity);
      else flagged.delete(identity);
    },
  };
};

/** One memory for each client: there is one client for each connector, and both go together. */
export const createServerMemories = (options: MemoryOptions): ((client: GoogleClient, concurrency: number) => ServerMemory) => {
  const memories = new WeakMap<GoogleClient, ServerMemory>();
  return (client, concurrency) => {
    const known = memories.get(client) ?? createServerMemory(client, options, concurrency);
    memories.set(client, known);
    return known;
  };
};
