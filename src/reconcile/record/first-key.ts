/**
 * Has the key there before the first run needs it: whoever installs Offboard can put its public half aside, where nobody of the cluster can
 * write, before anything is signed.
 */
import { createBackoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Random } from '../../runtime/random.ts';
import type { Keys } from './keys.ts';

export interface FirstKeyOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly keys: Keys;
}

/** Milliseconds. */
const firstPause = 1_000;
const longestPause = 60_000;

/** Tries until there is one, which a person may have to make, or until the signal is aborted. Why there is none is told when it changes. */
export const prepareKey = async ({ clock, random, log, keys }: FirstKeyOptions, signal: AbortSignal): Promise<void> => {
  const backoff = createBackoff({ base: firstPause, factor: 2, max: longestPause, jitter: 0.2, random });
  let told = '';
  for (let failures = 0; ; failures += 1) {
    try {
      const key = await keys.current(signal);
      await keys.publish(key, signal);
      log.info('Records are signed', { keyid: key.keyid });
      return;
    } catch (error) {
      if (signal.aborted) return;
      const why = error instanceof Error ? error.message : String(error);
      if (why !== told) log.warn('There is no key to sign records with yet', { error });
      told = why;
    }
    await sleep(clock, backoff.next(failures), signal).catch(() => undefined);
  }
};
