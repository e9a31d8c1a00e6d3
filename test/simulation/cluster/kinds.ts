/** What the simulated API servers serve, and how a path names it. */
import * as resources from '../../../src/kube/resources.ts';
import type { Resource } from '../../../src/kube/resources.ts';

export interface Kind extends Resource {
  readonly apiVersion: string;
  /** How messages and RBAC name it. */
  readonly qualified: string;
  /** One of ours: its status is written apart, and the items of its lists tell their kind. */
  readonly custom: boolean;
  /** Whether it counts the changes of what is asked of it. */
  readonly counted: boolean;
  /** What the text of an object begins with. */
  readonly head: string;
}

const counted: ReadonlySet<string> = new Set(['apps', 'batch', 'offboard.dev', 'admissionregistration.k8s.io']);

const kindOf = (resource: Resource): Kind => {
  const apiVersion = resources.apiVersionOf(resource);
  return {
    ...resource,
    apiVersion,
    qualified: resources.qualifiedName(resource),
    custom: resource.group === 'offboard.dev',
    counted: counted.has(resource.group),
    head: `{"kind":"${resource.kind}","apiVersion":"${apiVersion}",`,
  };
};

const isResource = (value: unknown): value is Resource => typeof value === 'object' && value !== null && 'plural' in value;

export const kinds: readonly Kind[] = Object.values(resources).filter(isResource).map(kindOf);

const byPath: ReadonlyMap<string, Kind> = new Map(kinds.map((kind) => [`${kind.group}/${kind.version}/${kind.plural}`, kind]));
const byResource = new Map<Resource, Kind>();

/** The same, as these servers have it. */
export const kindFor = (resource: Resource): Kind => {
  const known = byResource.get(resource) ?? byPath.get(`${resource.group}/${resource.version}/${resource.plural}`);
  if (known === undefined) throw new Error(`the simulated cluster has no ${resource.plural}`);
  byResource.set(resource, known);
  return known;
};

export interface Parsed {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly query: ReadonlyMap<string, string>;
}

const remembered = new Map<string, Parsed | undefined>();
const mostRemembered = 5_000;

/** Undefined for what is not served. Most paths come again and again. */
export const parsePath = (path: string): Parsed | undefined => {
  const known = remembered.get(path);
  if (known !== undefined || remembered.has(path)) return known;
  if (remembered.size >= mostRemembered) remembered.clear();
  const parsed = parse(path);
  remembered.set(path, parsed);
  return parsed;
};

const none: ReadonlyMap<string, string> = new Map();

const parse = (path: string): Parsed | undefined => {
  const mark = path.indexOf('?');
  const parts = (mark === -1 ? path : path.slice(0, mark)).split('/');
  const isCore = parts[1] === 'api';
  if (!isCore && parts[1] !== 'apis') return undefined;
  const group = isCore ? '' : (parts[2] ?? '');
  let at = isCore ? 2 : 3;
  const version = parts[at] ?? '';
  at += 1;
  const scoped = parts[at] === 'namespaces' && parts.length > at + 2;
  const namespace = scoped ? decode(parts[at + 1]) : undefined;
  if (scoped) at += 2;
  const kind = byPath.get(`${group}/${version}/${parts[at] ?? ''}`);
  if (kind === undefined || parts.length > at + 3 || (scoped && !kind.namespaced)) return undefined;
  const name = decode(parts[at + 1]);
  if (name === '' || (name !== undefined && kind.namespaced && !scoped)) return undefined;
  return { kind, namespace, name, subresource: parts[at + 2], query: mark === -1 ? none : parseQuery(path.slice(mark + 1)) };
};

const parseQuery = (text: string): ReadonlyMap<string, string> =>
  new Map(text.split('&').map((part) => {
    const equals = part.indexOf('=');
    return equals === -1 ? [part, ''] : [part.slice(0, equals), decode(part.slice(equals + 1)) ?? ''];
  }));

const decode = (text: string | undefined): string | undefined => {
  if (text?.includes('%') !== true) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
