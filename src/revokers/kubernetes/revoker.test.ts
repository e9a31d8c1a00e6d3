import { describe, expect, it } from 'vitest';

import { clusterRoleBindings, clusterRoles, roleBindings, secrets, serviceAccounts } from '../../kube/resources.ts';
import type { RoleBinding } from '../../kube/objects.ts';
import { accountSubject, cachedOf, clusterRole, group, otherSubject, plant, user } from '../../../test/contract/kubernetes-stage.ts';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeKube } from '../../../test/fakes/kube.ts';
import { issuing } from '../../evidence/claims-run.ts';
import type { Credential } from '../revoker.ts';
import type { ReportedOperation } from '../runner.ts';
import { assembleRevoker } from './revoker.ts';

const never = new AbortController().signal;

const setUp = (options: { readonly tokenSecrets?: boolean; readonly watched?: boolean } = {}) => {
  const kube = createFakeKube();
  const target = plant(kube);
  const clock = createFakeClock();
  const operations: ReportedOperation[] = [];
  const { tokenSecrets = true, watched = true } = options;
  const cached = cachedOf(kube, tokenSecrets);
  const revoker = assembleRevoker({
    client: kube.client,
    clock,
    settleTime: 15_000,
    tokenSecrets,
    cached: watched ? cached : { ...cached, binding: () => undefined },
    ownAccount: { namespace: 'offboard-system', name: 'offboard' },
    onOperation: (operation) => operations.push(operation),
  });
  const inventory = () => revoker.inventory(target, 'Fresh', never);
  const find = async (id: string): Promise<Credential> => {
    const found = (await inventory()).credentials.find((credential) => credential.id === id);
    if (found === undefined) throw new Error(`${id} was not listed`);
    return found;
  };
  const bind = (name: string, subjects: RoleBinding['subjects'], roleName = 'view') =>
    kube.put(roleBindings, { roleRef: clusterRole(roleName), subjects, metadata: { namespace: 'ci', name } });
  return {
    kube,
    target,
    clock,
    operations,
    revoker,
    inventory,
    find,
    bind,
    revoke: async (id: string) => revoker.revoke(await find(id), target, never),
    observe: (credential: Credential) => revoker.observe(credential, target, never),
  };
};

const mayNotBind = (attributes: { readonly verb?: string }): boolean => attributes.verb !== 'bind';

it('gives its word by the credentials that whoever checks a record takes for that', () => {
  expect(setUp().revoker.issues).toEqual(issuing);
});

