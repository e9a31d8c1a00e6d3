import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { aPredicate, aRecordedCredential, aRecordedDependency, aSigningKey } from '../../test/builders/predicate.ts';
import { aChain, aLongRecord, aRecord, placeName } from '../../test/builders/record.ts';
import type { RecordObject } from '../../test/builders/record.ts';
import { below, createSeededRandom, printedSeed } from '../../test/fakes/random.ts';
import { readHead } from './chain.ts';
import { keysById, readPublicKeys } from './keys.ts';
import type { Keyring } from './keys.ts';
import { materialOf } from './material.ts';
import type { Predicate } from './predicate.ts';
import type { Report } from './report.ts';
import type { SigningKey } from './signing.ts';
import { verify } from './verify.ts';
import type { Options } from './verify.ts';

const key = aSigningKey();
const publicKeys = (...keys: readonly SigningKey[]) => keysById(keys.flatMap(({ publicKeyPem }) => readPublicKeys(publicKeyPem)));
const trusting = (...keys: readonly SigningKey[]) => ({ trusted: publicKeys(...keys), published: new Map() });

const check = (records: readonly RecordObject[], keys: Keyring = trusting(key), options: Options = {}): Report =>
  verify(records.map(({ metadata, spec }, index) => materialOf(`object ${index}`, metadata.name, spec)), keys, options);

const said = ({ records, problems }: Report): readonly string[] => [...problems, ...records.flatMap((record) => record.problems)].map(({ check: about, message }) => `${about}: ${message}`);
const shuffled = <T>(values: readonly T[], seed: number): readonly T[] => {
  const random = createSeededRandom(seed);
  return values.map((value) => [random(), value] as const).toSorted(([a], [b]) => a - b).map(([, value]) => value);
};
const headOf = (record: RecordObject | undefined) => readHead(`${record?.metadata.name ?? ''}@${record?.spec.digest ?? ''}`) ?? { digest: '' };

