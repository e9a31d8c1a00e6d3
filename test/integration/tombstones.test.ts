/** Records as tombstones on a real API server, by the operator as a process of its own: what it may do there is what it is given. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OffboardingRecordStatus } from '../../src/api/v1alpha1/index.ts';
import type { Predicate } from '../../src/evidence/predicate.ts';
import { readSigningKey } from '../../src/evidence/signing.ts';
import type { OffboardingRecordObject } from '../../src/reconcile/objects.ts';
import { aRecordedDependency } from '../builders/predicate.ts';
import { aRecord, aRecordedEnd } from '../builders/tombstone.ts';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { pastTheLock } from '../env/past-the-lock.ts';
import { startOperator } from '../env/operator.ts';
import type { OperatorProcess } from '../env/operator.ts';
import { installSigningKey } from '../env/signing-key.ts';
import { installOffboard } from './install.ts';
import { workloadIdentity } from './manifests.ts';
import { admin, type Person } from './people.ts';

let cluster: ControlPlane;
let root: Person;
let operator: OperatorProcess;
/** By name. */
const made = new Map<string, OffboardingRecordObject>();

const create = ['create', '-f', '-'];

/** The next of the chain, for a ServiceAccount of "ci". */
const record = async (account: string, change: Partial<Predicate> = {}): Promise<string> => {
  const [last] = [...made.keys()].slice(-1);
  const name = String(made.size + 1).padStart(10, '0');
  const end = aRecordedEnd(name);
  const key = readSigningKey(await signingKey());
  const object = aRecord(
    name,
    {
      record: { name, cluster: 'c', ...(last === undefined ? {} : { previous: { name: last, digest: made.get(last)?.spec.digest ?? '' } }) },
      identity: { serviceAccount: { namespace: 'ci', name: account, uid: `uid-of-${account}` }, probe: false },
      run: { ...end.run, uid: `run-of-${name}` },
      ...change,
    },
    { key },
  );
  made.set(name, object);
  const { apiVersion, kind, spec } = object;
  await root.kubectl(create, { apiVersion, kind, metadata: { name }, spec });
  return name;
};

const signingKey = async (): Promise<string> =>
  Buffer.from(await root.kubectl(['get', 'secret', 'offboard-signing-key', '-n', 'offboard-system', '-o', 'jsonpath={.data.key\\.pem}']), 'base64').toString('utf8');

const statusOf = async (name: string): Promise<OffboardingRecordStatus> =>
  (JSON.parse(await root.kubectl(['get', 'ofr', name, '-o', 'json'])) as OffboardingRecordObject).status ?? {};
const reasonOf = (status: OffboardingRecordStatus, wanted: string): string => {
  const found = status.conditions?.find(({ type }) => type === wanted);
  return found === undefined ? '' : `${found.status} ${found.reason}`;
};
const becomes = (name: string, type: 'Intact' | 'Resurrected', expected: string): Promise<OffboardingRecordStatus> =>
  waitFor(
    async () => {
      const status = await statusOf(name);
      return reasonOf(status, type) === expected && status;
    },
    { what: `record ${name} being ${type}=${expected}`, timeout: 30_000 },
  );
const binding = (name: string, subject: object): object => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: { name, namespace: 'ci' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
  subjects: [subject],
});

beforeAll(async () => {
  cluster = await startControlPlane();
  await installOffboard(cluster);
  await installSigningKey(cluster);
  root = admin(cluster);
  await root.kubectl(['create', 'namespace', 'ci']);
  const { publicKeyPem, keyid } = readSigningKey(await signingKey());
  await root.kubectl(['patch', 'configmap', 'offboard-signing-keys', '-n', 'offboard-system', '--type=merge', '-p', JSON.stringify({ data: { [`${keyid}.pem`]: publicKeyPem } })]);
  await record('before');
  operator = await startOperator(cluster, { args: ['--token-secrets'] });
});
afterAll(async () => {
  await operator.stop();
  await cluster.stop();
});

