import { expect, it } from 'vitest';
import type { WireAnswer } from './engine/wire.ts';
import { shortened } from './short-lists.ts';

/** Keeps every other thing. */
const everyOther = (): (() => number) => {
  let turn = 0;
  return () => (turn++ % 2 === 0 ? 0.9 : 0.1);
};
const answer = (body: object): WireAnswer => ({ status: 200, body: JSON.stringify(body) });

it('a list is passed on in part, in the form of each server', () => {
  expect(shortened(everyOther())(answer({ data: { keys: ['a', 'b', 'c'] } }))).toEqual(answer({ data: { keys: ['b'] } }));
  expect(shortened(everyOther())(answer({ kind: 'RoleBindingList', items: [1, 2, 3] }))).toEqual(answer({ kind: 'RoleBindingList', items: [2] }));
  expect(shortened(everyOther())(answer({ keys: [1, 2] }))).toEqual(answer({ keys: [2] }));
});

it('a list of Vault of which nothing is left is absent, as Vault says it', () => {
  expect(shortened(() => 0.9)(answer({ data: { keys: ['a'] } }))).toEqual({ status: 404, body: '{"errors":[]}' });
});

it('what is no list is passed on as it is', () => {
  for (const body of [{ data: { id: 'x' } }, { bindings: [1, 2] }, { data: null }]) expect(shortened(() => 0.9)(answer(body))).toEqual(answer(body));
});
