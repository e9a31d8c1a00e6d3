import { describe, expect, it } from 'vitest';

import { createFairOrder } from './fair-order.ts';

const byNamespace = () => createFairOrder((key) => key.split('/')[0] ?? '');
const drain = ({ take, size }: ReturnType<typeof createFairOrder>): readonly (string | undefined)[] => Array.from({ length: size() }, take);

describe('keys of one group', () => {
  it('are handed out as they came, each once', () => {
    const order = byNamespace();
    for (const key of ['a/2', 'a/1', 'a/2', 'a/3']) order.add(key);
    expect(order.size()).toBe(3);
    expect(drain(order)).toEqual(['a/2', 'a/1', 'a/3']);
    expect([order.take(), order.size()]).toEqual([undefined, 0]);
  });
});

describe('groups', () => {
  it('take turns, however many keys one of them has', () => {
    const order = byNamespace();
    for (let index = 0; index < 1_000; index += 1) order.add(`flood/${String(index)}`);
    order.add('b/1');
    order.add('c/1');
    order.add('b/2');
    expect(Array.from({ length: 6 }, order.take)).toEqual(['flood/0', 'b/1', 'c/1', 'flood/1', 'b/2', 'flood/2']);
  });

  it('that come again wait for all others once', () => {
    const order = byNamespace();
    for (const key of ['a/1', 'b/1', 'c/1']) order.add(key);
    expect(order.take()).toBe('a/1');
    order.add('a/2');
    expect(drain(order)).toEqual(['b/1', 'c/1', 'a/2']);
  });
});
