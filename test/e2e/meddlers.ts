/** Somebody else at work in the cluster at the same moment: tools that put back, people that change. */
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../env/wait-for.ts';
import { connect } from '../bench/api.ts';
import type { Api } from '../bench/api.ts';
import type { ControlPlane } from '../env/control-plane.ts';

export interface Meddler {
  /** How often it has changed something. */
  readonly rounds: () => number;
  /** Resolves when it has changed something so often. */
  readonly reached: (rounds: number) => Promise<void>;
  /** Rejects with what it did not expect. */
  readonly stop: () => Promise<void>;
}

/** Does `round` again and again, with a pause of so many milliseconds between; `round` says whether it changed something. */
export const meddle = (pause: number, round: () => Promise<boolean>): Meddler => {
  const stopping = new AbortController();
  let rounds = 0;
  let failure: Error | undefined;
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      if (await round()) rounds += 1;
      await delay(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const ended = loop().catch((error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  return {
    rounds: () => rounds,
    reached: async (wanted) => {
      await waitFor(() => failure !== undefined || rounds >= wanted, { timeout: 60_000, what: `${wanted} rounds of somebody else` });
      if (failure !== undefined) throw failure;
    },
    stop: async () => {
      stopping.abort();
      await ended;
      if (failure !== undefined) throw failure;
    },
  };
};

export const asAdmin = ({ kubeconfig }: ControlPlane): Api => connect({ kubeconfig, userAgent: 'meddler', connections: 8 });

/** An object as a tool keeps it: where its kind is, and what it is. */
export interface Kept {
  readonly collection: string;
  readonly body: { readonly metadata: { readonly name: string; readonly labels?: object }; readonly [field: string]: unknown };
}

/** What the lock denies is not there again, and the tool tries on. */
const put = async (api: Api, { collection, body }: Kept): Promise<boolean> => {
  const { status, body: answer } = await api.call('POST', collection, body);
  if (status === 403 && answer.includes("'offboard-lock-")) return false;
  if (status !== 201 && status !== 409) throw new Error(`POST ${collection}: ${status} ${answer}`);
  return status === 201;
};

const addressOf = ({ collection, body }: Kept): string => `${collection}/${encodeURIComponent(body.metadata.name)}`;

/** Takes away all that a tool kept, as it does when they are deleted from git. */
export const prune = async (api: Api, kept: readonly Kept[]): Promise<void> => {
  await Promise.all(kept.map((one) => api.call('DELETE', addressOf(one))));
};

/** As a GitOps tool with self-healing: what is gone is back at once. */
export const heal = (api: Api, kept: readonly Kept[]): Meddler =>
  meddle(50, async () => (await Promise.all(kept.map((one) => put(api, one)))).includes(true));

/** As `kubectl replace --force` in a loop: all is deleted and made anew each time, under another UID. */
export const replace = (api: Api, kept: readonly Kept[]): Meddler =>
  meddle(150, async () => {
    await prune(api, kept);
    return (await Promise.all(kept.map((one) => put(api, one)))).includes(true);
  });
