/** What is remembered of one server, for all who use its client. */
import type { Clock } from '../../runtime/clock.ts';
import type { VaultClient, Watermark } from './client.ts';
import { originText } from './origin.ts';
import { createTokenReader, type TokenReader } from './tokens.ts';

export interface ServerMemory {
  readonly tokens: TokenReader;
  /** A lease that was seen live there needs not be looked at again to be listed. */
  readonly wasSeenLive: (mark: Watermark, leaseId: string) => boolean;
  readonly rememberLive: (mark: Watermark, leaseIds: readonly string[]) => void;
}

/** Leases, about 100 bytes each; beyond that all are forgotten, which costs questions. */
const maxLive = 50_000;

const createServerMemory = (client: VaultClient, clock: Clock, concurrency: number): ServerMemory => {
  const live = new Set<string>();
  let from = '';
  return {
    tokens: createTokenReader(client, clock, concurrency),
    wasSeenLive: ({ origin }, leaseId) => originText(origin) === from && live.has(leaseId),
    rememberLive: ({ origin }, leaseIds) => {
      const now = originText(origin);
      if (now !== from || live.size + leaseIds.length > maxLive) live.clear();
      from = now;
      for (const leaseId of leaseIds) live.add(leaseId);
    },
  };
};

/** One memory for each client: there is one client for each server, and both go together. */
export const createServerMemories = (clock: Clock): ((client: VaultClient, concurrency: number) => ServerMemory) => {
  const memories = new WeakMap<VaultClient, ServerMemory>();
  return (client, concurrency) => {
    const known = memories.get(client) ?? createServerMemory(client, clock, concurrency);
    memories.set(client, known);
    return known;
  };
};
