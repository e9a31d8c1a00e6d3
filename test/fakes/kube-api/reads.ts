import type { ServerResponse } from 'node:http';

import { type FakeRequest, bare, sendJson, sendNotFound, statusBody, wantsMetadata } from './exchange.ts';
import type { Table } from './table.ts';

export const sendObject = (table: Table, request: FakeRequest, response: ServerResponse): void => {
  const { resource, namespace, name = '' } = request;
  const object = table.find(resource, namespace, name);
  if (!object) sendNotFound(resource, name, response);
  else sendJson(response, 200, wantsMetadata(request) ? bare(object) : object);
};

interface ContinueToken {
  readonly version: number;
  readonly after: string;
}

/** Unlike the real one, later pages show what is there by then and not what was; the version is that of the first page. */
export const sendList = (table: Table, request: FakeRequest, response: ServerResponse): void => {
  const { query, resource, namespace } = request;
  const limit = Number(query.get('limit') ?? 0);
  const token = query.get('continue');
  const from = token === null ? undefined : (JSON.parse(Buffer.from(token, 'base64url').toString()) as ContinueToken);
  if (from && from.version < table.oldest) {
    const message = 'The provided continue parameter is too old to display a consistent list result.';
    sendJson(response, 410, statusBody(410, 'Expired', message));
    return;
  }
  const all = table.list(resource, namespace).filter(({ metadata }) => !from || keyOf(metadata) > from.after);
  const items = limit > 0 ? all.slice(0, limit) : all;
  const last = items.at(-1);
  const version = from?.version ?? table.version;
  const more: ContinueToken | undefined = last && items.length < all.length ? { version, after: keyOf(last.metadata) } : undefined;
  const metadata = {
    resourceVersion: String(version),
    ...(more && { continue: Buffer.from(JSON.stringify(more)).toString('base64url'), remainingItemCount: all.length - items.length }),
  };
  if (wantsMetadata(request)) {
    const shown = items.length === 0 ? null : items.map(bare);
    sendJson(response, 200, { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items: shown });
    return;
  }
  // A list of a built-in type leaves the kind of its items out; one of custom resources does not.
  const isCustom = resource.group === 'offboard.dev';
  const shown = isCustom ? items : items.map(({ apiVersion: _, kind: __, ...item }) => item);
  const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
  sendJson(response, 200, { kind: `${resource.kind}List`, apiVersion, metadata, items: shown });
};

const keyOf = ({ namespace = '', name }: { readonly namespace?: string; readonly name: string }): string => `${namespace}/${name}`;
