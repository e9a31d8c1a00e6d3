/** Who may have Offboard act through a connector, and who says what a connector is. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { installOffboard } from './install.ts';
import { connector, type Fields, inGoogle, inline, inVault, offboarding, workloadIdentity } from './manifests.ts';
import { account, admin, type Person, person, type Rule, writesOurKinds } from './people.ts';

const create = ['create', '-f', '-'];
const apply = ['apply', '--server-side', '-f', '-'];
const dry = [...create, '--dry-run=server'];
const merge = (resource: string, body: Fields, ...more: readonly string[]): readonly string[] => [
  'patch', ...resource.split(' '), '-n', 'ci', '--type=merge', '-p', JSON.stringify(body), ...more,
];
const dependency = (name: string, connectorName: string, what: Fields = {}): Fields => ({ name, ...inVault(connectorName, what) });
const google = (name: string, connectorName: string, what: Fields = {}): Fields => ({ name, ...inGoogle(connectorName, what) });
const dependencies = (...list: readonly Fields[]): Fields => ({ dependencies: list });
const refusal = (user: string, ...connectors: readonly string[]): string =>
  `user "${user}" needs the verb "use" on each of connectors.offboard.dev "${connectors.join('", "')}"`;
const use = (...named: readonly string[]): Rule => ({ on: ['connectors.offboard.dev'], verbs: ['use'], ...(named.length === 0 ? {} : { named }) });
const ends: Rule = { on: ['serviceaccounts', 'workloadidentities.offboard.dev'], verbs: ['delete'] };
/** The connectors that Vera may use; only the first of them exists. */
const veras = Array.from({ length: 16 }, (_, index) => `vault-${String(index)}`);
const acting = (more: Fields = {}): Fields => ({ serviceAccount: { email: 'ci-a@acme.iam.gserviceaccount.com', ...more } });

let cluster: ControlPlane;
/** Cluster administrator. */
let root: Person;
/** Owns everything in "ci", and may use no connector. */
let owner: Person;
/** Owns everything in "ci", and may use the connectors vault-0 to vault-15. */
let vera: Person;
let operator: Person;

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: false });
  await installOffboard(cluster);
  root = admin(cluster);
  await cluster.kubectl(['create', 'namespace', 'ci']);
  await cluster.kubectl(['create', 'serviceaccount', 'offboard', '-n', 'offboard-system']);
  for (const name of ['vault-0', 'secret-vault']) await root.kubectl(create, connector(name));
  for (const [name, uses] of [['mine', 'vault-0'], ['theirs', 'secret-vault']] as const) {
    await root.kubectl(create, workloadIdentity('ci', name, dependencies(dependency('vault', uses))));
  }
  await root.kubectl(create, workloadIdentity('ci', 'google', dependencies(google('google', 'vault-0', acting()))));
  owner = await person(cluster, 'owner', { in: { ci: [writesOurKinds, ends] } });
  vera = await person(cluster, 'vera', { in: { ci: [writesOurKinds, ends] }, everywhere: [use(...veras)] });
  operator = await account(cluster, 'offboard-system', 'offboard', { everywhere: [writesOurKinds, { on: ['connectors.offboard.dev/status'], verbs: ['get', 'patch'] }] });
});
afterAll(async () => {
  await cluster.stop();
});

const message = (promise: Promise<string>): Promise<string> => promise.then(() => 'allowed', String);