describe('a shared binding', () => {
  it("loses just the subjects that are the identity's, where the operator may bind", async () => {
    const { kube, bind, find, revoke, observe } = setUp();
    bind('mixed', [user('bob'), accountSubject, group('devs'), user('system:serviceaccount:ci:bot'), otherSubject]);
    const credential = await find('rolebindings/ci/mixed');
    expect(credential.end).toEqual({ by: 'Revoke' });
    expect(await revoke(credential.id)).toBe('Accepted');
    expect(kube.find(roleBindings, { namespace: 'ci', name: 'mixed' })).toMatchObject({
      subjects: [user('bob'), group('devs'), otherSubject],
    });
    expect(await observe(credential)).toEqual({ state: 'Absent', method: 'get/rolebindings' });
  });

  it('is left to a person, with the permission and the command, where it may not', async () => {
    const { kube, find } = setUp();
    kube.allow(mayNotBind);
    const { end } = await find('rolebindings/ops/shared');
    expect(end).toMatchObject({ by: 'Person', reason: 'SharedBinding' });
    const message = end.by === 'Person' ? end.message : '';
    expect(message).toContain('bind clusterroles.rbac.authorization.k8s.io "view" in namespace "ops"');
    expect(message).toContain('kubectl patch rolebinding/shared -n ops --type=json -p ');
    expect(message).toContain('"path":"/subjects/1"');
    expect(message).toContain('2 other subjects');
  });

  it('of a role that is gone is left to a person, with the ways out', async () => {
    const { kube, bind, find } = setUp();
    kube.allow(mayNotBind);
    bind('dangling', [accountSubject, otherSubject], 'no-such-role');
    const { end } = await find('rolebindings/ci/dangling');
    expect(end).toMatchObject({ by: 'Person', reason: 'DanglingRoleRef' });
    expect(end.by === 'Person' ? end.message : '').toContain('kubectl delete rolebinding/dangling -n ci');
  });

  it('tells the same when the permission is taken back between the look and the act', async () => {
    const { kube, bind, find, revoker, target } = setUp();
    bind('dangling', [accountSubject, otherSubject], 'no-such-role');
    const [shared, dangling] = [await find('rolebindings/ops/shared'), await find('rolebindings/ci/dangling')];
    kube.allow(mayNotBind);
    await expect(revoker.revoke(shared, target, never)).rejects.toMatchObject({
      kind: 'NeedsPerson',
      reason: 'SharedBinding',
    });
    await expect(revoker.revoke(dangling, target, never)).rejects.toMatchObject({
      kind: 'NeedsPerson',
      reason: 'DanglingRoleRef',
    });
  });

  it.each([{ watched: true }, { watched: false }])('is not deleted when somebody was added to it a moment ago, %o', async (options) => {
    const { kube, bind, find, revoker, target } = setUp(options);
    bind('mine', [accountSubject]);
    const credential = await find('rolebindings/ci/mine');
    let reads = 0;
    kube.onRequest((verb, resource, { name }) => {
      if (resource !== roleBindings || name !== 'mine') return;
      if (verb === 'get') reads += 1;
      if (verb !== 'delete') return;
      const { metadata } = kube.find(roleBindings, { namespace: 'ci', name }) ?? { metadata: { uid: '' } };
      kube.put(roleBindings, {
        roleRef: clusterRole('view'),
        subjects: [accountSubject, otherSubject],
        metadata: { ...metadata, namespace: 'ci', name },
      });
    });
    expect(await revoker.revoke(credential, target, never), 'refused as it is known, it is read').toBe('Accepted');
    if (options.watched) expect(reads).toBe(1);
    expect(kube.find(roleBindings, { namespace: 'ci', name: 'mine' })).toMatchObject({ subjects: [otherSubject] });
  });

  it('that is the identity’s alone, as the watch knows it, is deleted without being read', async () => {
    const { kube, bind, find, revoker, target } = setUp();
    bind('mine', [accountSubject]);
    const credential = await find('rolebindings/ci/mine');
    const requests: string[] = [];
    kube.onRequest((verb) => requests.push(verb));
    expect(await revoker.revoke(credential, target, never)).toBe('Accepted');
    expect(requests).toEqual(['delete']);
    expect(await revoker.revoke(credential, target, never), 'asked again').toBe('NothingThere');
  });

  it('that somebody changes all the time is tried a few times at once, and then left to the back-off', async () => {
    const { kube, bind, find, revoker, target } = setUp();
    bind('mine', [accountSubject]);
    const credential = await find('rolebindings/ci/mine');
    let deletes = 0;
    let meddlesome = 3;
    kube.onRequest((verb, resource, { name }) => {
      if (verb !== 'delete' || resource !== roleBindings) return;
      deletes += 1;
      meddlesome -= 1;
      const found = kube.find(roleBindings, { namespace: 'ci', name: name ?? '' });
      if (meddlesome >= 0 && found !== undefined) kube.put(roleBindings, { ...found, metadata: { ...found.metadata, labels: { round: String(deletes) } } });
    });
    expect(await revoker.revoke(credential, target, never)).toBe('Accepted');
    expect(deletes).toBe(4);
    bind('mine', [accountSubject]);
    meddlesome = 100;
    await expect(revoker.revoke(await find('rolebindings/ci/mine'), target, never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'Conflict' });
    expect(deletes).toBe(10);
  });

  it('may regain the subject under the same UID, and is seen to', async () => {
    const { kube, find, revoke, observe } = setUp();
    const credential = await find('rolebindings/ops/shared');
    await revoke(credential.id);
    expect((await observe(credential)).state).toBe('Absent');
    const { metadata } = kube.find(roleBindings, { namespace: 'ops', name: 'shared' }) ?? { metadata: { name: '' } };
    kube.put(roleBindings, { roleRef: clusterRole('view'), subjects: [accountSubject], metadata });
    expect(await observe(credential)).toMatchObject({
      state: 'Present',
      message: 'still there: it names ServiceAccount bot',
    });
  });
});

