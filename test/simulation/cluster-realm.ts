/** The cluster as a system in which an identity can get in: by its account, its tokens, and what bindings grant to its name. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { canaryType } from '../../src/kube/canary.ts';
import type { Subject } from '../../src/kube/objects.ts';
import { clusterRoleBindings, clusterRoles, configMaps, roleBindings, secrets, serviceAccounts, workloadIdentities } from '../../src/kube/resources.ts';
import { holds, type LockData } from '../../src/revokers/kubernetes/lock-entries.ts';
import { lockConfigMap } from '../../src/revokers/kubernetes/lock-policies.ts';
import type { Random } from '../../src/runtime/random.ts';
import type { Cluster } from './cluster/cluster.ts';
import { createCluster } from './cluster/cluster.ts';
import { kindFor } from './cluster/kinds.ts';
import type { WireRequest } from './engine/wire.ts';
import { between, chance, pick } from './engine/random.ts';
import type { Scheduler } from './engine/scheduler.ts';
import type { IdentityPlan, Setting } from './plan.ts';
import { bindingsOf, keyOf, requester, signingKeyName } from './people.ts';
import type { Person, Realm, Way } from './realm.ts';

export interface ClusterRealm {
  readonly cluster: Cluster;
  readonly realm: Realm;
  /** Writes down what the identity is, with what it depends on beside the cluster. */
  readonly introduce: (identity: Person, plan: IdentityPlan, dependencies: readonly object[]) => void;
  /** As an auditor holds it, PEM. */
  readonly publicKey: string;
}

export interface ClusterRealmOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly epoch: number;
  /** The operator's own. */
  readonly namespace: string;
  readonly setting?: Pick<Setting, 'unstamped'>;
}

/** What no universe keeps secret. */
const signingKey = `-----BEGIN PRIVATE KEY-----\n${Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 'simulation')]).toString('base64')}\n-----END PRIVATE KEY-----\n`;
const publicKey = createPublicKey(createPrivateKey(signingKey)).export({ type: 'spki', format: 'pem' }).toString();
/** Longer than what an API server remembers of a token. */
const settleTime = 12_000;
const accounts = kindFor(serviceAccounts);

