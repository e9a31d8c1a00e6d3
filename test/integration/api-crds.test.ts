import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startControlPlane } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { installOffboard } from './install.ts';
import { certificates, connector, inVault } from './manifests.ts';

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
const inlineRun = { identity, reason: 'Retired', mode: 'Plan' };
let serial = 0;
const fresh = (): string => `o${(serial += 1)}`;

describe('the manifests', () => {
  it.each([
    ['config/crd', 5, 'CustomResourceDefinition', []],
    // Who is locked stands in a ConfigMap.
    ['config/policies', 66, 'AdmissionPolicy', ['ConfigMap']],
  ])('of %s are complete as a kustomization', async (folder, count, kind, others) => {
    const built = await cluster.kubectl(['kustomize', folder]);
    const kinds = [...built.matchAll(/^kind: (.*)$/gm)].map(([, name = '']) => name);
    expect(kinds.filter((name) => name.includes(kind))).toHaveLength(count);
    expect(kinds.filter((name) => !name.includes(kind))).toEqual(others);
    await cluster.kubectl(['apply', '--server-side', '--dry-run=server', '--validate=strict', '-k', folder]);
  });
});

describe('the samples', () => {
  it('are accepted, with strict validation, in one go', async () => {
    const applied = await cluster.kubectl(['apply', '--server-side', '--validate=strict', '-k', 'config/samples']);
    expect(applied.trim().split('\n')).toHaveLength(18);
  });
});

describe('a WorkloadIdentity is refused', () => {
  it.each([
    ['without an account', {}, 'spec.serviceAccount: Required value'],
    ['for the default account', { serviceAccount: { name: 'default' } }, 'the default ServiceAccount is shared by every pod'],
    ['for a name that no account can have', { serviceAccount: { name: 'Not A Name' } }, 'spec.serviceAccount.name: Invalid value: "Not A Name": name must be made of lower-case letters, digits, "-" and "."'],
    ['for a pin that is no UID', { serviceAccount: { name: 'agent', uid: '../other' } }, 'spec.serviceAccount.uid: Invalid value: "../other": uid must be made of'],
    ['for an empty pin', { serviceAccount: { name: 'agent', uid: '' } }, 'spec.serviceAccount.uid'],
    ['that expires some day', { ...identity, lifecycle: { expiresAt: 'soon' } }, 'spec.lifecycle.expiresAt'],
    ['with a certificate that never ends', { ...identity, kubernetes: { certificates: [{ commonName: 'agent' }] } }, 'spec.kubernetes.certificates[0].notAfter: Required value'],
    ['with a certificate listed twice', { ...identity, ...certificates('agent', 'agent') }, 'spec.kubernetes.certificates[1]: Duplicate value'],
    ['with a seventeenth certificate', { ...identity, ...certificates(...Array.from({ length: 17 }, (_, index) => `agent-${String(index)}`)) }, 'must have at most 16 items'],
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
    await expect(change({ name: 'other' })).rejects.toThrow('spec.serviceAccount.name: Invalid value: serviceAccount.name is immutable');
    await expect(change({ uid: 'u-2' })).rejects.toThrow('spec.serviceAccount.uid: Invalid value: serviceAccount.uid is immutable');
    await expect(change({ uid: null })).rejects.toThrow('spec.serviceAccount.uid: Invalid value: serviceAccount.uid is immutable');
    await change({ mayBeAbsent: true });
  });

  it('when a pin is to be added to what had none', async () => {
    await create('WorkloadIdentity', 'unpinned', identity);
    const pin = JSON.stringify({ spec: { serviceAccount: { uid: 'u-1' } } });
    await expect(cluster.kubectl(['patch', 'wid', 'unpinned', '-n', 'api', '--type=merge', '-p', pin])).rejects.toThrow('serviceAccount.uid is immutable');
  });
});

