/** The simulated Vault beside a real OpenBao: the same questions, in the same order, are answered in the same way. */
import { afterAll, beforeAll, expect, it } from 'vitest';

import type { Method } from '../env/openbao-call.ts';
import { startVaultWorld, type VaultWorld } from '../env/vault-world.ts';
import { serviceAccountToken, startTokenReviewer, type TokenReviewer } from '../fakes/token-review.ts';
import { bot, createSmallWorld, other } from '../simulation/vault/small-world.ts';

let world: VaultWorld;
let reviewer: TokenReviewer;

beforeAll(async () => {
  [world, reviewer] = await Promise.all([startVaultWorld(), startTokenReviewer()]);
});
afterAll(async () => {
  await Promise.all([world.stop(), reviewer.close()]);
});

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** One server, with the account `bot` of `ci` and what it may have there, all named `ci-bot`. */
interface Server {
  readonly ask: (method: Method, path: string, body: object | undefined, token: string, headers?: Readonly<Record<string, string>>) => Promise<Answer>;
  readonly operator: string;
  /** From now on the database does not drop the user of the lease. */
  readonly stick: (id: string, user: string, password: string) => Promise<void>;
  readonly unstick: (id: string, user: string, password: string) => Promise<void>;
  readonly pass: (milliseconds: number) => Promise<void>;
  readonly roleId: string;
  readonly secretId: { readonly id: string; readonly accessor: string };
}

const role = 'ci-bot';

const realServer = async (): Promise<Server> => {
  const { bao } = world;
  await bao.ask('POST', 'sys/auth/kubernetes', { type: 'kubernetes' });
  await bao.ask('POST', 'auth/kubernetes/config', {
    kubernetes_host: reviewer.url, kubernetes_ca_cert: bao.ca, token_reviewer_jwt: serviceAccountToken({ namespace: 'vault', name: 'vault', uid: 'vault' }), disable_local_ca_jwt: true,
  });
  await world.addAgent('bot');
  await bao.ask('POST', `auth/kubernetes/role/${role}`, {
    bound_service_account_names: [bot.name], bound_service_account_namespaces: [bot.namespace], audience: 'vault', alias_name_source: 'serviceaccount_uid', token_policies: [role], token_ttl: '1h',
  });
  const appRole = await world.addAppRole(role, [role]);
  const { data } = await bao.ask<{ readonly data: { readonly role_id: string } }>('GET', `auth/approle/role/${role}/role-id`);
  const { secretId, accessor } = await appRole.secretId();
  const leaseOf = (id: string, user: string, password: string) => ({ id, user, password, login: () => world.postgres.login(user, password) });
  return {
    ask: (method, path, body, token, headers = {}) => bao.call(method, path, body, token, { headers }),
    operator: await world.operator.token(),
    stick: (...lease) => world.stick(leaseOf(...lease)),
    unstick: (...lease) => world.unstick(leaseOf(...lease)),
    pass: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    roleId: data.role_id,
    secretId: { id: secretId, accessor },
  };
};

const simulatedServer = (): Server => {
  const { wire, people, knobs, operator, pass } = createSmallWorld({ storage: 'memory' });
  const appRole = people.addAppRole(role, bot);
  return {
    ask: (method, path, body, token, headers = {}) => {
      const answer = wire.handle({ from: 'test', method, path: `/v1/${path}`, headers: { 'x-vault-token': token, ...headers }, body: body && JSON.stringify(body) });
      if ('open' in answer) throw new Error('a Vault streams nothing');
      return Promise.resolve({ status: answer.status, body: answer.body === '' ? undefined : (JSON.parse(answer.body) as unknown) });
    },
    operator: operator.id,
    stick: (_, user) => { knobs.stick(user); return Promise.resolve(); },
    unstick: (_, user) => { knobs.unstick(user); return Promise.resolve(); },
    pass,
    roleId: appRole.roleId,
    secretId: appRole.secretId(),
  };
};

const at = (value: unknown, path: string): unknown => path.split('.').reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Readonly<Record<string, unknown>>)[key] : undefined), value);
const textAt = (value: unknown, path: string): string => String(at(value, path));

/** Without what is another one on each server. */
const plain = (text: string): string => text.replace(/"[^"]*"/g, '"…"').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '…').replace(/err: .*/s, 'err: …');

/** What the operator's code reads of an answer, and nothing that is another one on each server. */
const gist = ({ status, body }: Answer, paths: readonly string[]): unknown => {
  const errors = at(body, 'errors');
  return {
    status,
    ...(Array.isArray(errors) && { errors: errors.map((error) => plain(String(error))) }),
    ...(body === undefined && { empty: true }),
    ...Object.fromEntries(paths.map((path) => [path, at(body, path)])),
  };
};

