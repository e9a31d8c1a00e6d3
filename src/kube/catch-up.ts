/**
 * Shows that a store is level with the server, without listing everything again:
 *
 *   ask for the version (a list of one) ──▶ the watch has reached it ──────────────────────────▶ level
 *                                             │ not yet: nothing of this kind has changed since
 *                                             └▶ a second, short watch from where the first one is.
 *                                                The server marks its end with a bookmark ─────▶ level
 *
 * A watch tells every change in order, and a bookmark says that there was no other up to its version. So a store that has
 * reached the version lacks nothing that was there when it was asked for. Many who ask together share one answer.
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks
 */
import { type Clock, sleep } from '../runtime/clock.ts';
import { createCoalescer } from '../runtime/coalesce.ts';
import { linkSignals } from '../runtime/linked-signal.ts';
import type { KubeClient, ListQuery, WatchQuery } from './client.ts';
import { ApiError } from './errors.ts';
import type { WatchEvent } from './objects.ts';
import type { Resource } from './resources.ts';
import { compareVersions } from './resource-version.ts';

/** Up to which version everything was told. */
export interface Progress {
  /** Undefined before the first list. */
  readonly reached: () => string | undefined;
  /** Told by whoever has put everything up to this version into the store; what is older than before is ignored. */
  readonly onReached: (version: string) => void;
  /** A list tells where things stand now, also when a restored backup made that an earlier version. */
  readonly onListed: (version: string) => void;
  readonly waitFor: (version: string, signal: AbortSignal) => Promise<void>;
}

export const createProgress = (): Progress => {
  let reached: string | undefined;
  const waiters = new Set<() => void>();
  const has = (version: string): boolean => reached !== undefined && compareVersions(reached, version) >= 0;
  const become = (version: string): void => {
    reached = version;
    for (const check of [...waiters]) check();
  };
  return {
    reached: () => reached,
    onReached: (version) => {
      if (!has(version)) become(version);
    },
    onListed: become,
    waitFor: (version, signal) =>
      new Promise((resolve, reject) => {
        const leave = (): void => {
          waiters.delete(check);
          signal.removeEventListener('abort', onAbort);
        };
        const onAbort = (): void => {
          leave();
          reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
        };
        const check = (): void => {
          if (!has(version)) return;
          leave();
          resolve();
        };
        if (signal.aborted) {
          onAbort();
          return;
        }
        waiters.add(check);
        signal.addEventListener('abort', onAbort, { once: true });
        check();
      }),
  };
};

export interface CatchUpOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly resource: Resource;
  readonly query?: Pick<ListQuery, 'namespace' | 'fieldSelector' | 'labelSelector' | 'metadataOnly'> | undefined;
  readonly progress: Progress;
  readonly apply: (event: WatchEvent) => void;
}

/** Milliseconds in which the first watch nearly always tells what has just happened. */
const patience = 100;
/** Seconds. The server sends a bookmark two seconds before a watch ends, so this one is told about a second after it began. */
const shortWatch = 3;

/** What it returns resolves when the store has all that the server had at the call; it rejects when that could not be shown. */
export const createCatchUp = (options: CatchUpOptions): ((signal: AbortSignal) => Promise<void>) => {
  const flights = createCoalescer((signal) => catchUp(options, signal));
  return (signal) => flights.read(signal);
};

const catchUp = async (options: CatchUpOptions, signal: AbortSignal): Promise<void> => {
  const { clock, progress, resource } = options;
  const before = progress.reached();
  if (before === undefined) throw notLevel(resource, 'it has not been listed yet');
  const version = await currentVersion(options, signal);
  if (compareVersions(version, before) < 0) throw notLevel(resource, 'the server went back to an earlier version');
  const linked = linkSignals(signal);
  try {
    const told = progress.waitFor(version, linked.signal);
    const late = sleep(clock, patience, linked.signal).then(() => 'late' as const);
    if ((await Promise.race([told, late])) !== 'late') return;
    await Promise.race([told, followTo(version, options, linked.signal)]);
  } finally {
    linked.abort(new Error('level'));
  }
};

/** A quorum read: everything that had happened before it was asked is at or below its version. */
const currentVersion = async ({ client, resource, query = {} }: CatchUpOptions, signal: AbortSignal): Promise<string> => {
  for await (const { resourceVersion } of client.listPages(resource, { ...query, metadataOnly: true, pageSize: 1 }, { signal })) {
    return resourceVersion;
  }
  throw notLevel(resource, 'a list had no page');
};

const followTo = async (version: string, options: CatchUpOptions, signal: AbortSignal): Promise<void> => {
  const { client, resource, query = {}, progress, apply } = options;
  const from = progress.reached() ?? '';
  const short: WatchQuery = { ...query, resourceVersion: from, timeoutSeconds: shortWatch, allowWatchBookmarks: true };
  for await (const event of client.watch(resource, short, signal)) {
    apply(event);
    const { resourceVersion } = event.object.metadata;
    progress.onReached(resourceVersion);
    if (compareVersions(resourceVersion, version) >= 0) return;
  }
  throw notLevel(resource, 'a watch ended without a bookmark');
};

const notLevel = ({ plural }: Resource, why: string): ApiError =>
  new ApiError(0, 'NotLevel', `what is known of ${plural} could not be shown to be current: ${why}`, { verb: 'watch' });
