/** What a chain of records shows, in whatever order it is given, and what is signed of an envelope. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds } from '../../test/fuzz/property.ts';
import { chainsOf, headProblem } from './chain.ts';
import type { Linked } from './chain.ts';
import { preAuthEncoding } from './signing.ts';

const place = (index: number): string => String(index + 1).padStart(10, '0');
const digestAt = (cluster: string, index: number): string => `sha256:${cluster}${String(index).padStart(63, '0')}`;

/** As records are written: each after the one before, some of them revising an earlier one. */
const genuine = (cluster: string, length: number, revising: readonly number[]): readonly Linked[] => {
  const names = Array.from({ length }, (_, index) => place(index));
  return names.map((name, index) => ({
    record: {
      name,
      cluster,
      ...(index === 0 ? {} : { previous: { name: names[index - 1] ?? '', digest: digestAt(cluster, index - 1) } }),
      ...(revising.includes(index) && index > 0 ? { revises: names[Math.floor(index / 2)] ?? '' } : {}),
    },
    digest: digestAt(cluster, index),
    outcome: 'Confirmed',
    identity: 'ci/agent',
    run: 'uid-of-run',
  }));
};

const chains = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), fc.array(fc.nat({ max: 11 }), { maxLength: 3 })).map(([a, b, revising]) => ({ a: genuine('a', a, revising), b: genuine('b', b, revising) }));
const shuffled = <T>(all: readonly T[], order: readonly number[]): readonly T[] => all.map((each, index) => [order[index % order.length] ?? 0, each] as const).toSorted(([one], [other]) => one - other).map(([, each]) => each);
const orders = fc.array(fc.nat(), { minLength: 1, maxLength: 24, size: '+1' });

describe('records of two clusters, in any order', () => {
  it('are two whole chains, each with its own end', () => {
    holds(
      fc.property(chains, orders, ({ a, b }, order) => {
        const told = chainsOf(shuffled([...a, ...b], order));
        expect(told.map(({ cluster, first, last, length, problems, notes }) => ({ cluster, first, last, length, problems, notes }))).toEqual(
          [a, b].map((all) => ({ cluster: all[0]?.record.cluster, first: place(0), last: { name: all.at(-1)?.record.name, digest: all.at(-1)?.digest }, length: all.length, problems: [], notes: [] })),
        );
      }),
      100,
    );
  });

  it('have a problem when one between others is missing, is another, or is there twice; and none is told of the other chain', () => {
    holds(
      fc.property(chains, orders, fc.nat(), fc.constantFrom('missing' as const, 'another' as const, 'twice' as const), ({ a, b }, order, at, wrong) => {
        if (a.length < 3) return;
        const index = 1 + (at % (a.length - 2));
        const forged = a.flatMap((each, there) => {
          if (there !== index) return [each];
          const another = { ...each, digest: digestAt('f', there) };
          return { missing: [], another: [another], twice: [each, another] }[wrong];
        });
        const [first, second] = chainsOf(shuffled([...forged, ...b], order));
        if (first?.problems.length === 0) throw new Error(`${wrong} at ${index}, and nothing is told`);
        expect(second?.problems).toEqual([]);
      }),
    );
  });

  it('hold all that they held when a head was noted down, unless the end was cut off', () => {
    holds(
      fc.property(chains, orders, fc.nat(), ({ a, b }, order, at) => {
        const kept = at % a.length;
        for (const [index, { digest, record: { name } }] of a.entries()) {
          const given = shuffled([...a.slice(0, kept + 1), ...b], order);
          expect(headProblem(given, { digest }) === undefined).toBe(index <= kept);
          expect(headProblem(given, { name, digest }) === undefined).toBe(index <= kept);
          expect(headProblem(given, { name: place(index + 1), digest })).toBeDefined();
        }
      }),
      50,
    );
  });
});

describe('what is signed', () => {
  it('is another for another type or another payload, whatever is in them', () => {
    const types = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 6 }), fc.constantFrom('', '1 ', ' 1', '0', '1 a 1', '2 a'));
    const payloads = fc.oneof(types, fc.constantFrom('a', ' a', '1 a', 'a 1 b')).map((text) => Buffer.from(text));
    /** Taken apart from the front, as nothing in it can be mistaken: each part says how long it is. */
    const read = (bytes: Uint8Array): readonly string[] => {
      const whole = Buffer.from(bytes).toString('latin1');
      const [, start = '', count = ''] = /^(DSSEv1 (\d+) )/.exec(whole) ?? [];
      const end = start.length + Number(count);
      const [, middle = '', size = ''] = /^( (\d+) )/.exec(whole.slice(end)) ?? [];
      const payload = whole.slice(end + middle.length);
      if (payload.length !== Number(size)) throw new Error('it says another length');
      return [whole.slice(start.length, end), payload].map((part) => Buffer.from(part, 'latin1').toString());
    };
    holds(
      fc.property(types, payloads, types, payloads, (type, payload, otherType, otherPayload) => {
        const [one, other] = [preAuthEncoding(type, payload), preAuthEncoding(otherType, otherPayload)];
        expect(read(one)).toEqual([type, payload.toString()]);
        expect(Buffer.compare(one, other) === 0).toBe(type === otherType && payload.equals(otherPayload));
      }),
      400,
    );
  });
});
