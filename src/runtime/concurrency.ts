/**
 * Runs `task` for every item, at most `limit` at the same time, and waits for all that began. Results are in the order of
 * the items. The first failure starts nothing more and is thrown; so is the signal's reason when it is aborted.
 */
export const mapBounded = async <Item, Result>(
  items: readonly Item[],
  limit: number,
  task: (item: Item) => Promise<Result>,
  signal: AbortSignal,
): Promise<readonly Result[]> => {
  const results: Result[] = new Array<Result>(items.length);
  const failures: unknown[] = [];
  const rest = items.entries();
  const work = async (): Promise<void> => {
    for (const [index, item] of rest) {
      if (failures.length > 0) return;
      try {
        signal.throwIfAborted();
        results[index] = await task(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  if (failures.length > 0) throw failures[0];
  return results;
};

/** Waits for all of them, so that nothing goes on after the first failure is told. */
export const waitForAll = async <T extends readonly unknown[]>(reads: { readonly [Key in keyof T]: Promise<T[Key]> }): Promise<T> => {
  const settled = await Promise.allSettled(reads);
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return settled.map((result) => (result.status === 'fulfilled' ? result.value : undefined)) as unknown as T;
};
