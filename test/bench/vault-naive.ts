/**
 * What a script for one identity does that knows nothing of the others: it lists every token of the server, asks for each by
 * its accessor, and keeps those of its identity; then it lists the identity's leases and asks for each. With as many calls
 * at a time as the operator makes, for all identities together.
 */
import { Agent as Dispatcher } from 'undici';
import type { Openbao } from '../env/openbao.ts';
import { callVault } from '../env/openbao-call.ts';
import { inParallel } from './api.ts';
import type { BusyAgent } from './vault-population.ts';

export interface NaiveFigures {
  readonly seconds: number;
  readonly requests: number;
  /** Of all identities: what was on the server, or the comparison is worth nothing. */
  readonly tokens: number;
  readonly leases: number;
}

export const findNaively = async (bao: Openbao, token: string, agents: readonly BusyAgent[], connections: number): Promise<NaiveFigures> => {
  const dispatcher = new Dispatcher({ connections, pipelining: 1, connect: { ca: bao.ca } });
  const began = performance.now();
  let requests = 0;
  const ask = async <T>(method: 'LIST' | 'POST', path: string, body?: object): Promise<T> => {
    requests += 1;
    // All wait for one of the connections, however long: a script has no deadline.
    const answer = await callVault<T>({ url: bao.url, dispatcher }, method, path, body, token, { timeout: 3_600_000 });
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const keys = async (path: string): Promise<readonly string[]> => (await ask<{ readonly data: { readonly keys: readonly string[] } }>('LIST', path)).data.keys;
  const find = async ({ agent, uid }: BusyAgent): Promise<{ readonly tokens: number; readonly leases: number }> => {
    let tokens = 0;
    await inParallel(await keys('auth/token/accessors'), connections, async (accessor) => {
      const { data } = await ask<{ readonly data: { readonly meta: Readonly<Record<string, string>> | null } }>('POST', 'auth/token/lookup-accessor', { accessor });
      if (data.meta?.['service_account_uid'] === uid) tokens += 1;
    });
    let leases = 0;
    await inParallel(await keys(`sys/leases/lookup/${agent.prefix}`), connections, async (key) => {
      await ask('POST', 'sys/leases/lookup', { lease_id: `${agent.prefix}/${key}` });
      leases += 1;
    });
    return { tokens, leases };
  };
  try {
    const found = await Promise.all(agents.map(find));
    const sum = (field: 'tokens' | 'leases'): number => found.reduce((total, each) => total + each[field], 0);
    return { seconds: (performance.now() - began) / 1000, requests, tokens: sum('tokens'), leases: sum('leases') };
  } finally {
    await dispatcher.destroy();
  }
};
