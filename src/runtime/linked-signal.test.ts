import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';

import { linkSignals } from './linked-signal.ts';

describe('a linked signal', () => {
  it('is aborted with the first of its sources, for that reason', () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const { signal } = linkSignals(first.signal, second.signal);
    expect(signal.aborted).toBe(false);
    second.abort('second');
    first.abort('first');
    expect(signal.reason).toBe('second');
  });

  it('is aborted from the start when a source is', () => {
    expect(linkSignals(new AbortController().signal, AbortSignal.abort('early')).signal.reason).toBe('early');
  });

  it('can be aborted by itself, and then or when it is unlinked leaves nothing at its sources', () => {
    const source = new AbortController();
    const one = linkSignals(source.signal);
    const two = linkSignals(source.signal);
    expect(getEventListeners(source.signal, 'abort')).toHaveLength(2);
    one.abort('mine');
    two.unlink();
    expect(getEventListeners(source.signal, 'abort')).toHaveLength(0);
    source.abort('theirs');
    expect([one.signal.reason, two.signal.aborted]).toEqual(['mine', false]);
  });

  it('is let go of by a source that lives on, also when somebody still listens', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const source = new AbortController();
    const made: WeakRef<AbortSignal>[] = [];
    const make = (): void => {
      const { signal, unlink } = linkSignals(source.signal);
      signal.addEventListener('abort', () => undefined);
      made.push(new WeakRef(signal));
      unlink();
    };
    for (let count = 0; count < 100; count += 1) make();
    // A WeakRef holds what it refers to until the end of the task.
    await new Promise((resolve) => { setImmediate(resolve); });
    collect();
    expect(made.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(10);
    expect(source.signal.aborted).toBe(false);
  });
});