export const createClusterRealm = ({ scheduler, random, epoch, namespace, setting }: ClusterRealmOptions): ClusterRealm => {
  const cluster = createCluster({ scheduler, random, namespace, namespaces: ['ci', 'ops'], epoch, stamps: setting?.unstamped !== true });
  const admin = cluster.as('kubernetes-admin');
  admin.create(secrets, { metadata: { name: signingKeyName, namespace }, data: { 'key.pem': Buffer.from(signingKey).toString('base64') } });
  admin.create(configMaps, { metadata: { name: 'offboard-signing-keys', namespace } });
  admin.create(clusterRoles, { metadata: { name: 'edit' }, rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'update'] }] });
  admin.create(clusterRoles, { metadata: { name: 'deploy' }, rules: [{ apiGroups: ['apps'], resources: ['deployments'], verbs: ['create', 'delete'] }] });
  admin.create(serviceAccounts, { metadata: { name: 'offboard', namespace } });

  const tokensOf = ({ namespace: home, name }: Person) =>
    cluster.tokens.all().flatMap((token, index) => (token.namespace === home && token.name === name ? [{ token, serial: index + 1 }] : []));
  const waysIn = (identity: Person): readonly Way[] => {
    const account = admin.get(serviceAccounts, identity);
    const tokens = tokensOf(identity).flatMap(({ token: { text, uid, legacy }, serial }): readonly Way[] => {
      const atSource = !cluster.tokens.isDeadAtSource(text);
      const works = atSource || cluster.servers.some((_, index) => cluster.tokens.worksAt(index, text));
      const [what, credential] = legacy === undefined ? ['token', `tokens of serviceaccounts/${identity.namespace}/${identity.name}`] : [`token in Secret ${legacy}`, `secrets/${identity.namespace}/${legacy}`];
      return works ? [{ id: `${what} ${String(serial)} of ${uid}`, credential, ...(legacy === undefined && { uid }), atSource }] : [];
    });
    const grants = cluster.access(identity).filter(({ through }) => through === 'Itself');
    const validUntil = certificates.get(identity.name) ?? 0;
    return [
      ...(scheduler.now() < validUntil ? [{ id: `certificate of ${identity.name}`, credential: `certificate of user ${identity.name}-cert`, atSource: true }] : []),
      ...(account === undefined ? [] : [{ id: `account ${account.metadata.uid}`, credential: `serviceaccounts/${identity.namespace}/${identity.name}`, uid: account.metadata.uid, atSource: true }]),
      ...tokens,
      ...grants.map(({ kind, namespace: where, name, uid }): Way => {
        const credential = kind === 'RoleBinding' ? `rolebindings/${where ?? ''}/${name}` : `clusterrolebindings/${name}`;
        return { id: `${credential} ${uid}`, credential, uid, atSource: true };
      }),
    ];
  };

  const certificates = new Map<string, number>();
  const retired = new Set<string>();
  const neighbours: Person[] = [];
  /** Most of what is asked changes nothing that is stored. */
  let others: { readonly at: string; readonly text: string } | undefined;
  const grow = (identity: Person): void => {
    admin.create(secrets, { metadata: { name: `${identity.name}-token`, namespace: identity.namespace, annotations: { 'kubernetes.io/service-account.name': identity.name } }, type: 'kubernetes.io/service-account-token' });
  };
  const realm: Realm = {
    name: 'kubernetes',
    servers: cluster.servers,
    settleTime,
    propagation: 0,
    welcome: (one) => {
      neighbours.push(one);
      admin.create(serviceAccounts, { metadata: one });
      admin.create(roleBindings, { metadata: { name: `${one.name}-edit`, namespace: one.namespace }, roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'edit' }, subjects: [{ kind: 'ServiceAccount', ...one }] });
      grow(one);
      admin.requestToken(one, { seconds: aDay });
    },
    settle: (identity, plan) => {
      retired.add(keyOf(identity));
      admin.create(serviceAccounts, { metadata: identity });
      if (plan.certified > 0) certificates.set(identity.name, plan.at + plan.certified);
      for (const { resource, body } of bindingsOf(identity, plan)) admin.create(resource, body);
      if (plan.tokenSecret) grow(identity);
      admin.requestToken(identity);
    },
    waysIn,
    // An account of another UID, and what is its, is left alone.
    unfollowed: ({ uid }, own) => uid !== undefined && own !== undefined && uid !== own,
    onChange: (listener) => {
      cluster.onChange(({ resource }) => {
        if (resource.plural === 'serviceaccounts' || resource.plural === 'secrets' || resource.plural.endsWith('bindings')) listener();
      });
    },
    isLocked: (identity) => cluster.servers.every(({ lock }) => lock.denies({ operation: 'CREATE', kind: accounts, ...identity, object: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...identity, uid: '', resourceVersion: '', creationTimestamp: '' } }, before: undefined }) !== undefined),
    act: (identity, chances) => {
      const tokens = tokensOf(identity);
      const last = tokens.at(-1);
      if (last === undefined || chance(chances, 0.3)) attempt(() => cluster.as(`system:serviceaccount:${identity.namespace}:${identity.name}`, Math.floor(chances() * cluster.servers.length)).requestToken(identity, retired.has(keyOf(identity)) ? {} : { seconds: aDay }));
      for (const { token } of chance(chances, 0.5) ? tokens : tokens.slice(-1)) cluster.tokens.use(Math.floor(chances() * cluster.servers.length), token.text);
    },
    ends: ({ method, path, body }) => {
      if (method !== 'DELETE' && method !== 'PATCH') return undefined;
      const [, namespace, kind, name] = /\/v1\/(?:namespaces\/([^/]+)\/)?(serviceaccounts|secrets|rolebindings|clusterrolebindings)\/([^/?]+)(?:\?|$)/.exec(path) ?? [];
      if (kind === undefined || name === undefined || name.startsWith(canaryPath) || (method === 'PATCH' && !kind.endsWith('bindings'))) return undefined;
      const wanted = [kind, ...(namespace === undefined ? [] : [namespace]), name].join('/');
      const asked = /"uid":"([^"]+)"/.exec(body ?? '')?.[1];
      return ({ id, uid }) => id === wanted && (uid === undefined || asked === undefined || uid === asked);
    },
    gives: ({ path }) => path.endsWith('/token'),
    listed: ({ method, path }: WireRequest) => (method !== 'GET' || path.includes('watch=true') ? undefined : /\/v1\/((?:cluster)?rolebindings|secrets)(?:\?|$)/.exec(path)?.[1] ?? accountIn(path)),
    lists: (identity) => ['rolebindings', 'clusterrolebindings', 'secrets', accountList(identity)],
    tried: ({ method, path, headers, body }, answer) => {
      if (method !== 'POST' || !/(token|selfsubject)reviews(\?|$)/.test(path) || 'open' in answer) return undefined;
      const isReview = path.includes('/tokenreviews');
      const token = isReview ? (JSON.parse(body ?? '') as { readonly spec: { readonly token: string } }).spec.token : String(headers['authorization'] ?? '').replace(/^Bearer /, '');
      const uid = cluster.tokens.find(token)?.uid;
      const isAnswered = answer.status === 201 || (!isReview && answer.status === 401);
      return uid === undefined || !isAnswered ? undefined : { uid, taken: answer.status === 201 && (!isReview || answer.body.includes('"authenticated":true')) };
    },
    ofOthers: () => {
      const at = `${String(cluster.version())} ${String(cluster.tokens.all().length)}`;
      if (others?.at !== at) others = { at, text: othersIn(cluster, namespace, retired, neighbours) };
      return others.text;
    },
    knobs: knobsOf(cluster),
  };
  return {
    cluster,
    realm,
    publicKey,
    introduce: ({ namespace: home, name }, plan, dependencies) => {
      cluster.as(requester).create(workloadIdentities, {
        metadata: { name, namespace: home },
        spec: { serviceAccount: { name }, ...kubernetesPart(name, plan, epoch), ...(dependencies.length > 0 && { dependencies }) },
      });
    },
  };
};

