/** Where a record stands, and what is known of it without reading it again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aPredicate, aRecordedDependency, aSigningKey } from '../../../test/builders/predicate.ts';
import { aRecord } from '../../../test/builders/record.ts';
import { holds } from '../../../test/fuzz/property.ts';
import { isPlace, placeAfter } from './place.ts';
import { signedFacts } from './signed.ts';

const key = aSigningKey();
/** Some of which look like what is searched for. */
const words = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom('"certificates":[{', '"chunks":[{', '"declared":"', '\\"declared\\":\\"', '{"commonName":"x"}'));
const some = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<readonly T[] | undefined> => fc.option(fc.array(one, { maxLength: 2 }), { nil: undefined });

const predicates = fc
  .record({
    certificates: some(fc.record({ commonName: words, notAfter: fc.constant('2027-03-01T00:00:00Z') })),
    dependencies: some(fc.record({ name: words, declared: words })),
    chunks: some(fc.record({ name: words, digest: words, dependency: words, count: fc.nat() })),
    message: words,
  })
  .map(({ certificates, dependencies, chunks, message }) =>
    aPredicate({
      identity: { ...aPredicate().identity, ...(certificates && { certificates }), ...(dependencies && { dependencies }) },
      ...(chunks && { chunks }),
      dependencies: [aRecordedDependency({ message, findings: [{ type: 'NotProvable', message }] })],
    }),
  );

describe('what is taken from a payload as it comes by', () => {
  it('is what the whole of it says, whatever words are in it', () => {
    holds(
      fc.property(predicates, fc.boolean(), (predicate, isForged) => {
        const { spec } = aRecord(predicate, key);
        const { identity: { certificates = [], dependencies = [] }, chunks = [] } = predicate;
        expect(signedFacts(isForged ? { ...spec, digest: `sha256:${'0'.repeat(64)}` } : spec)).toEqual({
          digestHolds: !isForged,
          ...(certificates.length > 0 && { certificates }),
          ...(dependencies.length > 0 && { elsewhere: true }),
          ...(chunks.length > 0 && { chunks: chunks.map(({ name }) => name) }),
        });
      }),
    );
  });

  it('is no more than its digest, of whatever is no statement', () => {
    const { spec } = aRecord(aPredicate(), key);
    const payloads = fc.oneof(fc.string({ unit: 'binary' }), words, fc.jsonValue().map((value) => JSON.stringify(value)));
    holds(
      fc.property(payloads, (text) => {
        if (spec.envelope === undefined) throw new Error('it is a chunk');
        expect(signedFacts({ ...spec, envelope: { ...spec.envelope, payload: Buffer.from(text).toString('base64') } })).toEqual({ digestHolds: false });
      }),
    );
  });
});

describe('a place in the chain', () => {
  it('comes after the one before it, as text and as a number', () => {
    holds(
      fc.property(fc.integer({ min: 1, max: 9_999_999_998 }), (number) => {
        const place = String(number).padStart(10, '0');
        const next = placeAfter(place);
        if (!isPlace(place) || !isPlace(next) || !(next > place)) throw new Error(next);
        expect(Number(next)).toBe(number + 1);
      }),
    );
  });
});
