/**
 * What must be true when the kills are over, by what can be seen from outside: credentials that are tried, objects that are read, what
 * the replicas sent and what the API server wrote down of it, and the signed records.
 *
 * What must not be done twice, or to anybody else, whoever was killed in between:
 * - an identity has one Offboarding, also where the operator makes it; a run has one record; a binding is shrunk once;
 * - what is deleted is an object of ours by its UID, so that the account which somebody made again lives, and nothing twice;
 * - a neighbour's objects are at the version that they had, and of what is shared only our subject went.
 */
import type { OffboardingObject, OffboardingRecordObject } from '../../src/reconcile/objects.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { readyOf } from '../e2e/stage.ts';
import { inParallel } from '../bench/api.ts';
import { offboardApi } from '../soak/agents.ts';
import type { Insist, Made } from '../soak/agents.ts';
import { writesOf } from './audited.ts';
import type { Writes } from './audited.ts';
import { judgeRecords } from './judge-records.ts';
import type { Replicas } from './replicas.ts';
import { namespaces, neighbourOf } from './ways.ts';
import type { Site, Victim } from './ways.ts';

/** Each is empty when all is well. */
export interface Wrongs {
  readonly falseCompletions: readonly string[];
  readonly notOver: readonly string[];
  readonly doneTwice: readonly string[];
  readonly notOurs: readonly string[];
  readonly records: readonly string[];
  readonly tooEarly: readonly string[];
  readonly logs: readonly string[];
}

export interface Judgement {
  readonly wrongs: Wrongs;
  /** What that rests on. */
  readonly counts: {
    readonly claimsTried: number;
    readonly offboardings: number;
    readonly records: number;
    readonly deletesSent: number;
    readonly deletesDone: number;
    readonly bindingsShrunk: number;
    readonly credentialsInRecords: number;
    /** Processes that ended by themselves, as one does that could not renew its lease. */
    readonly endedAlone: number;
  };
}

export interface Judged {
  readonly cluster: ControlPlane;
  readonly site: Site;
  readonly replicas: Replicas;
  readonly victims: readonly Victim[];
  readonly untouched: readonly Made[];
  /** Milliseconds for which an absence must hold. */
  readonly settle: number;
}

export const judge = async (judged: Judged): Promise<Judgement> => {
  const { site, replicas, victims, untouched } = judged;
  const runs = await listOf<OffboardingObject>(site.insist, 'offboardings');
  const records = await listOf<OffboardingRecordObject>(site.insist, 'offboardingrecords');
  const done = await writesOf(judged.cluster);
  const told = await judgeRecords({ ...judged, deaths: replicas.deaths, runs, records, deletes: done.deletes });
  const falseCompletions = [...(await site.oracle.wrong())];
  await inParallel(victims, 8, async ({ agent }) => {
    falseCompletions.push(...(await site.oracle.stillWorks(agent)).map((what) => `in the end, of ${agent.namespace}/${agent.name} ${what}`));
  });
  const sent = judgeSent(replicas, victims);
  const deletesDone = [...done.deletes.values()].reduce((sum, events) => sum + events.length, 0);
  return {
    wrongs: {
      falseCompletions,
      notOver: notOver(victims, runs, site),
      doneTwice: [
        ...doubled('an Offboarding for', runs.map(({ status, metadata }) => status?.identity ?? metadata.name)),
        ...twice(done.deletes, 'deleted'), ...twice(done.shrinks, 'shrunk'),
      ],
      notOurs: [...sent.wrong, ...(await touched(site.insist, untouched)), ...(await unshared(site.insist, victims)), ...(await lockedOut(site)), ...hitAgain(victims, done.deletes)],
      records: told.records,
      tooEarly: told.tooEarly,
      logs: replicas.complaints,
    },
    counts: {
      claimsTried: victims.reduce((sum, { agent }) => sum + site.oracle.claims(agent), 0),
      offboardings: runs.length,
      records: records.length,
      deletesSent: sent.deletes,
      deletesDone,
      bindingsShrunk: done.shrinks.size,
      credentialsInRecords: told.credentials,
      endedAlone: replicas.endedAlone.length,
    },
  };
};

const listOf = async <T>(insist: Insist, plural: string): Promise<readonly T[]> => {
  const { status, body } = await insist('GET', `${offboardApi}/${plural}`);
  if (status !== 200) throw new Error(`${plural}: ${status} ${body}`);
  return (JSON.parse(body) as { readonly items: readonly T[] }).items;
};