describe('a binding with a name that is too long for a status', () => {
  it('is ended and observed by its UID', async () => {
    const { bind, inventory, revoker, target, observe, kube } = setUp();
    const name = 'x'.repeat(3000);
    const { metadata } = bind(name, [accountSubject]);
    const credential = (await inventory()).credentials.find(({ uid }) => uid === metadata.uid);
    if (credential === undefined) throw new Error('it was not listed');
    expect(credential.id.length).toBeLessThanOrEqual(1024);
    expect(await observe(credential)).toMatchObject({ state: 'Present', method: 'list/rolebindings' });
    expect(await revoker.revoke(credential, target, never)).toBe('Accepted');
    expect(kube.find(roleBindings, { namespace: 'ci', name })).toBeUndefined();
    expect((await observe(credential)).state).toBe('Absent');
    expect(await revoker.revoke(credential, target, never)).toBe('NothingThere');
  });
});

describe('an object that a finalizer holds', () => {
  it.each([
    ['serviceaccounts/ci/bot', serviceAccounts, { namespace: 'ci', name: 'bot' }],
    ['rolebindings/ci/own', roleBindings, { namespace: 'ci', name: 'own' }],
    ['clusterrolebindings/everywhere', clusterRoleBindings, { name: 'everywhere' }],
    ['secrets/ci/bot-token', secrets, { namespace: 'ci', name: 'bot-token' }],
  ])('is Present, and a person is told whose it is: %s', async (id, resource, key) => {
    const { kube, find, revoke, observe } = setUp();
    const found = kube.find(resource, key);
    if (found === undefined) throw new Error(`${id} was not planted`);
    kube.put(resource, { ...found, metadata: { ...found.metadata, finalizers: ['example.com/hold'] } });
    const credential = await find(id);
    expect(await revoke(id)).toBe('Accepted');
    const observation = await observe(credential);
    expect(observation).toMatchObject({ state: 'Present', reason: 'HeldByFinalizer' });
    expect(observation.message).toContain('example.com/hold');
  });

  it('holds the tokens of the account, too', async () => {
    const { kube, find, revoke, observe } = setUp();
    const { metadata } = kube.find(serviceAccounts, { namespace: 'ci', name: 'bot' }) ?? { metadata: { name: 'bot' } };
    kube.put(serviceAccounts, { metadata: { ...metadata, finalizers: ['example.com/hold'] } });
    const tokens = await find('tokens of serviceaccounts/ci/bot');
    await revoke('serviceaccounts/ci/bot');
    expect(await observe(tokens)).toMatchObject({ state: 'Present', method: 'via-serviceaccount' });
    kube.drop(serviceAccounts, { namespace: 'ci', name: 'bot' });
    expect(await observe(tokens)).toEqual({ state: 'Absent', method: 'via-serviceaccount' });
  });
});

describe('what is never revoked', () => {
  it.each([
    ['an account of kube-system', { namespace: 'kube-system', name: 'bot', uid: 'u' }],
    ['a default account', { namespace: 'ci', name: 'default', uid: 'u' }],
    ['the operator itself', { namespace: 'offboard-system', name: 'offboard', uid: 'u' }],
  ])('includes %s', async (_, serviceAccount) => {
    const { revoker, find } = setUp();
    await expect(revoker.revoke(await find('rolebindings/ci/own'), { serviceAccount }, never)).rejects.toMatchObject({
      kind: 'Invalid',
      reason: 'ProtectedIdentity',
    });
  });

  it.each<[string, Partial<Credential>, object]>([
    ['another account', { id: 'serviceaccounts/ci/other', class: 'ServiceAccount' }, { kind: 'Invalid' }],
    [
      'an account of another UID',
      { id: 'serviceaccounts/ci/bot', class: 'ServiceAccount', uid: 'another' },
      { kind: 'NeedsPerson', reason: 'IdentityRecreated' },
    ],
    ['a Secret elsewhere', { id: 'secrets/ops/x', class: 'TokenSecret' }, { kind: 'Invalid' }],
    [
      'what has no UID',
      { id: 'rolebindings/ci/own', class: 'RoleBinding', uid: undefined as never },
      { kind: 'Invalid' },
    ],
    ['what is no id', { id: 'nonsense', class: 'RoleBinding' }, { kind: 'Invalid' }],
    [
      'what ends with others',
      { id: 'tokens of serviceaccounts/ci/bot', class: 'BoundTokens', end: { by: 'Others' } },
      { kind: 'Invalid' },
    ],
    [
      "what is a person's to end",
      {
        id: 'rolebindings/ci/own',
        class: 'RoleBinding',
        end: { by: 'Person', reason: 'SharedBinding', message: 'do it' },
      },
      { kind: 'NeedsPerson', message: 'do it' },
    ],
  ])('includes %s', async (_, part, expected) => {
    const { revoker, target, kube } = setUp();
    const before = kube.all(roleBindings).length;
    const credential: Credential = { id: '', class: '', uid: 'u', end: { by: 'Revoke' }, seen: true, ...part };
    await expect(revoker.revoke(credential, target, never)).rejects.toMatchObject(expected);
    expect(kube.all(roleBindings)).toHaveLength(before);
  });

  it('includes a binding that names somebody else by now', async () => {
    const { kube, target, revoker } = setUp();
    const uid = kube.find(roleBindings, { namespace: 'ci', name: 'of others' })?.metadata.uid ?? '';
    const credential: Credential = {
      id: 'rolebindings/ci/of others',
      uid,
      class: 'RoleBinding',
      end: { by: 'Revoke' },
      seen: true,
    };
    expect(await revoker.revoke(credential, target, never)).toBe('NothingThere');
    expect(kube.find(roleBindings, { namespace: 'ci', name: 'of others' })).toBeDefined();
  });
});

