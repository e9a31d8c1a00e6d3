/**
 * What the operator changes, request by request, seen between it and the API server.
 *
 * Only what changes something is a boundary. A read, a watch, an access review or a renewal of the lease leaves the cluster
 * and the status, the only memory there is, as they were: to be killed before or after one is to be killed after the
 * change before it. The changes of one identity are passed on one at a time, so that a count says exactly what was done.
 */
import type { ControlPlane } from '../env/control-plane.ts';
import { startProxy } from '../env/proxy.ts';
import type { Exchange, Proxy } from '../env/proxy.ts';
import { offboardingsOf } from './objects.ts';

/** When a fault strikes, seen from the change that it strikes at. */
export type Moment = 'before it arrives' | 'after it was answered';

export interface Change extends Exchange {
  /** Of the identity that it is for. */
  readonly namespace: string;
  /** Counted for each namespace, from 1. */
  readonly at: number;
  /** Counted for each method and path in it, from 1. */
  readonly attempt: number;
}

export interface Changes {
  readonly proxy: Proxy;
  /** Every revoke that was asked for, and those of them that came before their intent was stored; in words. */
  readonly revokes: readonly string[];
  readonly unannounced: readonly string[];
  /** All changes for an identity so far, in order. */
  readonly of: (namespace: string) => readonly Change[];
  /** The operator that asked is dead: what it still had under way is nobody's any more, and never arrives. */
  readonly abandon: () => void;
}

export interface ChangesOptions {
  readonly cluster: ControlPlane;
  readonly token: string;
  /** Resolves to false where the change, or its answer, is to be lost. */
  readonly strike: (change: Change, moment: Moment) => boolean | Promise<boolean>;
}

export const isChange = ({ method, path }: Exchange): boolean =>
  method !== 'GET' && !path.includes('/leases') && !/^\/apis\/(authorization|authentication)\.k8s\.io\//.test(path);

/** Objects of an identity are in its namespace, in one beside it that is named after it, or are named after it themselves. */
const namespaceIn = /\/([a-z]+-\d+)(?=[-/?]|$)/;

/** What ends access, as a status calls it. */
const revoked = ({ path }: Exchange): string | undefined => {
  const match = /^\/(?:api\/v1|apis\/rbac\.authorization\.k8s\.io\/v1)\/(?:namespaces\/([^/]+)\/)?([a-z]+)\/([^/?]+)/.exec(path);
  if (match === null) return undefined;
  return [match[2], match[1], match[3]].filter((part) => part !== undefined).join('/');
};

export const followChanges = async ({ cluster, token, strike }: ChangesOptions): Promise<Changes> => {
  const all = new Map<string, Change[]>();
  const revokes: string[] = [];
  const unannounced: string[] = [];
  /** Of each namespace: resolves when the change before is over. */
  const turns = new Map<string, Promise<undefined>>();
  const under = new Map<string, { readonly change: Change; readonly over: () => void }>();

  const begin = async (exchange: Exchange, namespace: string): Promise<Change> => {
    const previous = turns.get(namespace);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    turns.set(namespace, promise);
    await previous;
    const before = all.get(namespace) ?? [];
    const change = { ...exchange, namespace, at: before.length + 1, attempt: before.filter((each) => each.method === exchange.method && each.path === exchange.path).length + 1 };
    all.set(namespace, [...before, change]);
    under.set(namespace, { change, over: () => { resolve(undefined); } });
    return change;
  };
  const end = (namespace: string): void => {
    under.get(namespace)?.over();
    under.delete(namespace);
  };
  const checkAnnounced = async (change: Change): Promise<void> => {
    const id = revoked(change);
    if (id === undefined) return;
    const intents = (await offboardingsOf(cluster, token, change.namespace)).flatMap(({ status }) =>
      (status?.dependencies ?? []).flatMap(({ credentials = [] }) => credentials.filter((each) => each.revokeRequestedAt !== undefined)),
    );
    const words = `${change.namespace}: ${change.method} ${id}`;
    revokes.push(words);
    if (!intents.some((credential) => credential.id === id)) unannounced.push(words);
  };

  const proxy = await startProxy(cluster, {
    token,
    onRequest: async (exchange) => {
      const namespace = isChange(exchange) ? namespaceIn.exec(exchange.path)?.[1] : undefined;
      if (namespace === undefined) return true;
      const change = await begin(exchange, namespace);
      await checkAnnounced(change);
      const passed = await strike(change, 'before it arrives');
      if (!passed) end(namespace);
      return passed;
    },
    onAnswer: async (exchange) => {
      const namespace = isChange(exchange) ? namespaceIn.exec(exchange.path)?.[1] : undefined;
      const current = namespace === undefined ? undefined : under.get(namespace);
      if (namespace === undefined || current === undefined) return true;
      const passed = await strike(current.change, 'after it was answered');
      end(namespace);
      return passed;
    },
  });
  return {
    proxy,
    revokes,
    unannounced,
    of: (namespace) => all.get(namespace) ?? [],
    abandon: () => {
      turns.clear();
      under.clear();
    },
  };
};
