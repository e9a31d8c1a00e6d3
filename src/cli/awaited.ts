/** Waits for an object to say something. */
import { sleep } from '../runtime/clock.ts';
import type { Io } from './command.ts';

/** Milliseconds between two looks. */
const pause = 500;

/** The object once it does; undefined when it does not in time. */
export const awaited = async <T>(get: () => Promise<T>, says: (object: T) => boolean, timeout: number, { clock, signal }: Io): Promise<T | undefined> => {
  const end = clock.monotonic() + timeout;
  for (;;) {
    const object = await get();
    if (says(object)) return object;
    const left = end - clock.monotonic();
    if (left <= 0) return undefined;
    await sleep(clock, Math.min(left, pause), signal);
  }
};
