/** A simulated Vault by itself, with one account and its neighbour, and short words for what tests do with it. */
import { type Account, serviceAccountToken } from '../../fakes/token-review.ts';
import { streamOf } from '../engine/random.ts';
import { createScheduler, type Scheduler } from '../engine/scheduler.ts';
import type { WireAnswer } from '../engine/wire.ts';
import { createVaultServer, type VaultServer, type VaultServerOptions } from './server.ts';
import type { Token } from './storage.ts';
import type { Change } from './truth.ts';

export const bot: Account = { namespace: 'ci', name: 'bot', uid: '11111111-1111-1111-1111-111111111111' };
export const other: Account = { namespace: 'ci', name: 'other', uid: '22222222-2222-2222-2222-222222222222' };
export const role = 'ci-bot';
export const prefix = `database/creds/${role}`;

export interface Answered {
  readonly status: number;
  readonly body: unknown;
  readonly headers: WireAnswer['headers'];
}

export interface SmallWorld extends VaultServer {
  readonly scheduler: Scheduler;
  readonly operator: Token;
  /** As the operator, unless another token is told; `path` comes after `/v1/`. */
  readonly ask: (method: string, path: string, body?: object, headers?: Readonly<Record<string, string>>) => Answered;
  readonly pass: (milliseconds: number) => Promise<void>;
  readonly jwt: (account?: Account) => string;
  /** The API server takes none of its tokens any more. */
  readonly forgetAccount: (account: Account) => void;
  readonly login: (account?: Account) => Token;
  /** What works of the account, as the revoker calls it. */
  readonly working: (account?: Account) => readonly string[];
  readonly changes: readonly Change[];
}

export const there = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('the simulated Vault refused it');
  return value;
};

export const createSmallWorld = (options: Partial<VaultServerOptions> = {}): SmallWorld => {
  const scheduler = createScheduler();
  const known = new Map([bot, other].map((account) => [serviceAccountToken(account), account]));
  const vault = createVaultServer({ scheduler, random: streamOf(7, 'vault'), epoch: Date.parse('2030-01-01T00:00:00Z'), review: (jwt) => known.get(jwt), ...options });
  const { people, truth } = vault;
  people.addAgent(bot, role);
  people.addAgent(other, 'ci-other');
  const operator = people.operatorToken();
  const changes: Change[] = [];
  truth.onChange((change) => changes.push(change));
  return {
    ...vault,
    scheduler,
    operator,
    changes,
    jwt: (account = bot) => serviceAccountToken(account),
    forgetAccount: (account) => { known.delete(serviceAccountToken(account)); },
    login: (account = bot) => there(people.login(serviceAccountToken(account), account === bot ? role : 'ci-other')),
    working: (account = bot) => truth.working(account.uid).map(({ credential }) => credential),
    pass: (milliseconds) => scheduler.run(scheduler.now() + milliseconds),
    ask: (method, path, body, headers = {}) => {
      const answer = vault.wire.handle({ from: 'test', method, path: `/v1/${path}`, headers: { 'x-vault-token': operator.id, ...headers }, body: body && JSON.stringify(body) });
      if ('open' in answer) throw new Error('a Vault streams nothing');
      return { status: answer.status, headers: answer.headers, body: answer.body === '' ? undefined : (JSON.parse(answer.body) as unknown) };
    },
  };
};
