import { describe, expect, it } from 'vitest';
import { aSighting, aTracked } from '../../test/builders/credentials.ts';
import { conditionsOf, factsOf } from './conditions.ts';
import { observed } from './credential.ts';
import { phaseOf, residualUntil, summaryOf } from './summary.ts';
import { idle, reconciling, stalled } from './verdict.ts';
import type { Verdict } from './verdict.ts';

const confirmed: Verdict = { kind: 'Confirmed', reason: 'Confirmed', message: 'gone' };
const now = new Date('2026-11-23T10:00:00Z');

describe('the conditions of a verdict', () => {
  it.each([
    [confirmed, ['Ready=True']],
    [reconciling('Settling', 'x'), ['Ready=False', 'Reconciling=True']],
    [stalled('InUse', 'x'), ['Ready=False', 'Stalled=True']],
    [idle('PlanOnly', 'x'), ['Ready=False']],
    [{ kind: 'Waived', reason: 'CompletedWithWaivers', message: 'x' } as const, ['Ready=True']],
    [{ ...stalled('SharedBinding', 'x'), reopened: true } as const, ['Ready=False', 'Stalled=True']],
  ])('%j are %j', (verdict, expected) => {
    expect(factsOf(verdict).map(({ type, status }) => `${type}=${status}`)).toEqual(expected);
  });

  it('keep their transition time until their status changes', () => {
    const first = conditionsOf(factsOf(reconciling('Revoking', 'a')), [], 1, now);
    const later = new Date('2026-11-23T11:00:00Z');
    const second = conditionsOf(factsOf(reconciling('Settling', 'b')), first, 2, later);
    expect(second[0]).toMatchObject({ reason: 'Settling', observedGeneration: 2, lastTransitionTime: '2026-11-23T10:00:00Z' });
    expect(conditionsOf(factsOf(confirmed), second, 2, later)[0]?.lastTransitionTime).toBe('2026-11-23T11:00:00Z');
  });
});

describe('the phase', () => {
  it.each([
    ['Complete', {}, confirmed],
    ['Complete', {}, { kind: 'Waived', reason: 'CompletedWithWaivers', message: '' } as const],
    ['Planned', {}, idle('PlanOnly', '')],
    ['Soaking', {}, reconciling('Soaking', '')],
    ['Waiting', {}, reconciling('WaitingForExpiry', '')],
    ['Blocked', {}, stalled('InUse', '')],
    ['Resurrected', {}, stalled('Resurrected', '')],
    ['Pending', {}, reconciling('DependencyUnavailable', '')],
    ['Revoking', { revokeStartedAt: 'x' }, reconciling('Revoking', '')],
    ['Verifying', { revokeStartedAt: 'x' }, reconciling('Settling', '')],
  ])('is %s', (phase, status, verdict) => {
    expect(phaseOf(status, verdict)).toBe(phase);
  });
});

describe('residual access', () => {
  const absent = aTracked({ absentSince: 0, status: { state: 'Absent', absentSince: '2026-11-23T10:00:00.000Z' } });
  const certificate = aTracked({ credential: { end: { by: 'Expiry', at: new Date('2027-01-01T00:00:00Z') } } });
  it.each([
    ['nothing is left', [aTracked({ status: { state: 'Confirmed' } })], undefined],
    ['something is there that has no end', [aTracked(), absent], 'unknown'],
    ['something could not be asked', [aTracked({ status: { state: 'Unknown' } })], 'unknown'],
    ['all was seen absent', [absent], '2026-11-23T10:00:15Z'],
    ['a certificate runs', [absent, certificate], '2027-01-01T00:00:00Z'],
    ['one runs longer than was thought', [absent, observed(certificate, aSighting({ state: 'Present', expiresAt: new Date('2027-01-02T00:00:00Z') }), 0)], '2027-01-02T00:00:00Z'],
    ['one has outlived its end', [absent, observed(certificate, aSighting({ state: 'Present', at: new Date('2027-01-01T00:00:01Z') }), 0)], 'unknown'],
  ])('is told when %s', (_, tracked, expected) => {
    expect(residualUntil([{ tracked, settleTime: 15_000, known: true }])).toBe(expected);
  });
});

it('residual access is unknown while one dependency could not be looked at, whatever the others say', () => {
  expect(residualUntil([{ tracked: [], settleTime: 0, known: true }])).toBeUndefined();
  expect(residualUntil([{ tracked: [], settleTime: 0, known: true }, { tracked: [], settleTime: 0, known: false }])).toBe('unknown');
});

it('the summary counts the members of a class that is listed as one', () => {
  const tracked = [aTracked({ status: { state: 'Confirmed', count: 1_999 } }), aTracked()];
  expect(summaryOf(tracked, [])).toEqual({ total: 2_000, confirmed: 1_999, unknown: 0, unrevocable: 0, notProvable: 0 });
});
