/** Which objects a list or a watch shows. */
import type { Kind } from './kinds.ts';
import type { StoredObject } from './store.ts';

export type Selector = (object: StoredObject) => boolean;

const selectable: Readonly<Record<string, readonly string[]>> = {
  secrets: ['type'],
  pods: ['spec.serviceAccountName', 'spec.nodeName', 'status.phase'],
  offboardingrecords: ['spec.identity.namespace', 'spec.identity.name', 'spec.offboarding.uid'],
};

interface Term {
  readonly key: string;
  readonly equals: boolean;
  readonly value: string;
}

const termOf = (text: string): Term => {
  const not = text.indexOf('!=');
  if (not !== -1) return { key: text.slice(0, not), equals: false, value: text.slice(not + 2) };
  const at = text.indexOf('=');
  return { key: text.slice(0, at), equals: true, value: text.slice(at).replace(/^==?/, '') };
};

const valueAt = (object: unknown, path: readonly string[]): string => {
  let at = object;
  for (const part of path) at = typeof at === 'object' && at !== null ? (at as Readonly<Record<string, unknown>>)[part] : undefined;
  return typeof at === 'string' ? at : '';
};

/** Undefined: everything. A text is why there is no such selector. */
export const selectorOf = (kind: Kind, query: ReadonlyMap<string, string>): Selector | string | undefined => {
  const [fields, labels] = [query.get('fieldSelector') ?? '', query.get('labelSelector') ?? ''];
  if (fields === '' && labels === '') return undefined;
  const tests: Selector[] = [];
  for (const { key, equals, value } of fields === '' ? [] : fields.split(',').map(termOf)) {
    if (key !== 'metadata.name' && key !== 'metadata.namespace' && selectable[kind.plural]?.includes(key) !== true) return `field label not supported: ${key}`;
    const path = key.split('.');
    tests.push((object) => (valueAt(object, path) === value) === equals);
  }
  for (const text of labels === '' ? [] : labels.split(',')) tests.push(labelTest(text));
  return (object) => tests.every((test) => test(object));
};

const labelTest = (text: string): Selector => {
  if (!text.includes('=')) {
    const absent = text.startsWith('!');
    const label = absent ? text.slice(1) : text;
    return ({ metadata: { labels = {} } }) => Object.hasOwn(labels, label) !== absent;
  }
  const { key, equals, value } = termOf(text);
  return ({ metadata: { labels = {} } }) => (labels[key] === value) === equals;
};
