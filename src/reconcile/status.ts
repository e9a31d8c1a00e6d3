/** The one writer of status: what did not change is not written, and nobody else's write is ever overwritten. */
import { isDeepStrictEqual } from 'node:util';
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
  if (isDeepStrictEqual(object.status, asStored(status))) return object;
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

/** As it would be stored: fields that are undefined are not there. */
const asStored = (value: object): unknown => JSON.parse(JSON.stringify(value)) as unknown;
