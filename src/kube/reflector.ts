/**
 * Keeps a store equal to what the API server has, for as long as it runs, whatever happens to server and connection:
 *
 *   list (all pages) ──▶ watch from there ──ended by the server──▶ watch again from where it was
 *     ▲                        │
 *     │                        ├─ 410, garbage, too many failures ──▶ list again
 *     └── time for a relist ◀──┴─ 5xx, 429, silence, no connection ─▶ back-off, then watch again
 *
 * A relist every half hour is the safety net under all of it. What has not changed since then is told to nobody.
 */
import type { Clock } from '../runtime/clock.ts';
import { sleep } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Random } from '../runtime/random.ts';
import { jitter } from '../runtime/random.ts';
import { createCatchUp, createProgress } from './catch-up.ts';
import type { Progress } from './catch-up.ts';
import type { KubeClient, ListQuery } from './client.ts';
import { ApiError, isExpired } from './errors.ts';
import type { KubeObject } from './objects.ts';
import { createReflectorCache } from './reflector-cache.ts';
import type { ReflectorCache, ReflectorCacheOptions } from './reflector-cache.ts';
import { createContact } from './reflector-health.ts';
import type { Contact } from './reflector-health.ts';
import type { Resource } from './resources.ts';
import type { StoreReader, Stored } from './store.ts';

/** What is told to the metrics. */
export interface ReflectorMetrics {
  /** A list was read to its end. */
  readonly onList: (listing: { readonly resource: string; readonly reason: ListReason; readonly at: Date }) => void;
  readonly onConnected: (state: { readonly resource: string; readonly connected: boolean }) => void;
  /** It begins. `silence` reads for how many seconds the server has told nothing of the resource by now. */
  readonly onRun: (watch: { readonly resource: string; readonly silence: () => number }) => void;
}

/** `failure`: watching failed again and again, or told something that could not be read. */
export type ListReason = 'start' | 'expired' | 'failure' | 'period';

export interface ReflectorOptions<T extends Stored> extends Omit<ReflectorCacheOptions<T>, 'log'> {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly query?: Pick<ListQuery, 'namespace' | 'fieldSelector' | 'labelSelector' | 'metadataOnly'>;
  /** Objects in one answer, where they are so large that the usual number would be too much at once. */
  readonly pageSize?: number;
  /** Milliseconds between two lists; 30 minutes when absent, 20 % more or less. */
  readonly relistEvery?: number;
  readonly metrics?: ReflectorMetrics;
}

export interface ReflectorHealth {
  readonly connected: boolean;
  readonly consecutiveFailures: number;
  readonly lastListAt: Date | undefined;
  /** What failed last, until the server is heard again. */
  readonly lastError: unknown;
}

/**
 * When the server last told anything of the resource: a whole list, an event, a bookmark, a watch that it ended in good order. That
 * it agreed to a watch is not enough, for that is all that one does which stays silent.
 */
interface LastSign {
  readonly seen: () => void;
  /** Seconds since then, or since the beginning. */
  readonly silence: () => number;
}

export interface Reflector<T> {
  readonly resource: Resource;
  readonly store: StoreReader<T>;
  /** Resolves when the signal is aborted, with no watch left behind. Never rejects. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** True once a list was read to its end. */
  readonly synced: () => boolean;
  readonly waitForSync: (signal: AbortSignal) => Promise<void>;
  /**
   * Resolves when the store has everything that the server had when this was called: what is not in it then was not there.
   * Rejects when that could not be shown.
   */
  readonly catchUp: (signal: AbortSignal) => Promise<void>;
  /** Puts the answer of a write in at once, so that the next look does not start from before it. */
  readonly upsert: (raw: KubeObject) => void;
  readonly health: () => ReflectorHealth;
}

const defaultRelistEvery = 30 * 60_000;
/**
 * Seconds after which the server ends a watch, up to a quarter more at random: not all of them come back at the same time. An end in
 * good order is the one sign of life that a server owes also where nothing happens: of a quiet kind it sends no bookmark. So this is how
 * long a connection can be dead, or a server mute, before it is noticed.
 */
const shortestWatch = 120;
/** Milliseconds; a page of many large objects takes longer than a common request. */
const pageTimeout = 30_000;
/** A watch that ends sooner and told nothing was none: to begin anew at once would be a loop without rest. */
const shortestLife = 1_000;
/** A watch that has stood this long hears the server, also when nothing has happened. */
const standsAfter = 5_000;

