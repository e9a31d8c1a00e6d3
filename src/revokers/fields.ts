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

/** Undefined where it is not JSON. */
export const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};
