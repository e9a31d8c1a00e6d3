/** One request to the fake, and the parts that many answers share. */
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Resource } from '../../../src/kube/resources.ts';

export type FakeVerb = 'get' | 'list' | 'watch' | 'create' | 'patch' | 'delete';

export interface FakeRequest {
  readonly verb: FakeVerb;
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** Parsed JSON. */
  readonly body: unknown;
}

export const wantsMetadata = ({ headers }: FakeRequest): boolean => headers.accept?.includes('as=PartialObjectMetadata') ?? false;

export const bare = ({ metadata }: { readonly metadata: object }): object => ({
  kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata,
});

export const sendJson = (response: ServerResponse, code: number, body: object, headers: Record<string, string> = {}): void => {
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

export const statusBody = (code: number, reason: string, message: string, details: object = {}): object => ({
  kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code,
});

/** As `Status.details` names an object. */
export const detailsOf = ({ group, plural }: Resource, name: string): object => ({ name, ...(group !== '' && { group }), kind: plural });

export const sendNotFound = (resource: Resource, name: string, response: ServerResponse): void => {
  const { group, plural } = resource;
  const qualified = group === '' ? plural : `${plural}.${group}`;
  sendJson(response, 404, statusBody(404, 'NotFound', `${qualified} "${name}" not found`, detailsOf(resource, name)));
};
