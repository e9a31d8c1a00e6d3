/** One text for one value, so that what is signed can be made again: RFC 8785, the JSON Canonicalization Scheme. */
import canonicalize from 'canonicalize';

/**
 * Members that are undefined are left out, as JSON does. What JSON cannot hold, or holds as something else, is refused with the place of
 * it: NaN, undefined in a list, a lone surrogate, an object that is not plain.
 * @see https://www.rfc-editor.org/rfc/rfc8785
 */
export const canonicalJson = (value: unknown): string => {
  refuseOthers(value, '$');
  return canonicalize(value) ?? refuse('$', 'is undefined');
};

const refuseOthers = (value: unknown, path: string): void => {
  if (value === null || typeof value === 'boolean') return;
  if (typeof value === 'string') {
    if (!value.isWellFormed()) refuse(path, 'holds half of a character');
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) refuse(path, `is ${String(value)}`);
  } else if (typeof value !== 'object') {
    refuse(path, `is ${typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`}`);
  } else if (Array.isArray(value)) {
    // Not forEach, which passes over what a list does not have.
    for (let index = 0; index < value.length; index += 1) refuseOthers(value[index], `${path}[${index}]`);
  } else {
    refuseMembers(value, path);
  }
};

const refuseMembers = (value: object, path: string): void => {
  const prototype: unknown = Object.getPrototypeOf(value);
  if ((prototype !== Object.prototype && prototype !== null) || 'toJSON' in value) refuse(path, 'is not a plain object');
  for (const [key, member] of Object.entries(value)) {
    if (!key.isWellFormed()) refuse(path, 'has a key with half of a character');
    if (member !== undefined) refuseOthers(member, `${path}.${key}`);
  }
};

const refuse = (path: string, why: string): never => {
  throw new TypeError(`cannot be written as canonical JSON: ${path} ${why}`);
};