describe('an Offboarding is refused', () => {
  it.each([
    ['with both ways to name the identity', { ...run, identity }, 'exactly one of workloadIdentityRef, identity must be set'],
    ['with none', { reason: 'Retired', mode: 'Plan' }, 'exactly one of workloadIdentityRef, identity must be set'],
    ['without a mode', { workloadIdentityRef: { name: 'agent' }, reason: 'Retired' }, 'spec.mode: Required value'],
    ['with a soak that is too long', { ...run, soak: '169h' }, 'soak must be at most 168h'],
    ['without a reason', { workloadIdentityRef: { name: 'agent' }, mode: 'Plan' }, 'spec.reason: Required value'],
    ['with a reason of its own', { ...run, reason: 'Bored' }, 'supported values: "Retired", "Compromised", "OwnerLeft", "Expired"'],
    ['with a soak in days', { ...run, soak: '1d' }, /is invalid: spec\.soak: Invalid value: "1d": soak must be a duration in hours, minutes, seconds or milliseconds, such as 168h, 1h30m or 90s$/],
    ['with a soak longer than a duration can be', { ...run, soak: '99999999999999h' }, 'soak must be a duration'],
    ['with an empty soak', { ...run, soak: '' }, 'soak must be a duration'],
    ['with a deadline that is no duration', { ...run, deadline: 'soon' }, /is invalid: spec\.deadline: Invalid value: "soon": deadline must be a duration in hours, minutes, seconds or milliseconds, such as 168h, 1h30m or 90s$/],
    ['with a cancel that gives no reason', { ...run, cancel: { reason: '' } }, 'spec.cancel.reason'],
    ['for a name that no WorkloadIdentity can have', { ...run, workloadIdentityRef: { name: 'a/b' } }, 'spec.workloadIdentityRef.name: Invalid value: "a/b": name must be made of'],
    ['for a namespace that cannot be', { ...run, workloadIdentityRef: { name: 'agent', namespace: 'a.b' } }, 'spec.workloadIdentityRef.namespace: Invalid value: "a.b": namespace must be made of'],
    ['for the default account', { identity: { serviceAccount: { name: 'default' } }, reason: 'Retired', mode: 'Plan' }, 'spec.identity.serviceAccount.name: Invalid value: the default ServiceAccount is shared'],
    ['with a field that nobody knows', { ...run, sook: '1h' }, 'unknown field "spec.sook"'],
    ['with a field that nobody knows inline', { identity: { ...identity, vault: {} }, reason: 'Retired', mode: 'Plan' }, 'unknown field "spec.identity.vault"'],
    ['with a deadline of nothing', { ...run, deadline: '0s' }, 'deadline must be longer than 0s'],
  ])('%s', async (_, spec, message) => {
    await expect(create('Offboarding', fresh(), spec)).rejects.toThrow(message);
  });

  it.each<readonly [string, Spec, Spec, string]>([
    ['another identity', run, { workloadIdentityRef: { name: 'other' } }, 'spec.workloadIdentityRef: Invalid value: workloadIdentityRef is immutable'],
    ['the same in another namespace', run, { workloadIdentityRef: { namespace: 'api' } }, 'workloadIdentityRef is immutable'],
    ['an inline identity', run, { workloadIdentityRef: null, identity }, 'spec.identity: Invalid value: identity is immutable'],
    ['nobody at all', run, { workloadIdentityRef: null }, 'workloadIdentityRef is immutable'],
    ['a referred identity', inlineRun, { identity: null, workloadIdentityRef: { name: 'agent' } }, 'workloadIdentityRef is immutable'],
    ['another account', inlineRun, { identity: { serviceAccount: { name: 'other' } } }, 'identity is immutable'],
    ['an account that may be absent', inlineRun, { identity: { serviceAccount: { mayBeAbsent: true } } }, 'identity is immutable'],
    ['one with a dependency more', inlineRun, { identity: { dependencies: [{ name: 'vault', ...inVault('vault') }] } }, 'identity is immutable'],
    ['one with a certificate more', inlineRun, { identity: certificates('agent') }, 'identity is immutable'],
    ['one of no mode', { ...run, mode: 'Enforce' }, { mode: null }, 'spec.mode: Required value'],
    ['a soak that is no duration', { ...run, soak: '1h' }, { soak: '1d' }, 'soak must be a duration'],
    ['a cancel for another reason', { ...run, cancel: { reason: 'x' } }, { cancel: { reason: 'y' } }, 'spec.cancel: Invalid value: cancel cannot be changed'],
    ['a soak longer by a millisecond', { ...run, soak: '1h' }, { soak: '60m1ms' }, 'soak may only become shorter'],
    ['one that somebody else cancelled', { ...run, cancel: { reason: 'x' } }, { cancel: { requestedBy: { username: 'mallory' } } }, 'spec.cancel: Invalid value: cancel cannot be changed'],
    ['one of a requester without groups', run, { requestedBy: { groups: null } }, 'spec.requestedBy: Invalid value: requestedBy is stamped'],
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

  it.each(['168h', '1h30m', '1.5h', '604800s', '500ms', '0s', '0h0m'])('never for a soak of %s', async (soak) => {
    await create('Offboarding', fresh(), { ...run, soak });
  });

  it('never for what may change', async () => {
    const name = fresh();
    await create('Offboarding', name, { ...run, soak: '2h' });
    for (const change of [{ soak: '1h' }, { soak: null }, { suspend: true }, { deadline: '1h' }, { deadline: null }, { urgency: 'Emergency' }, { mode: 'Enforce' }, { cancel: { reason: 'enough' } }]) {
      await patch(name, change);
    }
  });
});

describe('an OffboardingWaiver is refused', () => {
  const waiver = { offboardingRef: { name: 'retire', uid: 'u-1' }, dependency: 'kubernetes', reason: 'away', expiresAt: '2099-01-01T00:00:00Z' };

  it.each([
    ['for nobody\'s run', { ...waiver, offboardingRef: undefined }, 'spec.offboardingRef: Required value'],
    ['for a run of that name, whichever', { ...waiver, offboardingRef: { name: 'retire' } }, 'spec.offboardingRef.uid: Required value'],
    ['for a run that cannot be', { ...waiver, offboardingRef: { name: 'a/b', uid: 'u-1' } }, 'spec.offboardingRef.name: Invalid value: "a/b": name must be made of'],
    ['for a UID that is none', { ...waiver, offboardingRef: { name: 'retire', uid: '../x' } }, 'uid must be made of'],
    ['for all dependencies at once', { ...waiver, dependency: '*' }, 'dependency must be made of'],
    ['without a reason', { ...waiver, reason: '' }, 'spec.reason'],
    ['for ever', { ...waiver, expiresAt: undefined }, 'spec.expiresAt: Required value'],
    ['until some day', { ...waiver, expiresAt: 'some day' }, 'spec.expiresAt'],
    ['in another namespace', { ...waiver, offboardingRef: { ...waiver.offboardingRef, namespace: 'other' } }, 'unknown field "spec.offboardingRef.namespace"'],
  ])('%s', async (_, spec, message) => {
    await expect(create('OffboardingWaiver', fresh(), spec)).rejects.toThrow(message);
  });

  it.each<readonly [string, object]>([
    ['longer', { expiresAt: '2100-01-01T00:00:00Z' }],
    ['shorter', { expiresAt: '2027-01-01T00:00:00Z' }],
    ['one for another dependency', { dependency: 'vault' }],
    ['one for another run', { offboardingRef: { name: 'other' } }],
    ['one for another reason', { reason: 'other' }],
    ['one by nobody', { approvedBy: null }],
    ['one by somebody else', { approvedBy: { username: 'other' } }],
  ])('to become %s', async (_, change) => {
    const name = fresh();
    await create('OffboardingWaiver', name, waiver);
    const patched = cluster.kubectl(['patch', 'ofw', name, '-n', 'api', '--type=merge', '-p', JSON.stringify({ spec: change })]);
    await expect(patched).rejects.toThrow('the spec of a waiver is immutable; create another waiver, or delete this one');
  });
});

describe('what is left out', () => {
  const spec = async (resource: string): Promise<unknown> => JSON.parse(await cluster.kubectl(['get', ...resource.split(' '), '-n', 'api', '-o', 'jsonpath={.spec}']));

  it('is filled in where there is a usual value, and nothing else is', async () => {
    await create('Offboarding', 'bare', run);
    const { requestedBy: _, ...rest } = (await spec('ofb bare')) as Spec;
    expect(rest).toEqual({ ...run, urgency: 'Routine', soak: '0s', suspend: false });
    await create('WorkloadIdentity', 'bare', { ...identity, lifecycle: {} });
    expect(await spec('wid bare')).toEqual({ ...identity, lifecycle: { onDelete: 'Offboard' } });
  });

  it('is dropped where nobody knows it and kubectl does not look', async () => {
    const unknown = { apiVersion: 'offboard.dev/v1alpha1', kind: 'Offboarding', metadata: { name: 'lax', namespace: 'api' }, spec: { ...run, sook: '1h' } };
    await cluster.kubectl(['create', '--validate=false', '-f', '-'], { stdin: JSON.stringify(unknown) });
    expect(await spec('ofb lax')).not.toHaveProperty('sook');
  });
});

describe('people', () => {
  const at = '2026-11-23T10:04:27Z';
  const ready = { type: 'Ready', status: 'False', reason: 'Settling', message: 'kubernetes is settling', lastTransitionTime: at };
  const setStatus = (resource: string, status: Spec): Promise<string> =>
    cluster.kubectl(['patch', ...resource.split(' '), '-n', 'api', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })]);
  const table = async (...args: readonly string[]): Promise<readonly (readonly string[])[]> =>
    (await cluster.kubectl(['get', ...args, '-n', 'api'])).trim().split('\n').map((line) => line.trim().split(/ {2,}/));

  beforeAll(async () => {
    await create('Offboarding', 'verifying', run);
    await setStatus('ofb verifying', { identity: 'api/agent', phase: 'Verifying', progress: '15/17', waitingOn: 'kubernetes', residualUntil: '2099-11-23T10:04:27Z', conditions: [ready] });
    await create('WorkloadIdentity', 'columns', { serviceAccount: { name: 'selected' }, owner: { name: 'build-platform' }, lifecycle: { expiresAt: '2099-01-31T00:00:00Z' } });
    await setStatus('wid columns', {
      lifecycleState: 'Expiring',
      dependencies: [{ name: 'kubernetes', credentials: 4, provable: true }],
      offboardingRef: { namespace: 'api', name: 'verifying' },
      conditions: [{ ...ready, status: 'True' }],
    });
  });

  it('read what each field means', async () => {
    const spec = await cluster.kubectl(['explain', 'offboarding.spec']);
    expect(spec).toContain('Plan writes nothing anywhere but this object');
    expect(spec).toMatch(/mode\t<string> -required-\n +enum: Plan, Enforce\n/);
    expect(await cluster.kubectl(['explain', 'wid.spec.lifecycle.onDelete'])).toContain('Orphan lets the object go');
    expect(await cluster.kubectl(['explain', 'offboarding.status'])).toContain('Where the run is, for people.');
    expect(await cluster.kubectl(['explain', 'wid.status.lifecycleState'])).toContain('Retired: an Offboarding has');
  });

  it('see the columns of a run that tell them most, and more when they ask', async () => {
    expect(await table('ofb', 'verifying')).toEqual([
      ['NAME', 'IDENTITY', 'PHASE', 'CONFIRMED', 'RESIDUAL UNTIL', 'AGE'],
      ['verifying', 'api/agent', 'Verifying', '15/17', '2099-11-23T10:04:27Z', expect.any(String)],
    ]);
    expect(await table('ofb', 'verifying', '-o', 'wide')).toEqual([
      ['NAME', 'IDENTITY', 'PHASE', 'CONFIRMED', 'RESIDUAL UNTIL', 'AGE', 'REQUESTED BY', 'REASON', 'RECORD', 'MESSAGE'],
      ['verifying', 'api/agent', 'Verifying', '15/17', '2099-11-23T10:04:27Z', expect.any(String), 'admin', 'Retired', 'kubernetes is settling'],
    ]);
  });

  it('see the columns of an identity that tell them most, and more when they ask', async () => {
    expect(await table('wid', 'columns')).toEqual([
      ['NAME', 'SERVICEACCOUNT', 'STATE', 'READY', 'CREDENTIALS', 'EXPIRES', 'AGE'],
      ['columns', 'selected', 'Expiring', 'True', '4', '2099-01-31T00:00:00Z', expect.any(String)],
    ]);
    expect(await table('wid', 'columns', '-o', 'wide')).toEqual([
      ['NAME', 'SERVICEACCOUNT', 'STATE', 'READY', 'CREDENTIALS', 'EXPIRES', 'AGE', 'OWNER', 'OFFBOARDING'],
      ['columns', 'selected', 'Expiring', 'True', '4', '2099-01-31T00:00:00Z', expect.any(String), 'build-platform', 'verifying'],
    ]);
  });

  it('see the columns of a waiver that tell them most, and more when they ask', async () => {
    await create('OffboardingWaiver', 'columns', { offboardingRef: { name: 'verifying', uid: 'u-1' }, dependency: 'kubernetes', reason: 'away', expiresAt: '2099-01-01T00:00:00Z' });
    await setStatus('ofw columns', { conditions: [{ ...ready, status: 'True', reason: 'InForce' }] });
    expect(await table('ofw', 'columns', '-o', 'wide')).toEqual([
      ['NAME', 'OFFBOARDING', 'DEPENDENCY', 'READY', 'STATE', 'EXPIRES', 'AGE', 'APPROVED BY', 'REASON'],
      ['columns', 'verifying', 'kubernetes', 'True', 'InForce', '2099-01-01T00:00:00Z', expect.any(String), 'admin', 'away'],
    ]);
  });

  it('see the columns of a connector that tell them most, and more when they ask', async () => {
    await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(connector('vault')) });
    await setStatus('ofc vault', { serverVersion: '2.7.2', account: 'offboard', conditions: [{ ...ready, reason: 'PermissionMissing', message: 'list on sys/leases' }] });
    expect(await table('ofc', 'vault', '-o', 'wide')).toEqual([
      ['NAME', 'ADDRESS', 'READY', 'REASON', 'VERSION', 'ACCOUNT', 'AGE', 'MESSAGE'],
      ['vault', 'https://vault.example.com:8200', 'False', 'PermissionMissing', '2.7.2', 'offboard', expect.any(String), 'list on sys/leases'],
    ]);
  });

  it.each([
    ['ofw', 'spec.offboardingRef.name=verifying', 'offboardingwaiver.offboard.dev/columns\n'],
    ['ofw', 'spec.dependency=vault', ''],
    ['ofb', 'status.phase=Verifying', 'offboarding.offboard.dev/verifying\n'],
    ['ofb', 'status.waitingOn=kubernetes', 'offboarding.offboard.dev/verifying\n'],
    ['ofb', 'status.identity=api/agent', 'offboarding.offboard.dev/verifying\n'],
    ['ofb', 'status.phase=Blocked', ''],
    ['wid', 'status.lifecycleState=Expiring', 'workloadidentity.offboard.dev/columns\n'],
    ['wid', 'spec.serviceAccount.name=selected', 'workloadidentity.offboard.dev/columns\n'],
    ['wid', 'spec.serviceAccount.name=nobody', ''],
  ])('select %s by %s', async (kind, selector, found) => {
    expect(await cluster.kubectl(['get', kind, '-A', `--field-selector=${selector}`, '-o', 'name'])).toBe(found);
  });

  it('find all kinds by their short names and together by their category', async () => {
    const names = await cluster.kubectl(['get', 'offboard', '-n', 'api', '-o', 'name']);
    expect(names).toContain('offboarding.offboard.dev/verifying\n');
    expect(names).toContain('workloadidentity.offboard.dev/columns\n');
    expect(names).toContain('offboardingwaiver.offboard.dev/columns\n');
  });
});
