/** Google Cloud as a system in which an identity can get in: as its service account, by keys, and by members of policies that mean it. */
import { connectors, serviceAccounts } from '../../src/kube/resources.ts';
import { publishedPermissions } from '../env/google-roles.ts';
import { between, chance } from './engine/random.ts';
import { createSimulatedGoogle } from './google-cloud/server.ts';
import type { Planted } from './google-cloud/people.ts';
import { neighbour } from './people.ts';
import type { Person, Realm } from './realm.ts';
import type { OutsideOptions, OutsideRealm } from './vault-realm.ts';

const settleTime = 14_000;
/** Milliseconds by which a change is felt late, at most: less than the settle time, or that is a wrong one. */
const mostPropagation = 6_000;
const bucket = '//storage.googleapis.com/acme-artifacts';

const claimsIn = (jwt: string): Readonly<Record<string, unknown>> | undefined => JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as Readonly<Record<string, unknown>>;

export const createGoogleRealm = ({ scheduler, random, epoch, cluster }: OutsideOptions): OutsideRealm => {
  const admin = cluster.as('kubernetes-admin');
  const claimsOf = (jwt: string) => (cluster.servers.some((_, index) => cluster.tokens.worksAt(index, jwt)) ? claimsIn(jwt) : undefined);
  const google = createSimulatedGoogle({ scheduler, random, epoch, permissions: publishedPermissions, claimsOf });
  admin.create(connectors, google.connectorManifest({ namespaces: ['ci'], settle: `${String(settleTime / 1000)}s`, timeout: '5s', accessTokenLifetime: '20s' }));

  let colleagues = 0;
  const planted = new Map<string, Planted>();
  /** Whose accounts people deleted, or enabled, in place of the operator. */
  const deletedByPeople = new Set<string>();
  const broughtBack = new Map<string, number>();
  const plant = ({ namespace, name }: Person): void => {
    const uid = admin.get(serviceAccounts, { namespace, name })?.metadata.uid ?? '';
    planted.set(name, google.plant({
      serviceAccount: { namespace, name, uid }, account: `sa-${name}`, keys: 1, bindings: [{ resource: bucket, role: 'roles/storage.objectViewer' }, { resource: bucket, role: 'roles/storage.objectAdmin', as: 'byName' }],
    }));
  };
  plant({ namespace: 'ci', name: neighbour });

  const realm: Realm = {
    name: 'google',
    servers: [google.server],
    settleTime,
    propagation: mostPropagation,
    settle: plant,
    waysIn: ({ name }) => {
      const holder = planted.get(name);
      const broughtBackAt = broughtBack.get(name);
      return holder === undefined ? [] : google.truth.ways(holder).flatMap(({ id, works, isStored }) => (works ? [{ id, credential: id, atSource: isStored, ...(broughtBackAt !== undefined && { broughtBackAt }) }] : []));
    },
    onChange: (listener) => { google.truth.onChange(listener); },
    isLocked: () => undefined,
    act: ({ name }, chances) => {
      const holder = planted.get(name);
      if (holder !== undefined && chance(chances, 0.2)) google.truth.takeToken(holder, 20);
    },
    acts: {
      DeleteGoogleAccount: withAccount(({ name }, account) => {
        if (account.deleted) return;
        deletedByPeople.add(name);
        google.people.deleteAccount(account.uniqueId);
      }),
      // Of what the operator deleted nothing must be left that this could bring back.
      UndeleteAccount: withAccount(({ name }, account) => {
        if (deletedByPeople.has(name)) broughtBack.set(name, scheduler.now());
        google.people.undeleteAccount(account.uniqueId);
      }),
      ReplaceGoogleAccount: withAccount(({ name }, account) => {
        if (account.deleted) return;
        deletedByPeople.add(name);
        google.people.recreateAccount(account.uniqueId);
      }),
      EnableGoogleAccount: withAccount(({ name }, account) => {
        if (account.disabled) broughtBack.set(name, scheduler.now());
        google.people.setDisabled(account.uniqueId, false);
      }),
    },
    isIrreversible: ({ method, path }) => method === 'DELETE' || (method === 'PUT' && path.includes('/iam')) || path.includes(':setIamPolicy'),
    gives: () => false,
    isEnumeration: ({ method, path }) => path.includes('getIamPolicy') || (method === 'GET' && /\/(iam|keys)(\?|$)/.test(path)),
    ofOthers: () => {
      const holder = planted.get(neighbour);
      return [...google.foreignMembers(), ...(holder === undefined ? [] : google.truth.ways(holder).flatMap(({ id, works }) => (works ? [id] : [])))].join('\n');
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
      { name: 'Swallowed', on: () => google.knobs.swallow(3) },
      { name: 'AllSwallowed', on: () => google.knobs.swallow(Infinity) },
      { name: 'Queued', on: (chances) => google.knobs.queue(3, between(chances, 500, 15_000)) },
      { name: 'Refused', on: () => google.knobs.refuse('Conflict', { times: 4 }) },
      { name: 'NotFound', on: () => google.knobs.refuse('NotFound', { times: 4 }) },
      { name: 'Meddled', on: () => { google.people.rewriteBeforeWrites(bucket, 2); return () => undefined; } },
      { name: 'NoRights', on: () => { google.people.takePermissions(); return google.people.givePermissions; } },
    ],
  };
  type Act = (identity: Person, account: ReturnType<typeof google.people.account>) => void;
  function withAccount(act: Act): (identity: Person) => void {
    return (identity) => {
      const account = planted.get(identity.name)?.account;
      if (account !== undefined) act(identity, google.people.account(account));
    };
  }
  return {
    realm,
    dependencyOf: ({ name }, { deletesAccount }) => {
      const holder = planted.get(name);
      if (holder === undefined) throw new Error(`${name} has nothing in Google Cloud`);
      return google.dependencyFor(holder, { onRetire: deletesAccount ? 'Delete' : 'KeepDisabled' });
    },
  };
};
