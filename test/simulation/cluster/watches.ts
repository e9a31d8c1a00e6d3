/**
 * The watches of one API server. It has a cache of its own, which learns of each change a little late and in order; what it knows, it
 * tells. A watch may be cut, or fall silent without an end, and whatever is older than what is remembered is refused within the stream.
 */
import type { Scheduler } from '../engine/scheduler.ts';
import type { WireSink, WireStream } from '../engine/wire.ts';
import { expired, statusOf } from './failure.ts';
import type { Kind, Parsed } from './kinds.ts';
import { type Selector, selectorOf } from './selectors.ts';
import type { Change, Store } from './store.ts';

export interface Watches {
  readonly open: (request: Parsed, metadataOnly: boolean) => WireStream | string;
  /** In the middle; those of one kind, or all. */
  readonly cut: (plural?: string) => void;
  /** In good order, as a server that shuts down does. */
  readonly end: (plural?: string) => void;
  /** What is open now says nothing any more, and does not end. */
  readonly stall: (plural?: string) => void;
  readonly count: () => number;
  /** Milliseconds by which the cache is behind. */
  readonly setLag: (milliseconds: number) => void;
  /** Up to which version the cache knows everything. */
  readonly reached: () => number;
  /** Everything is forgotten, and begins with what is there now. */
  readonly restart: () => void;
}

interface Watch {
  readonly kind: Kind;
  readonly tell: (change: Change) => void;
  readonly stall: () => void;
  readonly over: (how: 'cut' | 'end') => void;
}

const bookmarkEvery = 60_000;
/** A watch is marked so long before its end, where there is time for that. */
const markBeforeEnd = 2_000;
/** What a server gives a watch that asks for no time: half an hour to an hour. */
const defaultSeconds = 1_800;

interface Shown {
  readonly metadataOnly: boolean;
  readonly selector: Selector | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/** As this watch sees it; what leaves its selection was deleted, for all that it knows. */
const lineOf = (change: Change, { metadataOnly, selector, namespace }: Shown): string | undefined => {
  const { entry, previous } = change;
  if (namespace !== undefined && entry.namespace !== namespace) return undefined;
  let { type } = change;
  if (selector !== undefined) {
    const [is, was] = [type !== 'DELETED' && selector(entry.object), previous !== undefined && selector(previous.object)];
    if (!is && !was) return undefined;
    type = is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED';
  }
  return `{"type":"${type}","object":${entry.text(metadataOnly ? 'Metadata' : 'Whole')}}\n`;
};

export const createWatches = (scheduler: Scheduler, store: Store): Watches => {
  const open = new Set<Watch>();
  const byKind = new Map<Kind, Set<Watch>>();
  let queue: { readonly change: Change; readonly at: number }[] = [];
  let lag = 0;
  let reached = store.version();
  let remembers = store.oldest();
  let waiting = false;

  const deliver = (change: Change): void => {
    reached = change.version;
    const watches = byKind.get(change.entry.kind);
    if (watches !== undefined) for (const watch of [...watches]) watch.tell(change);
  };
  const drain = (): void => {
    waiting = false;
    let due = 0;
    while ((queue[due]?.at ?? Infinity) <= scheduler.now()) due += 1;
    const ready = queue.slice(0, due);
    queue = queue.slice(due);
    for (const { change } of ready) deliver(change);
    wait();
  };
  const wait = (): void => {
    const [next] = queue;
    if (next === undefined || waiting) return;
    waiting = true;
    scheduler.after(next.at - scheduler.now(), drain);
  };
  store.onCommit((change) => {
    if (lag === 0 && queue.length === 0) {
      deliver(change);
      return;
    }
    queue.push({ change, at: Math.max(queue.at(-1)?.at ?? 0, scheduler.now() + lag) });
    wait();
  });

  const begin = (request: Parsed, shown: Shown, sink: WireSink): (() => void) => {
    const { kind, query } = request;
    const seconds = Number(query.get('timeoutSeconds') ?? defaultSeconds);
    const from = Number(query.get('resourceVersion') ?? store.version());
    if (from < Math.max(remembers, store.oldest())) {
      const gone = expired(`too old resource version: ${String(from)} (${String(Math.max(remembers, store.oldest()))})`);
      sink.write(`{"type":"ERROR","object":${JSON.stringify(statusOf(gone))}}\n`);
      sink.end();
      return () => undefined;
    }
    let silent = false;
    let cancelMark: (() => void) | undefined;
    const marks = query.get('allowWatchBookmarks') === 'true';
    const mark = (): void => {
      cancelMark = undefined;
      if (!silent) sink.write(`{"type":"BOOKMARK","object":${kind.head}"metadata":{"resourceVersion":"${String(reached)}","creationTimestamp":null}}}\n`);
    };
    const leave = (): void => {
      open.delete(watch);
      byKind.get(kind)?.delete(watch);
      cancelMark?.();
      cancelLast();
      cancelEnd();
    };
    const watch: Watch = {
      kind,
      tell: (change) => {
        if (silent || change.version <= from) return;
        const line = lineOf(change, shown);
        if (line !== undefined) sink.write(line);
        if (marks) cancelMark ??= scheduler.after(bookmarkEvery, mark);
      },
      stall: () => {
        silent = true;
      },
      over: (how) => {
        if (silent && how === 'end') return;
        leave();
        sink[how]();
      },
    };
    const cancelEnd = scheduler.after(seconds * 1000, () => { watch.over('end'); });
    const last = seconds * 1000 - markBeforeEnd;
    const cancelLast = marks && last > 0 ? scheduler.after(last, mark) : (): void => undefined;
    open.add(watch);
    const same = byKind.get(kind);
    if (same === undefined) byKind.set(kind, new Set([watch]));
    else same.add(watch);
    for (const change of store.since(kind, from)) if (change.version <= reached) watch.tell(change);
    return leave;
  };

  const those = (plural: string | undefined): readonly Watch[] => [...open].filter(({ kind }) => plural === undefined || kind.plural === plural);
  return {
    open: (request, metadataOnly) => {
      const selector = selectorOf(request.kind, request.query);
      if (typeof selector === 'string') return selector;
      const { namespace, name } = request;
      return { status: 200, open: (sink) => begin(request, { metadataOnly, selector, namespace, name }, sink) };
    },
    cut: (plural) => {
      for (const watch of those(plural)) watch.over('cut');
    },
    end: (plural) => {
      for (const watch of those(plural)) watch.over('end');
    },
    stall: (plural) => {
      for (const watch of those(plural)) watch.stall();
    },
    count: () => open.size,
    setLag: (milliseconds) => {
      lag = milliseconds;
    },
    reached: () => reached,
    restart: () => {
      for (const watch of [...open]) watch.over('cut');
      queue = [];
      reached = store.version();
      remembers = reached;
    },
  };
};