describe('a certificate', () => {
  it('is Absent only after its end, also when only the status remembers it', async () => {
    const { find, observe, clock } = setUp();
    const { id, class: kind } = await find('certificate of user alice');
    const remembered: Credential = { id, class: kind, end: { by: 'Others' }, seen: false };
    expect(await observe(remembered)).toMatchObject({ state: 'Present', method: 'declared-not-after', expiresAt: expect.any(Date) as Date });
    clock.stepWall(Date.parse('2027-01-01T00:00:00Z') - clock.now().getTime());
    expect((await observe(remembered)).state).toBe('Present');
    clock.stepWall(1);
    expect((await observe(remembered)).state).toBe('Absent');
    expect((await observe({ ...remembered, id: 'certificate of user bob' })).state).toBe('Unknown');
  });
});

describe('the access review', () => {
  const review = async (given: ReturnType<typeof setUp>, grants: readonly string[]) =>
    given.observe({
      id: 'access review of system:serviceaccount:ci:bot',
      class: 'Access',
      grants,
      end: { by: 'Others' },
      seen: false,
    });
  const clear = (given: ReturnType<typeof setUp>): void => {
    for (const { metadata } of given.kube.all(roleBindings)) given.kube.drop(roleBindings, metadata);
    given.kube.drop(clusterRoleBindings, { name: 'everywhere' });
  };

  it('names the binding that still grants', async () => {
    const given = setUp();
    const observation = await review(given, ['ClusterRole/view in ci']);
    expect(observation).toMatchObject({ state: 'Present', method: 'create/subjectaccessreviews (a sample)' });
    expect(observation.message).toMatch(/RoleBinding "\w+"/);
  });

  it('takes what comes through a group alone for inherited', async () => {
    const given = setUp();
    clear(given);
    expect((await review(given, ['ClusterRole/view in ci'])).state).toBe('Absent');
  });

  it('finds a grant that no list showed, by what the credential remembers', async () => {
    const given = setUp();
    clear(given);
    given.kube.put(roleBindings, {
      roleRef: clusterRole('view'),
      subjects: [accountSubject],
      metadata: { namespace: 'far', name: 'away' },
    });
    expect((await review(given, [])).state).toBe('Absent');
    expect((await review(given, ['Role/gone in ci', 'nonsense', 'ClusterRole/view in far'])).state).toBe('Present');
  });

  it('always asks for everything everywhere', async () => {
    const given = setUp();
    clear(given);
    given.kube.put(clusterRoles, {
      rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
      metadata: { name: 'cluster-admin' },
    });
    given.kube.put(clusterRoleBindings, {
      roleRef: clusterRole('cluster-admin'),
      subjects: [user('system:serviceaccount:ci:bot')],
      metadata: { name: 'admin' },
    });
    expect((await review(given, [])).state).toBe('Present');
  });

  it('asks at most eight questions', async () => {
    const given = setUp();
    clear(given);
    given.kube.drop(clusterRoleBindings, { name: 'inherited' });
    let asked = 0;
    given.kube.onRequest((verb) => {
      if (verb === 'create') asked += 1;
    });
    await review(
      given,
      Array.from({ length: 16 }, (_, index) => `ClusterRole/view in n${String(index)}`),
    );
    expect(asked).toBe(8);
  });
});

