/**
 * A tenant who may use every connector, and whose namespace is granted what is its own, reaches for what is another's: by each
 * way of naming it that the API server takes. Nothing of the other's ends, nothing is told, and what is his own goes.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { VaultDependency } from '../../src/api/v1alpha1/index.ts';
import { type Agent, startVaultWorld, type VaultWorld } from '../env/vault-world.ts';
import { connector, inVault, offboarding, workloadIdentity, type Fields, type Manifest } from '../integration/manifests.ts';
import { type Person, person, writesOurKinds } from '../integration/people.ts';
import { readyOf, type Stage, startStage } from './stage.ts';

/** What one agent has in Vault. */
interface Belongings {
  readonly agent: Agent;
  readonly serialNumber: string;
  /** Whether each of it works, by really using it. */
  readonly use: () => Promise<Readonly<Record<string, unknown>>>;
}

let stage: Stage;
let world: VaultWorld;
/** Owns the namespace "a"; may use connectors of any name. */
let mallory: Person;
let mine: Belongings;
/** Of the namespace "b". */
let theirs: Belongings;

const alive = { login: 200, token: 200, lease: 'ok', appRole: 'ok', isRevoked: false, role: 200 };

const addBelongings = async (namespace: string): Promise<Belongings> => {
  const agent = await world.addAgent(`${namespace}-agent`, { namespace });
  const token = await agent.login();
  const lease = await token.lease();
  const appRole = await world.addAppRole(agent.role, [agent.role]);
  const { secretId } = await appRole.secretId();
  const certificate = await world.issue(`${agent.role}.example.com`);
  return {
    agent,
    serialNumber: certificate.serialNumber,
    use: async () => ({
      login: await agent.tryLogin().then(({ status }) => status, () => 0),
      token: await token.use(),
      lease: await lease.login(),
      appRole: await appRole.login(secretId).then(() => 'ok', () => 'refused'),
      isRevoked: await certificate.isRevoked(),
      role: (await world.bao.call('GET', `auth/kubernetes/role/${agent.role}`)).status,
    }),
  };
};

const grantTo = (namespace: string): Fields => ({
  namespaces: { names: [namespace] },
  vault: {
    authRoles: [`ci-${namespace}-*`],
    leasePrefixes: [`database/creds/ci-${namespace}-*`],
    appRoles: [`approle/ci-${namespace}-*`],
    certificates: [`pki/ci-${namespace}-*.example.com`],
  },
});

const namesAll = ({ agent: { role, prefix }, serialNumber }: Belongings): Omit<VaultDependency, 'connectorRef'> => ({
  roles: [role],
  leases: [{ prefix, exclusive: true }],
  appRoles: [{ name: role, exclusive: true }],
  certificates: [{ serialNumber }],
});

beforeAll(async () => {
  stage = await startStage();
  world = await startVaultWorld({ cluster: stage.cluster });
  [mine, theirs] = await Promise.all([addBelongings('a'), addBelongings('b')]);
  const vault = { address: world.bao.url, caBundle: world.bao.ca, auth: { kubernetes: world.operator.kubernetes }, kubernetesAuthMounts: [{ path: 'kubernetes' }] };
  for (const [name, grants] of [['vault', [grantTo('a'), grantTo('b')]], ['not-for-a', [grantTo('b')]]] as const) {
    await stage.apply(JSON.stringify(connector(name, { vault, grants, timing: { settle: '1s' } })));
    await stage.cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=60s', `connector/${name}`]);
  }
  mallory = await person(stage.cluster, 'mallory', {
    in: { a: [writesOurKinds, { on: ['serviceaccounts', 'workloadidentities.offboard.dev'], verbs: ['create', 'delete'] }] },
    everywhere: [{ on: ['connectors.offboard.dev'], verbs: ['use'] }],
  });
});
afterAll(async () => {
  await stage.stop();
  await world.stop();
});

const create = ['create', '-f', '-'];
const submit = async (manifest: Manifest): Promise<void> => {
  await mallory.kubectl(create, manifest);
};

