/**
 * Hostile names in Vault and in Google Cloud: what others, or the identity itself, may have called things there. Of the neighbours nothing
 * is touched, what is written about it breaks out of nothing, and each run ends true, or says what it is that nobody can ask about safely.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuildAgent, createBuildAgent } from '../env/build-agent.ts';
import { accountName } from '../env/google-cloud-world.ts';
import { waitFor } from '../env/wait-for.ts';
import { type Agent, startVaultWorld, type VaultWorld } from '../env/vault-world.ts';
import { connector } from '../integration/manifests.ts';
import { dependencyOf as inGoogle, type GoogleCloudStage, startGoogleCloudStage } from './google-cloud-stage.ts';
import { looksLikeToken } from './hostile.ts';
import { isUnfit } from './oracle.ts';
import { dependencyOfRun, done, retiring } from './runs.ts';
import { readyOf } from './stage.ts';
import { dependencyOf as inVault, vaultToken } from './vault-stage.ts';

/** As the servers take them where anything may be written: in metadata, in what a token is called, in members and conditions. */
const words: readonly string[] = [
  'line\nbreak\r\n{"level":"error","message":"forged"}',
  'esc\u001b[31m\u0007 null\u0000',
  '{{ .Values.x }} ${jndi:ldap://x} {{identity.entity.id}} $(touch out);`touch out`',
  'a/../b ..%2f..%2fsys ?list=true#x',
  'bidi\u202e\u2066name\u200b\ufeff',
  'metric{label="x"} 1\n# HELP forged',
  looksLikeToken,
  '😀'.repeat(100),
];
/** Each makes a lease of its own: of a path a server takes all that can be printed, but for `..` as a whole name. */
const pathNames: readonly string[] = ['{{ .x }}', '${jndi:ldap:x}', '😀', '..a', '--all', 'a?b#c', `q'"\`$(touch out);`, ' leading and trailing ', 'L'.repeat(900)];

let stage: GoogleCloudStage;
let world: VaultWorld;

beforeAll(async () => {
  stage = await startGoogleCloudStage();
  world = await startVaultWorld({ cluster: stage.cluster });
  await world.bao.ask('POST', 'sys/mounts/leased', { type: 'kv', options: { leased_passthrough: 'true' } });
  await world.bao.ask('POST', 'sys/auth/neighbours', { type: 'approle' });
  const vault = { address: world.bao.url, caBundle: world.bao.ca, auth: { kubernetes: world.operator.kubernetes }, kubernetesAuthMounts: [{ path: 'kubernetes' }] };
  const grant = { authRoles: ['ci-*'], leasePrefixes: ['database/creds/ci-*', 'leased/ci-*'], appRoles: ['approle/ci-*'] };
  const grants = [{ namespaces: { selector: { matchLabels: { 'example.com/google': 'ci' } } }, vault: grant }];
  await stage.apply(JSON.stringify(connector('vault', { vault, grants, timing: { settle: '1s', timeout: '4s' } })));
});
afterAll(async () => {
  try {
    await stage.stop();
  } finally {
    await world.stop();
  }
});

const ask = <T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> => world.bao.ask<T>(method, path, body);
const messageOf = async (namespace: string): Promise<string> => readyOf((await stage.run(namespace, 'retire'))?.status)?.message ?? '';
const leaseOf = async (path: string): Promise<string> => {
  await ask('POST', `leased/${path}`, { value: 'x', ttl: '1h' });
  return (await ask<{ readonly lease_id: string }>('GET', `leased/${path}`)).lease_id;
};
const isLive = async (lease: string): Promise<boolean> => (await world.bao.call('POST', 'sys/leases/lookup', { lease_id: lease })).status === 200;
const leasesUnder = (prefix: string): Promise<readonly string[]> => Promise.all(pathNames.map((name) => leaseOf(`${prefix}/${encodeURIComponent(name)}`)));

