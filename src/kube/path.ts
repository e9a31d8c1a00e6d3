import { invalid } from '../runtime/outcome.ts';
import type { Resource } from './resources.ts';

export interface Target {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * The path and query of a request. Names come from manifests that anybody wrote, so each is one encoded segment, and one
 * that no object can have (`..`, a slash) is refused as `Invalid` rather than sent.
 */
export const pathTo = (resource: Resource, target: Target, query: Query = {}): string => {
  const { group, version, plural, namespaced } = resource;
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  if (!namespaced && target.namespace !== undefined) throw new TypeError(`${plural} have no namespace`);
  if (namespaced && target.name !== undefined && target.namespace === undefined) {
    throw new TypeError(`${plural} need a namespace`);
  }
  const scope = target.namespace === undefined ? '' : `/namespaces/${segment(target.namespace)}`;
  const name = target.name === undefined ? '' : `/${segment(target.name)}`;
  const subresource = target.subresource === undefined ? '' : `/${target.subresource}`;
  return `${root}${scope}/${plural}${name}${subresource}${queryString(query)}`;
};

/**
 * As the API server's `IsValidPathSegmentName`, and not empty: an empty name would address the whole collection. The names of
 * RBAC objects have no greatest length (5,000 characters were accepted), so there is none here.
 */
const segment = (value: string): string => {
  if (value === '' || value === '.' || value === '..' || /[/%]/.test(value) || !value.isWellFormed()) {
    throw invalid('InvalidName', `${JSON.stringify(value.slice(0, 60))} cannot be the name of a Kubernetes object`);
  }
  return encodeURIComponent(value);
};

const queryString = (query: Query): string => {
  const parts = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`],
  );
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
};
