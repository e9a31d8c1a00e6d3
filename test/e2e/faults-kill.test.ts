/** The operator, or one of its requests, dies at every change that a run makes; and two replicas at any moment, among many runs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { startControlPlane, waitFor } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { startOperator } from '../env/operator.ts';
import type { OperatorProcess } from '../env/operator.ts';
import { installOperatorAccount } from '../env/operator-account.ts';
import { printedSeed } from '../fakes/random.ts';
import { installOffboard } from '../integration/install.ts';
import { killLoop } from '../kill/loop.ts';
import { identitiesOf, offboardingsOf } from './objects.ts';
import { followChanges } from './changes.ts';
import type { Change, Changes, Moment } from './changes.ts';
import { startOracle } from './oracle.ts';
import type { Oracle } from './oracle.ts';
import { identityOf, offboardingOf, readyOf } from './stage.ts';

const settle = 1_000;
const args = [`--kubernetes-settle=${settle / 1000}s`, '--token-secrets', '--leader-election=false'];

let cluster: ControlPlane;
let token: string;
let oracle: Oracle;

beforeAll(async () => {
  cluster = await startControlPlane();
  await installOffboard(cluster);
  token = await installOperatorAccount(cluster, { tokenSecrets: { enabled: true }, sharedBindings: { clusterRoles: ['view'] } });
  oracle = await startOracle(cluster);
});
afterAll(async () => {
  await oracle.stop();
  await cluster.stop();
});

const apply = (yaml: string): Promise<string> => cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: yaml });

/** One RoleBinding is shared with a neighbour, who must keep it. */
const shared = ({ namespace, name }: BuildAgent): string => `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: shared, namespace: ${namespace}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects:
- {kind: ServiceAccount, name: neighbour, namespace: ${namespace}}
- {kind: ServiceAccount, name: ${name}, namespace: ${namespace}}
`;

const createAgent = async (namespace: string): Promise<BuildAgent> => {
  const agent = await createBuildAgent(cluster, namespace, 'agent');
  await apply(shared(agent));
  await oracle.guard(agent);
  oracle.keep([oracle.asUser(`the neighbour in ${namespace}`, `system:serviceaccount:${namespace}:neighbour`, `/api/v1/namespaces/${namespace}/pods`)]);
  return agent;
};

/** More than any run changes. */
const most = 40;

const runOf = async ({ namespace }: BuildAgent): Promise<OffboardingObject | undefined> => (await offboardingsOf(cluster, token, namespace))[0];

/** Confirmed, and let go of by the operator: nothing more is to come for it. */
const isOver = async (agent: BuildAgent): Promise<boolean> => {
  const run = await runOf(agent);
  const confirmed = readyOf(run?.status)?.status === 'True' && (run?.metadata.finalizers ?? []).length === 0;
  return confirmed && (await identitiesOf(cluster, token, agent.namespace)).length === 0;
};

const isInventoried = async ({ namespace }: BuildAgent): Promise<boolean> =>
  (await identitiesOf(cluster, token, namespace))[0]?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

/** Both absences of every credential were seen by one process, a settle time apart. `starts` are when each process was started. */
const settledBy = (starts: readonly number[], { status }: OffboardingObject): void => {
  const credentials = (status?.dependencies ?? []).flatMap(({ credentials: all = [] }) => all);
  expect(credentials.length).toBeGreaterThan(5);
  for (const { id, absentSince = '', confirmedAt = '' } of credentials) {
    const confirmed = Date.parse(confirmedAt);
    const process = starts.findLast((at) => at <= confirmed);
    expect(Date.parse(absentSince), `${id}, absent since ${absentSince}, confirmed at ${confirmedAt}`).toBeGreaterThanOrEqual(process ?? Infinity);
    expect(confirmed - Date.parse(absentSince), id).toBeGreaterThanOrEqual(settle);
  }
};

