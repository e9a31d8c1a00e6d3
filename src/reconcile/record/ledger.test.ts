/** On an API server of the test's own, whose only arbiter is that a name can be had once. */
import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aPredicate, aRecordedCredential, aRecordedDependency } from '../../../test/builders/predicate.ts';
import { refuse } from '../../../test/fakes/kube-api/faults.ts';
import { startFakeApiServer } from '../../../test/fakes/kube-api/server.ts';
import type { FakeApiServer } from '../../../test/fakes/kube-api/server.ts';
import { silentLog } from '../../../test/fakes/world.ts';
import type { Outcome, OffboardingRecordSpec } from '../../api/v1alpha1/index.ts';
import type { Predicate } from '../../evidence/predicate.ts';
import { readSigningKey } from '../../evidence/signing.ts';
import { createKubeClient } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import { ApiError, toOutcome } from '../../kube/errors.ts';
import { fenced } from '../../kube/fence.ts';
import { configMaps, namespaces, offboardingRecords, secrets } from '../../kube/resources.ts';
import { createStore } from '../../kube/store.ts';
import { createTransport } from '../../kube/transport.ts';
import type { Transport } from '../../kube/transport.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createRecordProjection, recordIndexers } from '../indexes.ts';
import type { OffboardingRecordObject } from '../objects.ts';
import { createLedger, maxBytes } from './ledger.ts';
import type { End, Ledger } from './ledger.ts';
import type { FirstKey } from './keys.ts';
import { opened } from './opened.ts';

const system = 'offboard-system';
const newKey = (): string => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

let api: FakeApiServer;
let transport: Transport;
let client: KubeClient;

const putKey = (pem: string, field = 'key.pem'): void => {
  api.table.put(secrets, { metadata: { namespace: system, name: 'offboard-signing-key' }, data: { [field]: Buffer.from(pem).toString('base64') } });
};

beforeEach(async () => {
  api = await startFakeApiServer({ clock: systemClock, resources: [offboardingRecords, secrets, configMaps, namespaces] });
  transport = createTransport({ config: api.config, clock: systemClock, version: 'test' });
  client = createKubeClient(transport);
  putKey(newKey());
  api.table.put(configMaps, { metadata: { namespace: system, name: 'offboard-signing-keys' } });
  api.table.put(namespaces, { metadata: { name: 'kube-system', uid: 'uid-of-cluster' } });
});
afterEach(async () => {
  await transport.close();
  await api.stop();
});

/** A process, with a cache that it alone fills unless it is told. */
const aLedger = (by: KubeClient = client, first?: FirstKey): Ledger & { readonly catchUp: () => void } => {
  const store = createStore<OffboardingRecordObject>({ indexers: recordIndexers });
  const project = createRecordProjection();
  const upsert = (raw: Parameters<typeof project>[0]): void => {
    store.upsert(project(raw));
  };
  return {
    ...createLedger({ client: by, log: silentLog, records: { store, upsert }, namespace: system, secret: 'offboard-signing-key', ...(first === undefined ? {} : { first }) }),
    catchUp: () => {
      for (const object of api.table.list(offboardingRecords, undefined)) upsert(object);
    },
  };
};

const anEnd = (uid: string, change: { readonly outcome?: Outcome; readonly after?: string; readonly predicate?: Partial<Predicate> } = {}): End => {
  const { outcome = 'Confirmed', after, predicate = {} } = change;
  const { run } = aPredicate();
  return {
    run: { uid, outcome },
    ...(after === undefined ? {} : { after }),
    predicate: (record) => aPredicate({ record, outcome, run: { ...run, uid, name: `run-${uid}` }, ...predicate }),
  };
};

const never = new AbortController().signal;
const roots = (): readonly OffboardingRecordObject[] =>
  (api.table.list(offboardingRecords, undefined) as readonly OffboardingRecordObject[]).filter(({ metadata }) => /^\d+$/.test(metadata.name));