const kubernetesPart = (name: string, { probe, certified, at }: IdentityPlan, epoch: number): object => {
  const certificates = certified === 0 ? {} : { certificates: [{ commonName: `${name}-cert`, notAfter: new Date(epoch + at + certified).toISOString() }] };
  return probe || certified > 0 ? { kubernetes: { ...(probe && { probe }), ...certificates } } : {};
};

const accountList = ({ namespace, name }: Person): string => `account ${namespace}/${name}`;

const accountIn = (path: string): string | undefined => {
  const [, namespace, name] = /\/namespaces\/([^/]+)\/serviceaccounts\/([^/?]+)(?:\?|$)/.exec(path) ?? [];
  return namespace === undefined || name === undefined ? undefined : accountList({ namespace, name });
};

const canaryPath = 'offboard-canary-';
if (!canaryType.endsWith('canary')) throw new Error('canaries are known by another name now');

const attempt = (act: () => unknown): void => {
  try {
    act();
  } catch {
    // It was refused, as it is meant to be.
  }
};

/** Longer than any run. */
const aDay = 86_400;

/** Whom bindings name beside those who are retired, and what their neighbours have: accounts, tokens, Secrets, and no place in the lock. */
const othersIn = (cluster: Cluster, operators: string, retired: ReadonlySet<string>, neighbours: readonly Person[]): string => {
  const hands = cluster.as('kubernetes-admin');
  const bindings = [...hands.list(roleBindings), ...hands.list(clusterRoleBindings)].flatMap((binding) => {
    const { metadata: { namespace, name, uid } } = binding;
    const subjects = (binding as { readonly subjects?: readonly Subject[] }).subjects ?? [];
    const others = subjects.map((subject) => nameOf(subject, namespace)).filter((each) => !retired.has(each));
    return others.length === 0 ? [] : [`${namespace ?? ''}/${name} ${uid} ${others.sort().join(' ')}`];
  });
  const { data = {} } = (hands.get(configMaps, { namespace: operators, name: lockConfigMap }) ?? {}) as { readonly data?: LockData };
  const tokens = cluster.tokens.all().filter(({ text }) => !cluster.tokens.isDeadAtSource(text));
  const whose = neighbours.map((one) => {
    const mine = tokens.filter(({ namespace, name }) => namespace === one.namespace && name === one.name);
    const secret = hands.get(secrets, { namespace: one.namespace, name: `${one.name}-token` })?.metadata.uid;
    return `${keyOf(one)} ${hands.get(serviceAccounts, one)?.metadata.uid ?? 'gone'} ${secret ?? 'gone'} ${String(mine.length)} tokens${holds(data, one) ? ' locked' : ''}`;
  });
  return [...whose, ...bindings].join(', ');
};

/** An account by its name, in whatever form; anybody else by what he is. */
const nameOf = ({ kind, name, namespace }: Subject, own: string | undefined): string => {
  if (kind === 'ServiceAccount') return keyOf({ namespace: namespace ?? own ?? '', name });
  const [, home, account] = kind === 'User' ? (/^system:serviceaccount:([^:]+):([^:]+)$/.exec(name) ?? []) : [];
  return home === undefined || account === undefined ? `${kind} ${name}` : keyOf({ namespace: home, name: account });
};