/** All that is asked of a server, and the gist of what it answered. */
const interview = async ({ ask, operator, stick, unstick, pass, roleId, secretId }: Server): Promise<readonly unknown[]> => {
  const heard: unknown[] = [];
  const asking = (token: string) => async (method: Method, path: string, body?: object, paths: readonly string[] = [], headers?: Readonly<Record<string, string>>): Promise<unknown> => {
    const answer = await ask(method, path, body, token, headers);
    heard.push([method, plain(path.replace(/[A-Za-z0-9]{24}|[0-9a-f]{8}-[0-9a-f-]{27}/, '…')), gist(answer, paths)]);
    return answer.body;
  };
  const [me, anybody] = [asking(operator), asking('')];

  // Logging in.
  const login = { role, jwt: serviceAccountToken(bot) };
  await anybody('POST', 'auth/kubernetes/login', { ...login, role: 'nobody' });
  await anybody('POST', 'auth/kubernetes/login', { ...login, jwt: serviceAccountToken(other) });
  const first = await anybody('POST', 'auth/kubernetes/login', login, ['auth.renewable', 'auth.lease_duration', 'auth.token_type', 'auth.metadata', 'auth.policies', 'auth.orphan']);
  const [token, accessor, entityId] = ['client_token', 'accessor', 'entity_id'].map((key) => textAt(first, `auth.${key}`)) as [string, string, string];
  const it_ = asking(token);
  await it_('GET', 'auth/token/lookup-self', undefined, ['data.path', 'data.meta', 'data.orphan', 'data.policies', 'data.renewable', 'data.type', 'data.creation_ttl']);
  await it_('GET', 'sys/auth');
  await anybody('GET', 'sys/auth');
  await asking('s.nobody')('GET', 'auth/token/lookup-self');
  await me('GET', 'sys/auth', undefined, [], { 'x-vault-namespace': 'nowhere' });

  // What the operator may do, and where nothing is.
  await me('PUT', 'cubbyhole/offboard', { watermark: 'offboard' });
  await me('GET', 'nowhere/x');
  await me('GET', 'sys/health', undefined, ['initialized', 'sealed', 'standby', 'version']);
  await me('GET', 'sys/auth', undefined, ['data.kubernetes/.type', 'data.approle/.type', 'data.nowhere/']);
  const paths = ['auth/token/accessors', 'cubbyhole/offboard', 'identity/entity/id/0', 'sys/leases', 'sys/leases/lookup/database/creds/ci-bot/', `auth/approle/role/${role}/secret-id`, 'nowhere', `auth/kubernetes/role/${role}`];
  await me('POST', 'sys/capabilities-self', { paths }, ['data.nowhere']);
  const held = (await ask('POST', 'sys/capabilities-self', { paths }, operator)).body;
  heard.push(paths.map((path) => [path, [...((at(held, 'data') as Readonly<Record<string, readonly string[]>>)[path] ?? [])].sort()]));

  // The identity.
  const accessorOfMount = textAt((await ask('GET', 'sys/auth', undefined, operator)).body, 'data.kubernetes/.accessor');
  const entityFacts = ['data.disabled', 'data.merged_entity_ids', 'data.metadata', 'data.aliases.0.name', 'data.aliases.0.mount_path', 'data.aliases.0.metadata'];
  const lookup = (name: string, mount = accessorOfMount): Promise<unknown> => me('POST', 'identity/lookup/entity', { alias_name: name, alias_mount_accessor: mount }, entityFacts);
  await lookup(bot.uid);
  await lookup(other.uid);
  await lookup(bot.uid, 'auth_kubernetes_nowhere');
  await me('POST', 'identity/entity/id/00000000-0000-0000-0000-000000000000', { disabled: true });
  const made = await me('POST', 'identity/entity-alias', { name: other.uid, mount_accessor: accessorOfMount });
  await me('POST', 'identity/entity-alias', { name: other.uid, mount_accessor: accessorOfMount });
  await me('POST', 'identity/entity-alias', { name: other.uid, mount_accessor: 'auth_kubernetes_nowhere' });
  await lookup(other.uid);
  await me('DELETE', `identity/entity/id/${textAt(made, 'data.canonical_id')}`);
  await me('DELETE', `identity/entity/id/${textAt(made, 'data.canonical_id')}`);
  await lookup(other.uid);

  // Tokens, and leases.
  const second = await it_('POST', 'auth/token/create', { ttl: '1h' }, ['auth.orphan', 'auth.policies', 'auth.token_type']);
  const child = textAt(second, 'auth.accessor');
  heard.push(['of the same entity', textAt(second, 'auth.entity_id') === entityId]);
  for (const each of [accessor, child, 'nobody']) await me('POST', 'auth/token/lookup-accessor', { accessor: each }, ['data.id', 'data.path', 'data.meta', 'data.orphan', 'data.type']);
  const issued = await it_('GET', `database/creds/${role}`, undefined, ['lease_duration', 'renewable']);
  await it_('GET', 'database/creds/other');
  const [lease, user, password] = [textAt(issued, 'lease_id'), textAt(issued, 'data.username'), textAt(issued, 'data.password')];
  const seen = (id: string): Promise<unknown> => me('POST', 'sys/leases/lookup', { lease_id: id }, ['data.renewable', 'data.revoke_error', 'data.last_renewal']);
  const revoke = (id: string, sync?: boolean): Promise<unknown> => me('POST', 'sys/leases/revoke', { lease_id: id, ...(sync !== undefined && { sync }) });
  heard.push(['leases', at((await ask('LIST', `sys/leases/lookup/database/creds/${role}`, undefined, operator)).body, 'data.keys.length')]);
  await me('LIST', 'sys/leases/lookup/database', undefined, ['data.keys']);
  await me('GET', `sys/leases/lookup/database/creds/nobody?list=true`);
  await me('LIST', 'sys/leases/lookup/nowhere/x');
  await me('GET', 'sys/leases?type=irrevocable&limit=none', undefined, ['data.lease_count', 'data.leases']);
  await me('GET', 'sys/leases');
  await me('POST', 'sys/leases/lookup', {});
  await me('POST', 'sys/leases/revoke', {});
  await seen('database/creds/nobody/x');
  await revoke('database/creds/nobody/x');
  await revoke('database/creds/nobody/x', false);
  await seen(lease);
  await stick(lease, user, password);
  await revoke(lease, true);
  await seen(lease);
  await revoke(lease, false);
  await pass(500);
  await seen(lease);
  await revoke(lease, true);
  await unstick(lease, user, password);
  await revoke(lease, true);
  await seen(lease);

  // The end of what it has.
  await me('POST', `identity/entity/id/${entityId}`, { disabled: true, metadata: { offboard_locked: 'ci/bot' } });
  await lookup(bot.uid);
  await it_('GET', 'auth/token/lookup-self');
  await anybody('POST', 'auth/kubernetes/login', login);
  await me('POST', 'auth/token/lookup-accessor', { accessor }, ['data.path']);
  await me('POST', `identity/entity/id/${entityId}`, { disabled: false, metadata: {} });
  await it_('GET', 'auth/token/lookup-self', undefined, ['data.path']);
  for (let time = 0; time < 2; time += 1) await me('POST', 'auth/token/revoke-accessor', { accessor }, ['warnings', 'data']);
  for (const each of [accessor, child]) await me('POST', 'auth/token/lookup-accessor', { accessor: each });
  await it_('GET', 'auth/token/lookup-self');
  const byRole = await anybody('POST', 'auth/approle/login', { role_id: roleId, secret_id: secretId.id }, ['auth.metadata', 'auth.policies', 'auth.token_type', 'auth.renewable']);
  await me('POST', 'auth/token/lookup-accessor', { accessor: textAt(byRole, 'auth.accessor') }, ['data.path', 'data.meta', 'data.orphan']);
  heard.push(['has an entity', textAt(byRole, 'auth.entity_id') !== '']);
  const appRole = `auth/approle/role/${role}`;
  await me('GET', appRole, undefined, ['data.bind_secret_id', 'data.token_policies']);
  await me('LIST', `${appRole}/secret-id`);
  for (let time = 0; time < 2; time += 1) {
    await me('POST', `${appRole}/secret-id-accessor/lookup`, { secret_id_accessor: secretId.accessor });
    await me('POST', `${appRole}/secret-id-accessor/destroy`, { secret_id_accessor: secretId.accessor });
  }
  await me('LIST', `${appRole}/secret-id`);
  await anybody('POST', 'auth/approle/login', { role_id: roleId, secret_id: secretId.id });
  await me('GET', 'auth/approle/role/nobody');
  await me('LIST', 'auth/approle/role/nobody/secret-id');
  await me('POST', 'auth/approle/role/nobody/secret-id-accessor/lookup', { secret_id_accessor: 'x' });
  await me('GET', 'pki/cert/00-11');
  await me('POST', 'pki/revoke', { serial_number: '00:11' });
  const authRole = `auth/kubernetes/role/${role}`;
  await me('GET', authRole, undefined, ['data.bound_service_account_names', 'data.bound_service_account_namespaces', 'data.bound_service_account_namespace_selector', 'data.alias_name_source', 'data.token_type']);
  for (let time = 0; time < 2; time += 1) await me('DELETE', authRole);
  await me('GET', authRole);
  await anybody('POST', 'auth/kubernetes/login', login);
  return heard;
};

it('answers as a real one does', async () => {
  expect(await interview(simulatedServer())).toEqual(await interview(await realServer()));
});