const specs = (): readonly OffboardingRecordSpec[] => roots().map(({ spec }) => spec);
const publicKeys = (): readonly string[] => Object.values((api.table.find(configMaps, system, 'offboard-signing-keys') as { data?: Record<string, string> } | undefined)?.data ?? {});
const says = (spec: OffboardingRecordSpec | undefined): Predicate | undefined => (spec?.envelope === undefined ? undefined : opened(spec.envelope, publicKeys())?.statement.predicate);

const expectChain = (): void => {
  let previous: { name: string; digest: string } | undefined;
  for (const [index, { metadata: { name }, spec }] of roots().entries()) {
    expect(name).toBe(String(index + 1).padStart(10, '0'));
    expect(says(spec)?.record).toMatchObject({ name, cluster: 'uid-of-cluster', ...(previous === undefined ? {} : { previous }) });
    expect(spec.previousDigest).toBe(previous?.digest);
    previous = { name, digest: spec.digest ?? '' };
  }
};

describe('the chain', () => {
  it('begins with a record that has none before it, and each that follows names the one before', async () => {
    const ledger = aLedger();
    for (const uid of ['a', 'b', 'c']) await ledger.append(anEnd(uid), never);
    expect(roots().map(({ metadata }) => metadata.name)).toEqual(['0000000001', '0000000002', '0000000003']);
    expect(says(specs()[0])?.record.previous).toBeUndefined();
    expectChain();
  });

  it('is told in the spec of a record as well', async () => {
    const stored = await aLedger().append({ ...anEnd('a'), supersedes: '0000000000' }, never);
    const { serviceAccount, ...rest } = aPredicate().identity;
    expect(rest).toBeDefined();
    expect(specs()[0]).toMatchObject({ outcome: 'Confirmed', identity: serviceAccount, offboarding: { namespace: 'ci', name: 'run-a', uid: 'a' }, digest: stored.digest, supersedes: '0000000000' });
    expect(says(specs()[0])?.record.supersedes).toBe('0000000000');
    expect(stored).toEqual({ name: '0000000001', digest: stored.digest, outcome: 'Confirmed', completedAt: aPredicate().run.completedAt });
  });

  it('is one for many who append side by side in one process', async () => {
    const ledger = aLedger();
    await Promise.all(Array.from({ length: 20 }, (_, i) => ledger.append(anEnd(`run-${i}`), never)));
    expect(roots()).toHaveLength(20);
    expectChain();
    // Nobody was told that a place is taken.
    expect(api.requests.filter(({ verb, resource }) => verb === 'create' && resource === offboardingRecords)).toHaveLength(20);
  });

  it('is one for two processes that do not see each other', async () => {
    const [one, other] = [aLedger(), aLedger()];
    await Promise.all([one, other].flatMap((ledger, who) => Array.from({ length: 20 }, (_, i) => ledger.append(anEnd(`${who}-${i}`), never))));
    expect(roots()).toHaveLength(40);
    expect(new Set(specs().map(({ offboarding }) => offboarding?.uid)).size).toBe(40);
    expectChain();
  });

  it('goes on behind its end when that was deleted while the process lives', async () => {
    const ledger = aLedger();
    await ledger.append(anEnd('a'), never);
    api.table.drop(offboardingRecords, undefined, '0000000001');
    expect(await ledger.append(anEnd('b'), never)).toMatchObject({ name: '0000000002' });
    expect(says(specs()[0])?.record.previous?.name).toBe('0000000001');
  });

  it('is the same bytes for the same end in the same place', async () => {
    await aLedger().append(anEnd('a'), never);
    const [first] = specs();
    api.table.drop(offboardingRecords, undefined, '0000000001');
    await aLedger().append(anEnd('a'), never);
    expect(specs()[0]).toEqual(first);
  });
});

