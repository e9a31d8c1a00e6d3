/** Who is locked, after any changes to any data: also such as somebody wrote by hand. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds as holdsFor } from '../../../test/fuzz/property.ts';
import type { AccountName } from './identity.ts';
import { changesOf, entriesGone, holds, nonceOf, whyNotLockable, withChanges, withRoom } from './lock-entries.ts';

const operator = 'offboard-system';
const names = fc.constantFrom('a', 'a.b', 'b', 'ab', 'constructor', 'toString');
const namespaces = fc.constantFrom('ci', 'ci.x', operator, 'constructor');
const accounts: fc.Arbitrary<readonly AccountName[]> = fc.uniqueArray(fc.record({ namespace: namespaces, name: names }), { maxLength: 5, selector: ({ namespace, name }) => `${namespace}/${name}` });
/** As Offboard writes it, and as people do. */
const texts = fc.oneof(fc.uniqueArray(names, { minLength: 1 }).map((all) => `\n${all.join('\n')}\n`), fc.array(fc.oneof(names, fc.constantFrom('\n', ' ', '')), { maxLength: 5 }).map((parts) => parts.join('\n')));
const data = fc.dictionary(namespaces, texts, { noNullPrototype: true });
const nonces = fc.constantFrom(undefined, nonceOf('0123456789abcdef'), nonceOf('ffffffffffffffff'));
const everybody = ['ci', 'ci.x', operator, 'constructor'].flatMap((namespace) => ['a', 'a.b', 'b', 'ab', 'constructor', 'toString'].map((name) => ({ namespace, name })));
const isIn = (all: readonly AccountName[], { namespace, name }: AccountName): boolean => all.some((each) => each.namespace === namespace && each.name === name);

describe('after a change of the lock', () => {
  it('those are locked who were and are not let go, and those who were to be; nobody else is', () => {
    holdsFor(
      fc.property(data, accounts, accounts, nonces, (before, add, gone, nonce) => {
        const remove = gone.filter((each) => !isIn(add, each));
        const after = withChanges(before, changesOf(before, { add, remove, nonce: { namespace: operator, name: nonce } }));
        for (const account of everybody) {
          if (isIn(add, account) && !holds(after, account)) throw new Error(`${account.name} is not locked`);
          if (isIn(remove, account) && holds(after, account)) throw new Error(`${account.name} is locked still`);
          const wasNamed = Object.hasOwn(before, account.namespace) && before[account.namespace]?.split('\n').includes(account.name) === true;
          if (holds(after, account) && !isIn(add, account) && !wasNamed) throw new Error(`${account.name} is locked, and nobody asked for it`);
          if (holds(before, account) && !isIn(remove, account) && !holds(after, account)) throw new Error(`${account.name} was let go`);
        }
        if (nonce !== undefined) expect(holds(after, { namespace: operator, name: nonce })).toBe(true);
        expect(changesOf(after, { add, remove, nonce: { namespace: operator, name: nonce } })).toEqual({});
      }),
      400,
    );
  });

  it('those are told to be gone who were let go, and nobody else', () => {
    const written = fc.dictionary(namespaces, fc.uniqueArray(names, { minLength: 1 }).map((all) => `\n${all.join('\n')}\n`), { noNullPrototype: true });
    holdsFor(
      fc.property(written, accounts, accounts, nonces, (before, add, gone, nonce) => {
        const remove = gone.filter((each) => !isIn(add, each));
        const after = withChanges(before, changesOf(before, { add, remove, nonce: { namespace: operator, name: nonce } }));
        const told = entriesGone(before, after, operator);
        for (const account of everybody) expect(isIn(told, account)).toBe(holds(before, account) && !holds(after, account));
        expect(entriesGone(after, before, operator).every((each) => isIn(add, each))).toBe(true);
      }),
    );
  });
});

describe('who may be locked', () => {
  it('is who a ConfigMap can name, and no other by it', () => {
    const words = fc.oneof(names, fc.string({ unit: fc.constantFrom('a', '-', '.', '\n', ' ', 'A', '/', '1'), maxLength: 6 }));
    holdsFor(
      fc.property(words, words, (namespace, name) => {
        if (whyNotLockable({ namespace, name }, operator) !== undefined) return;
        const after = withChanges({}, changesOf({}, { add: [{ namespace, name }], remove: [], nonce: { namespace: operator, name: undefined } }));
        expect(after).toEqual({ [namespace]: `\n${name}\n` });
      }),
      400,
    );
  });

  it('fits into a ConfigMap, and a namespace that has little is never kept out by one that has much', () => {
    const long = (length: number, index: number): string => `${'x'.repeat(length)}${index}`;
    holdsFor(
      fc.property(fc.integer({ min: 3_500, max: 5_000 }), fc.integer({ min: 200, max: 240 }), (count, length) => {
        const many = Array.from({ length: count }, (_, index) => ({ namespace: 'flood', name: long(length, index) }));
        // Longer than what is left beside the many.
        const one = { namespace: 'ci', name: 'y'.repeat(253) };
        const fit = withRoom({}, [...many, one]);
        const size = fit.reduce((sum, { name }) => sum + name.length + 1, 0);
        if (size > 600 * 1024) throw new Error('it does not fit');
        expect(isIn(fit, one)).toBe(true);
      }),
      10,
    );
  });
});