/** What is asked for, and which of the changes that follow are boundaries. */
interface Route {
  readonly prefix: string;
  readonly moment: Moment;
  /** `alive` waits for the operator, which may die meanwhile. */
  readonly ask: (agent: BuildAgent, alive: (condition: () => Promise<boolean>) => Promise<void>) => Promise<void>;
  readonly isBoundary: (change: Change) => boolean;
  /** The fewest there must be: what is not counted is not tried. */
  readonly fewest: number;
}

const routes: Readonly<Record<string, Route>> = {
  'an Offboarding': {
    prefix: 'run',
    moment: 'before it arrives',
    ask: async (agent) => {
      await apply(offboardingOf(agent));
    },
    isBoundary: () => true,
    // The intent, six revokes, settling, the end, the event of it, the finalizer.
    fewest: 10,
  },
  // To die after one change was answered leaves the same behind as to die before the next arrives: the run's own are above.
  'a WorkloadIdentity and its deletion': {
    prefix: 'wid',
    moment: 'after it was answered',
    ask: async (agent, alive) => {
      await apply(identityOf(agent));
      await alive(() => isInventoried(agent));
      await cluster.kubectl(['delete', 'wid', agent.name, '-n', agent.namespace, '--wait=false']);
    },
    isBoundary: ({ method, path }) => path.includes('/workloadidentities/') || (method === 'POST' && path.includes('/offboardings')),
    // The finalizer, the inventory, the Offboarding, what the run says, the finalizer.
    fewest: 5,
  },
};

interface Rounds {
  readonly agents: readonly BuildAgent[];
  /** When each process was started. */
  readonly starts: readonly number[];
  readonly changes: Changes;
}

/** Retires one agent after the other; at the n-th boundary of the n-th the operator is killed. The last is one that it lives through. */
const killAtEveryBoundary = async ({ prefix, moment, ask, isBoundary }: Route): Promise<Rounds> => {
  const starts: number[] = [];
  const agents: BuildAgent[] = [];
  let victim = { namespace: '', at: 0, died: (): void => undefined };
  let operator: OperatorProcess | undefined;
  const strike = async (change: Change, when: Moment): Promise<boolean> => {
    if (change.namespace !== victim.namespace || when !== moment || !isBoundary(change)) return true;
    if (changes.of(change.namespace).filter(isBoundary).length !== victim.at) return true;
    changes.abandon();
    victim.died();
    await operator?.stop('SIGKILL');
    return false;
  };
  const changes = await followChanges({ cluster, token, strike });
  const start = async (): Promise<void> => {
    await operator?.process.exited;
    changes.abandon();
    starts.push(Date.now());
    operator = await startOperator(cluster, { kubeconfig: changes.proxy.kubeconfig, args });
  };

  /** True when the operator died. */
  const round = async (agent: BuildAgent, at: number): Promise<boolean> => {
    const death = new AbortController();
    victim = { namespace: agent.namespace, at, died: () => { death.abort(); } };
    const alive = async (condition: () => Promise<boolean>): Promise<void> => {
      const what = `${agent.namespace} going on`;
      await waitFor(condition, { timeout: 30_000, signal: death.signal, what }).catch((error: unknown) => {
        if (!death.signal.aborted) throw error;
      });
    };
    await ask(agent, alive);
    await alive(() => isOver(agent));
    if (death.signal.aborted) await start();
    return death.signal.aborted;
  };

  try {
    await start();
    let coming = createAgent(`${prefix}-1`);
    for (let at = 1; at <= most; at += 1) {
      const agent = await coming;
      agents.push(agent);
      // While this one is retired: the operator has nothing to do for it before it is asked to.
      coming = createAgent(`${prefix}-${at + 1}`);
      if (!(await round(agent, at))) break;
    }
    await coming;
    for (const agent of agents) await waitFor(() => isOver(agent), { timeout: 30_000, what: `${agent.namespace} ending` });
    return { agents, starts, changes };
  } finally {
    await operator?.stop();
    await changes.proxy.stop();
  }
};

