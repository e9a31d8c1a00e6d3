import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aPredicate, aRecordedCredential, aRecordedDependency, aSigningKey } from '../../test/builders/predicate.ts';
import { aChain, aLongRecord, aRecord } from '../../test/builders/record.ts';
import type { RecordObject } from '../../test/builders/record.ts';
import { answersLike } from '../../test/fuzz/answers.ts';
import { holds } from '../../test/fuzz/property.ts';
import { readInput } from '../cli/verify/input.ts';
import { canonicalJson } from './canonical.ts';
import { readHead } from './chain.ts';
import { checkEnvelope } from './check.ts';
import { inChunks } from './chunks.ts';
import { claimProblems } from './claims.ts';
import { keysById, readPublicKeys } from './keys.ts';
import { materialOf } from './material.ts';
import type { Material } from './material.ts';
import type { RecordedCredential, RecordedDependency } from './predicate.ts';
import { readSigningKey } from './signing.ts';
import { statementOf } from './statement.ts';
import { verify } from './verify.ts';

const key = aSigningKey();
const keys = { trusted: keysById(readPublicKeys(key.publicKeyPem)), published: new Map<string, never>() };
const materialsOf = (records: readonly RecordObject[]): readonly Material[] => records.map(({ metadata, spec }) => materialOf('object', metadata.name, spec));

const chain = aChain(5, () => key);
const genuine = aRecord(aPredicate(), key);

const words = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.constantFrom('__proto__', '{{ .x }}', '\u202e', '😀'));

/** The cluster is always one of them. */
const nameOf = (index: number): string => (index === 0 ? 'kubernetes' : `d${String(index)}`);

/** Lists of credentials that an honest run could have. */
const credentialLists: fc.Arbitrary<readonly RecordedCredential[]> = fc.array(
  fc.record({ id: words, length: fc.integer({ min: 1, max: 900 }) }).map(({ id, length }) => aRecordedCredential({ id: `${id}${'x'.repeat(length)}` })),
  { maxLength: 12 },
);

const dependencyLists: fc.Arbitrary<readonly RecordedDependency[]> = fc
  .array(credentialLists, { minLength: 1, maxLength: 4 })
  .map((lists) => lists.map((credentials, index) => aRecordedDependency({ name: nameOf(index), credentials: index === 0 ? [aRecordedCredential(), ...credentials] : credentials })));

describe('records of any length', () => {
  it('are whole again when their chunks are put back, and none of those is longer than it may be', () => {
    holds(
      fc.property(dependencyLists, fc.integer({ min: 5_000, max: 9_000 }), (dependencies, maxBytes) => {
        const predicate = aPredicate({ dependencies });
        const { predicate: root, chunks } = inChunks(predicate, maxBytes);
        if (Buffer.byteLength(canonicalJson(statementOf(root))) > maxBytes) throw new Error('the record is too long');
        for (const { bytes } of chunks) if (bytes.length > maxBytes) throw new Error('a chunk is too long');
        if (new Set(chunks.map(({ name }) => name)).size !== chunks.length) throw new Error('a chunk is there twice');
        const counted = (root.chunks ?? []).reduce((sum, { count }) => sum + count, 0) + root.dependencies.reduce((sum, { credentials }) => sum + credentials.length, 0);
        if (counted !== dependencies.reduce((sum, { credentials }) => sum + credentials.length, 0)) throw new Error('some are missing');
        const report = verify(materialsOf(aLongRecord(predicate, key, maxBytes)), keys);
        if (report.verdict !== 'Proven') throw new Error(JSON.stringify([report.problems, report.records.map(({ problems }) => problems)]));
        expect(report.records[0]?.says?.counts.credentials).toBe(counted);
      }),
      50,
    );
  });

  it('do not hold when any of their chunks is missing', () => {
    const long = fc.tuple(dependencyLists, fc.nat()).filter(([dependencies]) => dependencies.some(({ credentials }) => credentials.length > 4));
    holds(
      fc.property(long, ([dependencies, at]) => {
        const records = aLongRecord(aPredicate({ dependencies }), key, 5_000);
        if (records.length === 1) return;
        const missing = at % (records.length - 1);
        return verify(materialsOf(records.filter((_, index) => index !== missing)), keys).verdict === 'DoesNotHold';
      }),
      40,
    );
  });
});

describe('some of a chain, in any order, some of them twice', () => {
  it('are proven exactly when none is missing between them, and the head is among them', () => {
    const last = readHead(`${chain[4]?.metadata.name ?? ''}@${chain[4]?.spec.digest ?? ''}`);
    holds(
      fc.property(fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 7 }), fc.boolean(), (places, withHead) => {
        const given = places.flatMap((place) => chain[place] ?? []);
        const sorted = [...new Set(places)].sort();
        const isWhole = sorted.every((place, index) => index === 0 || place === (sorted[index - 1] ?? 0) + 1);
        const { verdict } = verify(materialsOf(given), keys, withHead && last !== undefined ? { expectHead: last } : {});
        const expected = isWhole && (!withHead || places.includes(4));
        if ((verdict === 'Proven') !== expected) throw new Error(verdict);
      }),
      50,
    );
  });
});

const specs = answersLike([{ status: 200, body: genuine.spec }, { status: 200, body: { chunk: { credentials: Buffer.from(canonicalJson([aRecordedCredential()])).toString('base64') } } }]).map(({ body }) => body ?? {});

