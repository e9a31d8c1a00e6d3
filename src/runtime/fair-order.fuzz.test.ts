/** Whatever is added and taken, and in whatever order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds } from '../../test/fuzz/property.ts';
import { createFairOrder } from './fair-order.ts';

const groupOf = (key: string): string => key.split('/')[0] ?? '';
const keys = fc.tuple(fc.constantFrom('a', 'b', 'c', '', '__proto__'), fc.constantFrom('1', '2', '3', 'toString')).map((parts) => parts.join('/'));
const steps = fc.array(fc.oneof({ weight: 3, arbitrary: keys }, { weight: 2, arbitrary: fc.constant('take' as const) }), { size: '+2', maxLength: 60 });

describe('keys in a fair order', () => {
  it('are each handed out once for each time that they came in anew, and none is lost', () => {
    holds(
      fc.property(steps, (all) => {
        const order = createFairOrder(groupOf);
        const there = new Set<string>();
        for (const step of all) {
          if (step === 'take') {
            const key = order.take();
            if (key === undefined ? there.size > 0 : !there.delete(key)) throw new Error(`it gave ${String(key)} of ${[...there].join(' ')}`);
          } else {
            order.add(step);
            there.add(step);
          }
          expect(order.size()).toBe(there.size);
        }
        const rest = Array.from({ length: order.size() }, order.take);
        expect([rest.toSorted(), order.take()]).toEqual([[...there].toSorted(), undefined]);
      }),
    );
  });

  it('come as they came within their group, and let no other group have two turns while theirs waits for one', () => {
    holds(
      fc.property(steps, (all) => {
        const order = createFairOrder(groupOf);
        const waiting: string[] = [];
        /** Of each group that waits: those that have had a turn since it waits for its next. */
        const served = new Map<string, Set<string>>();
        for (const step of all) {
          if (step !== 'take') {
            order.add(step);
            if (waiting.includes(step)) continue;
            if (!served.has(groupOf(step))) served.set(groupOf(step), new Set());
            waiting.push(step);
            continue;
          }
          const key = order.take();
          if (key === undefined) continue;
          const group = groupOf(key);
          expect(key).toBe(waiting.find((each) => groupOf(each) === group));
          waiting.splice(waiting.indexOf(key), 1);
          for (const [other, had] of served) {
            if (other === group) continue;
            if (had.has(group)) throw new Error(`${group} had two turns while ${other} waits`);
            had.add(group);
          }
          served.delete(group);
          if (waiting.some((each) => groupOf(each) === group)) served.set(group, new Set());
        }
      }),
    );
  });
});
