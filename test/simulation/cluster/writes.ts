/** What a write does to the store, or why it is refused: the same for the operator, for people and for controllers. */
import type { ObjectMeta } from '../../../src/kube/objects.ts';
import { namespaces } from '../../../src/kube/resources.ts';
import { asStored } from './defaults.ts';
import { alreadyExists, badRequest, type Failure, invalid, isFailure, modified, notFound, terminating, unprocessable, wrongPrecondition } from './failure.ts';
import { type Kind, kindFor } from './kinds.ts';
import type { Write } from './lock.ts';
import { isSame, jsonPatch, mergePatch } from './patches.ts';
import type { User } from './rbac.ts';
import type { Stamp } from './stamps.ts';
import type { Entry, Store, StoredObject, Writer } from './store.ts';

/** Who writes, and who looks at it before it is stored. */
export interface Author {
  readonly by: Writer;
  readonly user: User;
  readonly denies: (write: Write) => Failure | undefined;
  /** Whether he may hand on the role of this binding. */
  readonly mayGrant: (kind: Kind, object: StoredObject) => Failure | undefined;
}

export interface Preconditions {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export type PatchType = 'merge' | 'json';

export interface Writes {
  readonly create: (kind: Kind, namespace: string | undefined, body: unknown, author: Author, dryRun?: boolean) => Entry | Failure;
  readonly patch: (kind: Kind, namespace: string | undefined, name: string, patch: { readonly type: PatchType; readonly body: unknown; readonly status: boolean }, author: Author) => Entry | Failure;
  /** `gone`: it is not there any more; else something holds it. */
  readonly remove: (kind: Kind, namespace: string | undefined, name: string, preconditions: Preconditions, author: Author) => { readonly entry: Entry; readonly gone: boolean } | Failure;
  readonly namespaceRefusal: (kind: Kind, namespace: string | undefined, name: string) => Failure | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** `stamp` writes what no manifest may claim. */
export const createWrites = (store: Store, stamp: Stamp): Writes => {
  const namespaceKind = kindFor(namespaces);

  const namespaceRefusal: Writes['namespaceRefusal'] = (kind, namespace, name) => {
    if (namespace === undefined) return undefined;
    const found = store.find(namespaceKind, undefined, namespace);
    if (found === undefined) return notFound(namespaceKind, namespace);
    return found.object.metadata.deletionTimestamp === undefined ? undefined : terminating(kind, name, namespace);
  };

  const create: Writes['create'] = (kind, namespace, body, author, dryRun = false) => {
    if (!isFields(body) || !isFields(body['metadata'])) return badRequest('the object provided is unrecognized (must be of type Object)');
    const sketch = body['metadata'] as Partial<ObjectMeta> & { readonly generateName?: string };
    const uid = store.uid();
    const name = sketch.name ?? (sketch.generateName === undefined ? '' : `${sketch.generateName}${uid.slice(-5)}`);
    if (name === '') return invalid(kind, '', 'Required value: name or generateName is required', { field: 'metadata.name', reason: 'FieldValueRequired' });
    if (sketch.namespace !== undefined && namespace !== sketch.namespace) return badRequest('the namespace of the provided object does not match the namespace sent on the request');
    const { status, ...rest } = body;
    const { resourceVersion: _, uid: __, deletionTimestamp: ___, generation: ____, ...given } = sketch;
    const metadata: ObjectMeta = {
      ...given, name, ...(namespace !== undefined && { namespace }), uid, resourceVersion: '', creationTimestamp: store.timestamp(), ...(kind.counted && { generation: 1 }),
    };
    const asked = { ...rest, ...(status !== undefined && !kind.custom && { status }), kind: kind.kind, apiVersion: kind.apiVersion, metadata };
    const object = asStored(kind, stamp(kind, asked, undefined, author.user));
    const refusal = namespaceRefusal(kind, namespace, name) ?? author.denies({ operation: 'CREATE', kind, namespace, name, object, before: undefined }) ?? author.mayGrant(kind, object);
    if (refusal !== undefined) return refusal;
    const there = store.find(kind, namespace, name);
    if (there !== undefined) return alreadyExists(kind, name, there.object.metadata.deletionTimestamp !== undefined);
    return dryRun ? dryEntry(kind, object) : store.create(kind, object, author.by);
  };

  const patch: Writes['patch'] = (kind, namespace, name, { type, body, status }, author) => {
    const found = store.find(kind, namespace, name);
    if (found === undefined) return notFound(kind, name);
    const before = found.object;
    const patched = type === 'json' ? jsonPatch(before, body) : isFields(body) ? mergePatch(before, body) : undefined;
    if (!isFields(patched) || !isFields(patched['metadata'])) return unprocessable;
    const object = patched as StoredObject;
    if (object.metadata.resourceVersion !== before.metadata.resourceVersion) return modified(kind, name);
    if (object.metadata.uid !== before.metadata.uid) return invalid(kind, name, `Invalid value: "${object.metadata.uid}": field is immutable`, { field: 'metadata.uid', reason: 'FieldValueInvalid' });
    const result = status && kind.custom ? withStatus(before, object) : withMain(kind, before, stamp(kind, object, before, author.user));
    if (isFailure(result)) return result;
    const refusal = author.denies({ operation: 'UPDATE', kind, namespace, name, object: result, before }) ?? author.mayGrant(kind, result);
    if (refusal !== undefined) return refusal;
    if (kind !== namespaceKind && result.metadata.deletionTimestamp !== undefined && (result.metadata.finalizers ?? []).length === 0) {
      store.remove(found, author.by);
      // The answer shows the object as the patch left it, with the version that it had.
      return dryEntry(kind, result);
    }
    // A patch of the status is the very object where it changes nothing.
    const isUnchanged = result === before || (!(status && kind.custom) && isSame(result, before));
    return isUnchanged ? found : store.update(found, result, author.by);
  };

  const remove: Writes['remove'] = (kind, namespace, name, { uid, resourceVersion }, author) => {
    const found = store.find(kind, namespace, name);
    if (found === undefined) return notFound(kind, name);
    const { metadata } = found.object;
    if (uid !== undefined && uid !== metadata.uid) {
      return wrongPrecondition(kind, name, `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`);
    }
    if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
      return wrongPrecondition(kind, name, `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`);
    }
    const held = (metadata.finalizers ?? []).length > 0 || kind === namespaceKind;
    if (!held) return { entry: store.remove(found, author.by), gone: true };
    if (metadata.deletionTimestamp !== undefined) return { entry: found, gone: false };
    const { generation } = metadata;
    const marked = { ...metadata, deletionTimestamp: store.timestamp(), deletionGracePeriodSeconds: 0, ...(generation !== undefined && { generation: generation + 1 }) };
    const phase = kind === namespaceKind ? { status: { phase: 'Terminating' } } : {};
    return { entry: store.update(found, { ...found.object, ...phase, metadata: marked }, author.by), gone: false };
  };