type Knob = Realm['knobs'][number];

const knobsOf = (cluster: Cluster): readonly Knob[] => [
  { name: 'LateWatches', on: (random) => later(cluster, random, 3_000) },
  { name: 'VeryLateWatches', on: (random) => later(cluster, random, 30_000) },
  { name: 'SmallPages', on: () => { cluster.pageAt(2); return () => { cluster.pageAt(Infinity); }; } },
  { name: 'LateLock', on: (random) => {
    const { lock } = pick(random, cluster.servers as unknown as readonly [Cluster['servers'][number], ...Cluster['servers']]);
    lock.setLag(between(random, 100, 8_000));
    return () => { lock.setLag(10); };
  } },
  { name: 'SilentWatches', on: () => {
    for (const { watches } of cluster.servers) watches.stall();
    return () => undefined;
  } },
  // Each kind of object has a cache of its own.
  { name: 'SilentBindingWatches', on: () => {
    for (const { watches } of cluster.servers) for (const plural of ['rolebindings', 'clusterrolebindings']) watches.stall(plural);
    return () => undefined;
  } },
  // As kubernetes/kubernetes#130887 has it.
  { name: 'FrozenLock', on: (random) => {
    const { lock } = pick(random, cluster.servers as unknown as readonly [Cluster['servers'][number], ...Cluster['servers']]);
    lock.freeze();
    return lock.restart;
  } },
  { name: 'LateControllers', on: (random) => { cluster.controllers.setDelay(between(random, 500, 15_000)); return () => { cluster.controllers.setDelay(0); }; } },
  { name: 'NoControllers', on: () => { cluster.controllers.setDelay(Infinity); return () => { cluster.controllers.setDelay(0); }; } },
  { name: 'EndedWatches', on: () => {
    for (const { watches } of cluster.servers) watches.end();
    return () => undefined;
  } },
  { name: 'CutWatches', on: () => { cluster.cutWatches(); return () => undefined; } },
  { name: 'Compaction', on: () => { cluster.compact(); cluster.cutWatches(); return () => undefined; } },
  { name: 'Restart', on: (random) => { pick(random, cluster.servers as unknown as readonly [Cluster['servers'][number], ...Cluster['servers']]).restart(); return () => undefined; } },
  ...rights.map((right): Knob => ({ name: `No ${right.verb} ${right.resource}`, on: () => cluster.take(right) })),
];

const later = (cluster: Cluster, random: Random, most: number): (() => void) => {
  for (const { watches } of cluster.servers) watches.setLag(between(random, 100, most));
  return () => { for (const { watches } of cluster.servers) watches.setLag(0); };
};

const rbac = 'rbac.authorization.k8s.io';

const rights = [
  { verb: 'delete', group: '', resource: 'serviceaccounts' },
  { verb: 'get', group: '', resource: 'serviceaccounts' },
  { verb: 'list', group: rbac, resource: 'rolebindings' },
  { verb: 'patch', group: rbac, resource: 'rolebindings' },
  { verb: 'delete', group: rbac, resource: 'rolebindings' },
  { verb: 'delete', group: '', resource: 'secrets' },
  { verb: 'list', group: '', resource: 'secrets' },
  { verb: 'create', group: '', resource: 'serviceaccounts/token' },
  { verb: '*', group: '', resource: 'configmaps' },
  { verb: 'list', group: rbac, resource: 'clusterrolebindings' },
  { verb: 'patch', group: rbac, resource: 'clusterrolebindings' },
  { verb: 'delete', group: rbac, resource: 'clusterrolebindings' },
  { verb: 'bind', group: rbac, resource: 'clusterroles' },
  { verb: 'create', group: 'authentication.k8s.io', resource: 'tokenreviews' },
  { verb: 'create', group: 'authorization.k8s.io', resource: 'subjectaccessreviews' },
  { verb: '*', group: 'coordination.k8s.io', resource: 'leases' },
  { verb: 'patch', group: 'offboard.dev', resource: 'workloadidentities' },
  { verb: 'patch', group: 'offboard.dev', resource: 'workloadidentities/status' },
  { verb: 'create', group: 'offboard.dev', resource: 'offboardings' },
  { verb: 'patch', group: 'offboard.dev', resource: 'offboardings/status' },
  { verb: 'patch', group: 'offboard.dev', resource: 'offboardings' },
  { verb: 'create', group: 'offboard.dev', resource: 'offboardingrecords' },
] as const;
