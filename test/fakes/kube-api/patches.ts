/** RFC 7386 and the part of RFC 6902 that is used here. */
type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

export const mergePatch = (target: unknown, patch: unknown): unknown => {
  if (!isObject(patch)) return patch;
  const result: Json = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else result[key] = mergePatch(result[key], value);
  }
  return result;
};

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

/** Undefined when it does not apply: a failed test, or a path that is not there. */
export const jsonPatch = (target: unknown, operations: readonly Operation[]): unknown => {
  const result: unknown = structuredClone(target);
  for (const { op, path, value } of operations) {
    const parts = path.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = parts.pop() ?? '';
    const parent = parts.reduce<unknown>((at, part) => (isObject(at) || Array.isArray(at) ? (at as Json)[part] : undefined), result);
    if (!isObject(parent) && !Array.isArray(parent)) return undefined;
    const container = parent as Json;
    const exists = last in container;
    if (op === 'test' && JSON.stringify(container[last]) !== JSON.stringify(value)) return undefined;
    if ((op === 'replace' || op === 'remove') && !exists) return undefined;
    if (op === 'remove' && Array.isArray(parent)) parent.splice(Number(last), 1);
    else if (op === 'remove') Reflect.deleteProperty(container, last);
    else if (op === 'add' && Array.isArray(parent)) parent.splice(last === '-' ? parent.length : Number(last), 0, value);
    else if (op === 'add' || op === 'replace') container[last] = value;
  }
  return result;
};
