/**
 * The order in which keys are handed out: groups take turns, and within a group first come is first served. However many keys one
 * group has, a key of another waits for one of them.
 */
export interface FairOrder {
  /** Once; where it is there already it keeps its place. */
  add(key: string): void;
  take(): string | undefined;
  size(): number;
}

export const createFairOrder = (groupOf: (key: string) => string): FairOrder => {
  /** In the order of their turns, none empty. */
  const groups = new Map<string, Set<string>>();
  let size = 0;
  return {
    add: (key) => {
      const group = groupOf(key);
      const keys = groups.get(group) ?? new Set();
      if (keys.has(key)) return;
      groups.set(group, keys.add(key));
      size += 1;
    },
    take: () => {
      const [next] = groups;
      if (next === undefined) return undefined;
      const [group, keys] = next;
      const [key] = keys;
      groups.delete(group);
      if (key === undefined) return undefined;
      keys.delete(key);
      if (keys.size > 0) groups.set(group, keys);
      size -= 1;
      return key;
    },
    size: () => size,
  };
};
