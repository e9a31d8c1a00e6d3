/** What a request asks for, read once for each path. */
import type { WireRequest } from '../engine/wire.ts';

export type Operation = 'read' | 'list' | 'update' | 'delete';

export interface Path {
  /** After `/v1/`, decoded, without a slash at the end. */
  readonly name: string;
  readonly segments: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

const known = new Map<string, Path>();
const mostKnown = 5_000;

export const pathOf = (path: string): Path => {
  const before = known.get(path);
  if (before !== undefined) return before;
  if (known.size >= mostKnown) known.clear();
  const read = readPath(path);
  known.set(path, read);
  return read;
};

const readPath = (path: string): Path => {
  const [place = '', query = ''] = path.split('?', 2);
  const segments = place.replace(/^\/v1\//, '').split('/').map(decoded);
  if (segments.at(-1) === '') segments.pop();
  const pairs = query.split('&').map((pair): [string, string] => {
    const [key = '', value = ''] = pair.split('=', 2);
    return [decoded(key), decoded(value)];
  });
  return { name: segments.join('/'), segments, query: Object.fromEntries(pairs) };
};

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

export const operationOf = (method: string, { query }: Path): Operation | undefined => {
  switch (method) {
    case 'GET':
      return query['list'] === 'true' ? 'list' : 'read';
    case 'LIST':
      return 'list';
    case 'POST':
    case 'PUT':
      return 'update';
    case 'DELETE':
      return 'delete';
    default:
      return undefined;
  }
};

/** Undefined when it is no JSON object. */
export const bodyOf = ({ body }: WireRequest): Readonly<Record<string, unknown>> | undefined => {
  if (body === undefined || body === '') return {};
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
};

export const textIn = (body: Readonly<Record<string, unknown>>, key: string): string => {
  const value = body[key];
  return typeof value === 'string' ? value : '';
};
