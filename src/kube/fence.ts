/**
 * The last line against two that write: a process that was not run for a while (frozen, starved, swapped out) may come back
 * in the middle of its work, before any timer can tell it that another one leads by now.
 */
import type { KubeClient } from './client.ts';
import { ApiError } from './errors.ts';

/** The same client, but a write is sent only while `mayWrite` says so at that moment. What only asks is always sent. */
export const fenced = (client: KubeClient, mayWrite: () => boolean): KubeClient => {
  const check = (verb: string, resource: string): void => {
    if (!mayWrite()) throw new ApiError(0, 'NotLeading', `${verb} ${resource} was not sent: this process does not lead any more`);
  };
  return {
    ...client,
    create: async (resource, ...rest) => {
      check('create', resource.plural);
      return client.create(resource, ...rest);
    },
    delete: async (resource, ...rest) => {
      check('delete', resource.plural);
      return client.delete(resource, ...rest);
    },
    patch: async (resource, ...rest) => {
      check('patch', resource.plural);
      return client.patch(resource, ...rest);
    },
  };
};
