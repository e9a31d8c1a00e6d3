/** Tries every way in, again and again, until told to stop: how long access lasted is measured, not computed. */
import { letIn } from './way.ts';
import type { Way } from './way.ts';

export interface Attempts {
  readonly way: Way;
  /** The last answer. */
  readonly last: string;
  /** Milliseconds from the start to the first of the refusals with which it ended: it lasted less than that. */
  readonly refusedAfterMs: number;
  readonly tries: number;
}

const pause = 250;

export const tryUntilRefused = (ways: readonly Way[]): { readonly finish: () => Promise<readonly Attempts[]> } => {
  const started = performance.now();
  let stopped = false;
  const keepTrying = async (way: Way): Promise<Attempts> => {
    let refusedAfterMs = Infinity;
    let tries = 0;
    for (;;) {
      const last = await way.attempt();
      tries += 1;
      refusedAfterMs = letIn(last) ? Infinity : Math.min(refusedAfterMs, performance.now() - started);
      // The answer that counts was asked for after the run said that it was done.
      if (stopped) return { way, last: await way.attempt(), refusedAfterMs, tries: tries + 1 };
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };
  const running = Promise.all(ways.map(keepTrying));
  return {
    finish: () => {
      stopped = true;
      return running;
    },
  };
};
