/** Hostile names and words in what is left of a run: the waiver, the record, and what `offboard status` and `offboard verify` print of them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, cliPath } from '../../src/bundle.ts';
import { connect } from '../bench/api.ts';
import type { Api } from '../bench/api.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import { publicSigningKey } from '../env/signing-key.ts';
import { person } from '../integration/people.ts';
import { hostileNames, looksLikeToken } from './hostile.ts';
import { isUnfit } from './oracle.ts';
import { readyOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;
let api: Api;
let folder: string;

beforeAll(async () => {
  stage = await startStage({ args: ['--kubernetes-settle=1s', '--token-secrets'] });
  api = connect({ kubeconfig: stage.cluster.kubeconfig, userAgent: 'hostile', connections: 8 });
  await bundle();
  folder = mkdtempSync(join(tmpdir(), 'offboard-hostile-'));
  writeFileSync(join(folder, 'signing-key.pub'), await publicSigningKey(stage.cluster));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await api.close();
  await stage.stop();
});

const kubectl = (...args: readonly string[]): Promise<string> => stage.cluster.kubectl(args);
const offboard = (...args: readonly string[]) => spawnSync(process.execPath, [cliPath, ...args], { cwd: folder, encoding: 'utf8', env: {} });

const rbac = 'rbac.authorization.k8s.io';
const namespace = 'hostile';
/** As an API server takes them: the name of an object of the core may look like a token. */
const secretName = 'hvs.caesij1234567890abcdefghij';
const words = `line\n\u001b[31m\u202e {{ .Values.x }} \${jndi:ldap://x} $(touch broken-out) ../..%2f a/b ${looksLikeToken}`;

const bind = async (name: string, account: string): Promise<void> => {
  const body = { metadata: { name }, roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'view' }, subjects: [{ kind: 'ServiceAccount', namespace, name: account }] };
  const { status, body: text } = await api.call('POST', `/apis/${rbac}/v1/namespaces/${namespace}/rolebindings`, body);
  if (status !== 201) throw new Error(text);
};

/** With all that is written out, and no more than that. */
const unfitLines = (text: string): readonly string[] => text.split('\n').filter((line) => isUnfit(line));

describe('a run of hostile names that a hostile waiver completes', () => {
  it('is told in the status, in events, in the record and by the command line so that nothing breaks out, and no token is shown', async () => {
    const agent = await createBuildAgent(stage.cluster, namespace);
    await Promise.all([...hostileNames, 'a:b', 'x'.repeat(2_000), '{{ .x }}', '${jndi:ldap:x}', 'hvs.CAESIJ1234567890abcdefghij'].map((name) => bind(name, agent.name)));
    await api.call('POST', `/api/v1/namespaces/${namespace}/secrets`, { metadata: { name: secretName, annotations: { 'kubernetes.io/service-account.name': agent.name } }, type: 'kubernetes.io/service-account-token' });
    await kubectl('patch', 'serviceaccount', agent.name, '-n', namespace, '--type=merge', '-p', JSON.stringify({ metadata: { finalizers: ['example.com/mine'] } }));
    const identity = { serviceAccount: { name: agent.name }, owner: { name: words.slice(0, 200), contact: words.slice(0, 200) } };
    await stage.apply(JSON.stringify({ apiVersion: 'offboard.dev/v1alpha1', kind: 'Offboarding', metadata: { name: 'retire', namespace }, spec: { identity, reason: 'Retired', mode: 'Enforce' } }));
    await stage.reason(namespace, 'retire', 'HeldByFinalizer');

    const boss = await person(stage.cluster, 'boss {{ .x }} $(touch broken-out)', { in: { [namespace]: [{ on: ['offboardingwaivers.offboard.dev'], verbs: ['create'] }, { on: ['offboardings.offboard.dev'], verbs: ['waive'] }] } });
    const uid = await kubectl('get', 'ofb', 'retire', '-n', namespace, '-o', 'jsonpath={.metadata.uid}');
    const waiver = { offboardingRef: { name: 'retire', uid }, dependency: 'kubernetes', reason: words, expiresAt: new Date(Date.now() + 3_600_000).toISOString(), approvedBy: { username: 'x' } };
    await boss.kubectl(['create', '-f', '-'], { apiVersion: 'offboard.dev/v1alpha1', kind: 'OffboardingWaiver', metadata: { name: 'away', namespace }, spec: waiver });
    const status = await stage.reason(namespace, 'retire', 'CompletedWithWaivers');
    expect(readyOf(status)?.message).toContain('approved by boss {{ .x }} $(touch broken-out)');
    for (const { message } of status.conditions ?? []) expect(isUnfit(message)).toBe(false);
    const credentials = status.dependencies?.[0]?.credentials ?? [];
    expect(credentials.some(({ id }) => id === `secrets/${namespace}/${secretName}`)).toBe(true);

    writeFileSync(join(folder, 'records.yaml'), await kubectl('get', 'offboardingrecords', '-o', 'yaml'));
    const shown = [
      offboard('verify', 'records.yaml', '--key', 'signing-key.pub'),
      offboard('verify', 'records.yaml', '--key', 'signing-key.pub', '-o', 'json'),
      offboard('status', 'retire', '-n', namespace, '--kubeconfig', stage.cluster.kubeconfig),
    ];
    for (const { status: code, stdout, stderr } of shown) {
      expect({ code, stderr, unfit: unfitLines(stdout) }).toEqual({ code: 0, stderr: '', unfit: [] });
      expect(stdout).not.toContain(looksLikeToken);
    }
    expect(shown[0]?.stdout).toContain('boss {{ .x }} $(touch broken-out)');

    const events = JSON.parse(await kubectl('get', 'events.events.k8s.io', '-A', '-o', 'json')) as { readonly items: readonly { readonly note: string; readonly reportingController?: string }[] };
    expect(events.items.filter(({ reportingController, note }) => reportingController === 'offboard.dev/operator' && isUnfit(note))).toEqual([]);
    const lines = stage.operator().log().split('\n').filter((line) => line !== '');
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty('level');
    expect(lines.filter(isUnfit)).toEqual([]);
    const metrics = await (await fetch(`${stage.operator().url}/metrics`)).text();
    for (const word of ['hostile', 'boss', 'jndi', secretName]) expect(metrics.replaceAll(/^# .*$/gm, '')).not.toContain(word);
    expect(readdirSync(folder).toSorted()).toEqual(['records.yaml', 'signing-key.pub']);
    await kubectl('patch', 'serviceaccount', agent.name, '-n', namespace, '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
    await stage.reason(namespace, 'retire', 'ConfirmedWithUnprovable');
  });
});
