/** Follows all Offboardings from outside, by one watch, and notes when each was seen to be Ready. */
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import type { Api } from './api.ts';

export interface Finish {
  /** The operator's own time of having asked for the end of everything; milliseconds since the epoch. */
  readonly revokedAt: number;
  /** When the watch told of `Ready=True`; milliseconds since the epoch. */
  readonly readyAt: number;
}

export interface Followed {
  /** By namespace/name. */
  readonly finished: ReadonlyMap<string, Finish>;
  /** Those that the operator has let go of: nothing more is to come for them. */
  readonly released: number;
  /** Of those that are not Ready: how many have which reason. */
  readonly reasons: () => string;
  /** Throws what ended the watch, if something did. */
  readonly check: () => void;
  readonly stop: () => Promise<void>;
}

const path = '/apis/offboard.dev/v1alpha1/offboardings';

export const follow = async (api: Api): Promise<Followed> => {
  const { body } = await api.call('GET', `${path}?limit=1`);
  const { metadata: { resourceVersion } } = JSON.parse(body) as { readonly metadata: { readonly resourceVersion: string } };
  const finished = new Map<string, Finish>();
  const released = new Set<string>();
  const last = new Map<string, string>();
  const stopping = new AbortController();
  let failure: unknown;

  const take = ({ metadata, status }: OffboardingObject, seenAt: number): void => {
    const key = `${metadata.namespace ?? ''}/${metadata.name}`;
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    last.set(key, ready?.reason ?? 'none');
    if (ready?.status !== 'True') return;
    if (!finished.has(key)) finished.set(key, { revokedAt: Date.parse(status?.revokedAt ?? ''), readyAt: seenAt });
    if ((metadata.finalizers ?? []).length === 0) released.add(key);
  };
  const run = async (): Promise<void> => {
    const query = `watch=1&timeoutSeconds=3600&resourceVersion=${resourceVersion}`;
    for await (const line of api.lines(`${path}?${query}`, stopping.signal)) {
      const seenAt = Date.now();
      const { type, object } = JSON.parse(line) as { readonly type: string; readonly object: OffboardingObject };
      if (type !== 'MODIFIED') throw new Error(`the watch told of ${line.slice(0, 300)}`);
      take(object, seenAt);
    }
    throw new Error('the API server ended the watch');
  };
  const watch = run().catch((error: unknown) => {
    if (!stopping.signal.aborted) failure = error;
  });

  return {
    finished,
    get released() {
      return released.size;
    },
    reasons: () => {
      const counts = new Map<string, number>();
      for (const [key, reason] of last) if (!finished.has(key)) counts.set(reason, (counts.get(reason) ?? 0) + 1);
      return [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ') || 'none was touched';
    },
    check: () => {
      if (failure !== undefined) throw new Error('the Offboardings could not be followed', { cause: failure });
    },
    stop: async () => {
      stopping.abort();
      await watch;
    },
  };
};
