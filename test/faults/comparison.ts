/** The comparison policies through the same faults: how often each says that it is over while the credential still works. */
import { setTimeout as delay } from 'node:timers/promises';
import { inParallel } from '../bench/api.ts';
import { accountName, member, project, projectId } from '../env/google-cloud-world.ts';
import { startForwarder } from '../env/proxy.ts';
import type { Forwarder, Upstream } from '../env/proxy.ts';
import { waitFor } from '../env/wait-for.ts';
import type { Fault } from './catalogue.ts';
import { createObstacle } from './obstacle.ts';
import type { Obstacle, Wire } from './obstacle.ts';
import { followPolicy } from './policies.ts';
import type { Policy, Remote, Reply } from './policies.ts';
import { elsewhere, home } from './site.ts';
import type { Site } from './site.ts';
import { accessWire, googleWire, vaultWire } from './wires.ts';

export interface Comparison {
  readonly policy: string;
  /** Undefined where nothing stood in the way. */
  readonly fault: string | undefined;
  readonly subject: string;
  /** Whether any request of it met the fault. */
  readonly met: boolean;
  /** It said that it was over. */
  readonly over: boolean;
  /** And the credential worked, a second later. */
  readonly lied: boolean;
}

/** One credential that works, and what stands in the way to it. */
interface Prey {
  readonly remote: Remote;
  readonly works: () => Promise<boolean>;
  readonly obstacle: Obstacle;
  readonly stop: () => Promise<void>;
}

type Bring = (name: string) => Promise<Prey>;

/** Milliseconds: of a request, of a fault, in which a policy must have said that it is over, and until it is tried after that. */
const timeout = 2_000;
const window = 4_000;
const longest = 12_000;
const grace = 1_000;

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
}

/** As a client does it: what is no whole answer, or not JSON, is none; what is not there is 404, however the dependency says it. */
const caller = (way: Forwarder, { headers, absent }: Pick<Lone, 'headers' | 'absent'>) => async ({ method, path, body }: Call): Promise<Reply> => {
  try {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${way.url}${path}`, { method, headers: { ...headers, 'content-type': 'application/json' }, signal: AbortSignal.timeout(timeout), ...sent });
    const text = await answer.text();
    if (answer.ok && text !== '') JSON.parse(text);
    return absent !== undefined && text.includes(absent) ? 404 : answer.status;
  } catch {
    return 0;
  }
};

interface Lone {
  readonly upstream: Upstream;
  readonly headers: Readonly<Record<string, string>>;
  readonly wire: Wire;
  readonly find: Call;
  readonly end: Call;
  /** Words by which it says that there is no such thing, where that is not a 404. */
  readonly absent?: string;
  readonly works: Prey['works'];
}

const behind = async ({ upstream, wire, find, end, works, ...own }: Lone): Promise<Prey> => {
  const obstacle = createObstacle(wire);
  const way = await startForwarder(upstream, obstacle.gates);
  const call = caller(way, own);
  return { remote: { find: () => call(find), end: () => call(end) }, works, obstacle, stop: way.stop };
};

const kubernetesBinding = async ({ cluster, insist, oracle }: Site): Promise<Bring> => {
  await cluster.kubectl(['create', 'serviceaccount', 'comparison', '-n', elsewhere]);
  await cluster.kubectl(['create', 'clusterrolebinding', 'comparison', '--clusterrole=cluster-admin', `--serviceaccount=${elsewhere}:comparison`]);
  const token = (await cluster.kubectl(['create', 'token', 'comparison', '-n', elsewhere, '--duration=2h'])).trim();
  const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${elsewhere}/rolebindings`;
  return async (name) => {
    await insist('POST', bindings, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }],
    });
    const { attempt } = oracle.asUser(name, name, `/api/v1/namespaces/${elsewhere}/configmaps`);
    const path = `${bindings}/${name}`;
    return behind({
      upstream: { url: cluster.url, ca: cluster.ca },
      headers: { authorization: `Bearer ${token}` },
      wire: accessWire(name),
      find: { method: 'GET', path },
      end: { method: 'DELETE', path },
      works: async () => (await attempt()) === 200,
    });
  };
};

