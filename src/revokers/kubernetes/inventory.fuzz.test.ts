import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeKube } from '../../../test/fakes/kube.ts';
import { holdsInTime } from '../../../test/fuzz/property.ts';
import { bindings, identity } from '../../../test/fuzz/subjects.ts';
import type { PlacedBinding } from '../../../test/fuzz/subjects.ts';
import { ApiError } from '../../kube/errors.ts';
import { clusterRoleBindings, roleBindings, secrets, serviceAccounts } from '../../kube/resources.ts';
import { OutcomeError } from '../../runtime/outcome.ts';
import type { Credential, Inventory } from '../revoker.ts';
import { createClusterReader } from './client.ts';
import { usersOf } from './identity.ts';
import { takeInventory } from './inventory.ts';
import type { CachedCluster } from './inventory.ts';

const never = new AbortController().signal;

interface Secret {
  readonly namespace: string;
  readonly name: string;
  readonly account: string | undefined;
  readonly accountUid: string | undefined;
}

/** What there is of an identity in a cluster, and of others beside it. */
interface World {
  readonly bindings: readonly PlacedBinding[];
  readonly secrets: readonly Secret[];
  /** Of the account that has the name now. */
  readonly accountUid: string | undefined;
  /** What the run is for. */
  readonly uid: string | undefined;
}

const worlds: fc.Arbitrary<World> = fc.record({
  bindings: fc.uniqueArray(bindings, { maxLength: 6, selector: ({ raw: { metadata } }) => `${metadata.namespace ?? ''}/${metadata.name}` }),
  secrets: fc.uniqueArray(
    fc.record({ namespace: fc.constantFrom('ci', 'ci', 'ops'), name: fc.constantFrom('a', 'b', 'c', 'd'), account: fc.constantFrom('agent', 'agent', 'agent-7', 'Agent', undefined), accountUid: fc.constantFrom('uid-agent', 'uid-new', '', undefined) }),
    { maxLength: 6, selector: ({ namespace, name }) => `${namespace}/${name}` },
  ),
  accountUid: fc.constantFrom('uid-agent', 'uid-agent', 'uid-new', undefined),
  uid: fc.constantFrom('uid-agent', 'uid-agent', undefined),
});

const unsynced: CachedCluster = {
  unsynced: () => ['rolebindings'],
  account: () => undefined,
  binding: () => undefined,
  sawDeleted: () => false,
  view: { bindingsOf: () => [], tokenSecretsOf: undefined },
  size: () => 0,
  catchUp: () => Promise.resolve(),
};

const secretUid = ({ namespace, name }: Secret): string => `uid of ${namespace}/${name}`;

const inventoryOf = (world: World, change: { readonly tokenSecrets?: boolean; readonly failing?: string } = {}): Promise<Inventory> => {
  const kube = createFakeKube();
  for (const { kind, raw } of world.bindings) kube.put(kind === 'RoleBinding' ? roleBindings : clusterRoleBindings, { ...raw });
  for (const secret of world.secrets) {
    const { namespace, name, account, accountUid } = secret;
    const annotations = { ...(account !== undefined && { 'kubernetes.io/service-account.name': account }), ...(accountUid !== undefined && { 'kubernetes.io/service-account.uid': accountUid }) };
    kube.put(secrets, { type: 'kubernetes.io/service-account-token', metadata: { namespace, name, uid: secretUid(secret), annotations } });
  }
  if (world.accountUid !== undefined) kube.put(serviceAccounts, { metadata: { namespace: 'ci', name: 'agent', uid: world.accountUid } });
  kube.onRequest((verb, { plural }) => {
    if (`${verb} ${plural}` === change.failing) throw new ApiError(503, 'ServiceUnavailable', 'no');
  });
  const reader = createClusterReader({ client: kube.client, clock: createFakeClock(), tokenSecrets: change.tokenSecrets ?? true });
  const permissions = { allowed: () => Promise.resolve(true), missing: () => Promise.resolve([]) };
  return takeInventory({ reader, permissions, cached: unsynced, tail: 0 }, targetOf(world), 'Fresh', never);
};

