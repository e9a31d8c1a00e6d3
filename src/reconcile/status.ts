/** The one writer of status: what did not change is not written, and nobody else's write is ever overwritten. */
import type { KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { Resource } from '../kube/resources.ts';

type WithStatus<S> = KubeObject & { readonly status?: S };

/**
 * Replaces the whole status, on condition that the object is still the one that was read; otherwise the write is
 * refused with a conflict, and the next look starts from what is there. Returns the object as it is now.
 */
export const writeStatus = async <S extends object, T extends WithStatus<S>>(
  client: KubeClient,
  resource: Resource,
  object: T,
  status: S,
  signal: AbortSignal,
): Promise<T> => {
  if (isStored(object.status, status)) return object;
  const { name, namespace, resourceVersion } = object.metadata;
  return client.patch<T>(
    resource,
    { name, ...(namespace === undefined ? {} : { namespace }) },
    {
      type: 'json',
      subresource: 'status',
      body: [
        { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
        { op: 'add', path: '/status', value: status },
      ],
    },
    { signal },
  );
};

/** Whether `value` is stored as it is: fields that are undefined are not there, and their order is nothing. Both are JSON. */
const isStored = (stored: unknown, value: unknown): boolean => {
  if (typeof value !== 'object' || value === null || typeof stored !== 'object' || stored === null) return stored === value;
  if (Array.isArray(value) || Array.isArray(stored)) {
    return Array.isArray(value) && Array.isArray(stored) && value.length === stored.length && value.every((each, index) => isStored(stored[index], each));
  }
  const fields = Object.entries(value).filter(([, each]) => each !== undefined);
  return fields.length === Object.keys(stored).length && fields.every(([name, each]) => Object.hasOwn(stored, name) && isStored((stored as Readonly<Record<string, unknown>>)[name], each));
};
