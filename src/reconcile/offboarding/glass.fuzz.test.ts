import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anOffboarding } from '../../../test/builders/offboarding.ts';
import { holds } from '../../../test/fuzz/property.ts';
import { conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import { offboardingFinalizer } from '../../api/v1alpha1/index.ts';
import type { Condition, OffboardingStatus } from '../../api/v1alpha1/index.ts';
import type { OffboardingObject } from '../objects.ts';
import { isBroken, mayGo } from './glass.ts';

const time = '2026-11-23T10:00:00Z';
const allReasons: readonly string[] = Object.values(reasons);
const anyReason = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...allReasons) }, fc.string({ maxLength: 20 }), fc.constantFrom('', '__proto__', 'ProtectedIdentity'));
const maybe = <T>(value: T): fc.Arbitrary<T | undefined> => fc.constantFrom(value, undefined);

const statuses: fc.Arbitrary<OffboardingStatus> = fc
  .record({ startedAt: maybe(time), lockedAt: maybe(time), revokeStartedAt: maybe(time), completedAt: maybe(time), observedGeneration: fc.constantFrom(1, 2, undefined), reason: anyReason, glass: fc.boolean(), ready: fc.boolean() })
  .map(({ reason, glass, ready, ...all }) => {
    const condition = (type: Condition['type'], status: Condition['status'], why: string): Condition => ({ type, status, reason: why, message: '', lastTransitionTime: time, observedGeneration: 1 });
    const conditions = [...(ready ? [condition(conditionTypes.ready, 'False', reason)] : []), ...(glass ? [condition(conditionTypes.glassBroken, 'True', reasons.finalizerRemoved)] : [])];
    const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as OffboardingStatus;
    return { ...given, conditions };
  });

const runs = fc
  .record({ mode: fc.constantFrom('Plan' as const, 'Enforce' as const, 'Enforce' as const), status: fc.option(statuses, { nil: undefined }), finalizers: fc.subarray([offboardingFinalizer, 'example.com/other', `${offboardingFinalizer}-2`]), deleted: fc.boolean(), generation: fc.constantFrom(1, 2) })
  .map(({ mode, status, finalizers, deleted, generation }) =>
    anOffboarding({ metadata: { finalizers, generation, ...(deleted && { deletionTimestamp: time }) }, spec: { mode }, ...(status && { status }) }),
  );

const with_ = (run: OffboardingObject, change: { readonly finalizers?: readonly string[]; readonly status?: OffboardingStatus }): OffboardingObject => ({
  ...run,
  metadata: { ...run.metadata, finalizers: change.finalizers ?? run.metadata.finalizers ?? [] },
  ...(change.status && { status: change.status }),
});

describe('the hold on a run', () => {
  it('stands from its start until its end, whatever it says of itself meanwhile', () => {
    holds(fc.property(statuses, anyReason, (status, reason) => !(status.startedAt !== undefined && status.completedAt === undefined && mayGo(status, reason))), 400);
  });

  it('stands before its start as well, but for what can never begin', () => {
    holds(
      fc.property(statuses, anyReason, ({ completedAt: _, ...status }, reason) => {
        const cannotBegin = ['InvalidSpec', 'IdentityNotFound', 'IdentityUnknown'];
        return status.startedAt !== undefined || mayGo(status, reason) === cannotBegin.includes(reason);
      }),
      400,
    );
  });

  it('is let go once it has ended, so that nobody holds up what is done', () => {
    holds(fc.property(statuses, anyReason, (status, reason) => mayGo({ ...status, completedAt: time }, reason)));
  });
});

describe('a broken glass', () => {
  it('is never where the finalizer is, in a Plan, of what is being deleted, or where nothing was written yet', () => {
    holds(
      fc.property(runs, (run) => {
        if (!isBroken(run)) return;
        if (run.metadata.finalizers?.includes(offboardingFinalizer) === true) throw new Error('the finalizer is there');
        if (run.spec.mode === 'Plan') throw new Error('of a Plan');
        if (run.metadata.deletionTimestamp !== undefined) throw new Error('it is being deleted');
        if (run.status === undefined) throw new Error('nothing was written');
      }),
      600,
    );
  });

  it('is wherever a run that has begun and has not ended lacks it, whatever its conditions say', () => {
    holds(
      fc.property(runs, statuses, (run, { completedAt: _, ...status }) => {
        const taken = with_(run, { finalizers: (run.metadata.finalizers ?? []).filter((each) => each !== offboardingFinalizer), status: { ...status, startedAt: time } });
        return isBroken(taken) === (run.spec.mode === 'Enforce' && run.metadata.deletionTimestamp === undefined);
      }),
      400,
    );
  });

  it('is told until the finalizer is put back, and not before it was seen to be off', () => {
    holds(
      fc.property(runs, (run) => {
        if (isBroken(with_(run, { finalizers: [...(run.metadata.finalizers ?? []), offboardingFinalizer] }))) throw new Error('it was put back');
        const wasTold = run.status?.conditions?.some(({ type }) => type === conditionTypes.glassBroken) ?? false;
        const off = run.metadata.finalizers?.includes(offboardingFinalizer) !== true && run.metadata.deletionTimestamp === undefined && run.spec.mode === 'Enforce';
        if (wasTold && off && !isBroken(run)) throw new Error('it is told no more');
        // A status of another spec, and one of a run that may go, tells nothing of it.
        const { startedAt, completedAt, observedGeneration } = run.status ?? {};
        const speaks = completedAt === undefined && (startedAt !== undefined || observedGeneration === run.metadata.generation);
        if (!wasTold && !speaks && isBroken(run)) throw new Error('nobody saw it on');
      }),
      600,
    );
  });
});