const vaultLease = async ({ vault }: Site): Promise<Bring> => {
  const agent = await vault.addAgent('comparison', { namespace: home });
  return async () => {
    const lease = await (await agent.token()).lease();
    return behind({
      upstream: { url: vault.bao.url, ca: vault.bao.ca },
      headers: { 'x-vault-token': vault.bao.token },
      wire: vaultWire([lease.id.split('/').at(-1) ?? lease.id]),
      find: { method: 'PUT', path: '/v1/sys/leases/lookup', body: { lease_id: lease.id } },
      end: { method: 'PUT', path: '/v1/sys/leases/revoke', body: { lease_id: lease.id } },
      absent: 'invalid lease',
      works: async () => (await lease.login()) === 'ok',
    });
  };
};

const googleAccount = async ({ cluster, google: { google, federate } }: Site): Promise<Bring> => {
  const role = `${project}/roles/comparison`;
  await google.defineRole(role, ['iam.serviceAccounts.get', 'iam.serviceAccounts.delete']);
  await google.grant(project, role, 'user:comparison@example.com');
  await cluster.kubectl(['create', 'serviceaccount', 'comparison-google', '-n', elsewhere]);
  const token = await google.userToken('comparison@example.com', 7_200);
  const federated = await (await federate({ namespace: elsewhere, name: 'comparison-google' }))();
  return async (name) => {
    const { email } = await google.addServiceAccount(projectId, name);
    await google.grant(accountName(email), 'roles/iam.workloadIdentityUser', member(elsewhere, 'comparison-google'));
    const path = `/v1/${project}/serviceAccounts/${email}`;
    return behind({
      upstream: { url: google.url },
      headers: { authorization: `Bearer ${token}` },
      wire: googleWire([email]),
      find: { method: 'GET', path },
      end: { method: 'DELETE', path },
      works: () => google.impersonate(federated, email).then(Boolean, () => false),
    });
  };
};

const kinds: Readonly<Record<string, (site: Site) => Promise<Bring>>> = { kubernetes: kubernetesBinding, vault: vaultLease, google: googleAccount };

const compareOne = async (bring: Bring, name: string, policy: Policy, fault: Fault | undefined): Promise<Pick<Comparison, 'met' | 'over' | 'lied'>> => {
  const prey = await bring(name);
  try {
    // RBAC takes a few milliseconds to see a new binding.
    await waitFor(prey.works, { what: `${name} to work` });
    if (fault?.does.kind === 'Stale') await prey.remote.find();
    if (fault !== undefined) prey.obstacle.raise(fault);
    const lifted = setTimeout(prey.obstacle.lift, window);
    const over = await followPolicy(policy, prey.remote, longest);
    const met = (): boolean => prey.obstacle.struck() > 0;
    if (over === undefined) return { met: met(), over: false, lied: false };
    // It would be too hard on those whose answer comes a moment before the effect.
    await delay(grace);
    const lied = await prey.works();
    clearTimeout(lifted);
    return { met: met(), over: true, lied };
  } finally {
    prey.obstacle.lift();
    await prey.stop();
  }
};

export interface CompareOptions {
  readonly policies: readonly Policy[];
  readonly faults: readonly Fault[];
  readonly atOnce: number;
}

export const compare = async (site: Site, { policies, faults, atOnce }: CompareOptions): Promise<readonly Comparison[]> => {
  const brought = await Promise.all(Object.entries(kinds).map(async ([subject, start]) => ({ subject, bring: await start(site) })));
  const tried = [undefined, ...faults.filter(({ alone = false, of }) => !alone && of === undefined)];
  const all = policies.flatMap((policy) => tried.flatMap((fault) => brought.map((each) => ({ policy, fault, ...each }))));
  const results: Comparison[] = [];
  await inParallel([...all.entries()], atOnce, async ([index, { policy, fault, subject, bring }]) => {
    const name = `other-${String(index)}-${subject}`;
    results.push({ policy: policy.name, fault: fault?.name, subject, ...(await compareOne(bring, name, policy, fault)) });
  });
  return results;
};
