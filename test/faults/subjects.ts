/**
 * What the faults are tried on: one entry for each dependency. Whoever adds a revoker adds its subject here, and with it a table to
 * docs/fault-matrix.md.
 */
import type { Guarded } from '../e2e/oracle.ts';
import type { AccessPath } from '../env/build-agent.ts';
import { accountName, member, projectId } from '../env/google-cloud-world.ts';
import { startForwarder } from '../env/proxy.ts';
import type { Exchange, Upstream } from '../env/proxy.ts';
import { waitFor } from '../env/wait-for.ts';
import type { Act, Effect } from './catalogue.ts';
import { bindingOf, createAgent } from '../soak/agents.ts';
import { createObstacle } from './obstacle.ts';
import type { Ambush, Obstacle } from './obstacle.ts';
import { elsewhere, home } from './site.ts';
import type { Site } from './site.ts';
import { accessWire, googleWire, lockWire, recordWire, reviewWire, runWire, vaultWire } from './wires.ts';

export interface Victim {
  /** With every way in, each of which can be tried. */
  readonly agent: Guarded;
  /** Of the WorkloadIdentity, besides its ServiceAccount. */
  readonly spec: object;
  readonly obstacle: Obstacle;
  /** What others can do to it. */
  readonly acts?: Partial<Readonly<Record<Act, Deed>>>;
  readonly stop: () => Promise<void>;
}

/** What somebody does while a fault lasts. */
export interface Deed {
  /** As soon as it lasts. */
  readonly begin?: () => Promise<unknown>;
  readonly ambush?: Ambush;
  /** One more way in, which works until it was given and cannot be tried before. */
  readonly given?: AccessPath;
  /** When the fault is over. */
  readonly undo?: () => Promise<unknown>;
  /** In words, what somebody else has lost by the run; asked before it is undone, and at the end. */
  readonly lost?: () => Promise<readonly string[]>;
}

export interface Subject {
  readonly name: string;
  /** Its heading in the page, and what stands between. */
  readonly title: string;
  readonly words: string;
  /** Faults that it cannot meet: where nothing is watched, or nothing of the identity is in a list any more when lists are read. */
  readonly without: readonly Effect['kind'][];
  /** Whether it meets only what names it. */
  readonly special?: boolean;
  /** Whether a request that hangs keeps one of few connections from everybody. */
  readonly scarce: boolean;
  /** An identity of this name that is alive in the cluster and there. */
  readonly bring: (site: Site, name: string) => Promise<Victim>;
}

const inCluster = ({ insist, oracle }: Site, name: string): Promise<Guarded> => createAgent(insist, oracle.asUser, home, elsewhere, name);

const behind = (site: Site, obstacle: Obstacle, agent: Guarded, spec: object, acts: Victim['acts'] = {}): Victim => {
  site.between.put(obstacle);
  return {
    agent,
    spec,
    obstacle,
    acts,
    stop: () => {
      site.between.takeAway(obstacle);
      return Promise.resolve();
    },
  };
};

/** The first time that it is asked to do so. */
const once = (isIt: (asked: Exchange) => boolean, act: () => Promise<unknown>): Ambush => {
  let isDone = false;
  return (asked) => {
    if (isDone || !isIt(asked)) return undefined;
    isDone = true;
    return act();
  };
};

const bindingsElsewhere = `/apis/rbac.authorization.k8s.io/v1/namespaces/${elsewhere}/rolebindings`;

/** One more binding where it has one already: whoever ends only what was there leaves it its access. */
const bindAgain = ({ insist }: Site, name: string) => (): Promise<unknown> => insist('POST', bindingsElsewhere, { ...bindingOf(name, home), metadata: { name: `${name}-more` } });

