/** What the API server makes of objects of any shape: the defaults that it fills in are those that we reckon with, and what it takes we can read. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { declaredDependencies } from '../../src/policy/dependencies.ts';
import type { WorkloadIdentitySpec } from '../../src/api/v1alpha1/index.ts';
import { parseDuration } from '../../src/runtime/duration.ts';
import { connect } from '../bench/api.ts';
import type { Api } from '../bench/api.ts';
import { startControlPlane } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { holdsInTime } from '../fuzz/property.ts';
import { installOffboard } from './install.ts';

let cluster: ControlPlane;
let api: Api;

beforeAll(async () => {
  cluster = await startControlPlane();
  await installOffboard(cluster);
  api = connect({ kubeconfig: cluster.kubeconfig, userAgent: 'fuzz', connections: 4 });
});
afterAll(async () => {
  await api.close();
  await cluster.stop();
});

interface Stored {
  readonly status: number;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** As it would be stored. Nothing is. */
const tried = async (kind: 'Offboarding' | 'WorkloadIdentity', spec: object): Promise<Stored> => {
  const plural = kind === 'Offboarding' ? 'offboardings' : 'workloadidentities';
  const { status, body } = await api.call('POST', `/apis/offboard.dev/v1alpha1/namespaces/default/${plural}?dryRun=All`, { apiVersion: 'offboard.dev/v1alpha1', kind, metadata: { name: 'tried' }, spec });
  if (status !== 201 && status !== 422) throw new Error(`HTTP ${status}: ${body}`);
  return { status, spec: status === 201 ? (JSON.parse(body) as { readonly spec: Stored['spec'] }).spec : {} };
};

const inline = { identity: { serviceAccount: { name: 'agent' } }, reason: 'Retired', mode: 'Plan' };
const names = fc.stringMatching(/^[a-z]([-a-z0-9]{0,10}[a-z0-9])?$/);

describe('the least that can be said', () => {
  it('of an Offboarding is what the design says it means', async () => {
    const { status, spec } = await tried('Offboarding', inline);
    const { requestedBy: _, enforcedBy: __, ...rest } = spec;
    expect({ status, ...rest }).toEqual({ status: 201, ...inline, urgency: 'Routine', soak: '0s', suspend: false });
  });

  it('of a WorkloadIdentity stays as it is, but for what happens when it is deleted', async () => {
    const serviceAccount = { name: 'agent' };
    expect(await tried('WorkloadIdentity', { serviceAccount })).toEqual({ status: 201, spec: { serviceAccount } });
    expect(await tried('WorkloadIdentity', { serviceAccount, lifecycle: {} })).toEqual({ status: 201, spec: { serviceAccount, lifecycle: { onDelete: 'Offboard' } } });
  });
});

describe('dependencies of any shape', () => {
  const list = <T>(items: fc.Arbitrary<T>, selector: (item: T) => string) => fc.option(fc.uniqueArray(items, { minLength: 1, maxLength: 3, selector }), { nil: undefined });
  const vault = fc
    .record({
      roles: list(names, (name) => name),
      leases: list(fc.record({ prefix: names.map((name) => `database/creds/${name}`) }), ({ prefix }) => prefix),
      appRoles: list(fc.record({ name: names, mount: fc.constantFrom('approle', 'other') }, { requiredKeys: ['name'] }), ({ name }) => name),
      certificates: list(fc.record({ serialNumber: fc.constantFrom('01:02', '0a:0b'), mount: fc.constantFrom('pki', 'ca') }, { requiredKeys: ['serialNumber'] }), ({ serialNumber }) => serialNumber),
    })
    .map((fields) => ({ connectorRef: { name: 'vault' }, ...(JSON.parse(JSON.stringify(fields)) as object) }));
  const google = fc
    .record({ resources: list(names.map((name) => `projects/acme-${name}`), (name) => name), onRetire: fc.constantFrom(undefined, 'Delete', 'KeepDisabled') })
    .map(({ resources, onRetire }) => ({ connectorRef: { name: 'google' }, serviceAccount: { email: 'agent@acme-ci.iam.gserviceaccount.com', ...(onRetire && { onRetire }) }, ...(resources && { resources }) }));
  const dependencies = fc.uniqueArray(fc.tuple(names, fc.oneof(vault.map((each) => ({ vault: each })), google.map((each) => ({ googleCloud: each })))), { maxLength: 4, selector: ([name]) => name }).map((all) => all.map(([name, system]) => ({ name, ...system })));

  it('are stored with the defaults that we fill in ourselves', async () => {
    let taken = 0;
    await holdsInTime(
      fc.asyncProperty(dependencies, async (declared) => {
        const { status, spec } = await tried('WorkloadIdentity', { serviceAccount: { name: 'agent' }, dependencies: declared });
        if (status !== 201) return;
        taken += 1;
        expect(spec['dependencies']).toEqual(declaredDependencies(declared as unknown as WorkloadIdentitySpec['dependencies']));
      }),
      80,
    );
    // Else nothing was tried.
    if (process.env['FUZZ_PATH'] === undefined) expect(taken).toBeGreaterThan(20);
  });
});

describe('a text in the place of a duration', () => {
  const pieces = fc.array(fc.constantFrom('1', '15', '0', '0.5', '.5', '1.', 'h', 'm', 's', 'ms', 'us', '-', ' ', 'd', '168h', '999999h', '\n', '٣'), { minLength: 1, maxLength: 5 }).map((all) => all.join(''));
  const texts = fc.oneof({ weight: 4, arbitrary: pieces }, fc.string({ unit: 'binary', maxLength: 8 }).map((text) => text.toWellFormed()));
  const shape = /^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$/;

  it('is taken exactly where it is one that we can read, and longer than nothing', async () => {
    await holdsInTime(
      fc.asyncProperty(texts, async (deadline) => {
        const { status } = await tried('Offboarding', { ...inline, deadline });
        const isOne = shape.test(deadline) && deadline.length <= 20 && parseDuration(deadline) > 0;
        if ((status === 201) !== isOne) throw new Error(`HTTP ${status}`);
      }),
      120,
    );
  });

  it('is a soak of a week at most', async () => {
    await holdsInTime(
      fc.asyncProperty(texts, async (soak) => {
        const { status } = await tried('Offboarding', { ...inline, soak });
        if (status !== 201) return;
        const milliseconds = parseDuration(soak);
        if (milliseconds > 168 * 3_600_000) throw new Error(`${milliseconds} ms`);
      }),
      80,
    );
  });
});

describe('a text in the place of a name', () => {
  it('is taken exactly where a ServiceAccount can have it', async () => {
    const texts = fc.oneof(names, fc.array(fc.constantFrom('a', '0', '-', '.', 'A', '/', '%2f', '..', '\n', '{{', '$(', 'é', '\u202e'), { minLength: 1, maxLength: 4 }).map((all) => all.join('')), fc.integer({ min: 250, max: 256 }).map((length) => 'a'.repeat(length)), fc.constantFrom('default', 'kube-system'));
    await holdsInTime(
      fc.asyncProperty(texts, async (name) => {
        const { status } = await tried('WorkloadIdentity', { serviceAccount: { name } });
        // https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
        const isOne = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name) && name.length <= 253 && name !== 'default';
        if ((status === 201) !== isOne) throw new Error(`HTTP ${status}`);
      }),
      120,
    );
  });
});
