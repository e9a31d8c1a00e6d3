/** Agents that have been at work in Vault for a while: each logged in many times, and leased a database user each time. */
import type { Agent, VaultToken, VaultWorld } from '../env/vault-world.ts';
import { inParallel } from './api.ts';

export interface BusyAgent {
  readonly agent: Agent;
  readonly uid: string;
  readonly tokens: readonly VaultToken[];
}

/** Calls at once that fill the server: as many database users as its four connections make. */
const seeders = 16;
/** How long one login by the same ServiceAccount token is used; it lives for an hour. */
const loginsPerToken = 500;

/** `count` tokens and as many leases on the server, shared out evenly. */
export const populateVault = async (world: VaultWorld, agents: number, count: number, say: (line: string) => void): Promise<readonly BusyAgent[]> => {
  const all = await Promise.all(Array.from({ length: agents }, (_, index) => world.addAgent(`busy-${String(index)}`)));
  const tokens = new Map<Agent, VaultToken[]>(all.map((agent) => [agent, []]));
  const jobs = all.flatMap((agent) => Array.from({ length: Math.ceil(count / agents) }, (_, index) => ({ agent, index })));
  const accounts = new Map<string, Promise<string>>();
  const accountToken = (agent: Agent, index: number): Promise<string> => {
    const key = `${agent.name} ${String(Math.floor(index / loginsPerToken))}`;
    const token = accounts.get(key) ?? agent.serviceAccountToken();
    accounts.set(key, token);
    return token;
  };
  let done = 0;
  await inParallel(jobs, seeders, async ({ agent, index }) => {
    const token = await agent.login(await accountToken(agent, index));
    await token.lease();
    tokens.get(agent)?.push(token);
    done += 1;
    if (done % 1000 === 0) say(`  ${done} of ${jobs.length} tokens and leases`);
  });
  return Promise.all(all.map(async (agent) => ({ agent, uid: await agent.uid(), tokens: tokens.get(agent) ?? [] })));
};
