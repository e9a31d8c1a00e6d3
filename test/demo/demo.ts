/**
 * `make demo`: a build agent that is alive, its Offboarding, and its end, on a real control plane with the operator as a
 * process of its own. Every line was really tried; Google Cloud is a fake, which enforces. `KEEP=1` leaves it running.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBuildAgent } from '../env/build-agent.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { startControlPlane } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { startGoogleCloudWorld } from '../env/google-cloud-world.ts';
import type { GoogleCloudWorld } from '../env/google-cloud-world.ts';
import { installOffboard } from '../integration/install.ts';
import { startOperator } from '../env/operator.ts';
import { publicSigningKey } from '../env/signing-key.ts';
import { startVaultWorld } from '../env/vault-world.ts';
import type { VaultWorld } from '../env/vault-world.ts';
import { follow } from './follow.ts';
import * as inGoogleCloud from './google-cloud.ts';
import { tryUntilRefused } from './probe.ts';
import type { Attempts } from './probe.ts';
import { widthOf, wrap } from './screen.ts';
import * as inVault from './vault.ts';
import { letIn } from './way.ts';
import type { Way } from './way.ts';

const say = (line = ''): void => {
  process.stdout.write(`${line}\n`);
};

const row = (state: string, name: string, request: string, answer: string): void => {
  say(`  ${state.padEnd(8)}${name.padEnd(28)}${request.padEnd(52)}${answer}`);
};

const offboarding = ({ namespace, name }: BuildAgent): string => `
apiVersion: offboard.dev/v1alpha1
kind: Offboarding
metadata: {name: ${name}-retired, namespace: ${namespace}}
spec:
  workloadIdentityRef: {name: ${name}}
  reason: Retired
  mode: Enforce
`;

const workloadIdentity = ({ namespace, name }: BuildAgent): string => `
apiVersion: offboard.dev/v1alpha1
kind: WorkloadIdentity
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  serviceAccount: {name: ${name}}
  owner: {name: build-platform, contact: build-platform@example.com}
  kubernetes: {probe: true}
  dependencies:${inVault.dependency(name)}${inGoogleCloud.dependency(name)}
`;

interface Worlds {
  readonly vault: VaultWorld;
  readonly google: GoogleCloudWorld;
}

const show = async (cluster: ControlPlane, agent: BuildAgent, { vault, google }: Worlds): Promise<boolean> => {
  const inCluster = agent.paths.map(({ attempt, ...path }): Way => ({ ...path, attempt: async () => String(await attempt()) }));
  const [waysOfVault, waysOfGoogle] = await Promise.all([inVault.liveInVault(vault, agent), inGoogleCloud.liveInGoogleCloud(google, agent)]);
  const ways = [...inCluster, ...waysOfVault, ...waysOfGoogle];
  const connectors = [inVault.connector(vault, agent.namespace), inGoogleCloud.connector(google, agent.namespace)];
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: connectors.join('\n---\n') });
  await cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=30s', 'connector/vault', 'connector/google']);
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: workloadIdentity(agent) });
  await cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=30s', `wid/${agent.name}`, '-n', agent.namespace]);
  for (const { name, request, attempt } of ways) row('alive', name, request, await attempt());

  say('\nkubectl apply -f offboarding.yaml');
  const attempts = tryUntilRefused(ways);
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: offboarding(agent) });
  const ready = await follow(cluster, agent.namespace, `${agent.name}-retired`, process.stdout);
  const results = await attempts.finish();

  say();
  for (const { way, last } of results) row(letIn(last) ? 'ALIVE' : 'dead', way.name, way.request, last);
  await conclusion(cluster, agent, results);
  const isProven = await showRecord(cluster);
  const staysAway = await showReturn(cluster, agent);
  return ready && results.every(({ last }) => !letIn(last)) && isProven && staysAway;
};

/** Checked by the command line, in a process that knows nothing of the cluster, against the key that its owner kept. */
const showRecord = async (cluster: ControlPlane): Promise<boolean> => {
  const folder = await mkdtemp(join(tmpdir(), 'offboard-demo-'));
  try {
    await writeFile(join(folder, 'signing-key.pub'), await publicSigningKey(cluster));
    await writeFile(join(folder, 'records.yaml'), await cluster.kubectl(['get', 'offboardingrecords', '-o', 'yaml']));
    say('\nkubectl get offboardingrecords -o yaml > records.yaml; kubectl offboard verify records.yaml --key signing-key.pub');
    const cli = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'verify', 'records.yaml', '--key', 'signing-key.pub'], { cwd: folder, encoding: 'utf8', env: {} });
    for (const line of `${stdout}${stderr}`.trimEnd().split('\n')) say(`  ${line}`.trimEnd());
    return status === 0;
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** By somebody who may do anything, in each way that would give the name its access back. */
const showReturn = async (cluster: ControlPlane, { namespace, name }: BuildAgent): Promise<boolean> => {
  say('\nIt comes back');
  const tries = [
    ['create', 'serviceaccount', name, '-n', namespace],
    ['create', 'rolebinding', 'again', '-n', namespace, '--clusterrole=edit', `--serviceaccount=${namespace}:${name}`],
  ];
  const refused = await Promise.all(
    tries.map(async (args) => {
      const answer = await cluster.kubectl(args).catch((error: unknown) => String(error));
      const words = /denied request: (.*)$/m.exec(answer)?.[1];
      say(`  ${(words === undefined ? 'ALIVE' : 'refused').padEnd(8)}${`kubectl ${args.slice(0, 3).join(' ')}`.padEnd(44)}${words ?? answer.trim()}`);
      return words !== undefined;
    }),
  );
  return refused.every((each) => each);
};

