import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startControlPlane } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { installOffboard } from './install.ts';

let cluster: ControlPlane;

beforeAll(async () => {
  cluster = await startControlPlane();
  await installOffboard(cluster);
  await cluster.kubectl(['create', 'namespace', 'api']);
});
afterAll(async () => {
  await cluster.stop();
});

type Spec = Readonly<Record<string, unknown>>;

const create = (kind: string, name: string, spec: Spec): Promise<string> =>
  cluster.kubectl(['create', '--validate=strict', '-f', '-'], {
    stdin: JSON.stringify({ apiVersion: 'offboard.dev/v1alpha1', kind, metadata: { name, namespace: 'api' }, spec }),
  });
const patch = (name: string, spec: Spec): Promise<string> =>
  cluster.kubectl(['patch', 'offboarding', name, '-n', 'api', '--type=merge', '-p', JSON.stringify({ spec })]);

const identity = { serviceAccount: { name: 'agent' } };
const run = { workloadIdentityRef: { name: 'agent' }, reason: 'Retired', mode: 'Plan' };
let serial = 0;
const fresh = (): string => `o${(serial += 1)}`;

describe('the samples', () => {
  it('are accepted, with strict validation, in one go', async () => {
    const applied = await cluster.kubectl(['apply', '--server-side', '--validate=strict', '-k', 'config/samples']);
    expect(applied.trim().split('\n')).toHaveLength(7);
  });
});

describe('a WorkloadIdentity is refused', () => {
  it.each([
    ['without an account', {}, 'spec.serviceAccount: Required value'],
    ['for the default account', { serviceAccount: { name: 'default' } }, 'the default ServiceAccount is shared by every pod'],
    ['for a name that no account can have', { serviceAccount: { name: 'Not A Name' } }, 'spec.serviceAccount.name'],
    ['that names Vault', { ...identity, dependencies: [{ name: 'vault', vault: {} }] }, 'it supports no other type of dependency'],
    ['with a field that nobody knows', { ...identity, dependencys: [] }, 'unknown field "spec.dependencys"'],
    ['with a certificate of the cluster itself', { ...identity, kubernetes: { certificates: [{ commonName: 'system:admin', notAfter: '2027-01-01T00:00:00Z' }] } }, 'names that begin with "system:" belong to the cluster itself'],
    ['with another word for its deletion', { ...identity, lifecycle: { onDelete: 'Ignore' } }, 'supported values: "Offboard", "Orphan"'],
  ])('%s', async (_, spec, message) => {
    await expect(create('WorkloadIdentity', fresh(), spec)).rejects.toThrow(message);
  });

  it('when it is to become another account, and when its pin is to go', async () => {
    await create('WorkloadIdentity', 'pinned', { serviceAccount: { name: 'agent', uid: 'u-1' } });
    const change = (account: Spec): Promise<string> =>
      cluster.kubectl(['patch', 'wid', 'pinned', '-n', 'api', '--type=merge', '-p', JSON.stringify({ spec: { serviceAccount: account } })]);
    await expect(change({ name: 'other' })).rejects.toThrow('serviceAccount.name is immutable');
    await expect(change({ uid: 'u-2' })).rejects.toThrow('serviceAccount.uid is immutable');
    await expect(change({ uid: null })).rejects.toThrow('serviceAccount.uid is immutable');
    await change({ mayBeAbsent: true });
  });
});

