/** Tries every way in, again and again, until told to stop: how long access lasted is measured, not computed. */
import { letIn } from './way.ts';
import type { Way } from './way.ts';

export interface Attempts {
  readonly way: Way;
  /** The last answer. */
  readonly last: string;
  /** Milliseconds from the start to the last time it worked. */
  readonly lastedMs: number;
  readonly tries: number;
}

const pause = 250;

export const tryUntilRefused = (ways: readonly Way[]): { readonly finish: () => Promise<readonly Attempts[]> } => {
  const started = performance.now();
  let stopped = false;
  const keepTrying = async (way: Way): Promise<Attempts> => {
    let lastedMs = 0;
    let tries = 0;
    for (;;) {
      const last = await way.attempt();
      tries += 1;
      if (letIn(last)) lastedMs = performance.now() - started;
      // The answer that counts was asked for after the run said that it was done.
      if (stopped) return { way, last: await way.attempt(), lastedMs, tries: tries + 1 };
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
