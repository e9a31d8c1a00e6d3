/**
 * Allow policies: pure. A policy is read, changed and written as the document that Google gave, so that whatever it holds and we
 * do not know comes back as it was.
 */
import { createHash } from 'node:crypto';

import { fieldOf, textOf, textsOf } from '../fields.ts';

export interface Binding {
  readonly role: string;
  readonly members: readonly string[];
  readonly condition?: object;
}

export interface Policy {
  /** As it was parsed, with all that it holds. */
  readonly document: object;
  readonly etag: string;
  readonly bindings: readonly Binding[];
}

/** One member of one binding. Bindings differ by role and condition. */
export interface Triple {
  readonly role: string;
  readonly member: string;
  /** Empty where there is none; the same for the same condition, whatever the order of its fields. */
  readonly condition: string;
  /** For people. */
  readonly title?: string;
}

/** With conditions, a policy that was not asked for by version 3 shows such roles in place of them. */
const lostCondition = /_withcond_/;

/** Undefined when it is no whole policy: without an etag, or by a version that does not tell conditions. */
export const readPolicy = (body: unknown): Policy | undefined => {
  const etag = textOf(body, 'etag');
  const listed = fieldOf(body, 'bindings') ?? [];
  if (typeof body !== 'object' || body === null || etag === undefined || etag === '' || !Array.isArray(listed)) return undefined;
  const bindings = listed.map(readBinding);
  if (!bindings.every((binding) => binding !== undefined)) return undefined;
  const version = fieldOf(body, 'version') ?? 0;
  const hasConditions = bindings.some(({ condition }) => condition !== undefined);
  if (typeof version !== 'number' || (hasConditions && version !== 3) || bindings.some(({ role }) => lostCondition.test(role))) return undefined;
  return { document: body, etag, bindings };
};

const readBinding = (value: unknown): Binding | undefined => {
  const role = textOf(value, 'role');
  const members = fieldOf(value, 'members') === undefined ? [] : textsOf(value, 'members');
  const condition = fieldOf(value, 'condition') ?? undefined;
  if (role === undefined || role === '' || members === undefined || (condition !== undefined && typeof condition !== 'object')) return undefined;
  return { role, members, ...(condition !== undefined && { condition }) };
};

export const conditionKey = (condition: object | undefined): string =>
  condition === undefined ? '' : createHash('sha256').update(stable(condition)).digest('hex').slice(0, 12);

/** JSON that does not depend on the order of keys. */
const stable = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(stable).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([one], [another]) => (one < another ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${stable(inner)}`).join(',')}}`;
};

/** Of policies that many look at. */
const known = new WeakMap<readonly Binding[], readonly Triple[]>();

export const triplesOf = ({ bindings }: Pick<Policy, 'bindings'>): readonly Triple[] => {
  const triples = known.get(bindings) ?? listTriples(bindings);
  known.set(bindings, triples);
  return triples;
};

const listTriples = (bindings: readonly Binding[]): readonly Triple[] =>
  bindings.flatMap(({ role, members, condition }) => {
    const key = conditionKey(condition);
    const title = textOf(condition, 'title');
    return [...new Set(members)].map((member) => ({ role, member, condition: key, ...(title !== undefined && { title }) }));
  });

export const tripleKey = ({ role, member, condition }: Triple): string => JSON.stringify([role, condition, member]);

/**
 * The document without just those, to be written back by its etag; undefined when it holds none of them. Throws when anything else
 * would change, which would be a bug of ours: nothing is written then.
 */
export const withoutTriples = (policy: Policy, asked: readonly Triple[]): object | undefined => {
  const leaving = new Set(asked.map(tripleKey));
  const before = triplesOf(policy);
  if (!before.some((triple) => leaving.has(tripleKey(triple)))) return undefined;
  const listed = fieldOf(policy.document, 'bindings');
  const bindings = (Array.isArray(listed) ? (listed as readonly object[]) : []).flatMap((raw, index) => {
    const { role = '', members = [], condition } = policy.bindings[index] ?? {};
    const key = conditionKey(condition);
    const left = members.filter((member) => !leaving.has(tripleKey({ role, member, condition: key })));
    if (left.length === members.length) return [raw];
    return left.length === 0 ? [] : [{ ...raw, members: left }];
  });
  const document = { ...policy.document, version: 3, bindings };
  assertOthersUntouched(policy, document, leaving);
  return document;
};

/** Reads what would be written as if Google had sent it, and compares it with what was read. */
const assertOthersUntouched = (before: Policy, document: object, leaving: ReadonlySet<string>): void => {
  const after = readPolicy(document);
  const wanted = triplesOf(before).map(tripleKey).filter((key) => !leaving.has(key));
  const kept = after === undefined ? [] : triplesOf(after).map(tripleKey);
  const same = wanted.length === kept.length && wanted.every((key, index) => key === kept[index]);
  const { bindings: _, version: __, ...rest } = before.document as Readonly<Record<string, unknown>>;
  const { bindings: ___, version, ...restAfter } = document as Readonly<Record<string, unknown>>;
  if (!same || after?.etag !== before.etag || version !== 3 || stable(rest) !== stable(restAfter))
    throw new Error('a removal would have changed another member of the policy, and was not written');
};

