/**
 * An oracle that takes nobody's word: it watches every Offboarding and WorkloadIdentity beside the operator, and the instant
 * one of them claims that an identity is gone, it tries every credential of that identity itself.
 *
 *     const oracle = await startOracle(stage.cluster);
 *     await oracle.guard(agent);                  // shows first that everything of it works: only then "refused" means something
 *     oracle.keep([oracle.asUser('a neighbour', user, path)]);         // must go on working, and is tried all the time
 *     …
 *     await oracle.judged(agent);                 // a claim was made about it, and it was true
 *     await oracle.calm(stage.operator());        // alive, no complaints, and at rest
 *     await oracle.stop();                        // in afterAll: rejects with everything that was wrong, kstatus included
 *
 * What counts as a claim: `Ready=True` on an Offboarding; `Retired` on a WorkloadIdentity; a WorkloadIdentity that was let go.
 * A token is asked for by TokenReview with an audience that nobody has used, which passes the ten seconds of the API server's
 * cache by, and is tried as well; a grant is tried by impersonation, since it outlives the account.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { OffboardingStatus } from '../../src/api/v1alpha1/index.ts';
import type { OffboardingObject, WorkloadIdentityObject } from '../../src/reconcile/objects.ts';
import { connect } from '../bench/api.ts';
import type { Answer, Api } from '../bench/api.ts';
import type { AccessPath, BuildAgent } from '../env/build-agent.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { kstatusViolations } from '../env/kstatus.ts';
import type { OperatorProcess } from '../env/operator.ts';
import { waitFor } from '../env/wait-for.ts';
import { expectCalm } from './calm.ts';
import type { CalmLimits } from './calm.ts';
import { followObjects } from './follow-objects.ts';
import { readyOf } from './stage.ts';

export type Guarded = Pick<BuildAgent, 'namespace' | 'name' | 'uid' | 'tokens' | 'paths'>;

export interface Oracle {
  /** Resolves when everything of the identity was seen to work; from then on claims about it are tried. */
  readonly guard: (agent: Guarded, more?: readonly AccessPath[]) => Promise<void>;
  /** Access of others: tried all the time, and wrong as soon as it stays refused. */
  readonly keep: (paths: readonly AccessPath[]) => void;
  /** What RBAC grants to a user, whatever credential he has. */
  readonly asUser: (label: string, user: string, path: string) => AccessPath;
  /** Tries everything of the identity now, whatever was claimed; in words what still works. */
  readonly stillWorks: (agent: Guarded) => Promise<readonly string[]>;
  /** Claims about the identity that were tried so far. */
  readonly claims: (agent: Pick<Guarded, 'namespace' | 'name'>) => number;
  /** Waits until a claim about the identity was tried; rejects with everything that was wrong so far. */
  readonly judged: (agent: Pick<Guarded, 'namespace' | 'name'>) => Promise<void>;
  /** What was wrong so far, once every trial under way has ended. */
  readonly wrong: () => Promise<readonly string[]>;
  /** The Offboarding as it was last seen. Costs no request. */
  readonly run: (namespace: string, name: string) => OffboardingObject | undefined;
  /** The same of a WorkloadIdentity. */
  readonly identity: (namespace: string, name: string) => WorkloadIdentityObject | undefined;
  /** Every `reason: message` that its Ready condition ever had, in order. */
  readonly said: (namespace: string, name: string) => readonly string[];
  /** Waits until its Ready condition has this reason. */
  readonly reason: (namespace: string, name: string, reason: string) => Promise<OffboardingStatus>;
  readonly calm: (operator: OperatorProcess, limits?: CalmLimits) => Promise<void>;
  /** Tries once more what is to be kept, and rejects with everything that was wrong. */
  readonly stop: () => Promise<void>;
}

/** Milliseconds for which somebody's access may be refused before it is lost: RBAC is late for a moment now and then. */
const patience = 3_000;
/** Milliseconds for which the API server may be down when something is tried. */
const longestOutage = 30_000;
const betweenPatrols = 500;

