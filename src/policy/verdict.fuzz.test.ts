import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kstatusViolations } from '../../test/env/kstatus.ts';
import { trackedThings } from '../../test/fuzz/credentials.ts';
import { holds } from '../../test/fuzz/property.ts';
import type { DependencyState, DependencyStatus } from '../api/v1alpha1/index.ts';
import { invalid, needsPerson, retryable } from '../runtime/outcome.ts';
import { conditionsOf, factsOf, readyOf } from './conditions.ts';
import { isOpen } from './credential.ts';
import type { Tracked } from './credential.ts';
import { assess } from './dependency.ts';
import type { Assessment, Circumstances } from './dependency.ts';
import { issuingEndedAt } from './issuers.ts';
import { latest, residualOf } from './residual.ts';
import { residualUntil, summaryOf } from './summary.ts';
import { idle, reconciling, stalled, unrecordedVerdict, verdictOf, verdictOfError } from './verdict.ts';
import type { Verdict } from './verdict.ts';
import { underWaiver } from './waiver.ts';

const states: readonly DependencyState[] = ['Pending', 'Locked', 'Revoking', 'Settling', 'Confirmed', 'Unknown', 'Blocked', 'Waiting', 'Waived'];
const assessments: fc.Arbitrary<Assessment> = fc.record({ state: fc.constantFrom(...states), reason: fc.constant('Some'), message: fc.string({ unit: 'binary', minLength: 1 }) });
const dependencies = fc.array(fc.record({ name: fc.string({ minLength: 1, maxLength: 5 }), assessment: assessments, unprovable: fc.boolean() }), { minLength: 1, maxLength: 5 });

const failures = fc.option(fc.record({ kind: fc.constantFrom('Invalid' as const, 'NeedsPerson' as const, 'Waiting' as const, 'Retryable' as const), reason: fc.constant('Why'), message: fc.constant('because') }), { nil: undefined });
const names = fc.array(fc.constantFrom('kubernetes', 'vault'), { maxLength: 2 });
const circumstances: fc.Arbitrary<Circumstances> = fc.record({ failure: failures, enumerated: fc.boolean(), settleTime: fc.constantFrom(0, 15_000), after: names, issuers: names, locked: fc.boolean() });

describe('whatever is tracked of a dependency', () => {
  it('it is Confirmed exactly when all of it is, a last look found nothing, and nothing failed or waits', () => {
    holds(
      fc.property(trackedThings, circumstances, (tracked, context) => {
        const { state } = assess(tracked, context);
        const isGone = !tracked.some(isOpen) && context.enumerated && context.failure === undefined && (context.after ?? []).length === 0;
        if ((state === 'Confirmed') !== isGone) throw new Error(state);
      }),
      400,
    );
  });

  it('a waiver never makes it Confirmed, and gives up nothing that is on its way', () => {
    const waiver = { name: 'w', approvedBy: 'boss', expiresAt: '2026-11-23T11:00:00Z' };
    holds(
      fc.property(trackedThings, circumstances, fc.boolean(), fc.nat({ max: 100_000 }), (tracked, context, complete, monotonic) => {
        const before = assess(tracked, context);
        const under = underWaiver(before, waiver, { tracked, settleTime: context.settleTime, monotonic, complete });
        if (under.state !== before.state && under.state !== 'Waived') throw new Error(under.state);
        const neverAsked = tracked.some(({ status, credential }) => status.state === 'Present' && credential.end.by === 'Revoke' && status.revokeRequestedAt === undefined && status.absentSince === undefined && status.returned === undefined);
        if (!complete && under.state === 'Waived' && neverAsked) throw new Error('it was never asked to end');
        expect(underWaiver(before, undefined, { tracked, settleTime: context.settleTime, monotonic, complete })).toEqual(before);
      }),
    );
  });

  it('issuing has not ended while one that lets in elsewhere is open', () => {
    holds(
      fc.property(trackedThings, fc.boolean(), fc.nat({ max: 10_000 }), (tracked, inventoried, tail) => {
        const ended = issuingEndedAt({ issues: ['Token'], tail, inventoried, tracked });
        const issuing = tracked.filter(({ credential }) => credential.class === 'Token' && credential.end.by !== 'Person');
        if (ended === undefined) return;
        if (!inventoried || issuing.some(isOpen)) throw new Error('it goes on');
        for (const { confirmedAt = Infinity } of issuing) if (ended < confirmedAt + tail) throw new Error('before the last was confirmed, and its tail');
      }),
    );
  });

  it('its counts add up', () => {
    const found = fc.array(fc.constantFrom('NotProvable' as const, 'InUse' as const), { maxLength: 3 });
    holds(
      fc.property(trackedThings, found, (tracked, types) => {
        const there: DependencyStatus = { name: 'd', state: 'Settling', findings: types.map((type) => ({ type, message: 'm' })) };
        const { total, confirmed, unknown, unrevocable, notProvable, waived } = summaryOf(tracked, [there]);
        const count = (matches: (entry: Tracked) => boolean): number => tracked.filter(matches).reduce((sum, { status }) => sum + (status.count ?? 1), 0);
        expect({ total, open: total - confirmed, notProvable, waived }).toEqual({ total: count(() => true), open: count(isOpen), notProvable: types.filter((type) => type === 'NotProvable').length, waived: undefined });
        if (confirmed + unknown + unrevocable > total) throw new Error('more than there are');
      }),
    );
  });

  it('what may be left has an end only where all that is left has one, and none is later', () => {
    holds(
      fc.property(fc.array(trackedThings, { maxLength: 3 }), fc.boolean(), (lists, known) => {
        const all = lists.map((tracked) => ({ tracked, known, settleTime: 15_000 }));
        const until = residualUntil(all);
        const open = lists.flat().filter(isOpen);
        if (lists.length > 0 && !known) return until === 'unknown';
        if (open.length === 0) return until === undefined;
        if (until === undefined) throw new Error('something is open, and nothing is left');
        const ends = lists.flatMap((tracked) => tracked.map(({ status, absentSince }) => residualOf(status, { settleTime: 15_000 }, absentSince !== undefined)));
        if (until === 'unknown') return ends.includes('unknown');
        return ends.every((end) => end !== 'unknown' && (end === undefined || end - Date.parse(until) < 1_000)) && latest(ends) !== 'unknown';
      }),
    );
  });
});

