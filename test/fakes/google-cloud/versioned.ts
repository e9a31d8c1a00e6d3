/** A value with its past, so that a read can be stale and a change can take its time to be felt. */
import type { Nature } from './nature.ts';

export interface Versioned<T> {
  readonly now: () => T;
  /** As it was that many milliseconds ago; as it was first, when it is younger. */
  readonly ago: (milliseconds: number) => T;
  /** All that it has been in the last so many milliseconds, the present first. */
  readonly within: (milliseconds: number) => readonly T[];
  readonly set: (value: T) => void;
}

const kept = 64;

export const versioned = <T>({ monotonic, changed }: Pick<Nature, 'monotonic' | 'changed'>, first: T): Versioned<T> => {
  /** The newest first. */
  const versions: { readonly since: number; readonly value: T }[] = [{ since: monotonic(), value: first }];
  let present: readonly [T] = [first];
  return {
    now: () => present[0],
    ago: (milliseconds) => {
      if (milliseconds <= 0) return present[0];
      const time = monotonic() - milliseconds;
      return (versions.find(({ since }) => since <= time) ?? versions.at(-1))?.value ?? first;
    },
    within: (milliseconds) => {
      if (milliseconds <= 0 || versions.length === 1) return present;
      const time = monotonic() - milliseconds;
      const oldest = versions.findIndex(({ since }) => since <= time);
      return oldest === 0 ? present : versions.slice(0, oldest < 0 ? versions.length : oldest + 1).map(({ value }) => value);
    },
    set: (value) => {
      versions.unshift({ since: monotonic(), value });
      present = [value];
      if (versions.length > kept) versions.pop();
      changed();
    },
  };
};