describe('one end', () => {
  it('is stored once, whoever appends it again', async () => {
    const ledger = aLedger();
    const first = await ledger.append(anEnd('a'), never);
    expect(await ledger.append(anEnd('a'), never)).toEqual(first);
    const next = aLedger();
    next.catchUp();
    expect(await next.append(anEnd('a'), never)).toEqual(first);
    expect(roots()).toHaveLength(1);
  });

  it('is found by a process whose cache is late, and has the time of whoever stored it', async () => {
    const [one, late] = [aLedger(), aLedger()];
    for (const uid of ['x', 'y', 'a', 'z']) await one.append(anEnd(uid), never);
    const { run } = aPredicate();
    const again = await late.append(anEnd('a', { predicate: { run: { ...run, uid: 'a', completedAt: '2026-11-23T10:05:00.000Z' } } }), never);
    expect(again).toMatchObject({ name: '0000000003', completedAt: run.completedAt });
    expect(roots()).toHaveLength(4);
  });

  it('is found when the answer to storing it was lost', async () => {
    let lost = false;
    const unlucky: KubeClient = {
      ...client,
      create: async (...args) => {
        const made = await client.create(...args);
        if (lost) return made as never;
        lost = true;
        throw new ApiError(0, 'Transport', 'the connection broke');
      },
    };
    const ledger = aLedger(unlucky);
    await expect(ledger.append(anEnd('a'), never)).rejects.toThrow('the connection broke');
    expect(await ledger.append(anEnd('a'), never)).toMatchObject({ name: '0000000001' });
    expect(roots()).toHaveLength(1);
  });

  it('with waivers, and then without, is two, of which the second revises the first', async () => {
    const ledger = aLedger();
    const waived = await ledger.append(anEnd('a', { outcome: 'CompletedWithWaivers' }), never);
    await ledger.append(anEnd('b'), never);
    expect(await ledger.append(anEnd('a', { after: waived.name }), never)).toMatchObject({ name: '0000000003' });
    expect(says(specs()[2])?.record.revises).toBe('0000000001');
    expect(await ledger.append(anEnd('a', { outcome: 'CompletedWithWaivers', after: '0000000003' }), never)).toMatchObject({ name: '0000000004' });
  });

  it('is another when more was asked to end since', async () => {
    const ledger = aLedger();
    await ledger.append(anEnd('a'), never);
    const late = aRecordedDependency({ credentials: [aRecordedCredential({ revokeRequestedAt: '2026-11-23T10:01:00.000Z' })] });
    expect(await ledger.append(anEnd('a', { predicate: { dependencies: [late] } }), never)).toMatchObject({ name: '0000000002' });
    expect(says(specs()[1])?.record.revises).toBe('0000000001');
  });

  it('is another when something else was given up since', async () => {
    const of = (waived: string): End => {
      const { people } = aPredicate();
      const waiver = { name: `without-${waived}`, dependency: waived, approvedBy: 'bob', expiresAt: '2026-12-24T00:00:00Z' };
      const dependencies = ['kubernetes', 'vault'].map((name) => aRecordedDependency({ name, state: name === waived ? 'Waived' : 'Confirmed', credentials: [] }));
      return anEnd('a', { outcome: 'CompletedWithWaivers', predicate: { people: { ...people, waivers: [waiver] }, dependencies } });
    };
    await aLedger().append(of('vault'), never);
    expect((await aLedger().append(of('vault'), never)).name).toBe('0000000001');
    expect((await aLedger().append(of('kubernetes'), never)).name).toBe('0000000002');
    expect(says(specs()[1])?.record.revises).toBe('0000000001');
  });

  it('is not what somebody else made for it', async () => {
    const forged = { outcome: 'Confirmed', offboarding: { namespace: 'ci', name: 'run-a', uid: 'a' }, envelope: { payloadType: 'application/vnd.in-toto+json', payload: 'e30=', signatures: [{ sig: 'AAAA' }] } };
    api.table.put(offboardingRecords, { metadata: { name: '0000000001' }, spec: forged });
    const ledger = aLedger();
    expect(await ledger.append(anEnd('a'), never)).toMatchObject({ name: '0000000002' });
    ledger.catchUp();
    expect(await ledger.append(anEnd('a'), never)).toMatchObject({ name: '0000000002' });
  });

  it('is not stored by a process that does not lead any more, nor is its key made known', async () => {
    const ledger = aLedger(fenced(client, () => false));
    await expect(ledger.append(anEnd('a'), never)).rejects.toThrow('does not lead any more');
    expect(roots()).toHaveLength(0);
    expect(publicKeys()).toEqual([]);
  });

  it('that could not be stored holds no other up', async () => {
    const ledger = aLedger();
    api.breakNext('create', refuse(500, 'InternalError'));
    const [one, other] = await Promise.allSettled([ledger.append(anEnd('a'), never), ledger.append(anEnd('b'), never)]);
    expect([one.status, other.status]).toEqual(['rejected', 'fulfilled']);
    await ledger.append(anEnd('a'), never);
    expectChain();
  });

  it('waits no longer for its turn when nobody wants it any more', async () => {
    await expect(aLedger().append(anEnd('a'), AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
    expect(roots()).toHaveLength(0);
  });

  it.each([
    ['PermissionMissing', 403, 'User "system:serviceaccount:offboard-system:offboard" cannot create resource "offboardingrecords" in API group "offboard.dev" at the cluster scope'],
    ['AdmissionDenied', 403, 'denied by quota'],
  ])('that is refused is an outcome of its own: %s', async (reason, code, message) => {
    const refusing: KubeClient = { ...client, create: () => Promise.reject(new ApiError(code, 'Forbidden', message)) };
    const error: unknown = await aLedger(refusing).append(anEnd('a'), never).catch((caught: unknown) => caught);
    expect(toOutcome(error)).toMatchObject({ kind: 'NeedsPerson', reason });
  });
});

describe('a long record', () => {
  const long = (count: number): Partial<Predicate> => ({
    dependencies: [aRecordedDependency({ credentials: Array.from({ length: count }, (_, i) => aRecordedCredential({ id: `RoleBinding ci/binding-${i}`, uid: `uid-${i}` })) })],
  });

  it('is stored in chunks, all of them before the record that names them', async () => {
    await aLedger().append(anEnd('a', { predicate: long(5_000) }), never);
    const chunks = says(specs()[0])?.chunks ?? [];
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.reduce((sum, { count }) => sum + count, 0)).toBe(5_000);
    const created = api.requests.filter(({ verb, resource }) => verb === 'create' && resource === offboardingRecords).map(({ body }) => (body as { metadata: { name: string } }).metadata.name);
    expect(created).toEqual([...chunks.map(({ name }) => name), '0000000001']);
    const longest = Math.max(...api.requests.map(({ body }) => JSON.stringify(body ?? '').length));
    expect(longest).toBeLessThan(600_000);
    expect(longest).toBeGreaterThan(maxBytes);
  });

  it('takes what is there of it from a try before', async () => {
    api.breakNext('create', refuse(500, 'InternalError'));
    const ledger = aLedger();
    const end = anEnd('a', { predicate: long(2_000) });
    await expect(ledger.append(end, never)).rejects.toThrow();
    await ledger.append(end, never);
    const before = api.table.list(offboardingRecords, undefined).length;
    api.table.drop(offboardingRecords, undefined, '0000000001');
    await aLedger().append(end, never);
    expect(api.table.list(offboardingRecords, undefined)).toHaveLength(before);
  });

  it('is whole before anybody may ask which chunks no record names', async () => {
    const ledger = aLedger();
    const appended = ledger.append(anEnd('a', { predicate: long(2_000) }), never);
    const unnamed: string[] = [];
    const looked = ledger.between(() => {
      const named = new Set(says(specs()[0])?.chunks?.map(({ name }) => name));
      unnamed.push(...api.table.list(offboardingRecords, undefined).map(({ metadata }) => metadata.name).filter((name) => name !== '0000000001' && !named.has(name)));
      return Promise.reject(new Error('what goes wrong there'));
    });
    await expect(looked).rejects.toThrow('what goes wrong there');
    expect(unnamed).toEqual([]);
    await appended;
    await expect(ledger.append(anEnd('b'), never), 'is nobody else\'s affair').resolves.toMatchObject({ name: '0000000002' });
  });

  it('is not made of what somebody put in the place of a chunk', async () => {
    const end = anEnd('a', { predicate: long(2_000) });
    await aLedger().append(end, never);
    const name = says(specs()[0])?.chunks?.[0]?.name ?? '';
    for (const gone of [name, '0000000001']) api.table.drop(offboardingRecords, undefined, gone);
    api.table.put(offboardingRecords, { metadata: { name }, spec: { chunk: { credentials: 'W10=' } } });
    await expect(aLedger().append(end, never)).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'RecordChanged', message: expect.stringContaining(name) as string });
  });

  it('leaves no credentials in memory', () => {
    const spec = { outcome: 'Confirmed', digest: 'sha256:1', envelope: { payload: 'long' }, chunk: { credentials: 'long' } };
    const kept = createRecordProjection()({ metadata: { name: '0000000001', uid: 'u', resourceVersion: '1', creationTimestamp: 't' }, spec } as never);
    expect(kept.spec).toEqual({ outcome: 'Confirmed', digest: 'sha256:1' });
  });
});