/** A build agent that has a login to Vault, and nothing in Google Cloud. */
const addVaultAgent = async (name: string): Promise<{ readonly agent: BuildAgent; readonly vault: Agent; readonly entityId: string }> => {
  const agent = await createBuildAgent(stage.cluster, name, name);
  await stage.cluster.kubectl(['label', 'namespace', name, 'example.com/google=ci']);
  const vault = await world.addAgent(name, { namespace: name });
  const token = await vault.login();
  await stage.oracle.guard(agent, [vaultToken('Vault token', token)]);
  return { agent, vault, entityId: token.entityId };
};

const withLeases = (vault: Agent, prefix: string): string => inVault({ vault }).replace('leases: [', `leases: [{prefix: ${prefix}, exclusive: true}, `);

describe('what is in a Vault under hostile names', () => {
  it.concurrent('goes where it is the identity\'s, and stays where it only looks so', async () => {
    const { agent, vault, entityId } = await addVaultAgent('seven');
    const metadata = Object.fromEntries(words.map((word, index) => [`note-${String(index)}`, word.slice(0, 100)]));
    // Its own, called anything: a child, and secret ids of an AppRole.
    const mine = await Promise.all(words.map(async (word) => {
      const token = await vault.login();
      const { auth } = await world.bao.ask<{ readonly auth: { readonly client_token: string } }>('POST', 'auth/token/create', { display_name: word, meta: { '{{k}}': word, role: word, service_account_name: 'other' }, ttl: '1h' }, token.token);
      return auth.client_token;
    }));
    // Not before: the server lets an entity of such a name make no more tokens.
    await ask('POST', `identity/entity/id/${entityId}`, { name: words.join(' '), metadata });
    const appRole = await world.addAppRole(vault.role, [vault.role]);
    const logins = await Promise.all(words.slice(2, 5).map(async (word) => {
      const { data } = await ask<{ readonly data: { readonly secret_id: string } }>('POST', `auth/approle/role/${vault.role}/secret-id`, { metadata: JSON.stringify({ note: word.slice(0, 100), role_name: 'ci-other' }) });
      return appRole.login(data.secret_id);
    }));
    const own = await leasesUnder('ci-seven');
    // Others: names that begin like its own, tokens and aliases that say they are it.
    const theirs = [...(await leasesUnder('ci-seven2')), ...(await leasesUnder('ci-seven%20')), await leaseOf('ci-seven.x')];
    const claims = { service_account_namespace: 'seven', service_account_name: 'seven', service_account_uid: agent.uid, role_name: vault.role, role: vault.role };
    const likeMine = await Promise.all([...words, 'plain'].map((word) => ask<{ readonly auth: { readonly client_token: string } }>('POST', 'auth/token/create-orphan', { policies: [word.toLowerCase()], display_name: word, meta: { ...claims, note: word }, ttl: '1h' })));
    const { 'neighbours/': { accessor } } = (await ask<{ readonly data: Readonly<Record<'neighbours/', { readonly accessor: string }>> }>('GET', 'sys/auth')).data;
    const entities = await Promise.all([agent.uid, ...words].map(async (word, index) => {
      const { data: { id } } = await ask<{ readonly data: { readonly id: string } }>('POST', 'identity/entity', { name: `${word} ${String(index)}`, metadata: { note: word.slice(0, 100) } });
      await ask('POST', 'identity/entity-alias', { name: word, mount_accessor: accessor, canonical_id: id });
      return id;
    }));
    // Others who get in by its role: first that is for a person to settle.
    const role = `auth/kubernetes/role/${vault.role}`;
    const { data: asItWas } = await ask<{ readonly data: object }>('GET', role);
    await ask('POST', role, { ...asItWas, bound_service_account_names: ['seven', ...words.map((word) => word.replaceAll(',', ''))] });

    const appRoles = `, appRoles: [{name: ${vault.role}, exclusive: true}]}}`;
    await stage.apply(retiring(agent, withLeases(vault, 'leased/ci-seven').replace(/}}$/, appRoles)));
    await stage.reason('seven', 'retire', 'SharedRole');
    expect(await messageOf('seven')).toContain(String.raw`bound_service_account_names (seven, line\u{a}break`);
    await ask('POST', role, asItWas);
    await stage.reason('seven', 'retire', done);
    await stage.oracle.judged(agent);

    for (const token of [...mine, ...logins.map((login) => login.token)]) expect((await world.bao.call('GET', 'auth/token/lookup-self', undefined, token)).status).toBe(403);
    expect(await Promise.all(own.map(isLive))).toEqual(own.map(() => false));
    expect(await Promise.all(theirs.map(isLive))).toEqual(theirs.map(() => true));
    for (const { auth } of likeMine) expect((await world.bao.call('GET', 'auth/token/lookup-self', undefined, auth.client_token)).status).toBe(200);
    for (const id of entities) {
      const { data } = await ask<{ readonly data: { readonly disabled: boolean; readonly metadata: object } }>('GET', `identity/entity/id/${id}`);
      expect({ disabled: data.disabled, keys: Object.keys(data.metadata) }).toEqual({ disabled: false, keys: ['note'] });
    }
    const { data } = await ask<{ readonly data: { readonly disabled: boolean; readonly metadata: object } }>('GET', `identity/entity/id/${entityId}`);
    expect(data).toMatchObject({ disabled: true, metadata });
  });

  it.concurrent.each([['percent', '100%25', '100%/'], ['backslash', 'a%5c..%5cb', String.raw`a\..\b/`], ['length', 'L'.repeat(1_100), 'LLLL']])(
    'that cannot be asked about safely, by its %s, holds the run up until a person has ended it, and nobody else',
    async (name, path, shown) => {
      const { agent, vault } = await addVaultAgent(name);
      const lease = await leaseOf(`ci-${name}/${path}`);
      await stage.apply(retiring(agent, withLeases(vault, `leased/ci-${name}`)));
      await stage.reason(name, 'retire', 'LeaseNotNameable');
      expect(await messageOf(name)).toContain(`there are leases under leased/ci-${name}/${shown}`);
      expect((await stage.run(name, 'retire'))?.status?.revokeStartedAt).toBeUndefined();
      expect(await isLive(lease)).toBe(true);
      await ask('POST', 'sys/leases/revoke', { lease_id: lease, sync: true });
      await stage.reason(name, 'retire', done);
      await stage.oracle.judged(agent);
    },
  );

  it.concurrent('that is so much that no lock can be marked is told, and the run goes on once there is room', async () => {
    const { agent, vault, entityId } = await addVaultAgent('full');
    const metadata = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`k${String(index)}`, 'v'.repeat(500)]));
    await ask('POST', `identity/entity/id/${entityId}`, { metadata });
    await stage.apply(retiring(agent, inVault({ vault })));
    await waitFor(async () => (await dependencyOfRun(stage, agent, 'vault'))?.lastError?.message.includes('metadata cannot contain more than 64') === true, { what: 'the run to tell', timeout: 60_000 });
    expect((await stage.run('full', 'retire'))?.status?.revokeStartedAt).toBeUndefined();
    await ask('POST', `identity/entity/id/${entityId}`, { metadata: { k0: 'v' } });
    await stage.reason('full', 'retire', done);
    await stage.oracle.judged(agent);
  });
});