/** A neighbour is named in one of its bindings, until the fault is over. */
const joinBinding = ({ insist, oracle }: Site, name: string): Deed => {
  const path = `${bindingsElsewhere}/${name}`;
  const user = `neighbour-of-${name}`;
  const { attempt } = oracle.asUser(user, user, `/api/v1/namespaces/${elsewhere}/configmaps`);
  const { subjects } = bindingOf(name, home);
  let isJoined = false;
  return {
    ambush: once(({ path: asked, method }) => method !== 'GET' && asked.split('?')[0] === path, async () => {
      await insist('PATCH', path, { subjects: [...subjects, { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }] });
      await waitFor(async () => (await attempt()) === 200, { what: `${user} to be let in` });
      isJoined = true;
    }),
    lost: async () => (isJoined && (await attempt()) !== 200 ? [`${user} lost its access`] : []),
    undo: async () => {
      isJoined = false;
      await insist('PATCH', path, { subjects });
    },
  };
};

/** Somebody's finalizer, until the fault is over. */
const keepAccount = ({ insist }: Site, name: string): Deed => {
  const path = `/api/v1/namespaces/${home}/serviceaccounts/${name}`;
  return {
    begin: () => insist('PATCH', path, { metadata: { finalizers: ['example.com/kept'] } }),
    undo: () => insist('PATCH', path, { metadata: { finalizers: null } }),
  };
};

const bringUnprobed = async (site: Site, name: string): Promise<Victim> => behind(site, createObstacle(accessWire(name)), await inCluster(site, name), {});

const bringToKubernetes = async (site: Site, name: string): Promise<Victim> => {
  const agent = await inCluster(site, name);
  const obstacle = createObstacle(accessWire(name));
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const bindings = [`${rbac}/namespaces/${home}/rolebindings/${name}`, `${rbac}/namespaces/${elsewhere}/rolebindings/${name}`, `${rbac}/clusterrolebindings/${name}`];
  // Until something is revoked the operator knows these by its watches, so that nobody has asked for them yet.
  for (const path of [`/api/v1/namespaces/${home}/serviceaccounts/${name}`, ...bindings]) {
    const { status, body } = await site.insist('GET', path);
    obstacle.remember({ method: 'GET', path, body: '' }, { status, body });
  }
  return behind(site, obstacle, agent, { kubernetes: { probe: true } }, { Issue: { begin: bindAgain(site, name) }, Meddle: joinBinding(site, name), Keep: keepAccount(site, name) });
};

/** A Connector of its own for each, so that what one meets is met by nobody else. */
const byConnector = async (site: Site, name: string, upstream: Upstream, obstacle: Obstacle, spec: (url: string) => object): Promise<() => Promise<void>> => {
  const way = await startForwarder(upstream, obstacle.gates);
  await site.insist('POST', '/apis/offboard.dev/v1alpha1/connectors', {
    apiVersion: 'offboard.dev/v1alpha1',
    kind: 'Connector',
    metadata: { name },
    spec: { ...spec(way.url), timing: { settle: `${String(site.settle)}s`, timeout: '4s' } },
  });
  return way.stop;
};

const grantedTo = { namespaces: { selector: { matchLabels: { 'example.com/faults': 'yes' } } } };

/** A token of its ServiceAccount for somebody else. */
const tokenFor = async ({ insist }: Site, name: string, audience: string): Promise<string> => {
  const { body } = await insist('POST', `/api/v1/namespaces/${home}/serviceaccounts/${name}/token`, {
    apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: [audience], expirationSeconds: 3_600 },
  });
  return (JSON.parse(body) as { readonly status: { readonly token: string } }).status.token;
};