describe('the key', () => {
  const failure = (): Promise<unknown> => aLedger().append(anEnd('a'), never).then(() => undefined, (error: unknown) => error);

  it('is known to all before anything is signed with it', async () => {
    await aLedger().append(anEnd('a'), never);
    const writes = api.requests.filter(({ verb }) => verb === 'patch' || verb === 'create').map(({ resource }) => resource.plural);
    expect(writes).toEqual(['configmaps', 'offboardingrecords']);
    const { keyid } = specs()[0]?.envelope?.signatures[0] ?? {};
    expect(Object.keys((api.table.find(configMaps, system, 'offboard-signing-keys') as unknown as { data: object }).data)).toEqual([`${keyid ?? ''}.pem`]);
  });

  it('is replaced by replacing what is in the Secret, and what it signed can still be checked', async () => {
    const ledger = aLedger();
    await ledger.append(anEnd('a'), never);
    putKey(newKey());
    await ledger.append(anEnd('b'), never);
    expect(publicKeys()).toHaveLength(2);
    const [before, after] = specs().map(({ envelope }) => envelope?.signatures[0]?.keyid);
    expect(before).not.toBe(after);
    expectChain();
    expect(await ledger.append(anEnd('a'), never)).toMatchObject({ name: '0000000001' });
  });

  it('that is not there is asked for by the command that makes one', async () => {
    api.table.drop(secrets, system, 'offboard-signing-key');
    expect(await failure()).toMatchObject({
      kind: 'NeedsPerson',
      reason: 'SigningKeyMissing',
      message:
        'there is no key to sign the record with: Secret "offboard-signing-key" in namespace "offboard-system" is not there. Make one: ' +
        'openssl genpkey -algorithm ed25519 | kubectl create secret generic offboard-signing-key -n offboard-system --from-file=key.pem=/dev/stdin',
    });
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

  it.each([
    ['is under another name', newKey(), 'tls.key', 'has no key "key.pem"'],
    ['is of another kind', rsa, 'key.pem', '"key.pem" must be an Ed25519 key, not rsa'],
    ['is no key', 'cGFzc3dvcmQ=', 'key.pem', '"key.pem" must be a private key in PKCS#8'],
    ['is empty', '', 'key.pem', '"key.pem" must be a private key in PKCS#8'],
    ['is broken', newKey().replace(/[A-Za-z0-9+/]{20}=*\n-----END/, '\n-----END'), 'key.pem', '"key.pem" is not a private key that can be read'],
  ])('that %s is named with what to do, and nothing of it is told', async (_, pem, field, why) => {
    putKey(pem, field);
    const error = (await failure()) as Error;
    expect(error).toMatchObject({ kind: 'NeedsPerson', reason: 'SigningKeyMissing' });
    expect(error.message).toContain(why);
    expect(error.message).toContain('openssl genpkey -algorithm ed25519 | kubectl create secret generic offboard-signing-key');
    for (const line of pem.split('\n').filter((each) => each.length > 8 && !each.startsWith('-----'))) expect(JSON.stringify([error.message, error.cause])).not.toContain(line);
    expect(roots()).toHaveLength(0);
  });

  it('is used for nothing while nobody could check it', async () => {
    api.table.drop(configMaps, system, 'offboard-signing-keys');
    expect(await failure()).toMatchObject({ kind: 'NeedsPerson', reason: 'SigningKeyMissing', message: expect.stringContaining('kubectl create configmap offboard-signing-keys') as string });
  });

  it('is used for nothing while something else is published in its name', async () => {
    const pem = newKey();
    putKey(pem);
    const { keyid } = readSigningKey(pem);
    api.table.put(configMaps, { metadata: { namespace: system, name: 'offboard-signing-keys' }, data: { [`${keyid}.pem`]: 'mallory' } });
    expect(await failure()).toMatchObject({ reason: 'SigningKeyMissing', message: expect.stringContaining('is not that public key') as string });
    expect(roots()).toHaveLength(0);
  });
});

describe('the first signing key', () => {
  const pem = newKey();
  const first: FirstKey = { make: () => pem, isFirst: () => roots().length === 0 };
  const stored = (): unknown => (api.table.find(secrets, system, 'offboard-signing-key') as { data?: Record<string, string> } | undefined)?.data?.['key.pem'];
  const asks = { kind: 'NeedsPerson', reason: 'SigningKeyMissing', message: expect.stringContaining('Make one: openssl genpkey') as string };
  const failure = (by?: KubeClient, key: FirstKey = first): Promise<unknown> => aLedger(by, key).append(anEnd('a'), never).then(() => undefined, toOutcome);

  beforeEach(() => {
    api.table.drop(secrets, system, 'offboard-signing-key');
  });

  it('is made where nothing was ever signed, and stays', async () => {
    const ledger = aLedger(client, first);
    await ledger.append(anEnd('a'), never);
    expect(Buffer.from(String(stored()), 'base64').toString()).toBe(pem);
    await aLedger(client, { ...first, make: newKey }).append(anEnd('b'), never);
    expect(publicKeys()).toEqual([readSigningKey(pem).publicKeyPem]);
  });

  it('is not made again once it is lost: another would be another signer', async () => {
    await aLedger(client, first).append(anEnd('a'), never);
    api.table.drop(secrets, system, 'offboard-signing-key');
    expect(await failure()).toMatchObject(asks);
    api.table.drop(configMaps, system, 'offboard-signing-keys');
    api.table.put(configMaps, { metadata: { namespace: system, name: 'offboard-signing-keys' } });
    expect(await failure(), 'there is a record').toMatchObject(asks);
    expect(stored()).toBeUndefined();
  });

  it('is not made while a public key is published, whatever became of the records', async () => {
    api.table.put(configMaps, { metadata: { namespace: system, name: 'offboard-signing-keys' }, data: { 'a.pem': 'of somebody' } });
    expect(await failure()).toMatchObject(asks);
    expect(stored()).toBeUndefined();
  });

  it('is the one that somebody else made meanwhile', async () => {
    const theirs = newKey();
    const slow: FirstKey = {
      ...first,
      make: () => {
        putKey(theirs);
        return pem;
      },
    };
    expect(await failure(client, slow)).toBeUndefined();
    expect(publicKeys()).toEqual([readSigningKey(theirs).publicKeyPem]);
  });

  it('is asked for by whoever may not make one', async () => {
    const mayNot: KubeClient = {
      ...client,
      create: async (resource, ...rest) => {
        if (resource === secrets) throw new ApiError(403, 'Forbidden', 'no');
        return client.create(resource, ...rest);
      },
    };
    expect(await failure(mayNot)).toMatchObject(asks);
  });

  it('is tried for again where it is not known whether it was made', async () => {
    const lost: KubeClient = {
      ...client,
      create: async (resource, ...rest) => {
        if (resource !== secrets) return client.create(resource, ...rest);
        await client.create(resource, ...rest);
        throw new ApiError(0, 'Transport', 'the connection broke');
      },
    };
    expect(await failure(lost)).toMatchObject({ kind: 'Retryable' });
    expect(await failure()).toBeUndefined();
    expect(publicKeys()).toEqual([readSigningKey(pem).publicKeyPem]);
  });
});