export const startOracle = async (cluster: ControlPlane): Promise<Oracle> => {
  const api = connect({ kubeconfig: cluster.kubeconfig, userAgent: 'oracle', connections: 8 });
  const authenticates = createTokenReview(api);
  const stopping = new AbortController();
  const guarded = new Map<string, Guarded>();
  const kept = new Map<string, AccessPath>();
  const tried = new Map<string, number>();
  const claimed = new Map<string, string>();
  const trials = new Set<Promise<void>>();
  const runs = new Map<string, { readonly object: OffboardingObject; readonly said: readonly string[] }>();
  const identities = new Map<string, WorkloadIdentityObject>();
  const found: string[] = [];

  const judge = async (identity: string, claim: string): Promise<void> => {
    const agent = guarded.get(identity);
    if (agent === undefined) return;
    found.push(...(await whatStillWorks(api, authenticates, agent)).map((what) => `${claim}, and ${what}`));
    tried.set(identity, (tried.get(identity) ?? 0) + 1);
  };
  const claims = (uid: string, identity: string, claim: string | undefined): void => {
    const before = claimed.get(uid);
    if (claim === undefined) claimed.delete(uid);
    else claimed.set(uid, claim);
    if (claim === undefined || claim === before) return;
    const trial = judge(identity, claim).finally(() => trials.delete(trial));
    trials.add(trial);
  };
  const followers = [
    followObjects(api, 'offboardings', stopping.signal, (object, gone) => {
      found.push(...kstatusViolations(object).map((rule) => `${nameOf(object)} breaks kstatus: ${rule}`), ...unfitTexts(object));
      const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
      if (gone) runs.delete(key);
      else runs.set(key, { object, said: saying(object, runs.get(key)?.said ?? []) });
      claims(object.metadata.uid, identityOfRun(object), gone ? undefined : claimOfRun(object));
    }),
    followObjects(api, 'workloadidentities', stopping.signal, (object, gone) => {
      found.push(...kstatusViolations(object).map((rule) => `${nameOf(object)} breaks kstatus: ${rule}`), ...unfitTexts(object));
      const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
      if (gone) identities.delete(key);
      else identities.set(key, object);
      claims(object.metadata.uid, `${object.metadata.namespace ?? ''}/${object.spec.serviceAccount.name}`, claimOfIdentity(object, gone));
    }),
  ];
  const patrol = async (): Promise<void> => {
    for (const [label, path] of kept) {
      if (await mayEnter(path)) continue;
      kept.delete(label);
      found.push(`${label} lost its access (${path.request})`);
    }
  };
  const patrols = (async () => {
    while (!stopping.signal.aborted) {
      await patrol();
      await delay(betweenPatrols, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();

  const wrong = async (): Promise<readonly string[]> => {
    while (trials.size > 0) await Promise.all(trials);
    return [...new Set(found)];
  };
  const expectTrue = async (): Promise<void> => {
    const all = await wrong();
    if (all.length > 0) throw new Error(`the oracle found:\n${all.join('\n')}`);
  };
  await Promise.all(followers.map(({ started }) => started));
  return {
    guard: async (agent, more = []) => {
      const whole: Guarded = { ...agent, paths: [...agent.paths, ...more] };
      await waitFor(async () => (await Promise.all([...whole.paths.map(enters), ...tokensOf(whole).map(([, token]) => authenticates(token))])).every(Boolean), {
        // The API server may be down just now.
        timeout: 2 * longestOutage,
        what: `everything of ${agent.namespace}/${agent.name} to work`,
      });
      guarded.set(`${agent.namespace}/${agent.name}`, whole);
    },
    keep: (paths) => {
      for (const path of paths) kept.set(path.name, path);
    },
    asUser: (name, user, path) => ({
      name,
      request: `GET ${path} as ${user}`,
      attempt: async () => (await api.call('GET', path, undefined, { 'impersonate-user': user })).status,
    }),
    stillWorks: (agent) => whatStillWorks(api, authenticates, agent),
    claims: ({ namespace, name }) => tried.get(`${namespace}/${name}`) ?? 0,
    judged: async ({ namespace, name }) => {
      await waitFor(() => (tried.get(`${namespace}/${name}`) ?? 0) > 0, { timeout: 60_000, what: `a claim about ${namespace}/${name}` });
      await expectTrue();
    },
    wrong,
    run: (namespace, name) => runs.get(`${namespace}/${name}`)?.object,
    identity: (namespace, name) => identities.get(`${namespace}/${name}`),
    said: (namespace, name) => runs.get(`${namespace}/${name}`)?.said ?? [],
    reason: async (namespace, name, reason) => {
      const look = (): OffboardingStatus | undefined => runs.get(`${namespace}/${name}`)?.object.status;
      try {
        return await waitFor(() => (readyOf(look())?.reason === reason ? look() : undefined), { timeout: 60_000, what: `${namespace}/${name} to be ${reason}` });
      } catch (error) {
        throw new Error(`${String(error)}; it said\n${(runs.get(`${namespace}/${name}`)?.said ?? []).join('\n')}`, { cause: error });
      }
    },
    calm: expectCalm,
    stop: async () => {
      stopping.abort();
      await Promise.all([patrols, ...followers.map(({ ended }) => ended)]);
      await patrol();
      try {
        await expectTrue();
      } finally {
        await api.close();
      }
    },
  };
};

const nameOf = ({ kind, metadata }: OffboardingObject | WorkloadIdentityObject): string =>
  `${kind ?? ''} ${metadata.namespace ?? ''}/${metadata.name}`;

const identityOfRun = ({ metadata, spec, status }: OffboardingObject): string =>
  status?.identity ?? `${metadata.namespace ?? ''}/${spec.identity?.serviceAccount.name ?? spec.workloadIdentityRef?.name ?? ''}`;

/** Texts for people that would forge a line, turn round what is read, or show what looks like a token. */
const unfitTexts = (object: OffboardingObject | WorkloadIdentityObject): readonly string[] => {
  const { conditions = [] } = object.status ?? {};
  const dependencies = 'target' in (object.status ?? {}) ? ((object as OffboardingObject).status?.dependencies ?? []) : [];
  const texts = [
    ...conditions.map(({ message }) => message),
    ...dependencies.flatMap(({ message, lastError, findings = [], credentials = [] }) => [
      message, lastError?.message, ...findings.flatMap((finding) => [finding.object, finding.message]), ...credentials.map((credential) => credential.message),
    ]),
  ];
  return texts.flatMap((text) => (text !== undefined && isUnfit(text) ? [`${nameOf(object)} says ${JSON.stringify(text)}`] : []));
};

export const isUnfit = (text: string): boolean => /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]|eyJ[\w-]+\.[\w-]+\./u.test(text);

const saying = ({ status }: OffboardingObject, before: readonly string[]): readonly string[] => {
  const ready = readyOf(status);
  const now = ready === undefined ? undefined : `${ready.reason}: ${ready.message}`;
  return now === undefined || now === before.at(-1) ? before : [...before, now];
};

/** Each time it turns true is a claim of its own. */
const claimOfRun = (object: OffboardingObject): string | undefined => {
  const ready = readyOf(object.status);
  return ready?.status === 'True' ? `${nameOf(object)} said Ready=True (${ready.reason}) at ${ready.lastTransitionTime}` : undefined;
};

const claimOfIdentity = (object: WorkloadIdentityObject, gone: boolean): string | undefined => {
  if (gone) return object.spec.lifecycle?.onDelete === 'Orphan' ? undefined : `${nameOf(object)} was let go`;
  return object.status?.lifecycleState === 'Retired' ? `${nameOf(object)} said Retired` : undefined;
};

const whatStillWorks = async (api: Api, authenticates: Authenticates, agent: Guarded): Promise<readonly string[]> => {
  const paths = agent.paths.map(async (path) => ((await enters(path)) ? `${path.name} still works (${path.request})` : undefined));
  const tokens = tokensOf(agent).map(async ([label, token]) => ((await authenticates(token)) ? `the ${label} token is still accepted` : undefined));
  const account = uidOfAccount(api, agent).then((uid) => (uid === agent.uid ? 'its ServiceAccount is still there' : undefined));
  return (await Promise.all([...paths, ...tokens, account])).filter((what) => what !== undefined);
};

const tokensOf = ({ tokens }: Guarded): readonly (readonly [string, string])[] => Object.entries(tokens);

/** An answer that is neither yes nor no is asked for again: an API server may just be down. */
const insist = <T>(what: string, ask: () => Promise<T | undefined>): Promise<Exclude<T, false | null | undefined>> =>
  waitFor(ask, { what, timeout: longestOutage, interval: 100 });

/** Anything but a refusal is a way in, also "there is no such object". */
const enters = async ({ name, attempt }: AccessPath): Promise<boolean> => {
  const status = await insist(`an answer to ${name}`, async () => {
    const code = await attempt();
    return code === 429 || code >= 500 ? undefined : code;
  });
  return status !== 401 && status !== 403;
};

/** RBAC may be late for a moment, after a restart of the API server or a change of somebody's. */
const mayEnter = async (path: AccessPath): Promise<boolean> => {
  const end = performance.now() + patience;
  while (!(await enters(path))) {
    if (performance.now() > end) return false;
    await delay(100);
  }
  return true;
};

const answered = async (what: string, call: () => Promise<Answer>, statuses: readonly number[]): Promise<Answer> =>
  insist(what, async () => {
    const answer = await call();
    return statuses.includes(answer.status) ? answer : undefined;
  });

interface TokenReview {
  readonly status: { readonly authenticated?: boolean; readonly audiences?: readonly string[] };
}

type Authenticates = (token: string) => Promise<boolean>;

const createTokenReview = (api: Api): Authenticates => {
  const review = async (spec: object): Promise<TokenReview['status']> => {
    const { body } = await answered('a TokenReview', () => api.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec }), [201]);
    return (JSON.parse(body) as TokenReview).status;
  };
  /** The API server's own audiences, told by the first token that works. */
  let own: readonly string[] | undefined;
  return async (token) => {
    own ??= (await review({ token })).audiences;
    if (own === undefined) throw new Error('no token has worked yet, so the audience of the API server is not known');
    return (await review({ token, audiences: [...own, `nobody-${randomUUID()}`] })).authenticated === true;
  };
};

const uidOfAccount = async (api: Api, { namespace, name }: Guarded): Promise<string | undefined> => {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;
  const { body } = await answered(`an answer to GET ${path}`, () => api.call('GET', path), [200, 404]);
  return (JSON.parse(body) as { readonly metadata?: { readonly uid?: string } }).metadata?.uid;
};