export const createReflector = <T extends Stored>(options: ReflectorOptions<T>): Reflector<T> => {
  const log = options.log.child({ resource: options.resource.plural });
  const cache = createReflectorCache({ ...options, log });
  const onConnected = (connected: boolean): void => options.metrics?.onConnected({ resource: options.resource.plural, connected });
  const contact = createContact({ log, random: options.random, onConnected });
  const progress = createProgress();
  const sign = createSign(options.clock);
  let lastListAt: Date | undefined;

  const onListed = (at: Date): void => {
    lastListAt = at;
  };

  return {
    resource: options.resource,
    store: cache.store,
    upsert: cache.upsert,
    catchUp: createCatchUp({ ...options, progress, apply: cache.apply }),
    synced: () => progress.reached() !== undefined,
    // Nothing is told before the first list.
    waitForSync: (signal) => progress.waitFor('0', signal),
    health: () => ({ connected: contact.connected, consecutiveFailures: contact.failures, lastListAt, lastError: contact.lastError }),
    run: (signal) => {
      options.metrics?.onRun({ resource: options.resource.plural, silence: sign.silence });
      return reflect({ ...options, log, cache, contact, progress, sign, onListed }, signal);
    },
  };
};

const createSign = ({ monotonic }: Clock): LastSign => {
  let at = monotonic();
  return {
    seen: () => {
      at = monotonic();
    },
    silence: () => (monotonic() - at) / 1000,
  };
};

type Loop<T extends Stored> = ReflectorOptions<T> & {
  readonly cache: ReflectorCache<T>;
  readonly contact: Contact;
  readonly progress: Progress;
  readonly sign: LastSign;
  readonly onListed: (at: Date) => void;
};

const reflect = async <T extends Stored>(loop: Loop<T>, signal: AbortSignal): Promise<void> => {
  const { clock, random, contact } = loop;
  let version: string | undefined;
  let relistAt = 0;
  let reason: ListReason = 'start';
  while (!signal.aborted) {
    const operation = version === undefined || clock.monotonic() >= relistAt ? 'list' : 'watch';
    try {
      if (operation === 'list') {
        version = await list(loop, version === undefined ? reason : 'period', signal);
        relistAt = clock.monotonic() + jitter(random, loop.relistEvery ?? defaultRelistEvery, 0.2);
      } else {
        await watch(loop, version ?? '', relistAt - clock.monotonic(), signal, (reached) => {
          version = reached;
          loop.progress.onReached(reached);
        });
      }
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- it may have been aborted since
      if (signal.aborted) break;
      const retry = contact.failed(operation, error);
      if (retry.listAgain && version !== undefined) {
        version = undefined;
        reason = isExpired(error) ? 'expired' : 'failure';
      }
      if (retry.wait > 0) await sleep(clock, retry.wait, signal).catch(() => undefined);
    }
  }
  contact.stopped();
};

/** Projects page by page, so that a large cluster is never held whole in its raw form. Returns the version of the list. */
const list = async <T extends Stored>(loop: Loop<T>, reason: ListReason, signal: AbortSignal): Promise<string> => {
  const { cache, client, clock, contact, metrics, pageSize, progress, resource } = loop;
  const query = { ...loop.query, ...(pageSize !== undefined && { pageSize }) };
  const items: T[] = [];
  // Whoever catches up meanwhile may learn more than this list has.
  const since = progress.reached();
  let version = '';
  for await (const page of client.listPages(resource, query, { signal, timeout: pageTimeout })) {
    for (const raw of page.items) {
      const picked = cache.pick(raw);
      if (picked !== undefined) items.push(picked);
    }
    version = page.resourceVersion;
  }
  signal.throwIfAborted();
  cache.replace(items, version, since);
  progress.onListed(version);
  contact.listed();
  loop.sign.seen();
  loop.onListed(clock.now());
  metrics?.onList({ resource: resource.plural, reason, at: clock.now() });
  return version;
};

/** Follows until the server ends it, and tells each version that it reaches: from there it goes on after a failure. */
const watch = async <T extends Stored>(
  loop: Loop<T>,
  from: string,
  limit: number,
  signal: AbortSignal,
  onReached: (version: string) => void,
): Promise<void> => {
  const { cache, client, clock, contact, query = {}, random, resource, sign } = loop;
  const timeoutSeconds = Math.max(1, Math.ceil(Math.min(shortestWatch * (1 + random() / 4), limit / 1000)));
  const start = clock.monotonic();
  let told = false;
  const answer = { begun: false };
  let cancelStanding = (): void => undefined;
  const onOpen = (): void => {
    answer.begun = true;
    cancelStanding = clock.schedule(standsAfter, () => {
      contact.stood();
    });
  };
  const stream = client.watch(resource, { ...query, resourceVersion: from, timeoutSeconds, allowWatchBookmarks: true }, signal, onOpen);
  try {
    for await (const event of stream) {
      cache.apply(event);
      onReached(event.object.metadata.resourceVersion);
      contact.watched();
      sign.seen();
      told = true;
    }
  } catch (error) {
    if (answer.begun && isTimeout(error)) contact.fellSilent();
    throw error;
  } finally {
    cancelStanding();
  }
  if (!told && clock.monotonic() - start < shortestLife) {
    throw new ApiError(0, 'Transport', 'the watch ended as soon as it had begun', { verb: 'watch' });
  }
  contact.watched();
  sign.seen();
};

const isTimeout = (error: unknown): boolean => error instanceof ApiError && error.reason === 'Timeout';
