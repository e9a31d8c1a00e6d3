/** Google Cloud as a system in which an identity can get in: as its service account, by keys, and by members of policies that mean it. */
import { reasons } from '../../src/api/v1alpha1/conditions.ts';
import { connectors, serviceAccounts } from '../../src/kube/resources.ts';
import { accountId } from '../../src/revokers/google-cloud/ids.ts';
import { publishedPermissions } from '../env/google-roles.ts';
import { between, chance } from './engine/random.ts';
import { createSimulatedGoogle } from './google-cloud/server.ts';
import { projectId } from './google-cloud/ground.ts';
import type { Planted } from './google-cloud/people.ts';
import type { Way } from './google-cloud/truth.ts';
import { keyOf, neighbour } from './people.ts';
import type { IdentityPlan } from './plan.ts';
import type { Person, Realm } from './realm.ts';
import { lookedAtAgainAfter } from './realm.ts';
import type { OutsideOptions, OutsideRealm } from './vault-realm.ts';

const settleTime = 14_000;
/** Milliseconds by which a change is felt late, at most: less than the settle time, or that is a wrong one. */
const mostPropagation = 6_000;
const bucket = '//storage.googleapis.com/acme-artifacts';

const untilLater = { title: 'until later', expression: 'request.time < timestamp("2099-01-01T00:00:00Z")' };

const claimsIn = (jwt: string): Readonly<Record<string, unknown>> | undefined => JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as Readonly<Record<string, unknown>>;

/** The operator follows none of these by a name of its own: they go with the account or, where that stays, with all that can make more of them. */
const goesWithAnother: ReadonlySet<Way['kind']> = new Set(['AccessToken', 'Impersonation']);