describe('one record', () => {
  it('is proven by a key that is trusted', () => {
    const report = check([aRecord(aPredicate(), key)]);
    expect(report).toMatchObject({
      verdict: 'Proven',
      problems: [],
      records: [{ name: '0000000001', signature: 'Trusted', keyid: key.keyid, says: { identity: 'ci/build-agent-7', outcome: 'Confirmed', counts: { credentials: 1, observed: 1, probed: 0, open: 0 } } }],
    });
  });

  it('tells who is not known from who is not trusted, from who is another', () => {
    const record = aRecord(aPredicate(), key);
    expect(check([record], { trusted: new Map(), published: new Map() })).toMatchObject({ verdict: 'NotProven', records: [{ signature: 'Unknown', problems: [] }] });
    expect(check([record], { trusted: new Map(), published: publicKeys(key) })).toMatchObject({ verdict: 'NotProven', records: [{ signature: 'Untrusted', problems: [] }] });
    const other = check([record], { trusted: publicKeys(aSigningKey()), published: publicKeys(key) });
    expect(other).toMatchObject({ verdict: 'DoesNotHold', records: [{ signature: 'Untrusted' }] });
    expect(said(other)).toEqual([`signature: it is by key ${key.keyid}, which is none of those that are trusted`]);
  });

  it('does not trust a key for its name', () => {
    const [honest] = readPublicKeys(key.publicKeyPem);
    const forger = aSigningKey();
    const record = aRecord(aPredicate(), { ...forger, keyid: honest?.keyid ?? '' });
    expect(said(check([record]))).toEqual(['signature: the signature is not of this payload']);
  });

  it('has one signature, which says by which key it is', () => {
    const record = aRecord(aPredicate(), key);
    const { envelope } = record.spec;
    const [signature] = envelope?.signatures ?? [];
    for (const signatures of [[], [signature, signature], [{ sig: signature?.sig }], [{ ...signature, cert: '' }]]) {
      expect(check([{ ...record, spec: { ...record.spec, envelope: { ...envelope, signatures } as never } }]).verdict).toBe('DoesNotHold');
    }
  });

  it.each<[string, (spec: RecordObject['spec']) => Readonly<Record<string, unknown>>]>([
    ['spec.outcome is not what is signed', (spec) => ({ ...spec, outcome: 'Cancelled' })],
    ['spec.identity is not what is signed', (spec) => ({ ...spec, identity: { namespace: 'ci', name: 'build-agent-8' } })],
    ['spec.offboarding is not what is signed', ({ offboarding: _, ...spec }) => spec],
    ['spec.completedAt is not what is signed', (spec) => ({ ...spec, completedAt: '2026-11-23T10:00:21.000Z' })],
    ['spec.digest is not what is signed', (spec) => ({ ...spec, digest: `sha256:${'0'.repeat(64)}` })],
    ['spec.previousDigest is not what is signed', (spec) => ({ ...spec, previousDigest: `sha256:${'0'.repeat(64)}` })],
    ['spec.supersedes is not what is signed', (spec) => ({ ...spec, supersedes: '0000000001' })],
    ['spec.approved is not what is signed', (spec) => ({ ...spec, approved: true })],
    ['spec.outcome is not what is signed', (spec) => ({ ...spec, outcome: Number.NaN })],
    ['spec.constructor is not what is signed', (spec) => ({ ...spec, constructor: { toJSON: 1 } })],
    ['spec.toString is not what is signed', (spec) => ({ ...spec, toString: Number.NaN })],
    ['spec.__proto__ is not what is signed', (spec) => JSON.parse(`{"__proto__":{},${JSON.stringify(spec).slice(1)}`) as RecordObject['spec']],
  ])('does not hold when the object around it says something else: %s', (problem, change) => {
    const record = aRecord(aPredicate(), key);
    expect(said(check([{ ...record, spec: change(record.spec) }]))).toContain(`fields: ${problem}`);
  });

  it('does not hold under another name', () => {
    expect(said(check([{ ...aRecord(aPredicate(), key), metadata: { name: '0000000002' } }]))).toEqual(['fields: it is named "0000000002", and signed as "0000000001"']);
  });

  it('does not hold when it was signed, and is none', () => {
    const { people: _, ...rest } = aPredicate();
    expect(said(check([aRecord(rest as never, key)]))).toEqual(["schema: predicate must have required property 'people'"]);
    expect(said(check([aRecord(aPredicate({ outcome: 'Confirmed', dependencies: [] }), key)]))).toEqual(['claims: kubernetes: it is to be ended there, and nothing is said of it']);
  });

  it.each([
    ['Locked', []],
    ['NotLocked', ['kubernetes: not locked: it could give out more until the end']],
    ['NotLockable', ['kubernetes: it has no lock, and could give out more until the end']],
  ] as const)('tells of a lock that is %s', (lock, limits) => {
    expect(check([aRecord(aPredicate({ dependencies: [aRecordedDependency({ lock })] }), key)]).records[0]?.says?.limits).toEqual(limits);
  });

  it('tells why nobody could see a lock', () => {
    const dependency = aRecordedDependency({ lock: 'Unknown', lockMessage: 'the watch is late' });
    expect(check([aRecord(aPredicate({ dependencies: [dependency] }), key)]).records[0]?.says?.limits).toEqual(['kubernetes: nobody could see at the end whether it was locked: the watch is late']);
  });

  it('tells first what people decided', () => {
    const { people } = aPredicate();
    const record = aRecord(
      aPredicate({
        people: { ...people, glassBroken: true, cancel: { requestedBy: { username: 'eve' }, reason: 'please', accepted: false } },
        dependencies: [aRecordedDependency({ findings: [{ type: 'NotProbed', message: 'no right to make a token' }] })],
      }),
      key,
    );
    expect(check([record]).records[0]?.says?.decisions).toEqual({
      requestedBy: 'alice@example.com',
      enforcedBy: 'alice@example.com',
      attention: ['eve asked too late to cancel it: please', 'somebody took the finalizer off, so that the run could have been deleted before its end'],
    });
    expect(check([record]).records[0]?.says?.limits).toEqual(['kubernetes: not tried: no right to make a token']);
  });
});

