import { describe, expect, it } from 'vitest';
import { whoHolds } from './holder.ts';
import type { Contender } from './holder.ts';

const run = (name: string, change: Partial<Contender> = {}): Contender => ({
  uid: name,
  namespace: 'ci',
  name,
  createdAt: '2026-11-23T10:00:00Z',
  urgency: 'Routine',
  suspended: false,
  waived: false,
  waits: false,
  status: {},
  ...change,
});
const started = '2026-11-23T10:00:01Z';
const active = run('active', { status: { startedAt: started, lockedAt: started, revokeStartedAt: started } });
const soaking = run('active', { status: { startedAt: started, lockedAt: started } });
const suspended = { ...active, suspended: true };
const ended = run('ended', { status: { startedAt: started, completedAt: started } });
const waived = { ...active, waived: true, status: { ...active.status, completedAt: started } };
const newer = run('newer', { createdAt: '2026-11-23T11:00:00Z', waits: true });
const emergency: Contender = { ...newer, urgency: 'Emergency' };

describe('who acts for an identity', () => {
  it.each([
    ['a run that is alone', run('only'), [], 'Hold'],
    ['a run after one that has ended', newer, [ended], 'Hold'],
    ['a run while another acts', newer, [active], 'WaitFor'],
    ['an acting run while another waits', active, [newer], 'Hold'],
    ['a routine run under an emergency', active, [emergency], 'GiveWay'],
    ['an emergency under another emergency', { ...active, urgency: 'Emergency' as const }, [emergency], 'Hold'],
    ['a soaking run under a newer one', soaking, [newer], 'GiveWay'],
    ['an emergency that is locked, and about to revoke, under a newer routine one', { ...soaking, urgency: 'Emergency' as const }, [newer], 'Hold'],
    ['a suspended run under a newer one', suspended, [newer], 'GiveWay'],
    ['a suspended run under one that cannot start itself', suspended, [{ ...emergency, waits: false }], 'Hold'],
    ['a suspended run under a suspended one', suspended, [{ ...emergency, suspended: true }], 'Hold'],
    ['a run while another is complete by waivers', newer, [waived], 'WaitFor'],
    ['a run that is complete by waivers, and alone', waived, [], 'Hold'],
    ['a run that is complete by waivers under any other', waived, [{ ...newer, createdAt: '2026-11-23T09:00:00Z' }], 'GiveWay'],
    ['a run that is complete by waivers under one that cannot start itself', waived, [{ ...newer, waits: false }], 'Hold'],
    ['a soaking run under an older one', soaking, [{ ...newer, createdAt: '2026-11-23T09:00:00Z' }], 'Hold'],
  ])('%s: %s', (_, self, others, expected) => {
    expect(whoHolds(self, others).kind).toBe(expected);
  });

  it('is the same for both sides: one gives way exactly when the other will hold', () => {
    for (const holder of [active, soaking, suspended, waived, { ...active, urgency: 'Emergency' as const }]) {
      for (const challenger of [newer, emergency]) {
        const given = whoHolds(holder, [challenger]).kind === 'GiveWay';
        const after = given ? { ...holder, waived: false, status: { ...holder.status, completedAt: started } } : holder;
        expect(whoHolds(challenger, [after]).kind).toBe(given ? 'Hold' : 'WaitFor');
      }
    }
  });
});