describe('preflight', () => {
  it('names each missing permission exactly, once', async () => {
    const { kube, target, revoker, inventory } = setUp();
    const { credentials } = await inventory();
    kube.allow(
      ({ verb, resource }) =>
        !(verb === 'delete' && (resource === 'rolebindings' || resource === 'serviceaccounts')) && verb !== 'create',
    );
    const missing = await revoker.preflight(target, credentials, never);
    expect(missing.map(({ permission }) => permission).sort()).toEqual([
      'create subjectaccessreviews.authorization.k8s.io',
      'delete rolebindings.rbac.authorization.k8s.io in namespace "ci"',
      'delete rolebindings.rbac.authorization.k8s.io in namespace "ops"',
      'delete serviceaccounts "bot" in namespace "ci"',
    ]);
  });

  it('is content with permissions in the namespace, or for the name', async () => {
    const { kube, target, revoker, inventory } = setUp();
    const { credentials } = await inventory();
    kube.allow(
      ({ verb, namespace, name, resource }) =>
        verb !== 'delete' ||
        (resource === 'serviceaccounts'
          ? name === 'bot'
          : namespace !== undefined || resource === 'clusterrolebindings'),
    );
    expect(await revoker.preflight(target, credentials, never)).toEqual([]);
  });

  it('asks nothing again within half a minute, and everything after it', async () => {
    const { kube, target, clock, revoker, inventory } = setUp();
    const { credentials } = await inventory();
    expect(await revoker.preflight(target, credentials, never)).toEqual([]);
    kube.allow(() => false);
    await clock.advance(29_000);
    expect(await revoker.preflight(target, credentials, never)).toEqual([]);
    await clock.advance(1_001);
    expect((await revoker.preflight(target, credentials, never)).length).toBeGreaterThan(10);
  });

  it('asks for Secrets only where they are listed', async () => {
    const { kube, target, revoker, inventory } = setUp({ tokenSecrets: false });
    const { credentials, findings } = await inventory();
    kube.allow(({ resource }) => resource !== 'secrets');
    expect(await revoker.preflight(target, credentials, never)).toEqual([]);
    expect(credentials.some(({ class: kind }) => kind === 'TokenSecret')).toBe(false);
    expect(findings.some(({ type }) => type === 'NotEnumerated')).toBe(true);
  });
});

describe('a thousand runs', () => {
  it('share the lists of the cluster', async () => {
    const { kube, target, revoker } = setUp();
    let lists = 0;
    kube.onRequest((verb, resource) => {
      if (verb === 'list' && resource === roleBindings) lists += 1;
    });
    await Promise.all(Array.from({ length: 1000 }, () => revoker.inventory(target, 'Fresh', never)));
    expect(lists).toBeLessThanOrEqual(2);
  });
});

describe('a fresh inventory of a big cluster', () => {
  const watching = (catchUp: () => Promise<void>, unsynced: readonly string[] = []) => {
    const kube = createFakeKube();
    const target = plant(kube);
    const lists: string[] = [];
    kube.onRequest((verb, resource) => {
      if (verb === 'list') lists.push(resource.plural);
    });
    const cached = { ...cachedOf(kube, true), size: () => 50_000, catchUp, unsynced: () => unsynced };
    const revoker = assembleRevoker({ client: kube.client, clock: createFakeClock(), settleTime: 15_000, tokenSecrets: true, cached });
    return { lists, inventory: (signal = never) => revoker.inventory(target, 'Fresh', signal) };
  };

  it('lists nothing when the watches are shown to be current', async () => {
    const { lists, inventory } = watching(() => Promise.resolve());
    expect((await inventory()).credentials.map(({ id }) => id)).toEqual(expect.arrayContaining(['rolebindings/ci/own']));
    expect(lists).toEqual([]);
  });

  it('lists everything when that could not be shown, or nothing is watched yet', async () => {
    const all = ['rolebindings', 'clusterrolebindings', 'secrets'];
    const behind = watching(() => Promise.reject(new Error('behind')));
    await behind.inventory();
    expect(behind.lists).toEqual(all);
    const unsynced = watching(() => Promise.resolve(), ['rolebindings']);
    await unsynced.inventory();
    expect(unsynced.lists).toEqual(all);
  });

  it('gives up, instead of listing, when it is told to', async () => {
    const stop = new AbortController();
    const { lists, inventory } = watching(() => {
      stop.abort(new Error('stopped'));
      return Promise.reject(new Error('stopped'));
    });
    await expect(inventory(stop.signal)).rejects.toThrow();
    expect(lists).toEqual([]);
  });
});

