/** Label values: a series for each is kept for as long as the process lives, so each set of them is closed. */
export const other = 'other';

/** A value of the set as it is, anything else as `other`. */
export const oneOf = (...values: readonly string[]): ((value: string) => string) => {
  const known = new Set(values);
  return (value) => (known.has(value) ? value : other);
};

/** For names that the wiring chooses, each once: the first `limit` of them as they are, and `other` for any more. */
export const atMost = (limit: number): ((value: string) => string) => {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= limit) return other;
    known.add(value);
    return value;
  };
};

const methods: Readonly<Record<string, string>> = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
};

/** The HTTP method of an API verb, which is what client-go's metrics tell. */
export const methodOf = (verb: string): string => (Object.hasOwn(methods, verb) ? (methods[verb] ?? other) : other);

/** An HTTP status, or `<error>` when there was no answer, as in client-go. */
export const statusCode = (code: string): string => (/^[1-5]\d\d$/.test(code) || code === '<error>' ? code : other);