describe('a connector', () => {
  it('is named in a new WorkloadIdentity only by somebody who may use it, in any form', async () => {
    const manifest = workloadIdentity('ci', 'new', dependencies(dependency('vault', 'vault-0')));
    for (const form of [create, apply, dry]) await expect(owner.kubectl(form, manifest)).rejects.toThrow(`spec.dependencies: whoever has Offboard act through a connector must be allowed to use it: ${refusal('owner', 'vault-0')}`);
    await vera.kubectl(create, manifest);
  });

  it('is named in an inline identity only by somebody who may use it', async () => {
    const manifest = (user: string): object => offboarding('ci', `by-${user}`, { identity: { serviceAccount: { name: 'a' }, ...dependencies(dependency('vault', 'vault-0')) } });
    await expect(owner.kubectl(create, manifest('owner'))).rejects.toThrow(`spec.identity.dependencies: whoever has Offboard act through a connector must be allowed to use it: ${refusal('owner', 'vault-0')}`);
    await vera.kubectl(create, manifest('vera'));
  });

  it('planned by one user is not enforced by another who may not use it', async () => {
    await expect(owner.kubectl(merge('ofb by-vera', { spec: { mode: 'Enforce' } }))).rejects.toThrow(refusal('owner', 'vault-0'));
    await vera.kubectl(merge('ofb by-vera', { spec: { mode: 'Enforce' } }));
  });

  it.each<readonly [string, string, Fields]>([
    ['added', 'theirs', dependencies(dependency('vault', 'secret-vault'), dependency('more', 'vault-1'))],
    ['added under another name', 'mine', dependencies(dependency('again', 'vault-0'))],
    ['reached further into', 'mine', dependencies(dependency('vault', 'vault-0', { roles: ['ci'] }))],
    ['given another order', 'mine', dependencies({ ...dependency('vault', 'vault-0'), after: ['kubernetes'] })],
    ['swapped for another', 'theirs', dependencies(dependency('vault', 'vault-1'))],
    ['added to Google Cloud', 'mine', dependencies(dependency('vault', 'vault-0'), google('google', 'vault-2'))],
    ['swapped for one to Google Cloud', 'mine', dependencies(google('vault', 'vault-0'))],
    ['reached further into in Google Cloud', 'google', dependencies(google('google', 'vault-0', { ...acting(), resources: ['projects/acme'] }))],
    ['given another end in Google Cloud', 'google', dependencies(google('google', 'vault-0', acting({ uniqueId: '1', onRetire: 'Delete' })))],
    ['given another account in Google Cloud', 'google', dependencies(google('google', 'vault-0', acting({ email: 'ci-b@acme.iam.gserviceaccount.com' })))],
    ['had probed in Google Cloud', 'google', dependencies(google('google', 'vault-0', { ...acting(), probe: true }))],
  ])('is %s only by somebody who may use it', async (_, name, spec) => {
    for (const more of [[], ['--dry-run=server']]) {
      await expect(owner.kubectl(merge(`wid ${name}`, { spec }, ...more))).rejects.toThrow('needs the verb "use" on each of connectors.offboard.dev "vault-');
    }
    await vera.kubectl(merge(`wid ${name}`, { spec }, '--dry-run=server'));
  });

  it('that another named stays named, and is let go, by whoever may otherwise change the identity', async () => {
    await owner.kubectl(merge('wid theirs', { spec: { lifecycle: { expiresAt: '2099-01-01T00:00:00Z' } } }));
    await owner.kubectl(['label', 'wid', 'theirs', '-n', 'ci', 'team=new']);
    await vera.kubectl(merge('wid theirs', { spec: dependencies(dependency('vault', 'secret-vault'), dependency('more', 'vault-2')) }));
    await owner.kubectl(merge('wid theirs', { spec: dependencies(dependency('vault', 'secret-vault')) }));
    await owner.kubectl(merge('wid theirs', { spec: { dependencies: null } }, '--dry-run=server'));
  });

  it('that another named is not reached further into, nor used in an identity of one\'s own', async () => {
    const further = dependencies(dependency('vault', 'secret-vault', { leases: [{ prefix: 'database/creds/other', exclusive: true }] }));
    await expect(vera.kubectl(merge('wid theirs', { spec: further }))).rejects.toThrow(refusal('vera', 'secret-vault'));
    await expect(vera.kubectl(create, workloadIdentity('ci', 'b', further))).rejects.toThrow(refusal('vera', 'secret-vault'));
    await expect(vera.kubectl(create, offboarding('ci', 'b', { identity: { serviceAccount: { name: 'b' }, ...further } }))).rejects.toThrow(refusal('vera', 'secret-vault'));
  });

  it('that exists is refused in the same words as one that does not', async () => {
    const answerFor = async (name: string): Promise<string> =>
      (await message(owner.kubectl(dry, workloadIdentity('ci', 'guess', dependencies(dependency('vault', name)))))).replaceAll(name, 'NAME');
    expect(await answerFor('secret-vault')).toBe(await answerFor('no-such-vault'));
    expect(await answerFor('secret-vault')).toContain(refusal('owner', 'NAME'));
    for (const who of [owner, vera]) {
      const look = async (name: string): Promise<string> => (await message(who.kubectl(['get', 'connector', name]))).replaceAll(name, 'NAME');
      expect(await look('secret-vault')).toBe(await look('no-such-vault'));
    }
  });

  it.each([1, 2, 3, 15, 16])('is judged when it is number %i in the list', async (place) => {
    const named = veras.map((name, index) => (index === place - 1 ? 'secret-vault' : name));
    for (const kind of [dependency, google]) {
      await expect(vera.kubectl(dry, workloadIdentity('ci', 'd', dependencies(...named.map((name, index) => kind(`d-${String(index)}`, name)))))).rejects.toThrow(refusal('vera', ...named));
    }
  });

  it('fits sixteen times into a list of which all may be used', async () => {
    const all = dependencies(...veras.map((name, index) => (index % 2 === 0 ? dependency : google)(name, name)));
    await vera.kubectl(dry, workloadIdentity('ci', 'd', all));
    await vera.kubectl(dry, offboarding('ci', 'd', { identity: { serviceAccount: { name: 'd' }, ...all } }));
  });

  it('is named by the operator without the verb, and is no matter where none is named', async () => {
    await operator.kubectl(dry, workloadIdentity('ci', 'e', dependencies(dependency('vault', 'secret-vault'))));
    for (const spec of [{}, dependencies()]) await owner.kubectl(dry, workloadIdentity('ci', 'e', spec));
    await owner.kubectl(dry, offboarding('ci', 'e', inline('e')));
  });

  it('of every type that the API has is asked for: another one takes a line in the policy', async () => {
    const crd = JSON.parse(await root.kubectl(['get', 'crd', 'workloadidentities.offboard.dev', '-o', 'json'])) as Fields;
    const items = (crd['spec'] as { versions: { schema: { openAPIV3Schema: { properties: { spec: { properties: { dependencies: { items: { properties: object } } } } } } } }[] }).versions[0];
    expect(Object.keys(items?.schema.openAPIV3Schema.properties.spec.properties.dependencies.items.properties ?? {}).toSorted()).toEqual(['after', 'googleCloud', 'name', 'vault']);
  });
});