describe('a chain', () => {
  const rotated = aSigningKey();
  const chain = aChain(12, (place) => (place <= 6 ? key : rotated));
  const seed = printedSeed('a chain');

  it('holds in any order, over a rotation, when both keys are trusted', () => {
    const report = check(shuffled(chain, seed), trusting(key, rotated), { expectHead: headOf(chain.at(-1)) });
    expect(said(report)).toEqual([]);
    expect(report).toMatchObject({ verdict: 'Proven', chains: [{ first: '0000000001', last: { name: '0000000012' }, length: 12, notes: [] }] });
    expect(report.records.map(({ name }) => name)).toEqual(chain.map(({ metadata }) => metadata.name));
    expect(check(chain, trusting(rotated)).records.map(({ signature }) => signature)).toEqual([...Array<string>(6).fill('Unknown'), ...Array<string>(6).fill('Trusted')]);
  });

  it('does not hold with any one of them missing, but at its ends', () => {
    const keys = trusting(key, rotated);
    for (const [index, { metadata }] of chain.entries()) {
      const report = check(shuffled(chain.filter((_, at) => at !== index), seed + index), keys);
      if (index === 0) expect(report).toMatchObject({ verdict: 'Proven', notes: ['what came before 0000000002 was not given'] });
      else if (index === chain.length - 1) expect(report.verdict).toBe('Proven');
      else expect(said(report)).toEqual([`chain: there is a gap: between ${placeName(index)} and ${placeName(index + 2)}, one record is missing`]);
      expect(metadata.name).toBe(placeName(index + 1));
    }
  });

  it('does not hold when its end was cut off, and that was known', () => {
    const keys = trusting(key, rotated);
    const head = headOf(chain.at(-1));
    for (let length = 0; length < chain.length; length += 1) {
      expect(said(check(chain.slice(0, length), keys, { expectHead: head })).join()).toContain(`chain: the record that must be there is not: ${head.name ?? ''}@${head.digest}`);
    }
    expect(check(chain, keys, { expectHead: { digest: head.digest } }).verdict).toBe('Proven');
    expect(check(chain, keys, { expectHead: headOf(chain[4]) }).verdict).toBe('Proven');
    expect(said(check(chain, keys, { expectHead: { ...head, name: '0000000011' } }))).toEqual(['chain: the record that must be 0000000011 is 0000000012']);
  });

  it('does not hold when its beginning was cut off, and is asked for', () => {
    const keys = trusting(key, rotated);
    for (let from = 0; from < chain.length; from += 1) {
      const given = chain.slice(from);
      expect(check(given, keys, { expectFirst: { name: placeName(from + 1) } }).verdict).toBe('Proven');
      expect(said(check(given, keys, { expectFirst: { name: placeName(from) } }))).toEqual([`chain: record ${placeName(from)}, from which on all must be there, is not. The beginning of the chain was cut off`]);
    }
    const { digest } = headOf(chain[0]);
    expect(check(chain, keys, { expectFirst: { name: '0000000001', digest } }).verdict).toBe('Proven');
    expect(said(check(chain, keys, { expectFirst: { name: '0000000002', digest } }))).toEqual([`chain: record 0000000002 is not the one with ${digest}. The beginning of the chain was replaced`]);
  });

  it('does not hold with one that was written anew, or twice', () => {
    const other = aChain(12, () => key, () => ({ outcome: 'ConfirmedWithUnprovable' }));
    const swapped = chain.map((record, index) => (index === 5 ? (other[5] ?? record) : record));
    const problems = said(check(swapped, trusting(key, rotated)));
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/^chain: 0000000006 follows 0000000005 with sha256:\w+, and 0000000005 has sha256:\w+$/);
    const forked = said(check([...chain, ...other.slice(11)], trusting(key, rotated)));
    expect(forked.join()).toContain('chain: there are two records 0000000012: ');
    expect(check([...chain, ...chain.slice(3, 5)], trusting(key, rotated))).toMatchObject({ verdict: 'Proven', notes: ['2 records were given more than once'] });
  });

  it('begins once, and nowhere else', () => {
    const { record } = aPredicate();
    const link = { name: '0000000001', digest: `sha256:${'0'.repeat(64)}` };
    expect(said(check([aRecord(aPredicate({ record: { ...record, previous: link } }), key)]))).toEqual(['chain: 0000000001 is the first record, and says that 0000000001 came before it']);
    expect(said(check([aRecord(aPredicate({ record: { ...record, name: '0000000007' } }), key)]))).toEqual(['chain: 0000000007 does not say what came before it']);
    expect(said(check([aRecord(aPredicate({ record: { ...record, supersedes: '0000000009' } }), key)]))).toEqual(['chain: 0000000001 speaks of 0000000009 as of one before it']);
  });

  it('does not hold when one speaks of another as of what it is not', () => {
    const { record, run, identity } = aPredicate();
    const elsewhere = { ...identity, serviceAccount: { ...identity.serviceAccount, name: 'build-agent-8' } };
    const of = (second: Partial<Predicate['record']>, first: Partial<Predicate>): Report => check(aChain(2, () => key, (place) => (place === 1 ? first : { record: { ...record, ...second } })));
    expect(of({ supersedes: '0000000001' }, {})).toMatchObject({ verdict: 'Proven', records: [{}, { says: { decisions: { attention: ['the name of record 0000000001 was used again by it, on purpose'] } } }] });
    expect(of({ revises: '0000000001' }, {}).verdict).toBe('Proven');
    expect(said(of({ revises: '0000000001' }, { run: { ...run, uid: 'another' } }))).toEqual(['chain: 0000000002 revises 0000000001, which is of another run']);
    expect(said(of({ supersedes: '0000000001' }, { identity: elsewhere }))).toContain('chain: 0000000002 supersedes 0000000001, which is of ci/build-agent-8');
    expect(said(of({ supersedes: '0000000001' }, { outcome: 'Cancelled' }))).toContain('chain: 0000000002 supersedes 0000000001, by which nothing was retired');
  });

  it('is one for each cluster', () => {
    const elsewhere = aChain(3, () => key, () => ({ record: { name: '', cluster: 'another' } }));
    expect(check([...chain, ...elsewhere], trusting(key, rotated))).toMatchObject({ verdict: 'Proven', chains: [{ length: 12 }, { cluster: 'another', length: 3 }] });
  });
});