export const createGoogleRealm = ({ scheduler, random, epoch, cluster, setting }: OutsideOptions): OutsideRealm => {
  const admin = cluster.as('kubernetes-admin');
  const claimsOf = (jwt: string) => (cluster.servers.some((_, index) => cluster.tokens.worksAt(index, jwt)) ? claimsIn(jwt) : undefined);
  const google = createSimulatedGoogle({ scheduler, random, epoch, permissions: publishedPermissions, claimsOf });
  admin.create(connectors, google.connectorManifest({ namespaces: ['ci'], settle: `${String(settleTime / 1000)}s`, timeout: '5s', accessTokenLifetime: '20s', assetSearch: setting?.searched === true }));

  let colleagues = 0;
  const planted = new Map<string, Planted>();
  /** Whose accounts people deleted, or enabled, in place of the operator. */
  const deletedByPeople = new Set<string>();
  const broughtBack = new Map<string, number>();
  /** Until when a neighbour may act as its account. */
  const sharedUntil = new Map<string, number>();
  const untilWhen = (identity: Person): number => sharedUntil.get(keyOf(identity)) ?? -Infinity;
  /** Who has its e-mail since. */
  const newcomers = new Map<string, string>();
  const newcomerOf = (identity: Person): string | undefined => {
    const newcomer = newcomers.get(keyOf(identity));
    return newcomer === undefined || google.people.account(newcomer).deleted ? undefined : newcomer;
  };
  const accountOf = (identity: Person): ReturnType<typeof google.people.account> | undefined => {
    const account = planted.get(keyOf(identity))?.account;
    return account === undefined ? undefined : google.people.account(account);
  };
  const retired = new Set<string>();
  const plant = (one: Person, { hmacKey = false, conditional = false }: Partial<Pick<IdentityPlan, 'hmacKey' | 'conditional'>> = {}): Planted => {
    const uid = admin.get(serviceAccounts, one)?.metadata.uid ?? '';
    const found = google.plant({
      serviceAccount: { ...one, uid }, account: `sa-${one.namespace}-${one.name}`, keys: 1, hmacKeys: hmacKey ? 1 : 0,
      bindings: [
        { resource: bucket, role: 'roles/storage.objectViewer' },
        { resource: bucket, role: 'roles/storage.objectAdmin', as: 'byName' },
        ...(conditional ? [{ resource: bucket, role: 'roles/storage.objectAdmin', condition: untilLater }] : []),
      ],
    });
    planted.set(keyOf(one), found);
    return found;
  };
  const settle = (identity: Person, plan: IdentityPlan): void => {
    const { sharedAccount } = plan;
    retired.add(keyOf(identity));
    const mine = plant(identity, plan);
    const other = planted.get(keyOf(neighbour));
    if (!sharedAccount || other === undefined) return;
    sharedUntil.set(keyOf(identity), Infinity);
    google.actAs(other, mine);
  };
  /** What is its own: of an account that others use it is its keys, and what it gets by its own name. */
  const waysOf = (identity: Person): readonly Way[] => {
    const holder = planted.get(keyOf(identity));
    if (holder === undefined) return [];
    const ways = google.truth.ways(holder);
    return untilWhen(identity) === Infinity ? ways.filter(({ kind, id }) => kind !== 'ServiceAccount' && !id.includes('?uid=')) : ways;
  };

  /** So that nobody has looked at it since, perhaps. */
  const isBackAgain = (key: string): boolean => scheduler.now() - (broughtBack.get(key) ?? -Infinity) < 20_000;

  const realm: Realm = {
    name: 'google',
    servers: [google.server],
    settleTime,
    propagation: mostPropagation,
    welcome: (one) => { plant(one); },
    settle,
    waysIn: (identity) => {
      const broughtBackAt = broughtBack.get(keyOf(identity));
      const other = untilWhen(identity) === Infinity ? 'access tokens' : accountId(projectId, `sa-${identity.namespace}-${identity.name}@${projectId}.iam.gserviceaccount.com`);
      return waysOf(identity).flatMap(({ kind, id, works, isStored }) => (works ? [{ id, credential: goesWithAnother.has(kind) ? other : id, atSource: isStored, ...(broughtBackAt !== undefined && { broughtBackAt }) }] : []));
    },
    onChange: (listener) => { google.truth.onChange(listener); },
    isLocked: () => undefined,
    act: (identity, chances) => {
      const holder = planted.get(keyOf(identity));
      if (holder !== undefined && chance(chances, 0.2)) google.truth.takeToken(holder, 20);
    },
    isStuck: {
      [reasons.identityRecreated]: (identity) => newcomerOf(identity) !== undefined,
      [reasons.accountUnknown]: (identity) => accountOf(identity)?.deleted === true && newcomerOf(identity) === undefined,
    },
    // Who has its name goes, or it comes back and can be told.
    free: (identity) => {
      const [account, newcomer] = [accountOf(identity), newcomerOf(identity)];
      if (newcomer !== undefined) google.people.deleteAccount(newcomer);
      else if (account?.deleted === true) {
        broughtBack.set(keyOf(identity), scheduler.now());
        google.people.undeleteAccount(account.uniqueId);
      }
    },
    acts: {
      DeleteGoogleAccount: withAccount((key, account) => {
        if (account.deleted) return;
        deletedByPeople.add(key);
        google.people.deleteAccount(account.uniqueId);
      }),
      // Of what the operator deleted nothing must be left that this could bring back.
      UndeleteAccount: withAccount((key, account) => {
        if (deletedByPeople.has(key)) broughtBack.set(key, scheduler.now());
        google.people.undeleteAccount(account.uniqueId);
      }),
      EnableGoogleAccount: withAccount((key, account) => {
        if (account.disabled) broughtBack.set(key, scheduler.now());
        google.people.setDisabled(account.uniqueId, false);
      }),
      Unshare: (identity) => {
        const [mine, other] = [planted.get(keyOf(identity)), planted.get(keyOf(neighbour))];
        if (mine === undefined || other === undefined || untilWhen(identity) !== Infinity) return;
        sharedUntil.set(keyOf(identity), scheduler.now());
        google.actAs(other, mine, false);
      },
    },
    ends: ({ method, path }) => {
      const [, bucket] = (method === 'PUT' ? /\/b\/([^/]+)\/iam(?:\?|$)/.exec(path) : undefined) ?? [];
      const [, account] = /(projects\/[^/]+\/serviceAccounts\/[^/:]+):setIamPolicy/.exec(path) ?? [];
      const resource = bucket === undefined ? (account === undefined ? undefined : `//iam.googleapis.com/${account}`) : `//storage.googleapis.com/${bucket}`;
      if (resource !== undefined) return ({ id }) => id.startsWith(`${resource} `);
      if (method !== 'DELETE') return undefined;
      const wanted = path.slice(path.indexOf('projects/'));
      return ({ id, uid }) => id === wanted || (uid !== undefined && wanted.endsWith(`/serviceAccounts/${uid}`));
    },
    gives: () => false,
    staysOpen: (identity) => untilWhen(identity) + lookedAtAgainAfter > scheduler.now(),
    sharedUntil: { [reasons.sharedAccount]: untilWhen },
    listed: ({ method, path }) => {
      const [, of, what] = /\/(\d+)(\/keys|:getIamPolicy)(?:\?|$)/.exec(path) ?? [];
      if (of !== undefined && what !== undefined) return of + what;
      return method === 'GET' && path.includes('/b/acme-artifacts/iam') ? 'acme-artifacts' : undefined;
    },
    lists: (identity) => {
      const account = planted.get(keyOf(identity))?.account;
      // What is in an account that is deleted is not listed by anybody.
      return ['acme-artifacts', ...(account === undefined || google.people.account(account).deleted || isBackAgain(keyOf(identity)) ? [] : [`${account}/keys`, `${account}:getIamPolicy`])];
    },
    ofOthers: () => {
      const holders = [...planted].flatMap(([key, holder]) => (retired.has(key) ? [] : [holder]));
      // Their tokens end by themselves.
      return [...google.foreignMembers(), ...holders.flatMap((holder) => google.truth.ways(holder).flatMap(({ kind, id, works }) => (works && kind !== 'AccessToken' ? [id] : [])))].join('\n');
    },
    documents: {
      isRead: ({ method, path }) => method === 'GET' && path.includes('/b/acme-artifacts/iam'),
      change: () => {
        colleagues += 1;
        google.people.grant({ resource: bucket, role: 'roles/storage.objectViewer', member: `user:colleague-${String(colleagues)}@example.com` });
      },
    },
    knobs: [
      { name: 'Propagation', on: (chances) => { google.knobs.delay({ propagation: between(chances, 500, mostPropagation) }); return () => { google.knobs.delay({ propagation: 0 }); }; } },
      { name: 'StalePolicies', on: (chances) => { google.knobs.delay({ stalePolicies: between(chances, 500, mostPropagation) }); return () => { google.knobs.delay({ stalePolicies: 0 }); }; } },
      { name: 'StaleAccounts', on: (chances) => { google.knobs.delay({ staleAccounts: between(chances, 500, mostPropagation) }); return () => { google.knobs.delay({ staleAccounts: 0 }); }; } },
      { name: 'StaleSearch', on: (chances) => { google.knobs.delay({ assetLag: between(chances, 500, 60_000) }); return () => { google.knobs.delay({ assetLag: 0 }); }; } },
      { name: 'FailOpen', on: () => { google.knobs.failOpen(true); return () => { google.knobs.failOpen(false); }; } },
      { name: 'Swallowed', on: () => google.knobs.swallow(3) },
      { name: 'AllSwallowed', on: () => google.knobs.swallow(Infinity) },
      { name: 'Queued', on: (chances) => google.knobs.queue(3, between(chances, 500, 15_000)) },
      { name: 'Refused', on: () => google.knobs.refuse('Conflict', { times: 4 }) },
      { name: 'NotFound', on: () => google.knobs.refuse('NotFound', { times: 4 }) },
      { name: 'Meddled', on: () => { google.people.rewriteBeforeWrites(bucket, 2); return () => undefined; } },
      { name: 'NoRights', on: () => { google.people.takePermissions(); return google.people.givePermissions; } },
    ],
  };
  type Act = (key: string, account: ReturnType<typeof google.people.account>) => void;
  function withAccount(act: Act): (identity: Person) => void {
    return (identity) => {
      const account = planted.get(keyOf(identity))?.account;
      if (account !== undefined) act(keyOf(identity), google.people.account(account));
    };
  }
  return {
    realm,
    dependencyOf: (identity, { deletesAccount }) => {
      const holder = planted.get(keyOf(identity));
      if (holder === undefined) throw new Error(`${keyOf(identity)} has nothing in Google Cloud`);
      return google.dependencyFor(holder, { onRetire: deletesAccount ? 'Delete' : 'KeepDisabled' });
    },
  };
};
