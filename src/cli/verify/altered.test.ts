import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { aPredicate, aSigningKey } from '../../../test/builders/predicate.ts';
import { aLongRecord, aRecord } from '../../../test/builders/record.ts';
import { below, createSeededRandom, printedSeed } from '../../../test/fakes/random.ts';
import { keysById, readPublicKeys } from '../../evidence/keys.ts';
import { verify } from '../../evidence/verify.ts';
import { exitCodeOf } from './command.ts';
import { readInput } from './input.ts';

const key = aSigningKey();
const keys = { trusted: keysById(readPublicKeys(key.publicKeyPem)), published: new Map<string, never>() };

const exitCode = (text: string): number => {
  const { material, unreadable } = readInput('file', text);
  return exitCodeOf(verify(material, keys, { unreadable }));
};

/** As a cluster gives it: with what is no evidence before and after what is. */
const stored = { ...aRecord(aPredicate(), key), status: { conditions: [{ type: 'Intact', status: 'True', message: 'checked' }] } };
const object = { apiVersion: stored.apiVersion, kind: stored.kind, metadata: { creationTimestamp: '2026-11-23T10:00:21Z', name: stored.metadata.name, uid: '11111111-0000-4000-8000-000000000001' }, spec: stored.spec, status: stored.status };

/** The file with one byte in the place of another, for each of some values; what is no text any more is read as any tool reads it. */
const altered = function* (bytes: Buffer, at: number, values: readonly number[]): Generator<string> {
  for (const value of values) {
    if (value === bytes[at]) continue;
    const copy = Buffer.from(bytes);
    copy[at] = value;
    yield copy.toString('utf8');
  }
};

const seed = printedSeed('one altered byte');

// What is promised: exit code 0 means that name, spec and kind are what was signed. Around them there is what the cluster adds
// (other metadata), what became of it since (status), and blanks; of those the signature says nothing, and so nothing is checked.
describe('one altered byte', () => {
  it('anywhere in a record as JSON fails, but in other metadata and in the status', { timeout: 120_000 }, () => {
    const text = JSON.stringify(object);
    const bytes = Buffer.from(text);
    const random = createSeededRandom(seed);
    expect(exitCode(text)).toBe(0);
    const ranges = ['"creationTimestamp":"2026-11-23T10:00:21Z"', ',"uid":"11111111-0000-4000-8000-000000000001"', ',"status":{"conditions":[{"type":"Intact","status":"True","message":"checked"}]}'].map((part) => {
      const from = text.lastIndexOf(part);
      return [from, from + part.length] as const;
    });
    let passed = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const original = bytes[at] ?? 0;
      // A neighbour, another case, and any, of which some are blanks, quotes and brackets.
      for (const changed of altered(bytes, at, [original ^ 1, original ^ 0x20, [0x20, 0x22, 0x7d, 0x30, below(random, 256)][at % 5] ?? 0])) {
        if (exitCode(changed) !== 0) continue;
        passed += 1;
        expect(ranges.some(([from, to]) => at >= from && at < to), `byte ${at}: ${changed.slice(at - 20, at + 20)}`).toBe(true);
      }
    }
    expect(passed).toBeGreaterThan(50);
  });

  it('anywhere in a record as YAML fails, unless it says the same', { timeout: 300_000 }, () => {
    const text = dump(object);
    const bytes = Buffer.from(text);
    const random = createSeededRandom(seed);
    const { material } = readInput('file', text);
    expect(exitCode(text)).toBe(0);
    for (let at = 0; at < bytes.length; at += 1) {
      for (const changed of altered(bytes, at, [(bytes[at] ?? 0) ^ 1, at % 2 === 0 ? 0x20 : below(random, 256)])) {
        if (exitCode(changed) === 0) expect(readInput('file', changed), `byte ${at}: ${changed.slice(Math.max(0, at - 20), at + 20)}`).toEqual({ material, published: [], unreadable: [] });
      }
    }
  });

  it('anywhere in an envelope by itself fails', { timeout: 60_000 }, () => {
    const text = JSON.stringify(object.spec.envelope);
    const bytes = Buffer.from(text);
    expect(exitCode(text)).toBe(0);
    for (let at = 0; at < bytes.length; at += 1) {
      for (const changed of altered(bytes, at, [(bytes[at] ?? 0) ^ 1, at % 2 === 0 ? 0x20 : 0x3d])) expect(exitCode(changed), `byte ${at}`).not.toBe(0);
    }
  });

  it('anywhere in the chunk of a long record fails', { timeout: 60_000 }, () => {
    const [chunk, ...root] = aLongRecord(aPredicate(), key, 1_600);
    const texts = [JSON.stringify(chunk), ...root.map((each) => JSON.stringify(each))];
    expect(texts).toHaveLength(2);
    expect(exitCode(texts.join('\n'))).toBe(0);
    const bytes = Buffer.from(texts[0] ?? '');
    for (let at = 0; at < bytes.length; at += 1) {
      for (const changed of altered(bytes, at, [(bytes[at] ?? 0) ^ 1, 0x20])) expect(exitCode([changed, ...texts.slice(1)].join('\n')), `byte ${at}`).not.toBe(0);
    }
  });

  it('or one that is cut off, or doubled', () => {
    const text = JSON.stringify(object);
    const random = createSeededRandom(seed + 1);
    for (let round = 0; round < 200; round += 1) {
      const at = below(random, text.length - 1);
      expect(exitCode(text.slice(0, at))).not.toBe(0);
      const doubled = text.slice(0, at + 1) + text.slice(at);
      if (exitCode(doubled) === 0) expect(readInput('file', doubled)).toEqual(readInput('file', text));
    }
  });
});
