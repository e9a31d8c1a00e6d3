/** Every state of every object of one of our kinds, as the API server tells it, through restarts and compactions of its. */
import { setTimeout as delay } from 'node:timers/promises';
import type { OffboardingObject, OffboardingRecordObject, OffboardingWaiverObject, WorkloadIdentityObject } from '../../src/reconcile/objects.ts';
import type { Api } from '../bench/api.ts';

export interface Following {
  /** Resolves when what is there already was seen. */
  readonly started: Promise<void>;
  /** Resolves after the signal is aborted. */
  readonly ended: Promise<void>;
}

interface Kinds {
  readonly offboardings: OffboardingObject;
  readonly workloadidentities: WorkloadIdentityObject;
  readonly offboardingwaivers: OffboardingWaiverObject;
  readonly offboardingrecords: OffboardingRecordObject;
}

const betweenAttempts = 100;

export const followObjects = <K extends keyof Kinds>(
  api: Api,
  plural: K,
  signal: AbortSignal,
  onObject: (object: Kinds[K], gone: boolean) => void,
): Following => {
  const path = `/apis/offboard.dev/v1alpha1/${plural}`;
  const { promise: started, resolve: hasStarted } = Promise.withResolvers<undefined>();

  const known = new Map<string, Kinds[K]>();
  const see = (object: Kinds[K], gone: boolean): void => {
    if (gone) known.delete(object.metadata.uid);
    else known.set(object.metadata.uid, object);
    onObject(object, gone);
  };

  const list = async (): Promise<string> => {
    const { status, body } = await api.call('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status}`);
    const { metadata, items } = JSON.parse(body) as { readonly metadata: { readonly resourceVersion: string }; readonly items: readonly Kinds[K][] };
    const there = new Set(items.map((object) => object.metadata.uid));
    for (const object of known.values()) if (!there.has(object.metadata.uid)) see(object, true);
    for (const object of items) see(object, false);
    hasStarted(undefined);
    return metadata.resourceVersion;
  };

  /** Returns where the next watch goes on, so that no state is missed when the server ends this one in time. */
  const watch = async (from: string): Promise<string> => {
    let last = from;
    for await (const line of api.lines(`${path}?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=${from}`, signal)) {
      const { type, object } = JSON.parse(line) as { readonly type: string; readonly object: Kinds[K] };
      if (type === 'ERROR') throw new Error(`the watch told of ${line.slice(0, 300)}`);
      last = object.metadata.resourceVersion;
      if (type !== 'BOOKMARK') see(object, type === 'DELETED');
    }
    return last;
  };

  const run = async (): Promise<void> => {
    let from: string | undefined;
    while (!signal.aborted) {
      try {
        from = await watch(from ?? (await list()));
      } catch {
        // Whatever it was: what is there now is listed anew, and what went meanwhile is told as gone.
        from = undefined;
      }
      await delay(betweenAttempts, undefined, { signal }).catch(() => undefined);
    }
  };
  return { started, ended: run() };
};