/** What was proven, in the run's own words, and how long access lasted, as it was tried from outside. */
const conclusion = async (cluster: ControlPlane, { namespace, name }: BuildAgent, results: readonly Attempts[]): Promise<void> => {
  const get = (path: string): Promise<string> => cluster.kubectl(['get', 'offboarding', `${name}-retired`, '-n', namespace, '-o', `jsonpath=${path}`]);
  const [progress, message, findings] = await Promise.all([
    get('{.status.progress}'),
    get('{.status.conditions[?(@.type=="Ready")].message}'),
    get('{range .status.dependencies[*].findings[*]}{.type}{": "}{.message}{"\\n"}{end}'),
  ]);
  say(`\n  proven    ${progress} credentials: ${message}`);
  for (const finding of findings.trim().split('\n')) for (const line of wrap(finding, ' '.repeat(12), widthOf(process.stdout))) say(line);
  const lasted = Math.max(...results.map(({ refusedAfterMs }) => refusedAfterMs));
  const tries = results.reduce((sum, { tries: count }) => sum + count, 0);
  say(`  access lasted less than ${(lasted / 1000).toFixed(1)} s after the request (${tries} attempts, about four a second on each path)`);
};

const keep = async (cluster: ControlPlane, agent: BuildAgent, { vault: { bao }, google }: Worlds): Promise<void> => {
  const lookAtGoogle = await inGoogleCloud.howToLook(google, agent);
  say(`\nStill running; Ctrl-C stops it. In another terminal:\n  export KUBECONFIG=${cluster.kubeconfig}\n  kubectl get offboardings -A`);
  say(`  export BAO_ADDR=${bao.url} BAO_CACERT=${bao.folder}/ca.crt BAO_TOKEN=${bao.token}\n  bao list auth/token/accessors`);
  say(lookAtGoogle);
  const hold = setInterval(() => undefined, 2 ** 30);
  await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
  clearInterval(hold);
};

const started = performance.now();
say('Starting a control plane, OpenBao, PostgreSQL, a protocol fake of Google Cloud IAM, and the operator, on loopback');
const cluster = await startControlPlane();
let succeeded = false;
try {
  const [vault, google] = await Promise.all([startVaultWorld({ cluster }), startGoogleCloudWorld(cluster), installOffboard(cluster)]);
  try {
    const worlds = { vault, google };
    const operator = await startOperator(cluster, { args: ['--allow-loopback-http'], rights: { canaryNamespaces: ['ci'] } });
    say(`  ready after ${((performance.now() - started) / 1000).toFixed(1)} s\n\nA build agent comes to life`);
    const agent = await createBuildAgent(cluster);
    succeeded = await show(cluster, agent, worlds);
    if (process.env['KEEP'] === '1') await keep(cluster, agent, worlds);
    await operator.stop();
  } finally {
    await Promise.all([vault.stop(), google.stop()]);
  }
} finally {
  await cluster.stop();
}
say(`\n${succeeded ? 'Done' : 'FAILED'} after ${((performance.now() - started) / 1000).toFixed(1)} s; everything is stopped`);
process.exitCode = succeeded ? 0 : 1;