describe('anything in the place of a record', () => {
  it('is proven only where it is what was signed', () => {
    holds(
      fc.property(specs, fc.constantFrom(genuine.metadata.name, '0000000002', '__proto__'), (spec, name) => {
        const { verdict } = verify([materialOf('object', name, spec as Readonly<Record<string, unknown>>)], keys);
        if (verdict === 'Proven' && (name !== genuine.metadata.name || canonicalJson(spec) !== canonicalJson(genuine.spec))) throw new Error('it was changed');
      }),
      400,
    );
  });

  it('is an envelope, or is told not to be', () => {
    const envelopes = answersLike([{ status: 200, body: genuine.spec.envelope }]).map(({ body }) => body);
    holds(
      fc.property(fc.oneof(envelopes, fc.anything()), (envelope) => {
        const { signature } = checkEnvelope(envelope, keys);
        if (signature !== 'Invalid' && signature !== 'Unknown' && canonicalJson(envelope) !== canonicalJson(genuine.spec.envelope)) throw new Error('it was changed');
      }),
      400,
    );
  });

  it('is read from any text without a complaint but its own', () => {
    const real = JSON.stringify(genuine);
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.tuple(fc.nat({ max: real.length }), fc.string({ unit: 'binary', maxLength: 4 })).map(([at, inserted]) => real.slice(0, at) + inserted + real.slice(at)),
      fc.nat({ max: real.length }).map((at) => real.slice(0, at)),
      fc.array(fc.constantFrom('a: &a [*a]', '&a [*a]', '---', '{', 'kind: List\nitems: [1]', '!!js/function x', '? ', '<<: *b', 'kind: ConfigMap\ndata: {a: "-----BEGIN PUBLIC KEY-----"}', real)).map((lines) => lines.join('\n')),
    );
    holds(
      fc.property(text, (input) => {
        const { material, unreadable } = readInput('file', input);
        if (verify(material, keys).verdict === 'Proven' && unreadable.length === 0) {
          const [first] = material;
          expect(first?.kind === 'Record' ? canonicalJson(first.spec) : '').toBe(canonicalJson(genuine.spec));
        }
      }),
      300,
    );
  });
});

describe('what a record claims', () => {
  it('never adds up where it is complete and something is open that nobody gave up', () => {
    const states = fc.constantFrom('Present', 'Unknown', 'Waiting', 'Absent', 'Confirmed').map((state) => state);
    const dependencies = fc.array(
      fc.tuple(fc.array(states, { maxLength: 4 }), fc.constantFrom('Confirmed', 'Open', 'Waived').map((state) => state)).map(([all, state]) => ({ all, state })),
      { minLength: 1, maxLength: 3 },
    );
    holds(
      fc.property(dependencies, (list) => {
        const predicate = aPredicate({ dependencies: list.map(({ all, state }, index) => aRecordedDependency({ name: nameOf(index), state, credentials: all.map((each) => aRecordedCredential({ state: each })) })) });
        const isOpen = list.some(({ all, state }) => state !== 'Confirmed' || all.some((each) => each !== 'Confirmed'));
        return !isOpen || claimProblems(predicate).length > 0;
      }),
    );
  });

  it('never adds up where an absence was shorter than it must be, or began after the last look', () => {
    holds(
      fc.property(fc.nat({ max: 30_000 }), fc.nat({ max: 30_000 }), fc.integer({ min: -200_000, max: 200_000 }), (settle, held, offset) => {
        const absentSince = new Date(Date.parse('2026-11-23T10:00:06Z') + offset).toISOString();
        const predicate = aPredicate({ dependencies: [aRecordedDependency({ settleMilliseconds: settle, credentials: [aRecordedCredential({ absentMilliseconds: held, absentSince })] })] });
        const isWrong = held < settle || offset > 73_000;
        return !isWrong || claimProblems(predicate).length > 0;
      }),
    );
  });
});

describe('any text in the place of a key or a head', () => {
  const pieces = fc.array(fc.oneof(fc.constantFrom('-----BEGIN PUBLIC KEY-----', '-----END PUBLIC KEY-----', '-----BEGIN PRIVATE KEY-----', '-----END PRIVATE KEY-----', '\n', key.publicKeyPem, 'MCowBQYDK2VwAyEA'), fc.string({ unit: 'binary' })), { maxLength: 6 }).map((all) => all.join(''));

  it('is keys, or a message that holds nothing of it', () => {
    const secret = 'c2VjcmV0c2VjcmV0c2VjcmV0';
    holds(
      fc.property(pieces, fc.nat({ max: 4 }), (text, at) => {
        const whole = `${text.slice(0, at)}${secret}${text.slice(at)}`;
        for (const read of [readPublicKeys, readSigningKey]) {
          try {
            read(whole);
          } catch (error) {
            if (!(error instanceof Error) || error.constructor !== Error || error.message.includes(secret)) throw error;
          }
        }
      }),
    );
  });

  it('is a head only as it is written', () => {
    const digits = fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdefABCDEF@: \n')), maxLength: 90 });
    holds(
      fc.property(fc.oneof(digits, digits.map((text) => `sha256:${text}`), fc.constant(`sha256:${'a'.repeat(64)}`), fc.constant(`0000000001@sha256:${'0'.repeat(64)}\n`)), (text) => {
        const head = readHead(text);
        return head === undefined || `${head.name === undefined ? '' : `${head.name}@`}${head.digest}` === text;
      }),
    );
  });
});