const bringToVault = async (site: Site, name: string): Promise<Victim> => {
  const cluster = await inCluster(site, name);
  const { bao } = site.vault;
  const vault = await site.vault.addAgent(name, { namespace: home });
  const jwt = await tokenFor(site, name, 'vault');
  const token = await vault.login(jwt);
  const child = await token.child();
  const lease = await token.lease();
  const more = issuing('one more leased PostgreSQL user', async () => {
    const { login } = await (await site.vault.orphan([vault.role])).lease(vault.role);
    return () => login().then((said) => (said === 'ok' ? 200 : 403), () => 503);
  });
  const acts = { Issue: { ...more, ambush: once(() => true, more.issue) }, Keep: { begin: () => site.vault.stick(lease), undo: () => site.vault.unstick(lease) } };
  const paths: readonly AccessPath[] = [
    ...cluster.paths,
    { name: 'Vault token', request: 'GET auth/token/lookup-self', attempt: () => token.use().catch(() => 503) },
    { name: 'child token', request: 'GET auth/token/lookup-self', attempt: () => child.use().catch(() => 503) },
    { name: 'leased PostgreSQL user', request: 'login to PostgreSQL', attempt: () => lease.login().then((said) => (said === 'ok' ? 200 : 403), () => 503) },
    { name: 'login to Vault', request: 'POST auth/kubernetes/login', attempt: () => vault.tryLogin(jwt).then(({ status }) => (status === 400 ? 403 : status), () => 503) },
  ];
  const own = [token.accessor, child.accessor, lease.id.split('/').at(-1) ?? lease.id];
  const obstacle = createObstacle(vaultWire(own));
  const stop = await byConnector(site, name, { url: bao.url, ca: bao.ca }, obstacle, (address) => ({
    vault: { address, auth: { kubernetes: site.vault.operator.kubernetes }, kubernetesAuthMounts: [{ path: 'kubernetes' }] },
    grants: [{ ...grantedTo, vault: { authRoles: ['ci-*'], leasePrefixes: ['database/creds/ci-*'] } }],
  }));
  const spec = { dependencies: [{ name: 'vault', vault: { connectorRef: { name }, roles: [vault.role], leases: [{ prefix: vault.prefix, exclusive: true }] } }] };
  return { agent: { ...cluster, paths }, spec, obstacle, acts, stop };
};

/** A way in that is not there yet, and how it comes to be. Until then nobody claims that it is gone. */
const issuing = (name: string, give: () => Promise<AccessPath['attempt']>): { readonly given: AccessPath; readonly issue: () => Promise<void> } => {
  let attempt: AccessPath['attempt'] = () => Promise.resolve(200);
  return {
    given: { name, request: 'what was issued in between', attempt: () => attempt() },
    issue: async () => {
      attempt = await give();
    },
  };
};

/** A login that is refused is a refusal; whatever else goes wrong says neither yes nor no. */
const refused = (error: unknown): number => (/: 40[0134] /.test(String(error)) ? 403 : 503);

