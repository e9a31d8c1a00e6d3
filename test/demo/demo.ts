/**
 * `make demo`: a build agent that is alive, its Offboarding, and its end, on a real control plane with the operator as a
 * process of its own. Every line was really tried. `KEEP=1` leaves it running.
 */
import { createBuildAgent } from '../env/build-agent.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { startControlPlane } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { installOffboard } from '../integration/install.ts';
import { startOperator } from '../env/operator.ts';
import { startVaultWorld } from '../env/vault-world.ts';
import type { VaultWorld } from '../env/vault-world.ts';
import { follow } from './follow.ts';
import { googleConnector, googleDependency, liveInGoogleCloud, startGoogleWorld } from './google-cloud.ts';
import type { GoogleWorld } from './google-cloud.ts';
import { tryUntilRefused } from './probe.ts';
import type { Attempts } from './probe.ts';
import { connector, dependency, liveInVault } from './vault.ts';
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
  dependencies:${dependency(name)}${googleDependency(name)}
`;

const show = async (cluster: ControlPlane, world: VaultWorld, googleWorld: GoogleWorld): Promise<boolean> => {
  say('A build agent comes to life');
  const agent = await createBuildAgent(cluster);
  const inCluster = agent.paths.map(({ attempt, ...path }): Way => ({ ...path, attempt: async () => String(await attempt()) }));
  const ways = [...inCluster, ...(await liveInVault(world, agent)), ...(await liveInGoogleCloud(cluster, googleWorld, agent))];
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: `${connector(world, agent.namespace)}---${googleConnector(googleWorld, agent.namespace)}` });
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
  return ready && results.every(({ last }) => !letIn(last));
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
  for (const finding of findings.trim().split('\n')) say(`            ${finding}`);
  const lasted = Math.max(...results.map(({ lastedMs }) => lastedMs));
  const tries = results.reduce((sum, { tries: count }) => sum + count, 0);
  say(`  access lasted ${(lasted / 1000).toFixed(1)} s after the request (${tries} attempts, about four a second on each path)`);
};

const keep = async (cluster: ControlPlane, { bao }: VaultWorld, { google }: GoogleWorld): Promise<void> => {
  say(`\nStill running; Ctrl-C stops it. In another terminal:\n  export KUBECONFIG=${cluster.kubeconfig}\n  kubectl get offboardings -A`);
  say(`  export BAO_ADDR=${bao.url} BAO_CACERT=${bao.folder}/ca.crt BAO_TOKEN=${bao.token}\n  bao list auth/token/accessors`);
  say(`  curl -d '{"resource": "projects/acme-ci"}' ${google.url}/_control/policy`);
  const hold = setInterval(() => undefined, 2 ** 30);
  await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
  clearInterval(hold);
};

const started = performance.now();
say('Starting etcd, kube-apiserver, kube-controller-manager, OpenBao, PostgreSQL, a fake of Google Cloud and the operator on loopback');
const cluster = await startControlPlane();
let succeeded = false;
try {
  const [world] = await Promise.all([startVaultWorld({ cluster }), installOffboard(cluster)]);
  try {
    const googleWorld = await startGoogleWorld(cluster);
    try {
      const operator = await startOperator(cluster, { args: ['--allow-loopback-http'] });
      say(`  ready after ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
      succeeded = await show(cluster, world, googleWorld);
      if (process.env['KEEP'] === '1') await keep(cluster, world, googleWorld);
      await operator.stop();
    } finally {
      await googleWorld.google.stop();
    }
  } finally {
    await world.stop();
  }
} finally {
  await cluster.stop();
}
say(`\n${succeeded ? 'Done' : 'FAILED'} after ${((performance.now() - started) / 1000).toFixed(1)} s; everything is stopped`);
process.exitCode = succeeded ? 0 : 1;
