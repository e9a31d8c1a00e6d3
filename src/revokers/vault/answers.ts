/** Reads what Vault sent, which may be anything, without believing its shape. */
import { fieldOf, textsOf } from '../fields.ts';

/** What most answers wrap what was asked for in. */
export const dataOf = (body: unknown): unknown => fieldOf(body, 'data');

/** The server's own words about what did not work; undefined when the body is not one of its errors. */
export const errorsOf = (body: unknown): readonly string[] | undefined => textsOf(body, 'errors');

/** In a request of many words, as one line. */
export const wordsOf = (body: unknown): string => {
  const words = errorsOf(body) ?? [];
  return words.join('; ').replace(/\s+/g, ' ').replace(/^\d+ errors? occurred: \* /, '').trim();
};