describe('a chain that was restored from a backup', () => {
  const { record } = aPredicate();
  const old = aChain(4, () => key);
  const link = (at: number) => ({ name: old[at]?.metadata.name ?? '', digest: old[at]?.spec.digest ?? '' });
  const restored = (previous: { readonly name: string; readonly digest: string }, name = '0000000004'): RecordObject => aRecord(aPredicate({ record: { ...record, name, cluster: 'restored', previous } }), key);

  it('goes on from the record of the other cluster that it names', () => {
    expect(check([...old, restored(link(2))])).toMatchObject({
      verdict: 'Proven',
      notes: [`0000000004 of cluster restored goes on from 0000000003 of cluster ${record.cluster}, as where that was restored from a backup`],
    });
  });

  it('is told to have lost what came before it when that is another', () => {
    expect(check([...old, restored({ ...link(2), digest: link(1).digest })])).toMatchObject({
      notes: [`what came before 0000000004 was not given; 0000000003 of cluster ${record.cluster} is not what it names`],
    });
    expect(said(check([...old, restored(link(1))]))).toEqual(['chain: cluster restored: 0000000004 says that 0000000002 came before it']);
  });
});

describe('a record of 5000 credentials', () => {
  const credentials = Array.from({ length: 5_000 }, (_, index) => aRecordedCredential({ id: `database/creds/ci/${index}`, class: 'Lease' }));
  const predicate = aPredicate({ dependencies: [aRecordedDependency(), aRecordedDependency({ name: 'vault', kind: 'vault', credentials })] });
  const objects = aLongRecord(predicate, key, 384 * 1024);
  const chunks = objects.slice(0, -1);
  const root = objects.slice(-1);

  it('is proven with all its chunks, in any order, and with those of a record that was never written', () => {
    const orphan = aLongRecord(aPredicate({ dependencies: [aRecordedDependency({ credentials: credentials.slice(0, 1000) })] }), key, 100 * 1024).slice(0, 1);
    const report = check(shuffled([...objects, ...orphan], 7));
    expect(said(report)).toEqual([]);
    expect(report).toMatchObject({ verdict: 'Proven', records: [{ says: { counts: { credentials: 5_001, observed: 5_001 } } }] });
    expect(chunks.length).toBeGreaterThan(2);
    expect(Math.max(...objects.map((object) => JSON.stringify(object).length))).toBeLessThan(1_000_000);
  });

  it('does not hold with one missing', () => {
    const problems = said(check([...chunks.slice(1), ...root]));
    expect(problems).toEqual([expect.stringMatching(/^chunks: chunk-\w{40} with sha256:\w{64} was not given$/)]);
  });

  it('does not hold with one that is another, or that has another name', () => {
    const [first, second, ...others] = chunks;
    if (first === undefined || second === undefined) throw new Error('there are too few chunks');
    const swapped = [{ ...first, spec: second.spec }, { ...second, spec: first.spec }, ...others, ...root];
    expect(said(check(swapped)).filter((problem) => problem.endsWith('is not what its name says'))).toHaveLength(2);
    expect(said(check([{ ...first, spec: { chunk: { credentials: '!' } } }, second, ...others, ...root])).join()).toContain('is not base64');
    expect(said(check([{ ...first, spec: { ...first.spec, outcome: 'Confirmed' } }, second, ...others, ...root])).join()).toContain('holds something else than a chunk');
  });

  it('does not hold when what is in a chunk does not add up', () => {
    const wrong = credentials.map((each, index) => (index === 4_321 ? { ...each, absentMilliseconds: 1 } : each));
    const report = check(aLongRecord(aPredicate({ dependencies: [aRecordedDependency(), aRecordedDependency({ name: 'vault', kind: 'vault', credentials: wrong })] }), key, 384 * 1024));
    expect(said(report)).toEqual(['claims: vault: database/creds/ci/4321: it was absent for 1 ms, and is believed gone after 11000 ms']);
  });
});