describe('whatever the dependencies of a run are', () => {
  it('Ready is True exactly when each is confirmed or given up, and says which', () => {
    holds(
      fc.property(dependencies, (all) => {
        const verdict = verdictOf(all);
        const isDone = all.every(({ assessment }) => assessment.state === 'Confirmed' || assessment.state === 'Waived');
        const isWaived = all.some(({ assessment }) => assessment.state === 'Waived');
        if ((readyOf(verdict).status === 'True') !== isDone) throw new Error(verdict.kind);
        if (isDone && (verdict.kind === 'Waived') !== isWaived) throw new Error(verdict.kind);
        if (verdict.kind === 'Confirmed' && (verdict.reason === 'ConfirmedWithUnprovable') !== all.some(({ unprovable }) => unprovable)) throw new Error(verdict.reason);
        if ((verdict.kind === 'Stalled') !== all.some(({ assessment }) => assessment.state === 'Blocked')) throw new Error('a person is needed, and not told');
      }),
      600,
    );
  });
});

const outcomes = fc.constantFrom(invalid('Why', 'because'), needsPerson('Why', 'because'), retryable('Why', 'because'));
const verdicts: fc.Arbitrary<Verdict> = fc.oneof(
  dependencies.map(verdictOf),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 4_000 }).chain((message) => fc.constantFrom(idle('Suspended', message), stalled('InUse', message), reconciling('Soaking', message))),
  outcomes.map(verdictOfError),
  fc.tuple(dependencies.map(verdictOf), outcomes).map(([end, error]) => unrecordedVerdict(end, error)),
);

describe('whatever a look concluded', () => {
  it('its conditions are as kstatus has them, and as the schema takes them', () => {
    holds(
      fc.property(verdicts, fc.boolean(), fc.nat({ max: 9 }), (verdict, reopened, generation) => {
        const facts = factsOf(reopened ? { ...verdict, reopened: true } : verdict);
        const conditions = conditionsOf(facts, [], generation, new Date(0));
        expect(kstatusViolations({ metadata: { generation }, status: { observedGeneration: generation, conditions } })).toEqual([]);
        for (const { message } of conditions) if (message.length > 32_768 || !message.isWellFormed()) throw new Error('the schema refuses it');
        if (verdict.unrecorded !== undefined && conditions.some(({ type, status }) => type === 'Ready' && status === 'True')) throw new Error('Ready, and there is no record');
        if (reopened && conditions.some(({ type, status }) => type === 'Ready' && status === 'True')) throw new Error('Ready, and open again');
      }),
      400,
    );
  });

  it('the time of a condition changes only with its status', () => {
    holds(
      fc.property(verdicts, verdicts, (one, other) => {
        const before = conditionsOf(factsOf(one), [], 1, new Date(0));
        const after = conditionsOf(factsOf(other), before, 2, new Date(60_000));
        for (const { type, status, lastTransitionTime } of after) {
          const earlier = before.find((each) => each.type === type);
          if ((earlier?.status === status) !== (lastTransitionTime === earlier?.lastTransitionTime)) throw new Error(`${type} at ${lastTransitionTime}`);
        }
        expect(conditionsOf(factsOf(one), before, 1, new Date(60_000))).toEqual(before);
      }),
    );
  });
});
