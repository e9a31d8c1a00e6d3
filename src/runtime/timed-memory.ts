/** Remembers answers until a time of their own. */
import type { Clock } from './clock.ts';

export interface TimedMemory<T> {
  readonly get: (key: string) => T | undefined;
  /** `until` is a monotonic time. */
  readonly set: (key: string, value: T, until: number) => void;
  readonly forget: (key: string) => void;
}

/** Of at most `limit` answers; then all are forgotten, which costs a question, never correctness. */
export const createTimedMemory = <T>(clock: Clock, limit: number): TimedMemory<T> => {
  const known = new Map<string, { readonly value: T; readonly until: number }>();
  return {
    get: (key) => {
      const remembered = known.get(key);
      if (remembered === undefined || remembered.until > clock.monotonic()) return remembered?.value;
      known.delete(key);
      return undefined;
    },
    set: (key, value, until) => {
      if (known.size >= limit) known.clear();
      known.set(key, { value, until });
    },
    forget: (key) => {
      known.delete(key);
    },
  };
};
