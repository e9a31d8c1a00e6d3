import { describe, expect, it } from 'vitest';
import { aPredicate, aSigningKey } from '../../../test/builders/predicate.ts';
import { aRecord } from '../../../test/builders/record.ts';
import { readInput } from './input.ts';

const record = JSON.stringify(aRecord(aPredicate(), aSigningKey()));

describe('a list', () => {
  it('of which there is more is not taken for whole', () => {
    const list = (metadata: object): string => JSON.stringify({ apiVersion: 'offboard.dev/v1alpha1', kind: 'OffboardingRecordList', metadata, items: [JSON.parse(record)] });
    expect(readInput('file', list({ resourceVersion: '7', continue: '' }))).toMatchObject({ material: [{ name: '0000000001' }], unreadable: [] });
    for (const metadata of [{ continue: 'eyJ2Ijoi' }, { remainingItemCount: 41 }]) {
      expect(readInput('file', list(metadata))).toMatchObject({ material: [{ name: '0000000001' }], unreadable: ['file is a part of a list: there are more than the 1 in it'] });
    }
  });
});

describe('what says something twice', () => {
  const twice = 'file says something twice: an object has two members of one name';

  it('in JSON is not read as its last word', () => {
    expect(readInput('file', record)).toMatchObject({ material: [{ name: '0000000001' }], unreadable: [] });
    for (const changed of [
      record.replace('"outcome":', '"outcome":"Cancelled","outcome":'),
      record.replace('"outcome":', '"outcome":"Cancelled", "\\u006futcome" : '),
      record.replace('{', '{"kind":"Pod",'),
      record.replace('"metadata":{', '"metadata":{"name":"0000000002",'),
      `${record}\n${record.replace('"spec":{', '"spec":{"envelope":{},')}`,
    ]) {
      expect(readInput('file', changed)).toEqual({ material: [], published: [], unreadable: [twice] });
    }
  });

  it('in a text of JSON is what it says', () => {
    const text = JSON.stringify({ ...(JSON.parse(record) as object), status: { conditions: [{ message: 'a "key": "a", or \\', lines: ['x:', '"x":', '\\"x" :'] }] } }, null, 2);
    expect(readInput('file', text)).toMatchObject({ material: [{ name: '0000000001' }], unreadable: [] });
  });

  it('in YAML is not read at all', () => {
    expect(readInput('file', 'kind: A\nkind: B\n').unreadable).toEqual(['file is neither JSON nor YAML']);
  });
});
