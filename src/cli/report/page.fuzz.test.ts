/** The page about a record in which every word is hostile. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { aPredicate, aRecordedCredential, aRecordedDependency, aSigningKey } from '../../../test/builders/predicate.ts';
import { aRecord } from '../../../test/builders/record.ts';
import { holds } from '../../../test/fuzz/property.ts';
import { keysById, readPublicKeys } from '../../evidence/keys.ts';
import { materialOf } from '../../evidence/material.ts';
import type { Predicate } from '../../evidence/predicate.ts';
import { pageOf } from './page.ts';
import { checked } from './subject.ts';

const key = aSigningKey();
const keys = { trusted: keysById(readPublicKeys(key.publicKeyPem)), published: new Map<string, never>() };

const pageAbout = (predicate: Predicate, aftermath: readonly string[]): string => {
  const { metadata: { name }, spec } = aRecord(predicate, key);
  const found = checked({ material: [materialOf('record', name, spec)], unreadable: [], subject: { kind: 'Record', name: '0000000001' }, aftermath }, keys);
  if (typeof found === 'string') throw new Error(found);
  return pageOf(found, '0.1.0');
};

/** The same record, with the same word wherever one comes from outside. */
const saying = (word: string): string => {
  const { identity, run, people } = aPredicate();
  return pageAbout(
    aPredicate({
      outcome: 'CompletedWithWaivers',
      identity: { ...identity, serviceAccount: { ...identity.serviceAccount, name: `n${word}`, namespace: `s${word}` } },
      run: { ...run, name: `r${word}`, reason: `b${word}` },
      people: {
        ...people,
        requestedBy: { username: `u${word}` },
        waivers: [{ name: `w${word}`, dependency: 'vault', approvedBy: `a${word}`, expiresAt: '2027-01-31T00:00:00Z', reason: `because ${word}` }],
      },
      dependencies: [
        aRecordedDependency({ credentials: [aRecordedCredential({ id: `i${word}`, class: `c${word}`, uid: `d${word}`, grants: [`g${word}`], method: `m${word}`, message: `e${word}` })], findings: [{ type: 'NotProvable', object: `o${word}`, message: `f${word}` }], outlasting: [{ class: `x${word}`, kind: 'OfflineVerifier', message: `l${word}` }] }),
        aRecordedDependency({ name: 'vault', kind: `v${word}`, state: 'Waived', message: `t${word}`, credentials: [] }),
      ],
      versions: { offboard: `0${word}`, kubernetes: `1${word}` },
    }),
    [`since then ${word}`],
  );
};

/** Every tag with its attributes, but for what stands in quotes. */
const tagsOf = (page: string): readonly string[] => [...page.matchAll(/<[!/a-z][^>]*>/gi)].map(([tag]) => tag.replace(/"[^"]*"/g, '""'));

const words = fc.oneof(
  fc.array(fc.oneof(fc.constantFrom('<', '>', '"', "'", '&', '</style>', '<script>', '<!--', '-->', ' onload=', 'javascript:', '&lt;', '\u0000', '\u202e', '\n', '`', '{', '='), fc.string({ unit: 'grapheme', maxLength: 5 })), { maxLength: 6 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.toWellFormed()),
);

it('the page about a record has the same tags, whatever the words in it are, and none of what cannot be seen', () => {
  expect(saying('')).toContain('Every credential');
  const usual = tagsOf(saying(''));
  holds(
    fc.property(words, (word) => {
      const page = saying(word);
      expect(tagsOf(page)).toEqual(usual);
      if (/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/.test(page)) throw new Error(JSON.stringify(word));
    }),
    50,
  );
});
