/** How identities of the soak end: what people and pipelines do, each a way through the operator of its own. */
import type { Guarded, Oracle } from '../e2e/oracle.ts';
import { waitFor } from '../env/wait-for.ts';
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import { offboardApi } from './agents.ts';
import type { Insist } from './agents.ts';

export interface Site {
  readonly insist: Insist;
  readonly oracle: Oracle;
}

/** Resolves when the identity is gone and nothing of ours is left that speaks of it. */
export type Life = (site: Site, agent: Guarded) => Promise<void>;

const runsIn = (namespace: string): string => `${offboardApi}/namespaces/${namespace}/offboardings`;
const identitiesIn = (namespace: string): string => `${offboardApi}/namespaces/${namespace}/workloadidentities`;
const patience = 90_000;

const offboard = ({ insist }: Site, { namespace, name }: Guarded, run: string, spec: object = {}): Promise<unknown> =>
  insist('POST', runsIn(namespace), {
    apiVersion: 'offboard.dev/v1alpha1',
    kind: 'Offboarding',
    metadata: { name: run },
    spec: { identity: { serviceAccount: { name } }, reason: 'Retired', mode: 'Enforce', ...spec },
  });

const change = ({ insist }: Site, { namespace }: Guarded, run: string, spec: object): Promise<unknown> =>
  insist('PATCH', `${runsIn(namespace)}/${run}`, { spec });

const reached = ({ insist }: Site, { namespace }: Guarded, run: string, reason: string): Promise<unknown> =>
  waitFor(
    async () => {
      const { body } = await insist('GET', `${runsIn(namespace)}/${run}`);
      return (JSON.parse(body) as OffboardingObject).status?.conditions?.some((each) => each.type === 'Ready' && each.reason === reason);
    },
    { timeout: patience, interval: 250, what: `${namespace}/${run} being ${reason}` },
  );

const gone = ({ insist }: Site, path: string): Promise<unknown> =>
  waitFor(async () => (await insist('GET', path)).status === 404, { timeout: patience, interval: 250, what: `${path} being gone` });

const remove = async (site: Site, path: string): Promise<void> => {
  await site.insist('DELETE', path);
  await gone(site, path);
};

/** The claim was tried; what is left of it would be another run's work to list. */
const over = async (site: Site, agent: Guarded, run: string): Promise<void> => {
  await site.oracle.judged(agent);
  await remove(site, `${runsIn(agent.namespace)}/${run}`);
};

export const lives: Readonly<Record<string, Life>> = {
  'an Offboarding': async (site, agent) => {
    await offboard(site, agent, agent.name);
    await over(site, agent, agent.name);
  },
  'a WorkloadIdentity that is deleted': async (site, agent) => {
    const { namespace, name } = agent;
    const path = `${identitiesIn(namespace)}/${name}`;
    const spec = { serviceAccount: { name } };
    await site.insist('POST', identitiesIn(namespace), { apiVersion: 'offboard.dev/v1alpha1', kind: 'WorkloadIdentity', metadata: { name }, spec });
    // It is held once it was looked at; until then deleting it would not retire anything.
    await waitFor(async () => (await site.insist('GET', path)).body.includes('"lifecycleState":"Active"'), { timeout: patience, interval: 250, what: `${path} being active` });
    const uid = (JSON.parse((await site.insist('GET', path)).body) as OffboardingObject).metadata.uid;
    await remove(site, path);
    await over(site, agent, `${name}-${uid}`);
  },
  'a plan that is carried out': async (site, agent) => {
    await offboard(site, agent, agent.name, { mode: 'Plan' });
    await reached(site, agent, agent.name, 'PlanOnly');
    await change(site, agent, agent.name, { mode: 'Enforce' });
    await over(site, agent, agent.name);
  },
  'a suspended run that goes on': async (site, agent) => {
    await offboard(site, agent, agent.name, { suspend: true });
    await reached(site, agent, agent.name, 'Suspended');
    await change(site, agent, agent.name, { suspend: false });
    await over(site, agent, agent.name);
  },
  'a soaking run that is cancelled, and another one': async (site, agent) => {
    const first = `${agent.name}-first`;
    await offboard(site, agent, first, { soak: '1h' });
    await reached(site, agent, first, 'Soaking');
    await change(site, agent, first, { cancel: { reason: 'not yet' } });
    await reached(site, agent, first, 'Cancelled');
    await remove(site, `${runsIn(agent.namespace)}/${first}`);
    await offboard(site, agent, agent.name);
    await over(site, agent, agent.name);
  },
};
