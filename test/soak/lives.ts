/**
 * How identities of the soak end: what people and pipelines do, each a way through the operator of its own. What becomes of them is told
 * by the oracle's watches, so that to wait for it costs no request.
 */
import type { Oracle } from '../e2e/oracle.ts';
import { readyOf } from '../e2e/stage.ts';
import { waitFor } from '../env/wait-for.ts';
import { make, offboardApi } from './agents.ts';
import type { Insist } from './agents.ts';

export interface Site {
  readonly insist: Insist;
  readonly oracle: Oracle;
}

export interface Living {
  readonly namespace: string;
  readonly name: string;
  /** Whether the oracle tries its credentials when its end is claimed. */
  readonly tried: boolean;
}

/** Resolves when the identity is gone and nothing of ours is left that speaks of it, to how many seconds passed from the wish to its end. */
export type Life = (site: Site, one: Living) => Promise<number>;

const runsIn = (namespace: string): string => `${offboardApi}/namespaces/${namespace}/offboardings`;
const identitiesIn = (namespace: string): string => `${offboardApi}/namespaces/${namespace}/workloadidentities`;
const patience = 180_000;

const seen = (what: string, holds: () => boolean): Promise<unknown> => waitFor(holds, { timeout: patience, interval: 50, what });

const offboard = ({ insist }: Site, { namespace, name }: Living, run: string, spec: object = {}): Promise<unknown> =>
  insist('POST', runsIn(namespace), {
    apiVersion: 'offboard.dev/v1alpha1',
    kind: 'Offboarding',
    metadata: { name: run },
    spec: { identity: { serviceAccount: { name } }, reason: 'Retired', mode: 'Enforce', ...spec },
  });

const change = ({ insist }: Site, { namespace }: Living, run: string, spec: object): Promise<unknown> =>
  insist('PATCH', `${runsIn(namespace)}/${run}`, { spec });

const reached = ({ oracle }: Site, { namespace }: Living, run: string, reason: string): Promise<unknown> =>
  seen(`${namespace}/${run} being ${reason}`, () => readyOf(oracle.run(namespace, run)?.status)?.reason === reason);

const removeRun = async ({ insist, oracle }: Site, { namespace }: Living, run: string): Promise<void> => {
  await insist('DELETE', `${runsIn(namespace)}/${run}`);
  await seen(`${namespace}/${run} being gone`, () => oracle.run(namespace, run) === undefined);
};

/** Wished for, ended, and tried if it is; what is left of it would be another run's work to list. */
const over = async (site: Site, one: Living, run: string, wish: () => Promise<unknown>): Promise<number> => {
  const { namespace } = one;
  const began = performance.now();
  await wish();
  await seen(`${namespace}/${run} being Ready`, () => readyOf(site.oracle.run(namespace, run)?.status)?.status === 'True');
  const seconds = (performance.now() - began) / 1000;
  if (one.tried) await site.oracle.judged(one);
  await removeRun(site, one, run);
  return seconds;
};

export const lives: Readonly<Record<string, Life>> = {
  'an Offboarding': (site, one) => over(site, one, one.name, () => offboard(site, one, one.name)),
  'a WorkloadIdentity that is deleted': async (site, one) => {
    const { namespace, name } = one;
    const { insist, oracle } = site;
    const body = { apiVersion: 'offboard.dev/v1alpha1', kind: 'WorkloadIdentity', metadata: { name }, spec: { serviceAccount: { name } } };
    const { uid, path } = await make(insist, identitiesIn(namespace), body);
    // It is held once it was looked at; until then deleting it would not retire anything.
    await seen(`${path} being active`, () => oracle.identity(namespace, name)?.status?.lifecycleState === 'Active');
    const seconds = await over(site, one, `${name}-${uid}`, () => insist('DELETE', path));
    await seen(`${path} being gone`, () => oracle.identity(namespace, name) === undefined);
    return seconds;
  },
  'a plan that is carried out': async (site, one) => {
    await offboard(site, one, one.name, { mode: 'Plan' });
    await reached(site, one, one.name, 'PlanOnly');
    return over(site, one, one.name, () => change(site, one, one.name, { mode: 'Enforce' }));
  },
  'a suspended run that goes on': async (site, one) => {
    await offboard(site, one, one.name, { suspend: true });
    await reached(site, one, one.name, 'Suspended');
    return over(site, one, one.name, () => change(site, one, one.name, { suspend: false }));
  },
  'a soaking run that is cancelled, and another one': async (site, one) => {
    const first = `${one.name}-first`;
    await offboard(site, one, first, { soak: '1h' });
    await reached(site, one, first, 'Soaking');
    await change(site, one, first, { cancel: { reason: 'not yet' } });
    await reached(site, one, first, 'Cancelled');
    await removeRun(site, one, first);
    return over(site, one, one.name, () => offboard(site, one, one.name));
  },
};