describe('an Offboarding is refused', () => {
  it.each([
    ['with both ways to name the identity', { ...run, identity }, 'exactly one of workloadIdentityRef, identity must be set'],
    ['with none', { reason: 'Retired', mode: 'Plan' }, 'exactly one of workloadIdentityRef, identity must be set'],
    ['without a mode', { workloadIdentityRef: { name: 'agent' }, reason: 'Retired' }, 'spec.mode: Required value'],
    ['with a soak that is too long', { ...run, soak: '169h' }, 'soak must be at most 168h'],
    ['with a soak that is no duration', { ...run, soak: 'soon' }, 'spec.soak'],
    ['with a deadline of nothing', { ...run, deadline: '0s' }, 'deadline must be longer than 0s'],
    ['that names Vault inline', { identity: { ...identity, dependencies: [{ vault: {} }] }, reason: 'Retired', mode: 'Plan' }, 'it supports no other type of dependency'],
  ])('%s', async (_, spec, message) => {
    await expect(create('Offboarding', fresh(), spec)).rejects.toThrow(message);
  });

  it.each<readonly [string, Spec, Spec, string]>([
    ['another identity', run, { workloadIdentityRef: { name: 'other' } }, 'workloadIdentityRef is immutable'],
    ['no identity but an inline one', run, { workloadIdentityRef: null, identity }, 'is immutable'],
    ['another reason', run, { reason: 'Expired' }, 'reason is immutable'],
    ['a plan after all', { ...run, mode: 'Enforce' }, { mode: 'Plan' }, 'mode may only change from Plan to Enforce'],
    ['routine after all', { ...run, urgency: 'Emergency' }, { urgency: 'Routine' }, 'urgency may only change from Routine to Emergency'],
    ['routine by leaving the urgency out', { ...run, urgency: 'Emergency' }, { urgency: null }, 'urgency may only change from Routine to Emergency'],
    ['a longer soak', { ...run, soak: '1h' }, { soak: '2h' }, 'soak may only become shorter'],
    ['a cancel that is taken back', { ...run, cancel: { reason: 'x' } }, { cancel: null }, 'cancel cannot be changed or taken back'],
    ['somebody else who asked', run, { requestedBy: { username: 'mallory' } }, 'requestedBy is stamped by the API server and immutable'],
    ['nobody who asked', run, { requestedBy: null }, 'requestedBy is stamped by the API server and immutable'],
  ])('to become %s', async (_, spec, change, message) => {
    const name = fresh();
    await create('Offboarding', name, spec);
    await expect(patch(name, change)).rejects.toThrow(message);
  });

  it('never for what may change', async () => {
    const name = fresh();
    await create('Offboarding', name, { ...run, soak: '2h' });
    for (const change of [{ soak: '1h' }, { soak: null }, { suspend: true }, { deadline: '1h' }, { deadline: null }, { urgency: 'Emergency' }, { mode: 'Enforce' }, { cancel: { reason: 'enough' } }]) {
      await patch(name, change);
    }
  });
});

describe('people', () => {
  it('read what each field means', async () => {
    const spec = await cluster.kubectl(['explain', 'offboarding.spec']);
    expect(spec).toContain('Plan writes nothing anywhere but this object');
    expect(await cluster.kubectl(['explain', 'wid.spec.lifecycle.onDelete'])).toContain('Orphan lets the object go');
  });

  it('see the columns that tell them most, and more when they ask', async () => {
    await create('Offboarding', 'columns', run);
    expect(await cluster.kubectl(['get', 'ofb', 'columns', '-n', 'api'])).toMatch(/^NAME +IDENTITY +PHASE +CONFIRMED +RESIDUAL UNTIL +AGE\n/);
    expect(await cluster.kubectl(['get', 'ofb', 'columns', '-n', 'api', '-o', 'wide'])).toMatch(/REQUESTED BY +REASON +MESSAGE\ncolumns .* admin +Retired/);
    expect(await cluster.kubectl(['get', 'wid', '-n', 'api'])).toMatch(/^NAME +SERVICEACCOUNT +STATE +READY +CREDENTIALS +EXPIRES +AGE\n/);
  });

  it('select by what the status says', async () => {
    for (const field of ['status.phase=Blocked', 'status.waitingOn=kubernetes', 'status.identity=api/agent']) {
      expect(await cluster.kubectl(['get', 'ofb', '-A', `--field-selector=${field}`, '-o', 'name'])).toBe('');
    }
  });
});
