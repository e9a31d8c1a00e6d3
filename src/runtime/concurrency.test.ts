import { describe, expect, it } from 'vitest';
import { mapBounded } from './concurrency.ts';

const never = new AbortController().signal;

describe('mapBounded', () => {
  it('keeps the order of the items and never runs more than the limit', async () => {
    let running = 0;
    let most = 0;
    const results = await mapBounded(
      [5, 1, 4, 2, 3],
      2,
      async (item) => {
        running += 1;
        most = Math.max(most, running);
        for (let turn = 0; turn < item; turn += 1) await Promise.resolve();
        running -= 1;
        return item * 10;
      },
      never,
    );
    expect(results).toEqual([50, 10, 40, 20, 30]);
    expect(most).toBe(2);
  });

  it('starts nothing after a failure, waits for what runs, and throws the failure', async () => {
    const started: number[] = [];
    let finished = false;
    const attempt = mapBounded(
      [1, 2, 3, 4],
      2,
      async (item) => {
        started.push(item);
        if (item === 1) throw new Error('one');
        await new Promise((resolve) => setImmediate(resolve));
        finished = true;
      },
      never,
    );
    await expect(attempt).rejects.toThrow('one');
    expect(started).toEqual([1, 2]);
    expect(finished).toBe(true);
  });

  it('does nothing for an aborted signal but throw its reason', async () => {
    const started: number[] = [];
    const work = async (item: number): Promise<void> => {
      started.push(item);
      await Promise.resolve();
    };
    await expect(mapBounded([1], 1, work, AbortSignal.abort(new Error('over')))).rejects.toThrow('over');
    expect(started).toEqual([]);
  });
});
