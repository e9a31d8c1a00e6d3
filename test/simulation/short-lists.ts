/**
 * Something in between passes a part of a list on as if it were all. No client can tell that from a true one: what is promised holds
 * all the same where it lasts for less than the settle time, since by then everything was listed once more.
 */
import type { Random } from '../../src/runtime/random.ts';
import type { WireAnswer } from './engine/wire.ts';
import { chance } from './engine/random.ts';

/** Lists of things that are each asked for by their own name. A policy is left whole: who got a part of it with its etag would write the part back. */
const lists = ['keys', 'items', 'results', 'accounts'] as const;

type Fields = Readonly<Record<string, unknown>>;

const passedOff = new WeakSet<WireAnswer>();

/** Whether whoever got this must take it for whole. */
export const isPassedOff = (answer: WireAnswer): boolean => passedOff.has(answer);

/** For the network. What is no list is left as it is. */
export const shortened =
  (random: Random) =>
  (answer: WireAnswer): WireAnswer => {
    const short = shorten(answer, random);
    passedOff.add(short);
    return short;
  };

const shorten = (answer: WireAnswer, random: Random): WireAnswer => {
  if (answer.status !== 200 || !lists.some((name) => answer.body.includes(`"${name}":[`))) return answer;
  const body = JSON.parse(answer.body) as Fields;
  const data = body['data'] as Fields | null | undefined;
  if (!Array.isArray(data?.['keys'])) return { ...answer, body: JSON.stringify(halved(body, random)) };
  const left = halved(data, random);
  // No key is absent, as Vault has it.
  return (left['keys'] as readonly unknown[]).length === 0 ? { ...answer, status: 404, body: '{"errors":[]}' } : { ...answer, body: JSON.stringify({ ...body, data: left }) };
};

const halved = (fields: Fields, random: Random): Fields =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, lists.some((each) => each === name) && Array.isArray(value) ? value.filter(() => chance(random, 0.5)) : value]));
