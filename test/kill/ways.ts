/** Identities of the kill loop and the ways in which they are retired; what is left of each is kept, to be judged at the end. */
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import type { Oracle } from '../e2e/oracle.ts';
import { readyOf } from '../e2e/stage.ts';
import { waitFor } from '../env/wait-for.ts';
import { bindingOf, createAgent, make, offboardApi } from '../soak/agents.ts';
import type { Agent, Insist, Made } from '../soak/agents.ts';

export interface Site {
  readonly insist: Insist;
  readonly oracle: Oracle;
}

/** An identity on its way out. */
export interface Victim {
  readonly way: string;
  readonly agent: Agent;
  /** A binding that it has together with a neighbour. */
  readonly shared: Made;
  /** The account that somebody made again under its name. */
  readonly again: Made | undefined;
  /** Name of its one Offboarding. */
  readonly run: string;
}

interface Way {
  readonly name: string;
  /** Resolves when the run has ended. */
  readonly retire: (site: Site, agent: Agent) => Promise<Pick<Victim, 'run' | 'again'>>;
}

/** The operator may be killed all the time meanwhile. */
const patience = 1_800_000;
export const neighbourOf = (namespace: string): string => `neighbour-of-${namespace}`;

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const runsIn = (namespace: string): string => `${offboardApi}/namespaces/${namespace}/offboardings`;
const identitiesIn = (namespace: string): string => `${offboardApi}/namespaces/${namespace}/workloadidentities`;

const offboard = ({ insist }: Site, { namespace, name }: Agent, account: object = {}, spec: object = {}): Promise<unknown> =>
  insist('POST', runsIn(namespace), {
    apiVersion: 'offboard.dev/v1alpha1',
    kind: 'Offboarding',
    metadata: { name },
    spec: { identity: { serviceAccount: { name, ...account } }, reason: 'Retired', mode: 'Enforce', ...spec },
  });

const until = ({ oracle }: Site, { namespace }: Agent, run: string, what: string, holds: (run: OffboardingObject) => boolean): Promise<unknown> =>
  waitFor(
    () => {
      const seen = oracle.run(namespace, run);
      return seen !== undefined && holds(seen);
    },
    { timeout: patience, interval: 100, what: `${namespace}/${run} ${what}` },
  );

/** Confirmed, and let go of by the operator: nothing more is to come for it. */
const over = (site: Site, agent: Agent, run: string): Promise<unknown> =>
  until(site, agent, run, 'ending', ({ metadata, status }) => readyOf(status)?.status === 'True' && (metadata.finalizers ?? []).length === 0);

const reached = (site: Site, agent: Agent, run: string, reason: string): Promise<unknown> =>
  until(site, agent, run, `being ${reason}`, ({ status }) => readyOf(status)?.reason === reason);

const gone = ({ insist }: Site, path: string): Promise<unknown> =>
  waitFor(async () => (await insist('GET', path)).status === 404, { timeout: patience, interval: 250, what: `${path} being gone` });

const ways: readonly Way[] = [
  {
    name: 'an Offboarding',
    retire: async (site, agent) => {
      await offboard(site, agent);
      await over(site, agent, agent.name);
      return { run: agent.name, again: undefined };
    },
  },
  {
    name: 'a WorkloadIdentity that is deleted',
    retire: async (site, agent) => {
      const { namespace, name } = agent;
      const path = `${identitiesIn(namespace)}/${name}`;
      const body = { apiVersion: 'offboard.dev/v1alpha1', kind: 'WorkloadIdentity', metadata: { name }, spec: { serviceAccount: { name } } };
      const { uid } = await make(site.insist, identitiesIn(namespace), body);
      // It is held once it was looked at; until then deleting it would not retire anything.
      await waitFor(async () => (await site.insist('GET', path)).body.includes('"lifecycleState":"Active"'), { timeout: patience, interval: 250, what: `${path} being active` });
      await site.insist('DELETE', path);
      await over(site, agent, `${name}-${uid}`);
      await gone(site, path);
      return { run: `${name}-${uid}`, again: undefined };
    },
  },
  {
    name: 'a plan that is carried out',
    retire: async (site, agent) => {
      await offboard(site, agent, {}, { mode: 'Plan', soak: '2s' });
      await reached(site, agent, agent.name, 'PlanOnly');
      await site.insist('PATCH', `${runsIn(agent.namespace)}/${agent.name}`, { spec: { mode: 'Enforce' } });
      await over(site, agent, agent.name);
      return { run: agent.name, again: undefined };
    },
  },
  {
    name: 'one whose account somebody made again',
    retire: async (site, agent) => {
      const { namespace, name, uid } = agent;
      const collection = `/api/v1/namespaces/${namespace}/serviceaccounts`;
      await site.insist('DELETE', `${collection}/${name}`);
      await gone(site, `${collection}/${name}`);
      const again = await make(site.insist, collection, { metadata: { name } });
      await offboard(site, agent, { uid });
      await reached(site, agent, name, 'IdentityRecreated');
      // What it was granted by name goes; the account itself is somebody else's.
      await waitFor(async () => (await Promise.all(agent.paths.map(({ attempt }) => attempt()))).every((status) => status === 403), { timeout: patience, interval: 500, what: `all that ${name} was granted to be gone` });
      const { body } = await site.insist('GET', again.path);
      if (!body.includes(`"uid":"${again.uid}"`)) throw new Error(`${again.path} was made again by somebody else, and is gone: ${body}`);
      await site.insist('DELETE', again.path);
      await over(site, agent, name);
      return { run: name, again };
    },
  },
];

/** Five of them in a row are two plain runs, two deletions and, in turn, one of the others. */
const wayOf = (index: number): Way => {
  const order = [0, 1, 0, 1, 2 + (Math.floor(index / 5) % 2)];
  const way = ways[order[index % order.length] ?? 0];
  if (way === undefined) throw new Error('no way out');
  return way;
};

export const namespaces = ['kill-0', 'kill-1', 'kill-2', 'kill-3', 'kill-4'] as const;

/** Creates the index-th identity and sees it out. `onShared` is told of the binding that it shares as soon as it is there. */
export const liveAndDie = async (site: Site, index: number, onShared: (shared: Made) => void): Promise<Victim> => {
  const { insist, oracle } = site;
  const namespace = namespaces[index % namespaces.length] ?? namespaces[0];
  const elsewhere = namespaces[(index + 1) % namespaces.length] ?? namespaces[0];
  const name = `agent-${String(index)}`;
  const agent = await createAgent(insist, oracle.asUser, namespace, elsewhere, name);
  const shared = await make(insist, `${rbac}/namespaces/${namespace}/rolebindings`, bindingOf(`shared-${name}`, namespace, neighbourOf(namespace), name));
  await oracle.guard(agent);
  onShared(shared);
  const way = wayOf(index);
  return { way: way.name, agent, shared, ...(await way.retire(site, agent)) };
};
