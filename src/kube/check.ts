/** The border: what the API server answered is looked at here once, and trusted from there on. */
import { ApiError } from './errors.ts';
import type { KubeObject } from './objects.ts';
import type { Page } from './paging.ts';
import type { Verb } from './request.ts';
import type { Resource } from './resources.ts';

interface Expectation {
  readonly verb: Verb;
  readonly metadataOnly: boolean;
  readonly name?: string;
  /** Items of a typed list leave their kind out. */
  readonly kindOptional?: boolean;
  /** Of a dry run: what was never stored has no resource version. */
  readonly unstored?: boolean;
}

const metadataKind = 'PartialObjectMetadata';

/** `value` as an object of that resource; throws an {@link ApiError} of reason `Garbage` when it is something else. */
export const checkObject = (value: unknown, resource: Resource, expected: Expectation): KubeObject => {
  const object = asRecord(value);
  const metadata = asRecord(object?.['metadata']);
  const kind = expected.metadataOnly ? metadataKind : resource.kind;
  const rightKind = object?.['kind'] === kind || (expected.kindOptional === true && object?.['kind'] === undefined);
  if (!object || !metadata || !rightKind) throw garbage(resource, expected.verb, `it is no ${kind}`);
  for (const field of ['name', 'uid', ...(expected.unstored === true ? [] : ['resourceVersion'])]) {
    if (typeof metadata[field] !== 'string' || metadata[field] === '') {
      throw garbage(resource, expected.verb, `it has no metadata.${field}`);
    }
  }
  if (expected.name !== undefined && metadata['name'] !== expected.name) {
    throw garbage(resource, expected.verb, 'it is another object');
  }
  if (expected.metadataOnly) requireMetadataOnly(object, metadata, resource, expected.verb);
  return value as KubeObject;
};

/** kubectl copies the whole manifest into this annotation, so it carries whatever the object does. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

const requireMetadataOnly = (
  object: Record<string, unknown>, metadata: Record<string, unknown>, resource: Resource, verb: Verb,
): void => {
  const extra = Object.keys(object).find((key) => !['apiVersion', 'kind', 'metadata'].includes(key));
  if (extra !== undefined) throw garbage(resource, verb, 'only metadata was asked for, and more came');
  const annotations = asRecord(metadata['annotations']);
  if (annotations) Reflect.deleteProperty(annotations, lastApplied);
};

export const checkList = (value: unknown, resource: Resource, metadataOnly: boolean): Page<KubeObject> => {
  const list = asRecord(value);
  const metadata = asRecord(list?.['metadata']);
  const kind = `${metadataOnly ? metadataKind : resource.kind}List`;
  // An empty list of metadata has `items: null`.
  const items = list?.['items'] === null ? [] : list?.['items'];
  const resourceVersion = metadata?.['resourceVersion'];
  if (list?.['kind'] !== kind || !Array.isArray(items) || typeof resourceVersion !== 'string' || resourceVersion === '') {
    throw garbage(resource, 'list', `it is no ${kind}`);
  }
  const next = metadata?.['continue'];
  const expected = { verb: 'list', metadataOnly, kindOptional: !metadataOnly } as const;
  return {
    items: items.map((item) => checkObject(item, resource, expected)),
    resourceVersion,
    next: typeof next === 'string' && next !== '' ? next : undefined,
  };
};

/** A review has a kind and a status, but no name: nothing was stored. */
export const checkReview = (value: unknown, resource: Resource): object => {
  const review = asRecord(value);
  if (review?.['kind'] !== resource.kind || !asRecord(review['status'])) throw garbage(resource, 'create', `it is no ${resource.kind}`);
  return review;
};

/** The message tells what was wrong, never what was there. */
export const garbage = (resource: Resource, verb: Verb, why: string): ApiError =>
  new ApiError(0, 'Garbage', `the answer to ${verb} ${resource.plural} cannot be used: ${why}`, { verb });

export const asRecord = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
