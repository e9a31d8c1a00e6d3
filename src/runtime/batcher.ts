/**
 * Groups what many want done to the same thing into few turns at it. A thing has one turn at a time, and whoever comes while one
 * is under way, or shortly before it, goes into the next:
 *
 *   submit ──▶ gathers, for `wait` after the first ──▶ a turn, of at most `limit`, the oldest first ──▶ each gets its own answer
 *                 ▲                                        │
 *                 └───── those who came meanwhile ─────────┘
 */
import type { Clock } from './clock.ts';

export interface BatcherOptions<Item, Answer> {
  readonly clock: Clock;
  /** Milliseconds that the first waits for others. */
  readonly wait: number;
  /** Items in one turn. */
  readonly limit: number;
  /**
   * Takes one turn at what `key` names, and gives an answer to each of the items, in their order. What it throws is thrown to all of
   * them. The signal is aborted when nobody waits for the turn any more; it must end soon after that.
   */
  readonly run: (key: string, items: readonly Item[], signal: AbortSignal) => Promise<readonly Answer[]>;
}

export interface Batcher<Item, Answer> {
  /**
   * What the turn answered that took the item. Rejects with the reason of the signal: an item whose turn has not begun is then not
   * in it; the others of a turn that has are not disturbed.
   */
  readonly submit: (key: string, item: Item, signal: AbortSignal) => Promise<Answer>;
  /** How many things somebody waits for. */
  readonly size: () => number;
}

interface Entry<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

export const createBatcher = <Item, Answer>(options: BatcherOptions<Item, Answer>): Batcher<Item, Answer> => {
  const lines = new Map<string, Line<Item, Answer>>();
  return {
    submit: (key, item, signal) => {
      if (signal.aborted) return Promise.reject(toError(signal.reason));
      const line = lines.get(key) ?? createLine(options, key, () => lines.delete(key));
      lines.set(key, line);
      return line.join(item, signal);
    },
    size: () => lines.size,
  };
};

interface Line<Item, Answer> {
  readonly join: (item: Item, signal: AbortSignal) => Promise<Answer>;
}

/** All who wait for one thing. */
const createLine = <Item, Answer>({ clock, wait, limit, run }: BatcherOptions<Item, Answer>, key: string, onIdle: () => void): Line<Item, Answer> => {
  const waiting = new Set<Entry<Item, Answer>>();
  const inTurn = new Set<Entry<Item, Answer>>();
  let turn: AbortController | undefined;
  let cancelGathering: (() => void) | undefined;

  const gather = (): void => {
    cancelGathering = clock.schedule(wait, () => {
      cancelGathering = undefined;
      void take();
    });
  };

  /** Never rejects. */
  const take = async (): Promise<void> => {
    const entries = [...waiting].slice(0, limit);
    const { signal } = (turn = new AbortController());
    for (const entry of entries) {
      waiting.delete(entry);
      inTurn.add(entry);
    }
    let settle: (entry: Entry<Item, Answer>, index: number) => void;
    try {
      const answers = await run(key, entries.map(({ item }) => item), signal);
      if (answers.length !== entries.length) throw new Error(`a turn gave ${String(answers.length)} answers for ${String(entries.length)} items`);
      settle = (entry, index) => {
        entry.resolve(answers[index] as Answer);
      };
    } catch (error) {
      settle = (entry) => {
        entry.reject(error);
      };
    }
    turn = undefined;
    inTurn.clear();
    // Before anybody is told, who may come again at once, and behind those who wait already.
    if (waiting.size > 0) gather();
    else onIdle();
    entries.forEach(settle);
  };

  const leave = (entry: Entry<Item, Answer>): void => {
    waiting.delete(entry);
    inTurn.delete(entry);
    if (turn !== undefined) {
      if (inTurn.size === 0) turn.abort(new Error('nobody waits for this turn any more'));
      return;
    }
    if (waiting.size > 0) return;
    cancelGathering?.();
    cancelGathering = undefined;
    onIdle();
  };

  return {
    join: (item, signal) =>
      new Promise<Answer>((resolve, reject) => {
        const onAbort = (): void => {
          leave(entry);
          reject(toError(signal.reason));
        };
        const settled = (): void => {
          signal.removeEventListener('abort', onAbort);
        };
        const entry: Entry<Item, Answer> = {
          item,
          resolve: (answer) => {
            settled();
            resolve(answer);
          },
          reject: (error) => {
            settled();
            reject(toError(error));
          },
        };
        signal.addEventListener('abort', onAbort, { once: true });
        waiting.add(entry);
        if (turn === undefined && cancelGathering === undefined) gather();
      }),
  };
};

const toError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
