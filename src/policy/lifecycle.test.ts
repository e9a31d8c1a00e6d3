import { describe, expect, it } from 'vitest';
import { lifecycleState, onDeletion, runOf } from './lifecycle.ts';
import type { RunOfIdentity } from './lifecycle.ts';

const run = (name: string, change: { uid?: string; createdAt?: string; completedAt?: string; ready?: 'True' | 'False'; waivers?: RunOfIdentity['waivers'] } = {}): RunOfIdentity => ({
  namespace: 'ci',
  name,
  createdAt: change.createdAt ?? '2026-11-23T11:00:00Z',
  workloadIdentityUid: change.uid ?? 'wid',
  waivers: change.waivers ?? 'None',
  status: {
    ...(change.completedAt === undefined ? {} : { completedAt: change.completedAt }),
    conditions: [
      { type: 'Ready', status: change.ready ?? 'False', reason: 'X', message: 'x', lastTransitionTime: '2026-11-23T10:00:00Z' },
    ],
  },
});
const deletedAt = '2026-11-23T12:00:00Z';
const underWay = run('under-way');
const before = run('before', { completedAt: '2026-11-23T11:59:59Z', ready: 'True' });
const after = run('after', { completedAt: '2026-11-23T12:00:15Z', ready: 'True' });
const standing = run('standing', { completedAt: '2026-11-23T12:00:15Z', ready: 'True', waivers: 'Standing' });
const standingBefore = run('standing-before', { completedAt: '2026-11-23T11:59:59Z', ready: 'True', waivers: 'Standing' });
const lapsed = run('lapsed', { completedAt: '2026-11-23T12:00:15Z', ready: 'True', waivers: 'Lapsed' });
const cancelled = run('cancelled', { completedAt: '2026-11-23T12:00:15Z' });
const waitedFor = (one: RunOfIdentity): RunOfIdentity => ({ ...one, name: 'waited-for' });
const createdSince = (one: RunOfIdentity): RunOfIdentity => ({ ...one, createdAt: deletedAt });

describe('the deletion of an identity', () => {
  it.each([
    ['no run', [], 'Create'],
    ['a run under way', [underWay], 'WaitFor'],
    ['a run that it waited for, and that confirmed the end', [waitedFor(after)], 'Release'],
    ['a run that confirmed an end before that', [before], 'Create'],
    ['a run that it waited for, and that was cancelled or came undone', [waitedFor(cancelled)], 'Create'],
    ['a run that it waited for, and that waivers completed', [waitedFor(standing)], 'Release'],
    ['a run that waivers completed before that', [standingBefore], 'Create'],
    ['a run that it waited for, and of which a waiver has ended', [waitedFor(lapsed)], 'WaitFor'],
    ['a run under way beside one from before', [before, underWay], 'WaitFor'],
    ['a run that was created since then, and confirmed the end by a clock that is behind', [createdSince(before)], 'Release'],
    ['a run that confirmed an end before that, by a clock that is ahead', [after], 'Create'],
    ['a run that it waited for, and that confirmed the end by a clock that is behind', [waitedFor(before)], 'Release'],
  ])('with %s means %s', (_, runs, expected) => {
    expect(onDeletion(deletedAt, runs, { namespace: 'ci', name: 'waited-for' }).kind).toBe(expected);
  });
});

describe('the state of an identity', () => {
  const now = Date.parse('2026-11-23T10:00:00Z');
  const hour = 3_600_000;
  it.each([
    ['nothing', undefined, undefined, 'Active'],
    ['an end far away', undefined, now + 25 * hour, 'Active'],
    ['an end within a day', undefined, now + 24 * hour, 'Expiring'],
    ['an end that has passed', undefined, now - hour, 'Expiring'],
    ['a run under way', underWay, now - hour, 'Offboarding'],
    ['a run that confirmed its end', after, undefined, 'Retired'],
    ['a run that is complete by waivers', standing, undefined, 'Offboarding'],
  ])('with %s is as it should be', (_, speaks, expiresAt, expected) => {
    expect(lifecycleState(speaks, expiresAt, now)).toBe(expected);
  });
});

describe('the run that speaks for an identity', () => {
  it('is the one under way, else the last one that confirmed its end', () => {
    expect(runOf('wid', [before, underWay, after])?.name).toBe('under-way');
    expect(runOf('wid', [after, before])?.name).toBe('after');
    expect(runOf('wid', [after, standing])?.name).toBe('standing');
    expect(runOf('wid', [standing, underWay])?.name).toBe('under-way');
  });

  it('is never one of an earlier identity of the same name', () => {
    expect(runOf('second-life', [after])).toBeUndefined();
  });

  it('is never one that was cancelled', () => {
    expect(runOf('wid', [cancelled])).toBeUndefined();
  });
});
