/** Who makes, changes and deletes OffboardingRecords, and what Offboard's own account may do to the public keys. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { installSigningKey } from '../env/signing-key.ts';
import { installOffboard } from './install.ts';
import { account, admin, type Person, person } from './people.ts';

const create = ['create', '-f', '-'];
const spec = {
  outcome: 'Confirmed',
  identity: { namespace: 'ci', name: 'agent', uid: 'a' },
  offboarding: { namespace: 'ci', name: 'retire', uid: 'r' },
  completedAt: '2026-11-23T10:00:00Z',
  digest: `sha256:${'0'.repeat(64)}`,
  envelope: { payloadType: 'application/vnd.in-toto+json', payload: 'e30=', signatures: [{ sig: 'AAAA' }] },
};
const record = (name: string, more: object = {}): object => ({ apiVersion: 'offboard.dev/v1alpha1', kind: 'OffboardingRecord', metadata: { name, ...more }, spec });
const merge = (name: string, body: object, ...more: readonly string[]): readonly string[] => ['patch', 'ofr', name, '--type=merge', '-p', JSON.stringify(body), ...more];
const everything = { on: ['offboardingrecords.offboard.dev', 'offboardingrecords.offboard.dev/status'], verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'] };

let cluster: ControlPlane;
let root: Person;
/** May do everything to records that Kubernetes' own verbs say. */
let keeper: Person;
let breaker: Person;
let operator: Person;

beforeAll(async () => {
  cluster = await startControlPlane({ audit: true });
  await installOffboard(cluster);
  await installSigningKey(cluster);
  root = admin(cluster);
  await root.kubectl(['create', 'serviceaccount', 'offboard', '-n', 'offboard-system']);
  keeper = await person(cluster, 'keeper', { everywhere: [everything] });
  breaker = await person(cluster, 'breaker', { everywhere: [everything, { on: ['offboardingrecords.offboard.dev'], verbs: ['breakglass'], named: ['0000000002', '0000000003'] }] });
  operator = await account(cluster, 'offboard-system', 'offboard', { everywhere: [everything, { on: ['configmaps'], verbs: ['get', 'patch', 'delete'] }] });
  for (const name of ['0000000001', '0000000002', '0000000003', '0000000004']) await operator.kubectl(create, record(name));
});
afterAll(async () => {
  await cluster.stop();
});

describe('a record', () => {
  it('is made by Offboard only', async () => {
    await expect(keeper.kubectl(create, record('0000000009'))).rejects.toThrow('only Offboard makes records');
    await expect(breaker.kubectl(create, record('0000000003'))).rejects.toThrow('only Offboard makes records');
  });

  it('says what it said, whoever asks', async () => {
    for (const who of [operator, root]) {
      for (const change of [{ outcome: 'Cancelled' }, { digest: null }, { envelope: { payload: 'e30' } }]) {
        await expect(who.kubectl(merge('0000000001', { spec: change })), JSON.stringify(change)).rejects.toThrow('a record is immutable');
      }
    }
  });

  it('has either an envelope or a chunk', async () => {
    for (const change of [{ chunk: { credentials: 'W10=' } }, { envelope: undefined }]) {
      await expect(operator.kubectl(create, { ...record('0000000009'), spec: { ...spec, ...change } })).rejects.toThrow('a record holds either an envelope or a chunk of one');
    }
  });

  it('has the status that Offboard gives it', async () => {
    const status = { status: { observedGeneration: 1 } };
    await expect(keeper.kubectl(merge('0000000001', status, '--subresource=status'))).rejects.toThrow('only Offboard writes the status');
    await operator.kubectl(merge('0000000001', status, '--subresource=status'));
  });

  it('is marked and held by nobody else', async () => {
    for (const change of [{ labels: { a: 'b' } }, { annotations: { a: 'b' } }, { finalizers: ['example.com/mine'] }]) {
      await expect(breaker.kubectl(merge('0000000002', { metadata: change })), JSON.stringify(change)).rejects.toThrow('only Offboard changes records');
    }
  });

  it('is deleted by Offboard, and else by who holds "breakglass" on it; the audit log says who', async () => {
    await expect(keeper.kubectl(['delete', 'ofr', '0000000001'])).rejects.toThrow('To delete evidence, user "keeper" needs the verb "breakglass" on offboardingrecords.offboard.dev "0000000001"');
    await expect(breaker.kubectl(['delete', 'ofr', '0000000001'])).rejects.toThrow('only Offboard deletes records');
    await breaker.kubectl(['delete', 'ofr', '0000000002']);
    await operator.kubectl(['delete', 'ofr', '0000000004']);
    expect(marks()).toContain('breaker: DELETE of 0000000002');
    expect(marks()).not.toContain('system:serviceaccount:offboard-system:offboard: DELETE of 0000000004');
  });

  it('is not deleted among many by who does not hold it on each', async () => {
    await expect(breaker.kubectl(['delete', '--raw=/apis/offboard.dev/v1alpha1/offboardingrecords'])).rejects.toThrow('only Offboard deletes records');
    expect(await root.kubectl(['get', 'ofr', '0000000001', '-o', 'name'])).toContain('0000000001');
  });

  // The garbage collector learns of new kinds every 30 s.
  it('goes also where its deletion waits for the garbage collector', async () => {
    if (!(await exists('0000000003'))) await operator.kubectl(create, record('0000000003'));
    await breaker.kubectl(['delete', 'ofr', '0000000003', '--cascade=foreground', '--wait=false']);
    await waitFor(async () => !(await exists('0000000003')), { timeout: 90_000, what: 'the record going' });
  });
});

describe('the public keys', () => {
  const patch = (data: object): Promise<string> => operator.kubectl(['patch', 'configmap', 'offboard-signing-keys', '-n', 'offboard-system', '--type=merge', '-p', JSON.stringify({ data })]);

  it('are added by Offboard, and neither changed nor taken away', async () => {
    await patch({ 'one.pem': 'first' });
    await patch({ 'two.pem': 'second' });
    await expect(patch({ 'one.pem': 'other' })).rejects.toThrow('Offboard only adds public keys');
    await expect(patch({ 'one.pem': null })).rejects.toThrow('Offboard only adds public keys');
    await expect(operator.kubectl(['delete', 'configmap', 'offboard-signing-keys', '-n', 'offboard-system'])).rejects.toThrow('Offboard only adds public keys');
  });

  it('stay when the manifest is applied again', async () => {
    for (const form of [['apply', '--server-side'], ['apply']]) await root.kubectl([...form, '-f', 'config/manager/signing-keys.yaml']);
    expect(await root.kubectl(['get', 'configmap', 'offboard-signing-keys', '-n', 'offboard-system', '-o', 'jsonpath={.data}'])).toBe('{"one.pem":"first","two.pem":"second"}');
  });
});

const exists = async (name: string): Promise<boolean> => (await root.kubectl(['get', 'ofr', name, '--ignore-not-found', '-o', 'name'])) !== '';

/** What the audit log says of those who are not Offboard, of requests that were allowed. */
const marks = (): readonly string[] =>
  readFileSync(cluster.auditLog ?? '', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly annotations?: Readonly<Record<string, string>>; readonly responseStatus?: { readonly code: number } })
    .flatMap(({ annotations, responseStatus }) => (responseStatus?.code === 200 ? (annotations?.['offboard-records/not-by-offboard'] ?? []) : []));