describe('the operator, killed with SIGKILL', () => {
  it.each(Object.entries(routes))('at every change that %s takes, goes on from there and ends true', async (_, route) => {
    const { agents, starts, changes } = await killAtEveryBoundary(route);
    expect(starts.length - 1).toBeGreaterThanOrEqual(route.fewest);
    expect(changes.revokes.length).toBeGreaterThanOrEqual(5 * agents.length);
    expect(changes.unannounced).toEqual([]);
    for (const agent of agents) {
      await oracle.judged(agent);
      const run = await runOf(agent);
      if (run === undefined) throw new Error(`${agent.namespace} has no run`);
      settledBy(starts, run);
    }
  });
});

/** Granted when the first revoke is on its way, as somebody might who does not know. */
const lateBinding = ({ namespace, name }: BuildAgent): string => `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: late, namespace: ${namespace}-artifacts}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: ${name}, namespace: ${namespace}}]
`;

describe('the operator, cut off from the API server', () => {
  it('at every change, before it arrives or after it was answered, revokes nothing unannounced and ends true', async () => {
    const moments: Readonly<Record<string, Moment>> = {
      'cut-1': 'before it arrives', 'cut-2': 'after it was answered', 'cut-3': 'before it arrives', 'cut-4': 'after it was answered',
    };
    const agents = await Promise.all(Object.keys(moments).map(createAgent));
    const late = new Set<string>();
    const lost: string[] = [];
    const changes = await followChanges({
      cluster,
      token,
      strike: async ({ namespace, attempt, method, path }, when) => {
        const agent = agents.find((each) => each.namespace === namespace);
        if (agent !== undefined && method === 'DELETE' && !late.has(namespace)) {
          late.add(namespace);
          await expect(apply(lateBinding(agent))).rejects.toThrow(`would be added as a subject: ${namespace}/${agent.name}`);
        }
        // Only every third attempt comes through.
        if (moments[namespace] !== when || attempt % 3 === 0) return true;
        lost.push(`${when}: ${method} ${path}`);
        return false;
      },
    });
    const operator = await startOperator(cluster, { kubeconfig: changes.proxy.kubeconfig, args });
    try {
      const [one, two, three, four] = agents;
      if (one === undefined || two === undefined || three === undefined || four === undefined) throw new Error('four agents');
      await Promise.all([one, two].map((agent) => apply(offboardingOf(agent))));
      await Promise.all([three, four].map(async (agent) => {
        await apply(identityOf(agent));
        await waitFor(() => isInventoried(agent), { timeout: 30_000 });
        await cluster.kubectl(['delete', 'wid', agent.name, '-n', agent.namespace, '--wait=false']);
      }));
      await Promise.all(agents.map((agent) => waitFor(() => isOver(agent), { timeout: 60_000, what: `${agent.namespace} ending` })));
      for (const agent of agents) {
        await oracle.judged(agent);
        const user = `system:serviceaccount:${agent.namespace}:${agent.name}`;
        expect(await oracle.asUser('late', user, `/api/v1/namespaces/${agent.namespace}-artifacts/secrets`).attempt()).toBe(403);
      }
      expect(late.size).toBe(4);
      expect(changes.unannounced).toEqual([]);
      expect(lost.length).toBeGreaterThan(40);
      await oracle.calm(operator);
    } finally {
      await operator.stop();
      await changes.proxy.stop();
    }
  });
});

// `make kill` is the same with two hundred kills.
describe('two replicas of the operator, killed with SIGKILL at random moments, and the API server once', () => {
  it('retire all, do nothing twice, and leave one true record of each', async () => {
    const seed = printedSeed('kill loop');
    const { judgement, victims, deaths } = await killLoop({ seed, kills: 12, runs: 8, refill: true, apiServerKills: 1, patient: 0.1, say: () => undefined });
    expect(judgement.wrongs).toEqual({ falseCompletions: [], notOver: [], doneTwice: [], notOurs: [], records: [], tooEarly: [], logs: [] });
    expect(deaths).toBeGreaterThanOrEqual(6);
    expect(victims.length).toBeGreaterThanOrEqual(8);
    expect(judgement.counts).toMatchObject({ offboardings: victims.length, records: victims.length, bindingsShrunk: victims.length });
  });
});
