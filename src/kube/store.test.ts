import { describe, expect, it } from 'vitest';

import { compareVersions } from './resource-version.ts';
import { createStore } from './store.ts';

interface Binding {
  readonly metadata: { readonly namespace: string; readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly subjects: readonly string[];
}

const binding = (name: string, resourceVersion: string, more: { uid?: string; subjects?: readonly string[] } = {}): Binding => ({
  metadata: { namespace: 'ci', name, uid: more.uid ?? `uid-${name}`, resourceVersion },
  subjects: more.subjects ?? [],
});

const store = () => createStore<Binding>({ indexers: { subject: ({ subjects }) => subjects } });

describe('compareVersions', () => {
  it('orders what is beyond the exact range of a number', () => {
    expect(compareVersions('9007199254740993', '9007199254740992')).toBeGreaterThan(0);
    expect(compareVersions('10', '9')).toBeGreaterThan(0);
    expect(compareVersions('9', '10')).toBeLessThan(0);
    expect(compareVersions('7', '7')).toBe(0);
  });
});

describe('a store', () => {
  it('finds an object by its name and tells nothing of one it does not have', () => {
    const bindings = store();
    const first = binding('a', '5');
    expect(bindings.upsert(first)).toEqual([{ type: 'set', object: first }]);
    expect(bindings.get('ci', 'a')).toBe(first);
    expect(bindings.get('prod', 'a')).toBeUndefined();
    expect(bindings.size).toBe(1);
    expect(bindings.list()).toEqual([first]);
  });

  it('never takes an older version after a newer one', () => {
    const bindings = store();
    const newer = binding('a', '10');
    bindings.upsert(newer);
    expect(bindings.upsert(binding('a', '9'))).toEqual([]);
    expect(bindings.upsert(binding('a', '10'))).toEqual([]);
    expect(bindings.get('ci', 'a')).toBe(newer);
  });

  it('tells what was there before', () => {
    const bindings = store();
    const [previous, object] = [binding('a', '1'), binding('a', '2')];
    bindings.upsert(previous);
    expect(bindings.upsert(object)).toEqual([{ type: 'set', object, previous }]);
  });

  it('tells the end of the first of two objects of one name', () => {
    const bindings = store();
    const [first, second] = [binding('a', '1', { uid: 'one' }), binding('a', '2', { uid: 'two' })];
    bindings.upsert(first);
    expect(bindings.upsert(second)).toEqual([{ type: 'delete', object: first }, { type: 'set', object: second }]);
  });

  it('does not bring back what it was told is gone', () => {
    const bindings = store();
    bindings.upsert(binding('a', '5'));
    expect(bindings.remove('ci', 'a', '7')).toHaveLength(1);
    bindings.advance('7');
    expect(bindings.upsert(binding('a', '6'))).toEqual([]);
    expect(bindings.size).toBe(0);
  });

  it('keeps a newer object of the same name when the end of the old one comes late', () => {
    const bindings = store();
    const newer = binding('a', '8', { uid: 'two' });
    bindings.upsert(newer);
    expect(bindings.remove('ci', 'a', '7')).toEqual([]);
    expect(bindings.get('ci', 'a')).toBe(newer);
  });

  it('finds objects by the values of an index, and only by those they have now', () => {
    const bindings = store();
    bindings.upsert(binding('a', '1', { subjects: ['x', 'y', 'x'] }));
    bindings.upsert(binding('b', '2', { subjects: ['x'] }));
    bindings.upsert(binding('c', '3', { subjects: ['x'] }));
    const names = (value: string) => bindings.byIndex('subject', value).map(({ metadata }) => metadata.name).sort();
    expect(names('x')).toEqual(['a', 'b', 'c']);
    bindings.upsert(binding('a', '4', { subjects: ['y'] }));
    bindings.remove('ci', 'b', '5');
    expect(names('x')).toEqual(['c']);
    expect(names('y')).toEqual(['a']);
    expect(names('z')).toEqual([]);
  });

  it('gives what an index holds at that moment, not a view that changes', () => {
    const bindings = store();
    bindings.upsert(binding('a', '1', { subjects: ['x'] }));
    const found = bindings.byIndex('subject', 'x');
    bindings.remove('ci', 'a', '2');
    expect(found).toHaveLength(1);
  });

  it('refuses to look in an index that is not there', () => {
    expect(() => store().byIndex('subjects', 'x')).toThrow('no index "subjects"; it has subject');
  });

  describe('when it is replaced', () => {
    it('tells only what changed', () => {
      const bindings = store();
      const [kept, changed, gone] = [binding('kept', '1'), binding('changed', '2'), binding('gone', '3')];
      bindings.replace([kept, changed, gone], '3');
      const [now, fresh] = [binding('changed', '5'), binding('fresh', '6')];
      expect(bindings.replace([binding('kept', '1'), now, fresh], '7')).toEqual([
        { type: 'delete', object: gone },
        { type: 'set', object: now, previous: changed },
        { type: 'set', object: fresh },
      ]);
      expect(bindings.get('ci', 'kept')).toBe(kept);
    });

    it('keeps what was written after the list was taken', () => {
      const bindings = store();
      bindings.replace([], '5');
      const own = binding('own', '9');
      bindings.upsert(own);
      expect(bindings.replace([], '8')).toEqual([]);
      expect(bindings.get('ci', 'own')).toBe(own);
      expect(bindings.replace([], '10')).toEqual([{ type: 'delete', object: own }]);
    });

    it('believes a list whose version went back, as after a restored backup', () => {
      const bindings = store();
      const [lost, changed] = [binding('lost', '90'), binding('changed', '95')];
      bindings.replace([lost, changed, binding('same', '10')], '100');
      const restored = binding('changed', '40');
      expect(bindings.replace([restored, binding('same', '10')], '50')).toEqual([
        { type: 'delete', object: lost },
        { type: 'delete', object: changed },
        { type: 'set', object: restored },
      ]);
      expect(bindings.upsert(binding('changed', '60'))).toHaveLength(1);
    });

    it('keeps what was told after the list had been asked for, which is no restored backup', () => {
      const bindings = store();
      bindings.replace([], '5');
      const late = binding('late', '9');
      bindings.upsert(late);
      bindings.advance('12');
      expect(bindings.replace([], '8', '5')).toEqual([]);
      expect(bindings.get('ci', 'late')).toBe(late);
      expect(bindings.upsert(binding('gone', '11')), 'what was told meanwhile stays known').toEqual([]);
    });

    it('believes a list over what is not newer than it, as when a restored server has written more than was lost', () => {
      const bindings = store();
      const [another, later] = [binding('another', '90'), binding('later', '95')];
      bindings.replace([another, later], '100');
      const [reborn, earlier] = [binding('another', '90', { uid: 'uid-2' }), binding('later', '40')];
      bindings.replace([reborn, earlier], '110');
      expect(bindings.list()).toEqual([reborn, earlier]);
    });
  });
});
