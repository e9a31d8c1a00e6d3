/**
 * RFC 7386 and the part of RFC 6902 that is used. What does not change stays the very same object, so that a patch that changes
 * nothing is known by that, and a large object costs no more than what is written in it.
 */
type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

export const isSame = (one: unknown, other: unknown): boolean => {
  if (one === other) return true;
  if (Array.isArray(one)) return Array.isArray(other) && one.length === other.length && one.every((each, index) => isSame(each, other[index]));
  if (!isObject(one) || !isObject(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && isSame(one[key], other[key]));
};

const without = (object: Json, key: string): Json => {
  const { [key]: _, ...rest } = object;
  return rest;
};

export const mergePatch = (target: unknown, patch: unknown): unknown => {
  if (!isObject(patch)) return isSame(target, patch) ? target : patch;
  let result: Json = isObject(target) ? target : {};
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    const before = Object.hasOwn(result, key) ? result[key] : undefined;
    if (value === null) {
      if (Object.hasOwn(result, key)) result = without(result, key);
      continue;
    }
    const after = mergePatch(before, value);
    if (after !== before || !Object.hasOwn(result, key)) result = { ...result, [key]: after };
  }
  return result;
};

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

const failed = Symbol('failed');

/** Undefined when it does not apply: a failed test, or a path that is not there. */
export const jsonPatch = (target: unknown, operations: unknown): unknown => {
  if (!Array.isArray(operations)) return undefined;
  let result: unknown = target;
  for (const operation of operations as readonly Operation[]) {
    const path = operation.path.split('/').slice(1).map((part) => (part.includes('~') ? part.replaceAll('~1', '/').replaceAll('~0', '~') : part));
    result = apply(result, path, 0, operation);
    if (result === failed) return undefined;
  }
  return result;
};

const apply = (at: unknown, path: readonly string[], depth: number, operation: Operation): unknown => {
  const part = path[depth] ?? '';
  const isLast = depth >= path.length - 1;
  if (Array.isArray(at)) return applyToList(at, part, isLast ? undefined : (each) => apply(each, path, depth + 1, operation), operation);
  if (!isObject(at)) return failed;
  const exists = Object.hasOwn(at, part);
  if (!isLast) {
    if (!exists) return failed;
    const after = apply(at[part], path, depth + 1, operation);
    if (after === failed) return failed;
    return after === at[part] ? at : { ...at, [part]: after };
  }
  switch (operation.op) {
    case 'test':
      return exists && isSame(at[part], operation.value) ? at : failed;
    case 'remove':
      return exists ? without(at, part) : failed;
    case 'replace':
    case 'add':
      if (operation.op === 'replace' && !exists) return failed;
      return exists && isSame(at[part], operation.value) ? at : { ...at, [part]: operation.value };
    default:
      return failed;
  }
};

const applyToList = (list: readonly unknown[], part: string, deeper: ((each: unknown) => unknown) | undefined, { op, value }: Operation): unknown => {
  const index = part === '-' ? list.length : Number(part);
  if (!Number.isInteger(index) || index < 0 || index > list.length) return failed;
  if (op === 'add' && deeper === undefined) return [...list.slice(0, index), value, ...list.slice(index)];
  if (index === list.length) return failed;
  if (deeper !== undefined) {
    const after = deeper(list[index]);
    return after === failed ? failed : list.with(index, after);
  }
  if (op === 'test') return isSame(list[index], value) ? list : failed;
  if (op === 'remove') return list.toSpliced(index, 1);
  return op === 'replace' ? list.with(index, value) : failed;
};
