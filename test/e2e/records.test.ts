/** What is left of a run, with two API servers: the signed record, the lock on the name, and who may have the name again. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OffboardingRecordStatus } from '../../src/api/v1alpha1/index.ts';
import { bundle, cliPath } from '../../src/bundle.ts';
import type { Predicate } from '../../src/evidence/predicate.ts';
import type { OffboardingRecordObject } from '../../src/reconcile/objects.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/control-plane.ts';
import { pastTheLock } from '../env/past-the-lock.ts';
import { publicSigningKey } from '../env/signing-key.ts';
import { done } from './runs.ts';
import { expectRefused, identityOf, offboardingOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;
let folder: string;

beforeAll(async () => {
  stage = await startStage({
    cluster: { replicas: 2 },
    args: ['--kubernetes-settle=1s', '--token-secrets'],
    rights: { sharedBindings: { clusterRoles: ['view'] }, canaryNamespaces: ['tried'] },
  });
  await bundle();
  folder = mkdtempSync(join(tmpdir(), 'offboard-records-'));
  writeFileSync(join(folder, 'signing-key.pub'), await publicSigningKey(stage.cluster));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await stage.stop();
});

const kubectl = (...args: readonly string[]): Promise<string> => stage.cluster.kubectl(args);

const verify = (...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cliPath, 'verify', ...args], { cwd: folder, encoding: 'utf8', env: {} });
  return { status, text: `${stdout}${stderr}` };
};

/** Of the cluster, as somebody who keeps the key elsewhere asks for it. */
const report = (...args: readonly string[]) => spawnSync(process.execPath, [cliPath, 'report', ...args], { cwd: folder, encoding: 'utf8', env: {} });
const reported = (...args: readonly string[]) => report(...args, '--key', 'signing-key.pub', '--kubeconfig', stage.cluster.kubeconfig);

const recordOf = async (agent: BuildAgent): Promise<OffboardingRecordObject> => {
  const { recordRef } = (await stage.run(agent.namespace, 'retire'))?.status ?? {};
  return JSON.parse(await kubectl('get', 'offboardingrecord', recordRef?.name ?? 'none', '-o', 'json')) as OffboardingRecordObject;
};

const predicateOf = ({ spec }: OffboardingRecordObject): Predicate =>
  (JSON.parse(Buffer.from(spec.envelope?.payload ?? '', 'base64').toString()) as { readonly predicate: Predicate }).predicate;

/** Of a condition: `True AsSigned`. */
const becomes = (name: string, type: string, wanted: string): Promise<unknown> =>
  waitFor(
    async () => {
      const { conditions = [] } = (JSON.parse(await kubectl('get', 'offboardingrecord', name, '-o', 'json')) as { readonly status?: OffboardingRecordStatus }).status ?? {};
      const now = conditions.find((each) => each.type === type);
      return `${now?.status ?? ''} ${now?.reason ?? ''}` === wanted;
    },
    { what: `${type} of ${name} to be ${wanted}`, timeout: 60_000 },
  );

const byReference = ({ namespace, name }: BuildAgent): string => `
apiVersion: offboard.dev/v1alpha1
kind: Offboarding
metadata: {name: retire, namespace: ${namespace}}
spec: {workloadIdentityRef: {name: ${name}}, reason: Retired, mode: Enforce}
`;

const retire = async (agent: BuildAgent): Promise<OffboardingRecordObject> => {
  await stage.apply(offboardingOf(agent));
  await stage.reason(agent.namespace, 'retire', done);
  return recordOf(agent);
};

