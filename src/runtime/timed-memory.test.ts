import { expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { createTimedMemory } from './timed-memory.ts';

it('knows an answer until its time, also one that is false', async () => {
  const clock = createFakeClock();
  const memory = createTimedMemory<boolean>(clock, 10);
  memory.set('a', false, clock.monotonic() + 100);
  await clock.advance(99);
  expect([memory.get('a'), memory.get('b')]).toEqual([false, undefined]);
  await clock.advance(1);
  expect(memory.get('a')).toBeUndefined();
});

it('forgets what it is told to', () => {
  const clock = createFakeClock();
  const memory = createTimedMemory<number>(clock, 10);
  memory.set('a', 1, clock.monotonic() + 100);
  memory.forget('a');
  memory.forget('b');
  expect(memory.get('a')).toBeUndefined();
});

it('forgets all before it holds too many', () => {
  const clock = createFakeClock();
  const memory = createTimedMemory<number>(clock, 2);
  for (const key of ['a', 'b', 'c']) memory.set(key, 1, clock.monotonic() + 100);
  expect(['a', 'b', 'c'].map(memory.get)).toEqual([undefined, undefined, 1]);
});
