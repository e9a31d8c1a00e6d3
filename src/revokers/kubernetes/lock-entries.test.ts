import { describe, expect, it } from 'vitest';

import { changesOf, entriesGone, holds, type LockData, type LockEdit, nonceOf, whyNotLockable, withChanges, withRoom } from './lock-entries.ts';

const ops = 'offboard-system';
const one = nonceOf('0000000000000001');
const two = nonceOf('0000000000000002');
const edit = (data: LockData, change: Partial<Omit<LockEdit, 'nonce'>> & { readonly nonce?: string }) => {
  const changes = changesOf(data, { add: [], remove: [], ...change, nonce: { namespace: ops, name: change.nonce } });
  return { changes, after: withChanges(data, changes) };
};
const bot = { namespace: 'ci', name: 'bot' };

describe('who is locked', () => {
  it('stands between line feeds, and never by a part of a name', () => {
    const data = { ci: '\nbot-2\nmy.bot\n' };
    expect([holds(data, bot), holds(data, { namespace: 'ci', name: 'bot-2' }), holds(data, { namespace: 'other', name: 'bot-2' })]).toEqual([false, true, false]);
    expect([holds({ ci: 'bot\n' }, bot), holds({ ci: '\nbot' }, bot), holds({}, { namespace: 'constructor', name: 'x' })]).toEqual([false, false, false]);
  });

  it('is added in order, beside those who are there, with a name to try by', () => {
    const { changes, after } = edit({ ci: '\na\nz\n', other: '\nx\n' }, { add: [bot, { namespace: 'new', name: 'n' }], nonce: one });
    expect(changes).toEqual({ ci: '\na\nbot\nz\n', new: '\nn\n', [ops]: `\n${one}\n` });
    expect(after['other']).toBe('\nx\n');
  });

  it('is added once, and what is there already is not written again', () => {
    expect(edit({ ci: '\nbot\n' }, { add: [bot, bot] }).changes).toEqual({});
    expect(edit({}, { add: [bot, bot] }).changes).toEqual({ ci: '\nbot\n' });
  });

  it('is brought into order where somebody wrote what no policy reads', () => {
    expect(edit({ ci: 'z\nbot' }, { add: [bot] }).changes).toEqual({ ci: '\nbot\nz\n' });
  });

  it('is removed and leaves no trace: neither in a key, nor of a key', () => {
    const before = { ci: '\nz\na\n', [ops]: '\noffboard\n' };
    const { after: locked } = edit(before, { add: [bot, { namespace: ops, name: 'beside' }], nonce: one });
    const { changes, after } = edit({ ...locked, ci: '\nz\na\nbot\n' }, { remove: [bot, { namespace: ops, name: 'beside' }] });
    expect(changes).toEqual({ ci: '\nz\na\n', [ops]: '\noffboard\n' });
    expect(after).toEqual(before);
    expect(edit({ ci: '\nbot\n', [ops]: `\n${one}\n` }, { remove: [bot] }).changes).toEqual({ ci: null, [ops]: null });
    expect(edit({ ci: '\na\n' }, { remove: [bot] }).changes).toEqual({});
  });

  it('has one name to try by at a time, and an account of that name cannot be locked', () => {
    expect(edit({ [ops]: `\na\n${one}\n` }, { nonce: two }).changes).toEqual({ [ops]: `\na\n${two}\n` });
    expect(edit({ [ops]: `\n${one}\n` }, { nonce: two }).changes).toEqual({ [ops]: `\n${two}\n` });
    expect(edit({ ci: `\n${one}\n` }, { nonce: two }).after['ci'], 'elsewhere it is a name like any other').toBe(`\n${one}\n`);
    expect(whyNotLockable({ namespace: ops, name: one }, ops)).toMatchObject({ kind: 'Invalid', reason: 'InvalidName' });
    expect(whyNotLockable({ namespace: 'ci', name: one }, ops)).toBeUndefined();
    expect(whyNotLockable({ namespace: ops, name: 'offboard-lock-test' }, ops)).toBeUndefined();
  });

  it.each(['a\nb', '', 'A', '-a', 'a/b', 'x'.repeat(254), ' a'])('is never called %j', (name) => {
    expect(whyNotLockable({ namespace: 'ci', name }, ops)).toMatchObject({ reason: 'InvalidName' });
    expect(whyNotLockable({ namespace: name, name: 'a' }, ops)).toMatchObject({ reason: 'InvalidName' });
  });

  it('is told when it goes, but for the names to try by', () => {
    const before = { ci: '\na\nbot\n', gone: '\nx\n', same: '\ny\n', [ops]: `\n${one}\nz\n` };
    const after = { ci: '\na\nnew\n', same: '\ny\n', [ops]: `\n${two}\n` };
    expect(entriesGone(before, after, ops)).toEqual([bot, { namespace: 'gone', name: 'x' }, { namespace: ops, name: 'z' }]);
  });
});

describe('the room that there is', () => {
  const names = (count: number, length = 250): readonly string[] => Array.from({ length: count }, (_, index) => String(index).padStart(length, 'x'));
  const text = (count: number): string => `\n${names(count).join('\n')}\n`;
  const of = (namespace: string, count: number, length?: number) => names(count, length).map((name) => ({ namespace, name }));

  it('is for all, up to the half of what an API server takes', () => {
    const taken = withRoom({}, of('greedy', 5_000));
    expect(taken.length).toBe(Math.floor((512 * 1024 - 'greedy'.length - 1) / 251));
    const { after } = edit({}, { add: taken });
    expect(withRoom(after, [{ namespace: 'greedy', name: 'one-more-with-a-long-name'.padEnd(251, 'x') }])).toEqual([]);
  });

  it('is beyond that for whoever has little, and for who is in it already', () => {
    const full = { greedy: text(2_088) };
    const taken = withRoom(full, [...of('greedy', 1), ...of('greedy', 1, 251), ...of('small', 100), ...of('other', 1)]);
    expect(taken.filter(({ namespace }) => namespace === 'greedy')).toEqual(of('greedy', 1));
    expect(taken.filter(({ namespace }) => namespace === 'small').length).toBe(Math.floor((16 * 1024 - 1) / 251));
    expect(taken.filter(({ namespace }) => namespace === 'other')).toEqual(of('other', 1));
  });

  it('is counted as it is written', () => {
    const add = [...of('a', 3), ...of('bc', 2), ...of('a', 1, 20)];
    const { after } = edit({ a: '\nz\n' }, { add: withRoom({ a: '\nz\n' }, add) });
    expect(after['a']?.length).toBe(3 + 3 * 251 + 21);
    expect(after['bc']?.length).toBe(1 + 2 * 251);
  });
});