describe('what is in Google Cloud under hostile names', () => {
  const role = (word: string): string => `projects/acme-ci/roles/${word}`;
  const conditionOf = (word: string): { readonly title: string; readonly description: string; readonly expression: string } => ({ title: word, description: word, expression: `request.time < timestamp("2099-01-01T00:00:00Z") // ${word.replaceAll(/[\r\n]/g, ' ')}` });
  /** Half of a character is what JSON can carry, and no text should hold. */
  const all = [...words, 'half\ud800', 'long '.repeat(400)];

  it.concurrent('goes where it is the identity\'s, and all others stay to the byte', async () => {
    const agent = await stage.addAgent('eight');
    const { google, pool } = stage;
    const { email } = agent.account;
    const ownForms = [`serviceAccount:${email}`, `principal://iam.googleapis.com/${pool.name}/subject/ns/eight/sa/eight`, `principal://iam.googleapis.com/${pool.name}/kubernetes.serviceaccount.uid/${agent.uid}`];
    const othersOf = (word: string): readonly string[] => [
      `user:x${word}@example.com`, `group:x${word}`, `${ownForms[0] ?? ''}${word}`, `${ownForms[1] ?? ''}/${word}`, `${ownForms[1] ?? ''}%2f..%2f${word}`, `${ownForms[2] ?? ''}${word}`,
      `principalSet://iam.googleapis.com/${pool.name}/attribute.x/${word}`, `deleted:serviceAccount:${email}?uid=${word}`, `deleted:principal://x${word}`, `principal://iam.googleapis.com/${pool.name}/subject/ns/eight/sa/../sa/eight`,
    ];
    for (const word of all) await google.defineRole(role(word), ['storage.objects.get']);
    const before = (await google.policy(agent.bucket)).bindings ?? [];
    const bindings = (more: readonly string[]): typeof before => all.flatMap((word) => {
      const binding = { role: role(word), members: [...othersOf(word), ...more] };
      return [binding, { ...binding, condition: conditionOf(word) }];
    });
    const theirs = [...before, ...bindings([])].map((binding) => ({ ...binding, members: binding.members.filter((member) => !ownForms.includes(member)) })).filter(({ members }) => members.length > 0);
    await google.writePolicy(agent.bucket, { bindings: theirs });
    const asTheyAre = (await google.policy(agent.bucket)).bindings;
    await google.writePolicy(agent.bucket, { bindings: [...before, ...bindings(ownForms)] });

    await stage.apply(retiring(agent, inGoogle(agent)));
    await stage.reason('eight', 'retire', done);
    await stage.oracle.judged(agent);
    expect((await google.policy(agent.bucket)).bindings).toEqual(asTheyAre);
    const listed = (await dependencyOfRun(stage, agent, 'google'))?.findings ?? [];
    expect(listed.some(({ type, message }) => type === 'Inherited' && message.includes('group:x'))).toBe(true);
  });

  it.concurrent('acts as the account as well: it is told, and keeps what it has', async () => {
    const agent = await stage.addAgent('nine', { withoutKeys: true, seconds: 5 });
    const { google } = stage;
    await google.changeAccount(agent.account.uniqueId, { description: words.join(' ').slice(0, 250) });
    const users = words.map((word) => `user:x${word}@example.com`);
    const resource = accountName(agent.account.email);
    await google.writePolicy(resource, { bindings: [...((await google.policy(resource)).bindings ?? []), { role: 'roles/iam.serviceAccountUser', members: users }] });
    await stage.apply(retiring(agent, inGoogle(agent)));
    const status = await stage.reason('nine', 'retire', done);
    const findings = status.dependencies?.find(({ name }) => name === 'google')?.findings ?? [];
    expect(findings.find(({ type }) => type === 'Shared')?.message).toContain(String.raw`user:xline\u{a}break`);
    expect((await google.account(agent.account.uniqueId)).disabled).toBe(false);
    expect((await google.policy(resource)).bindings?.find(({ role: of }) => of === 'roles/iam.serviceAccountUser')?.members).toEqual(users);
  });
});

/** Last, when everything hostile has been told. */
describe('what is left of all that', () => {
  it('is on one line each in the log, and in events, is in no metric, and shows no token', async () => {
    const { cluster, operator, oracle } = stage;
    const lines = operator().log().split('\n').filter((line) => line !== '');
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: expect.stringMatching(/^(info|warn)$/) as string });
    expect(lines.filter(isUnfit)).toEqual([]);
    const { items } = JSON.parse(await cluster.kubectl(['get', 'events.events.k8s.io', '-A', '-o', 'json'])) as { readonly items: readonly { readonly note: string; readonly reportingController?: string }[] };
    expect(items.filter(({ reportingController, note }) => reportingController === 'offboard.dev/operator' && isUnfit(note))).toEqual([]);
    const text = await (await fetch(`${operator().url}/metrics`)).text();
    for (const line of text.split('\n')) expect(line).toMatch(/^$|^# (HELP|TYPE) [a-z_0-9]+ |^[a-z_0-9]+(\{([a-z_]+="[\w.:+*-]*",?)*\})? \S+$/);
    expect(await oracle.wrong()).toEqual([]);
  });
});