describe('a trust file', () => {
  it('holds several keys, with words between them, and nothing else', () => {
    const [a, b] = [aSigningKey(), aSigningKey()];
    expect(readPublicKeys(`# 2026\n${a.publicKeyPem}\n# 2027\n${b.publicKeyPem}`).map(({ keyid }) => keyid)).toEqual([a.keyid, b.keyid]);
    expect(() => readPublicKeys('nothing')).toThrow('holds no public key in PEM');
    expect(() => readPublicKeys(a.publicKeyPem + b.publicKeyPem.slice(0, 60))).toThrow('holds a key that is cut off');
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    expect(() => readPublicKeys(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())).toThrow('holds a private key; give the public one: openssl pkey -in KEY -pubout');
    expect(() => readPublicKeys(publicKey.export({ type: 'spki', format: 'pem' }).toString().replace('MC', 'XX'))).toThrow('holds a public key that cannot be read');
    const { publicKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(() => readPublicKeys(rsa.export({ type: 'spki', format: 'pem' }).toString())).toThrow('holds a key of type rsa; records are signed with Ed25519');
  });
});

describe('one altered bit', () => {
  it('of what is signed, or of the signature, never goes unnoticed', () => {
    const seed = printedSeed('one altered bit');
    const random = createSeededRandom(seed);
    const record = aRecord(aPredicate(), key);
    const { envelope } = record.spec;
    if (envelope === undefined) throw new Error('there is no envelope');
    const payload = Buffer.from(envelope.payload, 'base64');
    const sig = Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64');
    for (let round = 0; round < 400; round += 1) {
      const bytes = [Buffer.from(payload), Buffer.from(sig)];
      const which = bytes[round % 2] ?? payload;
      const at = below(random, which.length);
      which[at] = (which[at] ?? 0) ^ (1 << below(random, 8));
      const altered = { payloadType: envelope.payloadType, payload: bytes[0]?.toString('base64') ?? '', signatures: [{ keyid: key.keyid, sig: bytes[1]?.toString('base64') ?? '' }] };
      expect(verify([{ kind: 'Envelope', source: 'test', envelope: altered }], trusting(key)).records[0]?.signature).toBe('Invalid');
    }
  });
});
