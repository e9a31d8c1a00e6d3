/** Two operators at once: one that leads and loses that, and two that both work because somebody switched the election off. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBuildAgent } from '../env/build-agent.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { startControlPlane, waitFor } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { startOperator } from '../env/operator.ts';
import type { OperatorProcess } from '../env/operator.ts';
import { installOperatorAccount } from '../env/operator-account.ts';
import { startProxy } from '../env/proxy.ts';
import type { Exchange } from '../env/proxy.ts';
import { installOffboard } from '../integration/install.ts';
import { offboardingsOf } from './objects.ts';
import { isChange } from './changes.ts';
import { startOracle } from './oracle.ts';
import type { Oracle } from './oracle.ts';
import { identityOf, offboardingOf, readyOf } from './stage.ts';

const args = ['--kubernetes-settle=1s', '--token-secrets'];

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

const createAgent = async (namespace: string): Promise<BuildAgent> => {
  const agent = await createBuildAgent(cluster, namespace, 'agent');
  await oracle.guard(agent);
  return agent;
};

const reasonIn = async (namespace: string): Promise<string | undefined> => readyOf((await offboardingsOf(cluster, token, namespace))[0]?.status)?.reason;

const reached = (namespace: string, reason: string): Promise<unknown> =>
  waitFor(async () => (await reasonIn(namespace)) === reason, { timeout: 60_000, interval: 100, what: `${namespace} being ${reason}` });

/** Somebody's hold on the account, which keeps a run waiting for a person. */
const hold = ({ namespace, name }: BuildAgent, finalizers: readonly string[]): Promise<string> =>
  cluster.kubectl(['patch', 'serviceaccount', name, '-n', namespace, '--type=merge', '-p', JSON.stringify({ metadata: { finalizers } })]);

const leads = async ({ url }: OperatorProcess): Promise<boolean> =>
  (await (await fetch(`${url}/metrics`)).text()).includes('leader_election_master_status{name="offboard"} 1');

/** Longer than a lease. */
const takeover = 40_000;

interface Candidate {
  readonly operator: OperatorProcess;
  /** What it changed, but for its lease, as it arrived. */
  readonly changes: readonly Exchange[];
  /** From now on answers to changes are held back until `release`; resolves when the first is. */
  readonly holdAnswers: () => Promise<unknown>;
  /** Nothing gets through any more, and nobody is told so. */
  readonly cutOff: () => void;
  readonly release: () => void;
  readonly stop: () => Promise<void>;
}

const startCandidate = async (): Promise<Candidate> => {
  const changes: Exchange[] = [];
  const held = Promise.withResolvers<undefined>();
  let requests: Promise<unknown> | undefined;
  let answers: Promise<unknown> | undefined;
  let open = (): void => undefined;
  const barrier = (): Promise<unknown> => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    open = () => { resolve(undefined); };
    return promise;
  };
  const proxy = await startProxy(cluster, {
    token,
    onRequest: async (exchange) => {
      if (isChange(exchange)) changes.push(exchange);
      await requests;
      return true;
    },
    onAnswer: async (exchange) => {
      if (answers === undefined || !isChange(exchange)) return true;
      held.resolve(undefined);
      await answers;
      return true;
    },
  });
  const operator = await startOperator(cluster, { kubeconfig: proxy.kubeconfig, args });
  return {
    operator,
    changes,
    holdAnswers: () => {
      answers = barrier();
      return held.promise;
    },
    cutOff: () => { requests = barrier(); },
    release: () => {
      open();
      requests = undefined;
      answers = undefined;
    },
    stop: async () => {
      await operator.stop('SIGKILL');
      await proxy.stop();
    },
  };
};

describe('a leader', () => {
  it('that was frozen, or cut off, until another one leads ends itself and changes nothing any more', async () => {
    const frozen = await startCandidate();
    await waitFor(() => leads(frozen.operator), { timeout: takeover });
    const cut = await startCandidate();
    const candidates = [frozen, cut];
    try {
      const [one, two] = await Promise.all(['leader-1', 'leader-2'].map(createAgent));
      if (one === undefined || two === undefined) throw new Error('two agents');

      // Its intent is stored, it has not heard so yet, and the next thing that it would do is to revoke.
      const held = frozen.holdAnswers();
      await apply(offboardingOf(one));
      await held;
      frozen.operator.process.signal('SIGSTOP');
      const before = frozen.changes.length;
      frozen.release();
      await waitFor(() => leads(cut.operator), { timeout: takeover, interval: 20, what: 'another one to lead' });
      frozen.operator.process.signal('SIGCONT');
      expect(await frozen.operator.process.exited).toBe('exit code 1');
      expect(frozen.changes.slice(before)).toEqual([]);
      await oracle.judged(one);

      const last = await startCandidate();
      candidates.push(last);
      await hold(two, ['example.com/somebody']);
      await apply(offboardingOf(two));
      await reached('leader-2', 'HeldByFinalizer');
      cut.cutOff();
      // What has ended itself before another one leads can change nothing any more.
      expect(await cut.operator.process.exited).toBe('exit code 1');
      expect(await leads(last.operator)).toBe(false);
      await waitFor(() => leads(last.operator), { timeout: takeover, what: 'the last one to lead' });
      cut.release();
      await hold(two, []);
      await oracle.judged(two);
      await oracle.calm(last.operator);
    } finally {
      await Promise.all(candidates.map(({ stop }) => stop()));
    }
  });
});

describe('two operators without an election', () => {
  it('agree on what they say of a run, and never say Ready too early', async () => {
    const changes: Exchange[] = [];
    const proxy = await startProxy(cluster, {
      token,
      onAnswer: (exchange) => {
        if (isChange(exchange)) changes.push(exchange);
        return true;
      },
    });
    const both = await Promise.all([1, 2].map(() => startOperator(cluster, { kubeconfig: proxy.kubeconfig, args: [...args, '--leader-election=false'] })));
    try {
      const agents = await Promise.all(['both-1', 'both-2', 'both-3', 'both-held'].map(createAgent));
      const [, , third, held] = agents;
      if (third === undefined || held === undefined) throw new Error('four agents');
      await hold(held, ['example.com/somebody']);
      await Promise.all(agents.map((agent) => apply(agent === third ? identityOf(agent) : offboardingOf(agent))));
      await cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=30s', `wid/${third.name}`, '-n', third.namespace]);
      await cluster.kubectl(['delete', 'wid', third.name, '-n', third.namespace, '--timeout=60s']);
      await reached('both-held', 'HeldByFinalizer');
      for (const agent of agents) if (agent !== held) await oracle.judged(agent);
      // It waits for a person, and so do they.
      await Promise.all(both.map((operator) => oracle.calm(operator)));
      expect(oracle.claims(held)).toBe(0);
      await hold(held, []);
      await oracle.judged(held);
      await Promise.all(both.map((operator) => oracle.calm(operator)));
      // What one of them confirmed is not told otherwise by the one that saw less of it.
      for (const { namespace } of agents) {
        const [run] = await offboardingsOf(cluster, token, namespace);
        const states = (run?.status?.dependencies ?? []).flatMap(({ credentials = [] }) => credentials.map(({ state }) => state));
        expect(new Set(states)).toEqual(new Set(['Confirmed']));
      }
    } finally {
      await Promise.all(both.map((operator) => operator.stop()));
      await proxy.stop();
    }
  });
});