const bringToGoogle = async (site: Site, name: string): Promise<Victim> => {
  const cluster = await inCluster(site, name);
  const { google, pool, connection } = site.google;
  const { email, uniqueId } = await google.addServiceAccount(projectId, `ci-${name}`);
  const bucket = await google.addBucket(projectId, `acme-${name}`, { artifact: 'hello' });
  await google.grant(bucket, 'roles/storage.objectViewer', 'group:readers@example.com');
  await google.grant(bucket, 'roles/storage.objectViewer', `serviceAccount:${email}`);
  await google.grant(accountName(email), 'roles/iam.workloadIdentityUser', member(home, name));
  const key = await google.addKey(email);
  const jwt = await tokenFor(site, name, pool.tokenAudiences[0] ?? '');
  const open = (token: string): Promise<number> => google.open(token, { bucket: `acme-${name}`, object: 'artifact' });
  const act = async (): Promise<string> => google.impersonate(await google.exchange(jwt, pool.audience), email);
  const token = await act();
  const way = (what: string, attempt: () => Promise<number>): AccessPath => ({ name: what, request: 'GET object', attempt: () => attempt().catch(refused) });
  const paths = [
    ...cluster.paths,
    way('access token of the service account', () => open(token)),
    way('login by the ServiceAccount', async () => open(await act())),
    way('login by the key', async () => open(await google.keyLogin(key))),
  ];
  const more = issuing('login by one more key', async () => {
    const another = await google.addKey(email);
    return () => google.keyLogin(another).then(open).catch(refused);
  });
  const neighbour = `user:neighbour-of-${name}@example.com`;
  const acts = {
    Issue: { ...more, ambush: once(() => true, more.issue) },
    Meddle: {
      ambush: once(({ path }) => path.includes(`/b/acme-${name}/`), () => google.grant(bucket, 'roles/storage.objectViewer', neighbour)),
      lost: async () => ((await google.policy(bucket)).bindings?.some(({ members }) => members.includes(neighbour)) === true ? [] : [`${neighbour} lost its grant`]),
    },
  };
  const obstacle = createObstacle(googleWire([email, uniqueId, `${home}/${name}]`, key.private_key_id]));
  const stop = await byConnector(site, name, { url: google.url }, obstacle, (url) => ({
    googleCloud: { ...connection, endpoints: Object.fromEntries(Object.keys(google.endpoints).map((service) => [service, url])), accessTokenLifetime: '3s' },
    grants: [{ ...grantedTo, googleCloud: { projects: ['acme-*'], serviceAccounts: [`ci-*@${projectId}.iam.gserviceaccount.com`], resources: ['//storage.googleapis.com/acme-*'] } }],
  }));
  const spec = { dependencies: [{ name: 'google', googleCloud: { connectorRef: { name }, serviceAccount: { email, uniqueId }, resources: [bucket] } }] };
  return { agent: { ...cluster, paths }, spec, obstacle, acts, stop };
};

const watchless = ['NoSecondPage', 'Deafen'] as const;

export const subjects: readonly Subject[] = [
  {
    name: 'kubernetes',
    title: 'Kubernetes',
    words: 'the API server, for the identity’s ServiceAccount, its Secret and its bindings; [the probe](probe.md) is on',
    without: ['LeaveOut'],
    scarce: true,
    bring: bringToKubernetes,
  },
  { name: 'unprobed', title: 'Kubernetes without a probe', words: 'the same; the probe is off', without: [], special: true, scarce: true, bring: bringUnprobed },
  {
    name: 'run',
    title: 'Offboard’s own memory',
    words: 'the API server, for the Offboarding and the WorkloadIdentity: status, finalizers, reads. What cannot be written is not seen, so the last thing that was written is',
    without: ['Stale', 'LeaveOut', 'NoSecondPage', 'Deafen'],
    scarce: true,
    bring: async (site, name) => behind(site, createObstacle(runWire(name)), await inCluster(site, name), {}),
  },
  { name: 'vault', title: 'Vault', words: 'an OpenBao in front of a PostgreSQL, for everything that its Connector asks, logins too', without: watchless, scarce: false, bring: bringToVault },
  { name: 'google', title: 'Google Cloud', words: 'a protocol fake of Google Cloud IAM, for everything that its Connector asks, logins too', without: watchless, scarce: false, bring: bringToGoogle },
  {
    name: 'lock',
    title: 'The lock',
    words: 'the API server, for the writes of the ConfigMap that the lock stands on',
    without: [],
    special: true,
    scarce: true,
    bring: async (site, name) => behind(site, createObstacle(lockWire(name)), await inCluster(site, name), {}, { Issue: { ambush: once(() => true, bindAgain(site, name)) } }),
  },
  {
    name: 'record',
    title: 'The record',
    words: 'the API server, for the writes of the record of its end',
    without: [],
    special: true,
    scarce: true,
    bring: async (site, name) => behind(site, createObstacle(recordWire(name)), await inCluster(site, name), {}),
  },
  {
    name: 'review',
    title: 'The reviews of the probe',
    words: 'the API server, for its reviews of the tokens that are tried',
    without: [],
    special: true,
    scarce: true,
    bring: async (site, name) => behind(site, createObstacle(reviewWire(home, name)), await inCluster(site, name), { kubernetes: { probe: true } }),
  },
];