describe('the object of a connector', () => {
  const status = { status: { conditions: [{ type: 'Ready', status: 'True', reason: 'Confirmed', message: 'forged', lastTransitionTime: '2026-01-01T00:00:00Z' }] } };
  const onStatus = 'connector vault-0 --subresource=status';

  it('has its status written by the operator and an administrator, and not by who writes the rest of it', async () => {
    const keeper = await person(cluster, 'keeper', { everywhere: [{ on: ['connectors.offboard.dev', 'connectors.offboard.dev/status'], verbs: ['*'] }] });
    await keeper.kubectl(merge('connector vault-0', { spec: { timing: { settle: '1s' } } }));
    await expect(keeper.kubectl(merge(onStatus, status))).rejects.toThrow('only Offboard writes the status');
    await operator.kubectl(merge(onStatus, { status: { serverVersion: '1' } }));
    await root.kubectl(merge(onStatus, { status: { serverVersion: '2' } }));
  });

  it('is deleted by whoever may, who is warned of what that means', async () => {
    await expect(root.kubectl(['delete', 'connector', 'vault-0', '--dry-run=server', '--warnings-as-errors'])).rejects.toThrow(
      'identities that name this connector are not retired until there is one of its name again',
    );
    expect(await root.kubectl(['delete', 'connector', 'vault-0'])).toContain('deleted');
  });
});

/** Last, since it changes the API. */
describe('a dependency of a type that the policy does not know', () => {
  it('is refused to whoever may use any connector, until the policy knows it', async () => {
    const items = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/dependencies/items';
    const change = [
      { op: 'remove', path: `${items}/x-kubernetes-validations` },
      { op: 'add', path: `${items}/properties/amazon`, value: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    ];
    await root.kubectl(['patch', 'crd', 'workloadidentities.offboard.dev', '--type=json', '-p', JSON.stringify(change)]);
    const identity = workloadIdentity('ci', 'f', dependencies({ name: 'amazon', amazon: { connectorRef: { name: 'vault-0' } } }));
    await waitFor(() => root.kubectl(dry, identity).then(() => true, () => false), { what: 'the API with a type more' });
    await expect(vera.kubectl(dry, identity)).rejects.toThrow('no such key: vault');
  });
});