describe('what the watches told by themselves', () => {
  const revokerThatSaw = (uid: string) => {
    const kube = createFakeKube();
    const cached = { ...cachedOf(kube, true), sawDeleted: (one: string) => one === uid };
    return assembleRevoker({ client: kube.client, clock: createFakeClock(), settleTime: 15_000, tokenSecrets: true, cached });
  };
  const account: Credential = { id: 'serviceaccounts/ci/bot', uid: 'u-1', class: 'ServiceAccount', end: { by: 'Revoke' }, seen: true };

  it('is the end of that very object, and of nothing else', () => {
    const { toldGone } = revokerThatSaw('u-1');
    expect(toldGone?.(account)).toEqual({ state: 'Absent', method: 'watch/serviceaccounts' });
    expect(toldGone?.({ ...account, id: 'tokens of serviceaccounts/ci/bot', class: 'BoundTokens', end: { by: 'Others' } })?.state).toBe('Absent');
    expect(toldGone?.({ ...account, uid: 'u-2' })).toBeUndefined();
  });

  it('is the end of access once no binding gives it any more, where one did', async () => {
    const { kube, target, revoker, find } = setUp();
    const access = await find('access review of alice');
    expect(access.grants).toEqual(['ClusterRole/view in all namespaces']);
    expect(revoker.toldGone?.(access), 'it is still given').toBeUndefined();
    kube.drop(clusterRoleBindings, { name: 'everywhere' });
    expect(revoker.toldGone?.(access)).toEqual({ state: 'Absent', method: 'watch/bindings' });
    expect(revoker.toldGone?.({ ...access, grants: [] }), 'nothing ever gave it').toBeUndefined();
    expect((await revoker.observe(access, target, never)).method, 'what confirms it is asked').toBe('create/subjectaccessreviews (a sample)');
  });
});

describe('what was done', () => {
  it('is reported by operation and outcome', async () => {
    const { operations, revoker, target, find, revoke, observe, kube } = setUp();
    const credential = await find('serviceaccounts/ci/bot');
    await revoke(credential.id);
    await observe(credential);
    await revoker.preflight(target, [], never);
    kube.allow(() => false);
    await revoker.inventory(target, 'Fresh', never).catch(() => undefined);
    await observe(credential);
    expect(operations.map(({ operation, outcome }) => `${operation} ${outcome}`)).toEqual([
      'inventory Success',
      'inventory Success',
      'revoke Accepted',
      'observe Absent',
      'preflight Success',
      'inventory NeedsPerson',
      'observe Unknown',
    ]);
  });
});

describe('what a person is told', () => {
  it('fits a status, with a whole command or none', async () => {
    const { kube, bind, inventory } = setUp();
    kube.allow(mayNotBind);
    for (const length of [10, 200, 300, 400, 900]) bind('n'.repeat(length), [accountSubject, otherSubject], 'r'.repeat(length));
    for (const length of [11, 201, 301, 401, 901]) bind('n'.repeat(length), [accountSubject, otherSubject]);
    const messages = (await inventory()).credentials.flatMap(({ end }) => (end.by === 'Person' ? [end.message] : []));
    expect(messages).toHaveLength(11);
    for (const message of messages) {
      expect(message.length).toBeLessThanOrEqual(1024);
      if (message.includes('kubectl patch')) expect(message).toMatch(/"path":"\/subjects\/[01]"}\]'$/);
    }
    expect(messages.some((message) => message.includes('remove the subject yourself'))).toBe(true);
  });
});