/** With an account of the namespace "a" that is good for nothing else. */
const reach = async (name: string, ...dependencies: readonly Fields[]): Promise<void> => {
  await mallory.kubectl(['create', 'serviceaccount', name, '-n', 'a']);
  await submit(offboarding('a', name, { identity: { serviceAccount: { name }, dependencies }, mode: 'Enforce' }));
};

const vaultOf = (what: Fields, connectorName = 'vault'): Fields => ({ name: 'vault', ...inVault(connectorName, what) });
const prefix = (text: string): Fields => ({ leases: [{ prefix: text, exclusive: true }] });

describe.concurrent("what is another's", () => {
  it.each<readonly [string, () => readonly Fields[]]>([
    ['a prefix', () => [vaultOf(prefix(theirs.agent.prefix))]],
    ['the beginning of their prefix and of many more', () => [vaultOf(prefix('database/creds'))]],
    ['a path beneath my own prefix', () => [vaultOf(prefix(`${mine.agent.prefix}/ci-b-agent`))]],
    ['my own prefix in capitals', () => [vaultOf(prefix('database/creds/CI-A-AGENT'))]],
    ['a name that only begins like mine', () => [vaultOf(prefix('database/creds/ci-a'))]],
    ['another mount', () => [vaultOf(prefix('other/creds/ci-a-agent'))]],
    ['an auth role', () => [vaultOf({ roles: [theirs.agent.role] })]],
    ['an AppRole', () => [vaultOf({ appRoles: [{ name: theirs.agent.role, exclusive: true }] })]],
    ['a certificate', () => [vaultOf({ certificates: [{ serialNumber: theirs.serialNumber }] })]],
    ['all of it', () => [vaultOf(namesAll(theirs))]],
    ['some of it beside my own', () => [vaultOf({ leases: [mine, theirs].map(({ agent }) => ({ prefix: agent.prefix, exclusive: true })) })]],
    ['some of it, after my own', () => [vaultOf(namesAll(mine)), { ...vaultOf(namesAll(theirs)), name: 'more', after: ['vault', 'kubernetes'] }]],
    ['some of it, before my own', () => [{ ...vaultOf(prefix(mine.agent.prefix)), after: ['more'] }, { ...vaultOf(prefix(theirs.agent.prefix)), name: 'more' }]],
    ['a connector that grants me nothing', () => [vaultOf({}, 'not-for-a')]],
  ])('is not had ended by naming it: %s', async (title, dependencies) => {
    const name = title.toLowerCase().replaceAll(/[^a-z]+/g, '-');
    await reach(name, ...dependencies());
    const { conditions = [], revokeStartedAt } = await stage.reason('a', name, 'NotGranted');
    expect(conditions.find(({ type }) => type === 'Stalled')?.status).toBe('True');
    expect(revokeStartedAt).toBeUndefined();
    expect(await stage.exists('serviceaccount', name, '-n', 'a')).toBe(true);
  });

  it.each(['Routine', 'Emergency'])('is told of as what does not exist, word for word, in status and events of a run that is %s and of an identity', async (urgency) => {
    const told = async (word: string, connectorName: string): Promise<readonly string[]> => {
      const dependencies = [vaultOf(namesAll(theirs), connectorName)];
      const [run, identity] = [`${urgency.toLowerCase()}-${word}`, `${urgency.toLowerCase()}-identity-${word}`];
      for (const name of [run, identity]) await mallory.kubectl(['create', 'serviceaccount', name, '-n', 'a']);
      await submit(offboarding('a', run, { identity: { serviceAccount: { name: run }, dependencies }, mode: 'Enforce', urgency }));
      await submit(workloadIdentity('a', identity, { dependencies }));
      // An Emergency goes on with what it can reach.
      await stage.reason('a', run, 'NotGranted');
      if (urgency === 'Emergency') await mallory.kubectl(['wait', '--for=jsonpath={.status.dependencies[?(@.name=="kubernetes")].state}=Confirmed', '--timeout=60s', `ofb/${run}`, '-n', 'a']);
      await mallory.kubectl(['wait', '--for=jsonpath={.status.conditions[?(@.type=="Inventoried")].status}=False', '--timeout=60s', `wid/${identity}`, '-n', 'a']);
      const all = await Promise.all([
        mallory.kubectl(['get', 'ofb', run, '-n', 'a', '-o', 'jsonpath={.status}']),
        mallory.kubectl(['get', 'wid', identity, '-n', 'a', '-o', 'jsonpath={.status}']),
        stage.cluster.kubectl(['get', 'events', '-n', 'a', '-o', `jsonpath={range .items[?(@.involvedObject.name=="${run}")]}{.reason} {.message};{end}`]),
      ]);
      return all.map((text) => text.replaceAll(connectorName, 'CONNECTOR').replaceAll(word, 'WORD').replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|offboard-[0-9a-f]{32}|(?<="absentFor":)\d+/g, '…'));
    };
    const [there, absent] = await Promise.all([told('first', 'not-for-a'), told('other', 'no-such-vault')]);
    expect(there).toEqual(absent);
    for (const text of there) expect(text).toContain('no connector');
    expect(there.join()).not.toContain(world.bao.url);
  });

  it.each([
    ['an account of my own that is not there', 'Routine', false],
    ['an account of my own that is not there, in a hurry', 'Emergency', false],
    ['an account of my own that is', 'Routine', true],
    ['an account of my own that is, in a hurry', 'Emergency', true],
  ])('is not had ended by giving its UID to %s', async (_, urgency, exists) => {
    const name = `${urgency.toLowerCase()}-${String(exists)}`;
    // One has logged in, and one never did: its first login must not be refused.
    const newcomer = await world.addAgent(`b-${name}`, { namespace: 'b' });
    for (const agent of [theirs.agent, newcomer]) {
      const account = `as-${name}-${agent.name}`;
      if (exists) await mallory.kubectl(['create', 'serviceaccount', account, '-n', 'a']);
      const serviceAccount = { name: account, uid: await agent.uid() };
      await submit(offboarding('a', account, { identity: { serviceAccount, dependencies: [vaultOf({})] }, mode: 'Enforce', urgency }));
      await mallory.kubectl(['wait', '--for=jsonpath={.status.dependencies[?(@.name=="vault")].lastError.code}=UIDMismatch', '--timeout=60s', `ofb/${account}`, '-n', 'a']);
    }
    expect((await newcomer.tryLogin()).status).toBe(200);
  });

  it('is not had ended by its UID when its account is gone and what it got in Vault is not', async () => {
    const leaver = await world.addAgent('b-leaver', { namespace: 'b' });
    const [uid, token] = [await leaver.uid(), await leaver.login()];
    await stage.cluster.kubectl(['delete', 'serviceaccount', leaver.name, '-n', 'b']);
    await submit(offboarding('a', 'as-leaver', { identity: { serviceAccount: { name: 'as-leaver', uid }, dependencies: [vaultOf({})] }, mode: 'Enforce' }));
    const { message } = readyOf(await stage.reason('a', 'as-leaver', 'UIDMismatch')) ?? {};
    expect(message).toBe('vault: by auth/kubernetes the UID is that of another ServiceAccount than a/as-leaver, which is left alone; correct serviceAccount.uid, or leave it out');
    expect(await token.use()).toBe(200);
  });

  it('does not go with an account of the same name', async () => {
    await reach(theirs.agent.name, vaultOf({}));
    await stage.reason('a', theirs.agent.name, 'ConfirmedWithUnprovable');
  });
});

describe('after all of that', () => {
  it("what is another's is alive, and so is my own", async () => {
    expect(await theirs.use()).toEqual(alive);
    expect(await mine.use()).toEqual(alive);
  });
});

describe('what is mine', () => {
  it("goes, all of it, and nothing of another's", async () => {
    await submit(offboarding('a', 'mine', { identity: { serviceAccount: { name: mine.agent.name }, dependencies: [vaultOf({ ...namesAll(mine) })] }, mode: 'Enforce' }));
    await stage.reason('a', 'mine', 'ConfirmedWithUnprovable');
    expect(await mine.use()).toEqual({ login: 0, token: 403, lease: 'refused', appRole: 'refused', isRevoked: true, role: 404 });
    expect(await theirs.use()).toEqual(alive);
  });
});
