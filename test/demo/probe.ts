/** Tries every access path, again and again, until told to stop: how long access lasted is measured, not computed. */
import type { AccessPath } from '../env/build-agent.ts';

export interface Attempts {
  readonly path: AccessPath;
  /** The last answer. */
  readonly last: number;
  /** Milliseconds from the start to the last time it worked. */
  readonly lastedMs: number;
  readonly tries: number;
}

const pause = 250;

export const tryUntilRefused = (paths: readonly AccessPath[]): { readonly finish: () => Promise<readonly Attempts[]> } => {
  const started = performance.now();
  let stopped = false;
  const keepTrying = async (path: AccessPath): Promise<Attempts> => {
    let lastedMs = 0;
    let tries = 0;
    for (;;) {
      const last = await path.attempt();
      tries += 1;
      if (last === 200) lastedMs = performance.now() - started;
      // The answer that counts was asked for after the run said that it was done.
      if (stopped) return { path, last: await path.attempt(), lastedMs, tries: tries + 1 };
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };
  const running = Promise.all(paths.map(keepTrying));
  return {
    finish: () => {
      stopped = true;
      return running;
    },
  };
};
