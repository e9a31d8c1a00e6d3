/**
 * Finalizers, put on and taken off one at a time. Each write holds only for the very state that was read: when somebody
 * else was first it is refused with a conflict, so that nobody's finalizer is ever lost or brought back.
 */
import type { CallOptions, KubeClient, ObjectKey } from './client.ts';
import { isConflict, isNotFound } from './errors.ts';
import type { KubeObject, ObjectMeta } from './objects.ts';
import type { Resource } from './resources.ts';

type Operation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/**
 * Returns the object as it is now; nothing is asked when the finalizer is there already.
 * Fails with 409 when the object is no longer the one that was read, with 422 when it is being deleted.
 */
export const addFinalizer = async <T extends KubeObject>(
  client: KubeClient, resource: Resource, object: T, finalizer: string, options: CallOptions = {},
): Promise<T> => {
  const present = object.metadata.finalizers ?? [];
  if (present.includes(finalizer)) return object;
  const operation: Operation =
    present.length === 0
      ? { op: 'add', path: '/metadata/finalizers', value: [finalizer] }
      : { op: 'add', path: '/metadata/finalizers/-', value: finalizer };
  return client.patch<T>(resource, keyOf(object), { type: 'json', body: guarded(object, [operation]) }, options);
};

/**
 * Returns the object as it is now, or undefined when it is gone: taking off the last finalizer of an object that is being
 * deleted ends it. Nothing is asked when the finalizer is not there. Fails with 409 when the object is no longer the one
 * that was read.
 */
export const removeFinalizer = async <T extends KubeObject>(
  client: KubeClient, resource: Resource, object: T, finalizer: string, options: CallOptions = {},
): Promise<T | undefined> => {
  const present = object.metadata.finalizers ?? [];
  if (!present.includes(finalizer)) return object;
  const rest = present.filter((each) => each !== finalizer);
  const operation: Operation =
    rest.length === 0
      ? { op: 'remove', path: '/metadata/finalizers' }
      : { op: 'replace', path: '/metadata/finalizers', value: rest };
  const { name } = object.metadata;
  try {
    const left = await client.patch<T>(resource, keyOf(object), { type: 'json', body: guarded(object, [operation]) }, options);
    return endsNow(left.metadata) ? undefined : left;
  } catch (error) {
    if (isNotFound(error, resource, name)) return undefined;
    if (isConflict(error) && (await isAnother(client, resource, object, options))) return undefined;
    throw error;
  }
};

/** The server compares the version before it writes. Versions are never used twice, so a namesake is never touched. */
const guarded = ({ metadata }: KubeObject, operations: readonly Operation[]): readonly Operation[] => [
  { op: 'replace', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
  ...operations,
];

/** The answer to the write that ends an object still shows it, with nothing left that holds it. */
const endsNow = ({ deletionTimestamp, deletionGracePeriodSeconds, finalizers }: ObjectMeta): boolean =>
  deletionTimestamp !== undefined && (finalizers ?? []).length === 0 && (deletionGracePeriodSeconds ?? 0) === 0;

/** A conflict also comes from another object that took the name since: then ours is gone. */
const isAnother = async (
  client: KubeClient, resource: Resource, { metadata }: KubeObject, options: CallOptions,
): Promise<boolean> => {
  try {
    const now = await client.get(resource, keyOf({ metadata }), { ...options, metadataOnly: true });
    return now.metadata.uid !== metadata.uid;
  } catch (error) {
    if (isNotFound(error, resource, metadata.name)) return true;
    throw error;
  }
};

const keyOf = ({ metadata: { namespace, name } }: KubeObject): ObjectKey =>
  namespace === undefined ? { name } : { namespace, name };