const notOver = (victims: readonly Victim[], runs: readonly OffboardingObject[], { oracle }: Site): readonly string[] =>
  victims.flatMap(({ agent, run }) => {
    const found = runs.find(({ metadata }) => metadata.namespace === agent.namespace && metadata.name === run);
    const isOver = readyOf(found?.status)?.status === 'True' && (found?.metadata.finalizers ?? []).length === 0;
    const wrong = [...(isOver ? [] : ['has no run that is over']), ...(oracle.claims(agent) > 0 ? [] : ['had no claim that was tried'])];
    return wrong.map((what) => `${agent.namespace}/${agent.name} ${what}`);
  });

export const doubled = (what: string, keys: readonly string[]): readonly string[] => {
  const counts = Map.groupBy(keys, (key) => key);
  return [...counts].filter(([, same]) => same.length > 1).map(([key, same]) => `${same.length} times ${what} ${key}`);
};

export const twice = (writes: Writes, what: string): readonly string[] =>
  [...writes].filter(([, events]) => events.length > 1).map(([path, events]) => `${path} was ${what} ${events.length} times`);

/** Deletes that are of no object of ours, or not bound to it; changes of bindings that are not just our leaving one that is shared. */
export const judgeSent = ({ sent }: Pick<Replicas, 'sent'>, victims: readonly Victim[]): { readonly wrong: readonly string[]; readonly deletes: number } => {
  const uids = new Map(victims.flatMap(({ agent }) => agent.objects.map(({ path, uid }) => [path, uid] as const)));
  const shared = new Map(victims.map((victim) => [victim.shared.path, victim.agent.namespace] as const));
  const deletes = sent.filter(({ method }) => method === 'DELETE');
  const strange = deletes.filter(({ path, body }) => {
    const { preconditions } = JSON.parse(body === '' ? '{}' : body) as { readonly preconditions?: { readonly uid?: string } };
    return preconditions?.uid === undefined || preconditions.uid !== uids.get(path);
  });
  const grabbing = sent.filter(({ method, path, body }) => {
    if (method === 'DELETE') return false;
    const { metadata, subjects } = JSON.parse(body) as { readonly metadata?: { readonly resourceVersion?: string }; readonly subjects?: readonly { readonly name: string }[] };
    const namespace = shared.get(path.split('?')[0] ?? '');
    return namespace === undefined || metadata?.resourceVersion === undefined || subjects?.map(({ name }) => name).join() !== neighbourOf(namespace);
  });
  return { wrong: [...strange, ...grabbing].map(({ method, path, body }) => `${method} ${path} ${body}`), deletes: deletes.length };
};

const touched = async (insist: Insist, untouched: readonly Made[]): Promise<readonly string[]> => {
  const all = await Promise.all(untouched.map(async ({ path, uid, version }) => {
    const { status, body } = await insist('GET', path);
    if (status !== 200) return [`${path} of a neighbour is gone`];
    const now = JSON.parse(body) as { readonly metadata: { readonly uid: string; readonly resourceVersion: string } };
    return now.metadata.uid === uid && now.metadata.resourceVersion === version ? [] : [`${path} of a neighbour was touched`];
  }));
  return all.flat();
};

/** Of what is shared our subject went, and nothing else. */
const unshared = async (insist: Insist, victims: readonly Victim[]): Promise<readonly string[]> => {
  const wrong: string[] = [];
  await inParallel(victims, 8, async ({ agent, shared: { path, uid } }) => {
    const { status, body } = await insist('GET', path);
    const now = status === 200 ? (JSON.parse(body) as { readonly metadata: { readonly uid: string }; readonly subjects?: readonly { readonly name: string }[] }) : undefined;
    const left = now?.subjects?.map(({ name }) => name).join();
    if (now?.metadata.uid !== uid || left !== neighbourOf(agent.namespace)) wrong.push(`${path} is ${String(status)} and names ${left ?? 'nobody'}`);
  });
  return wrong;
};

/** While an API server that was killed comes back, RBAC refuses everybody for some seconds: so it is asked for in the end. */
const lockedOut = async ({ oracle }: Site): Promise<readonly string[]> => {
  const all = await Promise.all(namespaces.map(async (namespace) => {
    const status = await oracle.asUser('a neighbour', `system:serviceaccount:${namespace}:${neighbourOf(namespace)}`, `/api/v1/namespaces/${namespace}/pods`).attempt();
    return status === 200 ? [] : [`${neighbourOf(namespace)} is answered ${String(status)}`];
  }));
  return all.flat();
};

export const hitAgain = (victims: readonly Victim[], deletes: Writes): readonly string[] =>
  victims.flatMap(({ again }) => (again !== undefined && deletes.has(again.path) ? [`${again.path}, which somebody made again, was deleted`] : []));
