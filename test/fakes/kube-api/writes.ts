import type { ServerResponse } from 'node:http';

import type { KubeObject } from '../../../src/kube/objects.ts';
import { type FakeRequest, bare, detailsOf, sendJson, sendNotFound, statusBody, wantsMetadata } from './exchange.ts';
import { jsonPatch, mergePatch } from './patches.ts';
import type { Sketch, Table } from './table.ts';

export const writeObject = (table: Table, request: FakeRequest, response: ServerResponse): void => {
  if (request.verb === 'create') create(table, request, response);
  else if (request.verb === 'patch') patch(table, request, response);
  else remove(table, request, response);
};

/** Refused preconditions name the kind, refused versions the resource. */
const conflict = (request: FakeRequest, kind: string, name: string, why: string, response: ServerResponse): void => {
  const message = `Operation cannot be fulfilled on ${kind} "${name}": ${why}`;
  sendJson(response, 409, statusBody(409, 'Conflict', message, { ...detailsOf(request.resource, name), kind }));
};

const create = (table: Table, request: FakeRequest, response: ServerResponse): void => {
  const { resource, namespace, body } = request;
  const sketch = body as Sketch;
  const name = sketch.metadata?.name ?? '';
  if (table.find(resource, namespace, name)) {
    sendJson(response, 409, statusBody(409, 'AlreadyExists', `${resource.plural} "${name}" already exists`, detailsOf(request.resource, name)));
    return;
  }
  const made = table.put(resource, { ...sketch, metadata: { ...sketch.metadata, ...(namespace !== undefined && { namespace }) } });
  sendJson(response, 201, wantsMetadata(request) ? bare(made) : made);
};

const patch = (table: Table, request: FakeRequest, response: ServerResponse): void => {
  const { resource, namespace, name = '', headers, body } = request;
  const found = table.find(resource, namespace, name);
  if (!found) {
    sendNotFound(resource, name, response);
    return;
  }
  const isJson = headers['content-type'] === 'application/json-patch+json';
  const patched = (isJson ? jsonPatch(found, body as never) : mergePatch(found, body)) as KubeObject | undefined;
  if (!patched) {
    sendJson(response, 422, statusBody(422, 'Invalid', 'the server rejected our request due to an error in our request'));
    return;
  }
  if (patched.metadata.resourceVersion !== found.metadata.resourceVersion) {
    conflict(request, resource.plural, name, 'the object has been modified; please apply your changes to the latest version and try again', response);
    return;
  }
  const before = found.metadata.finalizers ?? [];
  const after = patched.metadata.finalizers ?? [];
  const deleting = found.metadata.deletionTimestamp !== undefined;
  if (deleting && after.some((each) => !before.includes(each))) {
    const message = `${resource.kind} "${name}" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted`;
    sendJson(response, 422, statusBody(422, 'Invalid', message, { ...detailsOf(resource, name), kind: resource.kind }));
    return;
  }
  if (deleting && after.length === 0) {
    // The answer shows the object as the patch left it, with the version it had: nothing was stored.
    table.drop(resource, namespace, name);
    sendJson(response, 200, wantsMetadata(request) ? bare(patched) : patched);
    return;
  }
  // A patch that changes nothing is no write.
  const stored = JSON.stringify(patched) === JSON.stringify(found) ? found : table.put(resource, patched as KubeObject & Sketch);
  sendJson(response, 200, wantsMetadata(request) ? bare(stored) : stored);
};

const remove = (table: Table, request: FakeRequest, response: ServerResponse): void => {
  const { resource, namespace, name = '', body } = request;
  const { preconditions } = (body ?? {}) as { preconditions?: { uid?: string; resourceVersion?: string } };
  const found = table.find(resource, namespace, name);
  if (!found) {
    sendNotFound(resource, name, response);
    return;
  }
  const { uid, resourceVersion, finalizers = [] } = found.metadata;
  if (preconditions?.uid !== undefined && preconditions.uid !== uid) {
    conflict(request, resource.kind, name, `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}).`, response);
    return;
  }
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
    conflict(request, resource.kind, name, 'the ResourceVersion in the precondition does not match the one in record.', response);
    return;
  }
  if (finalizers.length > 0) {
    const deletionTimestamp = found.metadata.deletionTimestamp ?? '2026-11-23T11:00:00Z';
    const held = table.put(resource, { ...(found as KubeObject & Sketch), metadata: { ...found.metadata, deletionTimestamp, deletionGracePeriodSeconds: 0 } });
    sendJson(response, 200, wantsMetadata(request) ? bare(held) : held);
    return;
  }
  table.drop(resource, namespace, name);
  sendJson(response, 200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { ...detailsOf(request.resource, name), uid } });
};