describe('an identity that is tried', () => {
  it('is refused at both API servers before its run is Ready, and its record is proven offline and holds no secret', async () => {
    const agent = await createBuildAgent(stage.cluster, 'tried');
    await stage.apply(identityOf(agent, 'kubernetes: {probe: true}'));
    await stage.apply(byReference(agent));
    const status = await stage.reason('tried', 'retire', done);
    for (const replica of [0, 1]) {
      for (const token of Object.values(agent.tokens)) expect((await stage.cluster.request('/api', { token, replica })).status).toBe(401);
    }
    const tokens = status.dependencies?.[0]?.credentials?.find((each) => each.class === 'BoundTokens');
    expect(tokens).toMatchObject({ strength: 'Probed', probe: { servers: 2 } });
    // Two tokens reviews and a call at each of two servers, at the first absence and at the last.
    expect(tokens?.probe?.refusals).toBeGreaterThanOrEqual(12);
    expect(await kubectl('get', 'secrets', '-n', 'tried', '--field-selector=type=offboard.dev/canary', '-o', 'name')).toBe('');

    writeFileSync(join(folder, 'records.yaml'), await kubectl('get', 'offboardingrecords', '-o', 'yaml'));
    expect(verify('records.yaml', '--key', 'signing-key.pub')).toMatchObject({ status: 0 });
    const fromCluster = verify('--from-cluster', '--kubeconfig', stage.cluster.kubeconfig);
    expect(fromCluster.text).toContain('signature valid, signer untrusted');
    expect(fromCluster.status).toBe(2);
    expect(verify('--from-cluster', '--kubeconfig', stage.cluster.kubeconfig, '--key', 'signing-key.pub').status).toBe(0);

    const shown = spawnSync(process.execPath, [cliPath, 'status', 'retire', '-n', 'tried', '--kubeconfig', stage.cluster.kubeconfig], { encoding: 'utf8', env: {} });
    expect(shown).toMatchObject({ status: 0, stderr: '' });
    expect(shown.stdout).toMatch(/^build-agent-7 \(tried\) {2}Retired, asked by admin \d+s ago +Complete\n\n {2}kubernetes {2}✔ confirmed +(\d+)\/\1 {2}BoundTokens refused \d+× on 2 servers, /);

    const record = await recordOf(agent);
    const predicate = predicateOf(record);
    expect(predicate.people).toMatchObject({ requestedBy: { username: 'admin' }, enforcedBy: { username: 'admin' }, glassBroken: false });
    const account = predicate.dependencies[0]?.credentials.find((each) => each.class === 'ServiceAccount');
    expect(readFileSync(stage.cluster.auditLog ?? '', 'utf8') + readFileSync(`${stage.cluster.auditLog ?? ''}.1`, 'utf8')).toContain(`"auditID":"${account?.requestId ?? 'none'}"`);
    const key = await kubectl('get', 'secret', 'offboard-signing-key', '-n', 'offboard-system', '-o', 'jsonpath={.data.key\\.pem}');
    const everything = [JSON.stringify(predicate), JSON.stringify(record), JSON.stringify(status), stage.operator().log(), await kubectl('get', 'events', '-A', '-o', 'json')].join('\n');
    const parts = Object.values(agent.tokens).flatMap((token) => token.split('.').slice(1));
    for (const secret of [...parts, key, Buffer.from(key, 'base64').toString().split('\n')[1] ?? key]) expect(everything.includes(secret), secret.slice(0, 8)).toBe(false);
    expect(everything).not.toMatch(/eyJ[\w-]{20,}\.eyJ[\w-]{20,}\./);
  });
});

describe('the page about a retirement', () => {
  it('names each credential of its record, the same from the cluster and from a file, and there is none of a run without a record', async () => {
    const agent = await createBuildAgent(stage.cluster, 'reported');
    await stage.apply(offboardingOf(agent, 'plan', 'mode: Plan'));
    const plan = await waitFor(() => { const ended = reported('plan', '-n', 'reported'); return ended.stderr.includes('for it is a plan') ? ended : undefined; }, { what: 'the plan to be there' });
    expect(plan).toMatchObject({ status: 1, stdout: '' });
    const record = await retire(agent);
    const page = reported('retire', '-n', 'reported');
    expect(page).toMatchObject({ status: 0, stderr: '' });
    const credentials = predicateOf(record).dependencies.flatMap((dependency) => dependency.credentials);
    expect(credentials.length).toBeGreaterThan(4);
    for (const { id, absentSince = '', confirmedAt = '' } of credentials) {
      const row = page.stdout.split('<tr>').find((each) => each.includes(`<code>${id}</code>`)) ?? '';
      for (const time of [absentSince, confirmedAt]) expect(row, id).toContain(/T([\d:]+)/.exec(time)?.[1]);
    }
    expect(page.stdout).toContain(record.spec.digest);

    writeFileSync(join(folder, 'reported.yaml'), await kubectl('get', 'offboardingrecords', '-o', 'yaml'));
    expect(report('retire', '-n', 'reported', '-f', 'reported.yaml', '--key', 'signing-key.pub').stdout).toBe(page.stdout);
    const unsure = report(record.metadata.name, '--kubeconfig', stage.cluster.kubeconfig);
    expect(unsure.status).toBe(2);
    expect(unsure.stdout).toContain('The signature is valid, and its key is not independent');
  });
});

