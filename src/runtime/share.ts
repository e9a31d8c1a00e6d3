/**
 * Gives back an equal value that others hold already. What thousands of objects say alike (an owner, a condition without a
 * time of its own, the finalizers) is then in memory once. Values are shared: they must not be changed.
 */
export interface Share {
  <T>(value: T): T;
  /** Lets go of what is remembered. */
  readonly forget: () => void;
}

/**
 * Values are what `JSON.parse` gives. Remembers at most `limit` of them: what is unlike everything else passes through, and
 * forgetting costs memory, never correctness.
 */
export const createShare = (limit = 1_000): Share => {
  const known = new Map<string, unknown>();
  const share = <T>(value: T): T => {
    if (value === undefined) return value;
    const key = JSON.stringify(value);
    const same = known.get(key);
    if (same !== undefined) return same as T;
    if (known.size >= limit) known.clear();
    known.set(key, value);
    return value;
  };
  return Object.assign(share, {
    forget: () => {
      known.clear();
    },
  });
};