const targetOf = ({ uid }: World): typeof identity => {
  const { namespace, name } = identity.serviceAccount;
  return { ...identity, serviceAccount: { namespace, name, ...(uid !== undefined && { uid }) } };
};

const uidsOf = (credentials: readonly Credential[], ...classes: readonly string[]): readonly (string | undefined)[] =>
  credentials.filter((each) => classes.includes(each.class)).map(({ uid }) => uid).toSorted();

describe('an inventory of a cluster', () => {
  it('has every binding that names the identity in any form, and no other', async () => {
    await holdsInTime(
      fc.asyncProperty(worlds, async (world) => {
        const { credentials } = await inventoryOf(world);
        const own = world.bindings.filter(({ subjects }) => subjects.some((each) => each.own)).map(({ raw }) => raw.metadata.uid);
        expect(uidsOf(credentials, 'RoleBinding', 'ClusterRoleBinding')).toEqual(own.toSorted());
        for (const { uid, sharedWith, end } of credentials) {
          const binding = world.bindings.find(({ raw }) => raw.metadata.uid === uid);
          if (binding === undefined) continue;
          if (binding.subjects.some((each) => !each.own) !== (sharedWith !== undefined)) throw new Error('it does not say who else has it');
          if (end.by !== 'Revoke') throw new Error('we may end it');
        }
      }),
    );
  });

  it('has every token Secret by its name, but for those of an account that came later, which is left to a person', async () => {
    await holdsInTime(
      fc.asyncProperty(worlds, async (world) => {
        const { credentials } = await inventoryOf(world);
        const stranger = world.accountUid === world.uid ? undefined : world.accountUid;
        const own = world.secrets.filter(({ namespace, account, accountUid }) => namespace === 'ci' && account === 'agent' && (stranger === undefined || accountUid !== stranger));
        expect(uidsOf(credentials, 'TokenSecret')).toEqual(own.map(secretUid).toSorted());
        const accounts = credentials.filter((each) => each.class === 'ServiceAccount');
        expect(accounts.map(({ uid, end, seen }) => `${uid ?? ''} ${end.by} ${String(seen)}`)).toEqual([
          ...(world.uid === undefined ? [] : [`${world.uid} Revoke ${String(world.accountUid === world.uid)}`]),
          ...(stranger === undefined ? [] : [`${stranger} Person true`]),
        ]);
      }),
    );
  });

  it('says of Secrets that are not listed that they are not', async () => {
    await holdsInTime(
      fc.asyncProperty(worlds, fc.boolean(), async (world, tokenSecrets) => {
        const { credentials, findings } = await inventoryOf(world, { tokenSecrets });
        if (findings.some(({ type, object }) => type === 'NotEnumerated' && object === 'secrets in ci') === tokenSecrets) throw new Error('it does not say so');
        if (!tokenSecrets && credentials.some((each) => each.class === 'TokenSecret')) throw new Error('they are there');
      }),
      50,
    );
  });

  it('names each credential once, each user that has access, and each certificate', async () => {
    await holdsInTime(
      fc.asyncProperty(worlds, async (world) => {
        const { credentials } = await inventoryOf(world);
        if (new Set(credentials.map(({ id, uid }) => JSON.stringify([id, uid]))).size !== credentials.length) throw new Error('one is there twice');
        expect(credentials.filter((each) => each.class === 'Access').map(({ id }) => id)).toEqual(usersOf(identity).map((user) => `access review of ${user}`));
        expect(credentials.filter((each) => each.class === 'Certificate').map(({ id }) => id)).toEqual(identity.certificates.map(({ commonName }) => `certificate of user ${commonName}`));
      }),
      100,
    );
  });

  it('is none where a part of it cannot be read', async () => {
    const parts = fc.constantFrom('list rolebindings', 'list clusterrolebindings', 'list secrets', 'get serviceaccounts');
    await holdsInTime(
      fc.asyncProperty(worlds, parts, async (world, failing) => {
        await expect(inventoryOf(world, { failing })).rejects.toBeInstanceOf(OutcomeError);
      }),
      50,
    );
  });
});
