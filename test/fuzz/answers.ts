/** What a server may send: what it does send, with anything in it changed, and anything else. */
import fc from 'fast-check';

export interface Answer {
  readonly status: number;
  readonly body: object | undefined;
}

/** Those that mean something to somebody, and all others. */
export const statuses = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(200, 201, 202, 204, 301, 400, 401, 403, 404, 405, 409, 410, 412, 422, 429, 500, 502, 503, 504) }, fc.integer({ min: 100, max: 599 }));

const words = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom('', 'invalid lease', 'permission denied', 'not found', 'service account', 'NotFound', '1 error occurred:\n\t* permission denied\n\n', '__proto__'));

const values = fc.oneof({ weight: 2, arbitrary: words }, fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(null, true, 0, -1, [], {}, ['x'], 404, 1e300));

const anything: fc.Arbitrary<object | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.dictionary(fc.oneof(fc.constantFrom('errors', 'error', 'data', 'warnings', 'kind', 'metadata', 'status', 'reason', 'details', 'code', 'keys', 'items', 'bindings', 'etag'), fc.string({ maxLength: 10 })), values, { maxKeys: 6 }),
);

type Change = { readonly at: number; readonly to: 'remove' | { readonly value: unknown } };

const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.record({ at: fc.nat({ max: 40 }), to: fc.oneof(fc.constant('remove' as const), values.map((value) => ({ value }))) }),
  { maxLength: 2 },
);

/** All places in a body, from the outside in. */
const pathsIn = (value: unknown, path: readonly string[] = []): readonly (readonly string[])[] =>
  typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([key, inner]) => [[...path, key], ...pathsIn(inner, [...path, key])]) : [];

const changed = (value: unknown, [key, ...rest]: readonly string[], to: Change['to']): unknown => {
  if (typeof value !== 'object' || value === null || key === undefined) return value;
  const entries = Object.entries(value).flatMap(([name, inner]): readonly (readonly [string, unknown])[] => {
    if (name !== key) return [[name, inner]];
    if (rest.length > 0) return [[name, changed(inner, rest, to)]];
    return to === 'remove' ? [] : [[name, to.value]];
  });
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
};

const mutated = (body: object | undefined, all: readonly Change[]): object | undefined =>
  all.reduce<object | undefined>((so, { at, to }) => {
    const paths = pathsIn(so);
    const path = paths[at % Math.max(1, paths.length)];
    return path === undefined ? so : (changed(so, path, to) as object);
  }, body);

/** One of those that are real, one that is nearly real, or anything at all. */
export const answersLike = (real: readonly Answer[]): fc.Arbitrary<Answer> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...real), changes).map(([{ status, body }, all]) => ({ status, body: mutated(body, all) })) },
    { weight: 3, arbitrary: fc.tuple(statuses, fc.constantFrom(...real), changes).map(([status, { body }, all]) => ({ status, body: mutated(body, all) })) },
    { weight: 1, arbitrary: fc.record({ status: statuses, body: anything }) },
  );