  return { create, patch, remove, namespaceRefusal };
};

/** An answer that was not stored. */
const dryEntry = (kind: Kind, object: StoredObject): Entry => {
  const text = JSON.stringify(object);
  const { metadata } = object;
  return {
    kind, key: '', namespace: metadata.namespace, name: metadata.name, version: Number(metadata.resourceVersion), object,
    text: (form) => (form === 'Metadata' ? JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }) : text),
  };
};

/** Nothing but the status. */
const withStatus = (before: StoredObject, patched: StoredObject): StoredObject => {
  if (patched['status'] === before['status']) return before;
  return { ...before, status: patched['status'] };
};

/** Everything but the status, where it is written apart; and of the metadata what anybody may change. */
const withMain = (kind: Kind, before: StoredObject, patched: StoredObject): StoredObject | Failure => {
  if (patched === before) return before;
  const was = before.metadata;
  const { labels, annotations, finalizers, ownerReferences, managedFields } = patched.metadata;
  const added = was.deletionTimestamp === undefined ? undefined : (finalizers ?? []).find((each) => was.finalizers?.includes(each) !== true);
  if (added !== undefined) {
    const why = `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"${added}"}`;
    return invalid(kind, was.name, why, { field: 'metadata.finalizers', reason: 'FieldValueForbidden' });
  }
  if (!isSame(patched['roleRef'], before['roleRef'])) return invalid(kind, was.name, `Invalid value: ${JSON.stringify(patched['roleRef'])}: cannot change roleRef`, { field: 'roleRef', reason: 'FieldValueInvalid' });
  const { status: _, kind: __, apiVersion: ___, metadata: ____, ...main } = patched;
  const { status, kind: _____, apiVersion: ______, metadata: _______, ...mainBefore } = before;
  const isAsked = kind.counted && !isSame(main, mainBefore);
  const { labels: _l, annotations: _a, finalizers: _f, ownerReferences: _o, managedFields: _m, ...fixed } = was;
  const metadata: ObjectMeta = {
    ...fixed,
    ...(labels !== undefined && { labels }), ...(annotations !== undefined && { annotations }), ...(finalizers !== undefined && { finalizers }),
    ...(ownerReferences !== undefined && { ownerReferences }), ...(managedFields !== undefined && { managedFields }),
    ...(isAsked && { generation: (was.generation ?? 0) + 1 }),
  };
  const kept = kind.custom ? status : patched['status'];
  return asStored(kind, { ...main, ...(kept !== undefined && { status: kept }), kind: kind.kind, apiVersion: kind.apiVersion, metadata });
};
