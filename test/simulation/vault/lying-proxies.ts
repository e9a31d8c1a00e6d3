/**
 * What no real Vault answers: something in between that changes answers. For the network's `Garbled`. Lying proxies are outside of
 * what can be promised, but for what the operator happens to see through.
 */
import type { WireAnswer } from '../engine/wire.ts';

/** Drops every other key of a list, and leaves everything else as it is. */
export const dropHalfOfKeys = (answer: WireAnswer): WireAnswer => {
  if (answer.status !== 200 || !answer.body.includes('"keys":[')) return answer;
  const body = JSON.parse(answer.body) as { readonly data?: { readonly keys?: readonly string[] } };
  const keys = body.data?.keys;
  if (keys === undefined) return answer;
  return { ...answer, body: JSON.stringify({ ...body, data: { ...body.data, keys: keys.filter((_, at) => at % 2 === 1) } }) };
};

/** Says that a list is empty, in the words in which Vault says so. */
export const emptyList = (answer: WireAnswer): WireAnswer => (answer.status === 200 && answer.body.includes('"keys":[') ? { ...answer, status: 404, body: '{"errors":[]}' } : answer);