describe('a name that was retired', () => {
  it('stays locked at both API servers, whoever touches the lock, and its record says so meanwhile', async () => {
    const agent = await createBuildAgent(stage.cluster, 'kept-away');
    const { metadata: { name } } = await retire(agent);
    await becomes(name, 'Intact', 'True AsSigned');
    await becomes(name, 'Resurrected', 'False NotReturned');
    const again = () => kubectl('create', 'serviceaccount', agent.name, '-n', 'kept-away');
    await expect(again()).rejects.toThrow('is offboarded');

    // The entry: put back at once, and told.
    const lock = ['configmap', 'offboard-lock', '-n', 'offboard-system'];
    await kubectl('patch', ...lock, '--type=merge', '-p', '{"data":{"kept-away":null}}');
    await waitFor(async () => (await kubectl('get', ...lock, '-o', 'jsonpath={.data.kept-away}')).includes(agent.name), { what: 'the entry to be back' });
    await waitFor(async () => (await kubectl('get', 'events', '-A', '-o', 'jsonpath={.items[*].reason}')).includes('LockLost'), { what: 'an event' });
    await becomes(name, 'Intact', 'True AsSigned');

    // A policy: nobody but a person can put it back.
    await kubectl('patch', 'validatingadmissionpolicybinding', 'offboard-lock-pods', '--type=merge', '-p', '{"spec":{"validationActions":["Audit"]}}');
    await becomes(name, 'Intact', 'False LockLost');
    await kubectl('patch', 'validatingadmissionpolicybinding', 'offboard-lock-pods', '--type=merge', '-p', '{"spec":{"validationActions":["Deny"]}}');
    await becomes(name, 'Intact', 'True AsSigned');
    await expect(again()).rejects.toThrow('is offboarded');

    await pastTheLock(stage.cluster, 'bindings', () => kubectl('create', 'rolebinding', 'again', '-n', 'kept-away', '--clusterrole=view', `--serviceaccount=kept-away:${agent.name}`));
    await becomes(name, 'Resurrected', 'True Returned');
    expect(reported(name).stdout).toMatch(/nobody signed that:<\/strong> <bdi>came back: /);
    const { status } = JSON.parse(await kubectl('get', 'offboardingrecord', name, '-o', 'json')) as OffboardingRecordObject;
    expect(status?.returned).toMatchObject([{ dependency: 'kubernetes', id: 'rolebindings/kept-away/again', class: 'RoleBinding' }]);
    await stage.reason('kept-away', 'retire', 'Resurrected');
    const metrics = await (await fetch(`${stage.operator().url}/metrics`)).text();
    expect(metrics).toMatch(/^offboard_tombstones\{state="resurrected"\} 1$/m);
  });

  it('outlives its namespace, and is used again only by who supersedes its record, which the next record says', async () => {
    const agent = await createBuildAgent(stage.cluster, 'used-again');
    const { metadata: { name } } = await retire(agent);
    await kubectl('delete', 'namespace', 'used-again', 'used-again-artifacts', '--wait=true', '--timeout=60s');
    // Neither the run nor its namespace is there any more.
    expect(reported('retire', '-n', 'used-again').stdout).toContain(`Offboarding record ${name}`);
    await kubectl('create', 'namespace', 'used-again');
    await expect(kubectl('create', 'serviceaccount', agent.name, '-n', 'used-again')).rejects.toThrow('is offboarded');
    await kubectl('delete', 'namespace', 'used-again', '--wait=true', '--timeout=60s');
    await kubectl('create', 'namespace', 'used-again');
    await stage.apply(identityOf(agent, `supersedes: {record: "${name}"}`));
    await becomes(name, 'Resurrected', 'False SupersededByIdentity');
    const second = await whenFree(() => createBuildAgent(stage.cluster, 'used-again'));
    await waitFor(async () => (await kubectl('get', 'wid', agent.name, '-n', 'used-again', '-o', 'jsonpath={.status.serviceAccountUID}')) === second.uid, { what: 'the new account to be seen' });
    await stage.apply(byReference(second));
    await stage.reason('used-again', 'retire', done);
    const next = predicateOf(await recordOf(second));
    expect(next.record.supersedes).toBe(name);
    expect(next.identity.serviceAccount.uid).toBe(second.uid);
    await expectRefused(second);
    const [, old] = await Promise.all([expect(kubectl('create', 'serviceaccount', agent.name, '-n', 'used-again')).rejects.toThrow('is offboarded'), kubectl('get', 'offboardingrecord', name, '-o', 'json')]);
    expect((JSON.parse(old) as OffboardingRecordObject).status?.supersededBy).toMatchObject({ namespace: 'used-again', name: agent.name, requestedBy: 'admin' });
    writeFileSync(join(folder, 'all.yaml'), await kubectl('get', 'offboardingrecords', '-o', 'yaml'));
    expect(verify('all.yaml', '--key', 'signing-key.pub')).toMatchObject({ status: 0 });
  });
});

/** The lock is off a moment after the record says so. */
const whenFree = <T>(work: () => Promise<T>): Promise<T> =>
  waitFor(
    () =>
      work().catch((error: unknown) => {
        if (String(error).includes('offboarded')) return undefined;
        throw error;
      }),
    { what: 'the name to be free' },
  );