describe('a tombstone', () => {
  it('is as it was signed, also one that was there before the operator', async () => {
    await becomes('0000000001', 'Intact', 'True AsSigned');
    await becomes('0000000001', 'Resurrected', 'False NotReturned');
  });

  it('tells of a ServiceAccount of the name, at once', async () => {
    const name = await record('account');
    await becomes(name, 'Resurrected', 'False NotReturned');
    await pastTheLock(cluster, 'identity', () => root.kubectl(['create', 'serviceaccount', 'account', '-n', 'ci']));
    const { returned } = await becomes(name, 'Resurrected', 'True Returned');
    expect(returned).toMatchObject([{ dependency: 'kubernetes', id: 'serviceaccounts/ci/account', class: 'ServiceAccount' }]);
    const event = await waitFor(() => root.kubectl(['get', 'events', '-n', 'default', '--field-selector', `reason=Resurrected,involvedObject.name=${name}`, '-o', 'jsonpath={.items[0].message}']), { what: 'the event' });
    expect(event).toContain('serviceaccounts/ci/account of ci/account came back after the end; nothing was revoked');
    const metrics = await (await fetch(`${operator.url}/metrics`)).text();
    expect(metrics).toContain('offboard_tombstones{state="resurrected"} 1');
    expect(metrics).toMatch(/offboard_resurrections_total [1-9]/);
    await root.kubectl(['delete', 'serviceaccount', 'account', '-n', 'ci']);
    expect((await becomes(name, 'Resurrected', 'False GoneAgain')).returned).toMatchObject([{ goneAt: expect.any(String) as string }]);
  });

  it.each<readonly [string, object]>([
    ['an account', { kind: 'ServiceAccount', name: 'bound-0', namespace: 'ci' }],
    ['an account of the namespace of the binding', { kind: 'ServiceAccount', name: 'bound-1' }],
    ['a user', { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:serviceaccount:ci:bound-2' }],
  ])('tells of a binding that names it as %s', async (_, subject) => {
    const account = ('name' in subject ? String(subject.name) : '').split(':').at(-1) ?? '';
    const name = await record(account);
    await becomes(name, 'Resurrected', 'False NotReturned');
    await pastTheLock(cluster, 'bindings', () => root.kubectl(create, binding(account, subject)));
    const { returned } = await becomes(name, 'Resurrected', 'True Returned');
    expect(returned).toMatchObject([{ id: `rolebindings/ci/${account}`, class: 'RoleBinding' }]);
  });

  it('tells of a binding of the user of a certificate', async () => {
    const name = await record('certified', {
      identity: { serviceAccount: { namespace: 'ci', name: 'certified', uid: 'u' }, certificates: [{ commonName: 'robot', notAfter: '2026-12-01T00:00:00Z' }], probe: false },
    });
    await becomes(name, 'Resurrected', 'False NotReturned');
    await root.kubectl(create, binding('robot', { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'robot' }));
    expect((await becomes(name, 'Resurrected', 'True Returned')).returned).toMatchObject([{ id: 'rolebindings/ci/robot' }]);
  });

  it('tells of a token Secret', async () => {
    await root.kubectl(['create', 'serviceaccount', 'tokened', '-n', 'ci']);
    const uid = await root.kubectl(['get', 'serviceaccount', 'tokened', '-n', 'ci', '-o', 'jsonpath={.metadata.uid}']);
    const left = { ...aRecordedDependency(), name: 'kubernetes', state: 'Waived' as const, settleMilliseconds: 1, lock: 'NotLockable' as const, kind: 'kubernetes', findings: [] };
    const account = { id: 'serviceaccounts/ci/tokened', uid, class: 'ServiceAccount', state: 'Present' as const };
    const tokens = { id: 'tokens of serviceaccounts/ci/tokened', uid, class: 'BoundTokens', state: 'Present' as const };
    const name = await record('tokened', {
      outcome: 'CompletedWithWaivers',
      identity: { serviceAccount: { namespace: 'ci', name: 'tokened', uid }, probe: false },
      dependencies: [{ ...left, credentials: [account, tokens] }],
    });
    await becomes(name, 'Resurrected', 'False NotReturned');
    const secret = {
      apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token',
      metadata: { name: 'tokened', namespace: 'ci', annotations: { 'kubernetes.io/service-account.name': 'tokened' } },
    };
    await pastTheLock(cluster, 'secrets', () => root.kubectl(create, secret));
    expect((await becomes(name, 'Resurrected', 'True Returned')).returned).toMatchObject([{ id: 'secrets/ci/tokened', class: 'TokenSecret' }]);
  });

  it('says when it is not as it was signed', async () => {
    const name = String(made.size + 1).padStart(10, '0');
    const forged = aRecord(name, { record: { name, cluster: 'c', previous: { name: [...made.keys()].at(-1) ?? '', digest: [...made.values()].at(-1)?.spec.digest ?? '' } } });
    made.set(name, forged);
    await root.kubectl(create, { apiVersion: forged.apiVersion, kind: forged.kind, metadata: { name }, spec: forged.spec });
    const status = await becomes(name, 'Intact', 'False RecordChanged');
    expect(status.conditions?.find(({ type }) => type === 'Intact')?.message).toContain('which is none of those that are published');
  });
});

describe('a WorkloadIdentity of a retired name', () => {
  const readyOf = (name: string): Promise<string> => root.kubectl(['get', 'wid', name, '-n', 'ci', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].reason} {.status.conditions[?(@.type=="Ready")].message}']);
  const says = (name: string, expected: string): Promise<unknown> => waitFor(async () => (await readyOf(name)).includes(expected), { what: `${name} saying ${expected}`, timeout: 30_000 });

  it('is told what to do, and has the name once it supersedes the record, with who asked', async () => {
    const name = await record('again');
    await becomes(name, 'Intact', 'True AsSigned');
    await root.kubectl(create, workloadIdentity('ci', 'again'));
    await says('again', `set spec.supersedes.record to "${name}"`);
    await root.kubectl(['patch', 'wid', 'again', '-n', 'ci', '--type=merge', '-p', JSON.stringify({ spec: { supersedes: { record: name } } })]);
    const { supersededBy } = await becomes(name, 'Resurrected', 'False SupersededByIdentity');
    expect(supersededBy).toMatchObject({ namespace: 'ci', name: 'again', requestedBy: expect.stringMatching(/./) as string });
    await root.kubectl(['create', 'serviceaccount', 'again', '-n', 'ci']);
    await says('again', 'InventoryComplete');
    expect(reasonOf(await statusOf(name), 'Resurrected')).toBe('False SupersededByIdentity');
    for (const [kind, namespace, object] of [['OffboardingRecord', 'default', name], ['WorkloadIdentity', 'ci', 'again']]) {
      await waitFor(() => root.kubectl(['get', 'events', '-n', namespace ?? '', '--field-selector', `reason=Superseded,involvedObject.kind=${kind ?? ''},involvedObject.name=${object ?? ''}`, '-o', 'name']), { what: `the event on the ${kind ?? ''}` });
    }
  });

  it('releases nothing by the record of another name', async () => {
    const name = await record('mine');
    await becomes(name, 'Intact', 'True AsSigned');
    await root.kubectl(create, workloadIdentity('ci', 'thief', { supersedes: { record: name } }));
    await says('thief', 'RecordMismatch');
    expect((await statusOf(name)).supersededBy).toBeUndefined();
  });
});
