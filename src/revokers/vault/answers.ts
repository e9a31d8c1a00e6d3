/** Reads what a server sent, which may be anything, without believing its shape. */

export const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Readonly<Record<string, unknown>>)[key] : undefined;

export const textOf = (value: unknown, key: string): string | undefined => {
  const found = fieldOf(value, key);
  return typeof found === 'string' ? found : undefined;
};

export const numberOf = (value: unknown, key: string): number | undefined => {
  const found = fieldOf(value, key);
  return typeof found === 'number' ? found : undefined;
};

/** The texts of a list; undefined when it is none, or holds anything else: half a list is no list. */
export const textsOf = (value: unknown, key: string): readonly string[] | undefined => {
  const found = fieldOf(value, key);
  return Array.isArray(found) && found.every((item) => typeof item === 'string') ? found : undefined;
};

/** What most answers wrap what was asked for in. */
export const dataOf = (body: unknown): unknown => fieldOf(body, 'data');

/** The server's own words about what did not work; undefined when the body is not one of its errors. */
export const errorsOf = (body: unknown): readonly string[] | undefined => textsOf(body, 'errors');

/** In a request of many words, as one line. */
export const wordsOf = (body: unknown): string => {
  const words = errorsOf(body) ?? [];
  return words.join('; ').replace(/\s+/g, ' ').replace(/^\d+ errors? occurred: \* /, '').trim();
};
