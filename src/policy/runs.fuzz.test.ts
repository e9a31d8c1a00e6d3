/** Which run acts, what the deletion of an identity waits for, what holds a run and which waivers count: whatever there is. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trackedThings } from '../../test/fuzz/credentials.ts';
import { holds } from '../../test/fuzz/property.ts';
import { reasons } from '../api/v1alpha1/conditions.ts';
import type { Finding } from '../api/v1alpha1/index.ts';
import { isGlassBroken } from './glass.ts';
import { whoHolds } from './holder.ts';
import type { Contender } from './holder.ts';
import { lifecycleState, onDeletion, runOf } from './lifecycle.ts';
import type { RunOfIdentity } from './lifecycle.ts';
import { obstacleOf } from './obstacle.ts';
import { unsupported } from './support.ts';
import { nextEnd, waiverVerdict, waiversInForce, waiversStand } from './waiver.ts';
import type { WaivedRun, WaiverFacts } from './waiver.ts';

const at = (minute: number): string => new Date(Date.parse('2026-11-23T10:00:00Z') + minute * 60_000).toISOString().replace('.000Z', 'Z');
const minutes = fc.integer({ min: 0, max: 5 });
const times = minutes.map(at);

// ---- which run acts ----------------------------------------------------------------------------------------------

const contender: fc.Arbitrary<Contender> = fc
  .record({ urgency: fc.constantFrom('Routine' as const, 'Emergency' as const), suspended: fc.boolean(), waits: fc.boolean(), createdAt: times, stage: fc.constantFrom('new', 'started', 'locked', 'revoking', 'ended', 'waived') })
  .map(({ stage, createdAt, ...rest }) => {
    const reached = ['new', 'started', 'locked', 'revoking', 'ended'].indexOf(stage === 'waived' ? 'ended' : stage);
    const status = Object.fromEntries(['startedAt', 'lockedAt', 'revokeStartedAt', 'completedAt'].slice(0, reached).map((field) => [field, createdAt]));
    return { ...rest, createdAt, uid: '', namespace: 'ci', name: '', waived: stage === 'waived', status };
  });
const contenders = fc.array(contender, { minLength: 1, maxLength: 5 }).map((all) => all.map((each, i) => ({ ...each, uid: `uid-${i}`, name: `run-${i}` })));

const acts = ({ status, waived }: Contender): boolean => status.startedAt !== undefined && (status.completedAt === undefined || waived);
const othersOf = (all: readonly Contender[], run: Contender): readonly Contender[] => all.filter((each) => each !== run);

describe('of whatever runs for one identity', () => {
  it('none acts beside another one that does, and each waits for one that does', () => {
    holds(
      fc.property(contenders, (all) => {
        for (const run of all.filter((each) => !acts(each))) {
          const hold = whoHolds(run, othersOf(all, run));
          if ((hold.kind === 'Hold') !== !all.some(acts)) throw new Error(`${run.name}: ${hold.kind}`);
          if (hold.kind === 'GiveWay' || (hold.kind === 'WaitFor' && !acts(hold.other))) throw new Error(`${run.name} waits for one that does nothing`);
        }
      }),
    );
  });

  it('one that has begun to revoke gives way only in an emergency, or where it does nothing; and only to one that goes on at once', () => {
    holds(
      fc.property(contenders, (all) => {
        for (const run of all.filter(acts)) {
          const hold = whoHolds(run, othersOf(all, run));
          if (hold.kind === 'WaitFor') throw new Error('it waits, and acts');
          if (hold.kind === 'Hold') continue;
          if (!hold.to.waits || hold.to.suspended || hold.to === run) throw new Error('nobody would go on');
          const isAtWork = !run.suspended && !run.waived && run.status.revokeStartedAt !== undefined;
          if (isAtWork && (hold.to.urgency !== 'Emergency' || run.urgency === 'Emergency')) throw new Error('its work is lost');
        }
      }),
      400,
    );
  });

  it('an Emergency that works is given up for none, and in whatever order they are listed it is the same', () => {
    holds(
      fc.property(contenders, (all) => {
        for (const run of all.filter(acts)) {
          const { kind } = whoHolds(run, othersOf(all, run));
          expect(whoHolds(run, othersOf(all, run).toReversed()).kind).toBe(kind);
          if (run.urgency === 'Emergency' && !run.suspended && !run.waived && kind !== 'Hold') throw new Error(`${run.name}: ${kind}`);
        }
      }),
      400,
    );
  });
});

// ---- what a deletion waits for -----------------------------------------------------------------------------------

const runOfIdentity: fc.Arbitrary<RunOfIdentity> = fc
  .record({ name: fc.constantFrom('a', 'b'), createdAt: times, workloadIdentityUid: fc.constantFrom('mine', 'mine', 'mine', 'another', undefined), completedAt: fc.option(times, { nil: undefined }), ready: fc.constantFrom('True' as const, 'True' as const, 'True' as const, 'False' as const, 'Unknown' as const, undefined), waivers: fc.constantFrom('None' as const, 'None' as const, 'None' as const, 'None' as const, 'Standing' as const, 'Lapsed' as const) })
  .map(({ completedAt, ready, ...rest }) => ({
    ...rest,
    namespace: 'ci',
    status: { startedAt: at(0), ...(completedAt && { completedAt }), ...(ready && { conditions: [{ type: 'Ready', status: ready, reason: 'X', message: '', lastTransitionTime: at(0) }] }) },
  }));
const runsOfIdentity = fc.array(runOfIdentity, { maxLength: 4 });
const isReady = ({ status }: RunOfIdentity): boolean => status.conditions?.[0]?.status === 'True';

describe('whatever runs an identity had', () => {
  it('its deletion is released exactly by one that is Ready, was created since then or waited for, and rests on no waiver that is over', () => {
    holds(
      fc.property(minutes, runsOfIdentity, fc.constantFrom('a', 'b', undefined), (deleted, runs, name) => {
        const waitedFor = name && { namespace: 'ci', name };
        const decision = onDeletion(at(deleted), runs, waitedFor);
        const proof = runs.some((run) => isReady(run) && run.waivers !== 'Lapsed' && run.status.completedAt !== undefined && (run.createdAt >= at(deleted) || run.name === name));
        if ((decision.kind === 'Release') !== proof) throw new Error(decision.kind);
        if (decision.kind === 'WaitFor' && decision.run.status.completedAt !== undefined && decision.run.waivers !== 'Lapsed') throw new Error('it waits for what has ended');
        // One more of which nothing is known releases nothing.
        const unknown: RunOfIdentity = { namespace: 'ci', name: 'x', createdAt: at(0), workloadIdentityUid: 'mine', waivers: 'None', status: {} };
        if (decision.kind !== 'Release' && onDeletion(at(deleted), [...runs, unknown], waitedFor).kind !== 'WaitFor') throw new Error('it does not wait for it');
      }),
      400,
    );
  });

  it('it is Retired only by the confirmed end of a run that was of it, while none is under way', () => {
    holds(
      fc.property(runsOfIdentity, fc.option(minutes, { nil: undefined }), (runs, expires) => {
        const run = runOf('mine', runs);
        const state = lifecycleState(run, expires === undefined ? undefined : Date.parse(at(expires)), Date.parse(at(3)));
        const isUnderWay = runs.some(({ status, waivers }) => status.completedAt === undefined || waivers !== 'None');
        if ((state === 'Offboarding') !== isUnderWay) throw new Error(state);
        const last = runs.filter((each) => each.workloadIdentityUid === 'mine' && isReady(each)).map(({ status }) => status.completedAt ?? '').toSorted().at(-1);
        if (state === 'Retired' && (isUnderWay || last === undefined || run?.status.completedAt !== last)) throw new Error('Retired by another end than its last');
        if (!isUnderWay && last !== undefined && state !== 'Retired') throw new Error(state);
      }),
      400,
    );
  });
});

// ---- what holds a run --------------------------------------------------------------------------------------------

const findings: fc.Arbitrary<readonly Finding[]> = fc.array(fc.record({ type: fc.constantFrom('NotProvable' as const, 'InUse' as const), message: fc.string({ unit: 'binary', maxLength: 20 }) }), { maxLength: 8 });
const missing = fc.array(fc.record({ permission: fc.constant('get secrets'), message: fc.string({ unit: 'binary', maxLength: 20 }) }), { maxLength: 3 });
const urgencies = fc.constantFrom(undefined, 'Routine' as const, 'Emergency' as const);

describe('whatever was found before a run begins', () => {
  it('it is held by workloads that run, by what a person must end, and by rights that are missing: none of them less for what else is found', () => {
    holds(
      fc.property(trackedThings, findings, missing, urgencies, fc.boolean(), (tracked, all, lacking, urgency, waived) => {
        const obstacle = obstacleOf({ tracked, findings: all, missing: lacking }, urgency, waived);
        const isRoutine = urgency !== 'Emergency';
        const isInUse = all.some(({ type }) => type === 'InUse');
        const isOfPerson = tracked.some(({ credential: { end } }) => end.by === 'Person' && end.reason !== reasons.identityRecreated);
        const isHeld = (!waived && lacking.length > 0) || (isRoutine && (isInUse || (!waived && isOfPerson)));
        if ((obstacle !== undefined) !== isHeld) throw new Error(obstacle?.reason ?? 'it is not held');
        if (obstacle !== undefined && obstacle.state !== 'Blocked') throw new Error(obstacle.state);
        if (obstacle !== undefined && obstacleOf({ tracked, findings: [...all, { type: 'InUse', message: 'x' }], missing: lacking }, urgency, waived) === undefined) throw new Error('one more lets it go');
      }),
      400,
    );
  });

  it('a waiver never holds what would go on without it, and an Emergency neither', () => {
    holds(
      fc.property(trackedThings, findings, missing, (tracked, all, lacking) => {
        const found = { tracked, findings: all, missing: lacking };
        if (obstacleOf(found, 'Routine', false) === undefined && (obstacleOf(found, 'Routine', true) ?? obstacleOf(found, 'Emergency', false)) !== undefined) throw new Error('it is held');
        expect(obstacleOf(found, undefined, false)).toEqual(obstacleOf(found, 'Routine', false));
      }),
    );
  });

  it('what nobody here knows is always told, in few words', () => {
    const entry = fc.oneof(fc.constant({}), fc.record({ name: fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.integer(), fc.constant(null)) }));
    holds(
      fc.property(fc.array(entry, { maxLength: 20 }), (all) => {
        const message = unsupported(all, 'spec.dependencies');
        if ((message === undefined) !== (all.length === 0) || (message ?? '').length > 700) throw new Error(message ?? 'it is not told');
      }),
    );
  });
});

describe('any object with or without our finalizer', () => {
  it('was let go by somebody only where it had it, is not being deleted, and has it no more', () => {
    const object = fc.record({ finalizers: fc.option(fc.subarray(['ours', 'theirs', 'ours/x']), { nil: undefined }), deleted: fc.boolean(), said: fc.option(fc.constantFrom('True' as const, 'False' as const), { nil: undefined }) });
    holds(
      fc.property(object, fc.boolean(), ({ finalizers, deleted, said }, stood) => {
        const status = said === undefined ? {} : { conditions: [{ type: 'GlassBroken', status: said, reason: 'X', message: '', lastTransitionTime: at(0) }] };
        const broken = isGlassBroken({ metadata: { ...(finalizers && { finalizers }), ...(deleted && { deletionTimestamp: at(0) }) }, status }, 'ours', stood);
        return broken === (!deleted && finalizers?.includes('ours') !== true && (stood || said !== undefined));
      }),
    );
  });
});

// ---- which waivers count -----------------------------------------------------------------------------------------

const people = fc.constantFrom(undefined, '', 'alice', 'boss');
const byPerson = people.map((username) => (username === undefined ? {} : { username }));
const waiver: fc.Arbitrary<WaiverFacts> = fc
  .record({ uid: fc.constantFrom('run-1', 'run-1', 'run-1', 'run-2'), dependency: fc.constantFrom('vault', 'google', 'none'), expiresAt: fc.oneof({ weight: 6, arbitrary: times }, fc.constantFrom('', 'some day', '2026-11-23', '2026-11-23T13:04:00+03:00')), approvedBy: fc.option(byPerson, { nil: undefined }), deleted: fc.constantFrom(false, false, true), name: fc.constantFrom('a', 'b', 'c') })
  .map(({ uid, deleted, name, approvedBy, ...spec }) => ({
    metadata: { name, uid: `uid-${name}`, ...(deleted && { deletionTimestamp: at(0) }) },
    spec: { offboardingRef: { name: 'retire', uid }, reason: 'x', ...(approvedBy && { approvedBy }), ...spec },
  }));
const waivers = fc.array(waiver, { maxLength: 6 });
const waivedRun: fc.Arbitrary<WaivedRun> = fc
  .record({ mode: fc.constantFrom('Enforce' as const, 'Enforce' as const, 'Plan' as const), requestedBy: fc.option(byPerson, { nil: undefined }) })
  .map(({ requestedBy, mode }) => ({ metadata: { name: 'retire', uid: 'run-1' }, spec: { mode, ...(requestedBy && { requestedBy }) } }));

const dependencies = ['vault', 'google'];
const now = new Date(at(2));

describe('of whatever waivers there are', () => {
  const counts = ({ metadata, spec }: WaiverFacts, run: WaivedRun): boolean => {
    const [approver = '', requester = ''] = [spec.approvedBy?.username, run.spec.requestedBy?.username];
    const isSomebodyElse = approver !== '' && requester !== '' && approver !== requester;
    return run.spec.mode === 'Enforce' && spec.offboardingRef.uid === 'run-1' && dependencies.includes(spec.dependency) && isSomebodyElse && metadata.deletionTimestamp === undefined && Date.parse(spec.expiresAt) > now.getTime();
  };

  it('those count that are of this run, of one of its dependencies, by somebody else, and not over; of several the last to end', () => {
    holds(
      fc.property(waivers, waivedRun, (all, run) => {
        const inForce = waiversInForce(all, run, { dependencies, now });
        for (const dependency of [...dependencies, 'none']) {
          const those = all.filter((each) => each.spec.dependency === dependency && counts(each, run));
          const found = inForce.get(dependency);
          if ((found === undefined) !== (those.length === 0)) throw new Error(`${dependency}: ${found?.name ?? 'none'}`);
          if (found !== undefined && Date.parse(found.expiresAt) !== Math.max(...those.map(({ spec }) => Date.parse(spec.expiresAt)))) throw new Error('another lasts longer');
          if (found !== undefined && !those.some(({ metadata, spec }) => metadata.name === found.name && spec.approvedBy?.username === found.approvedBy)) throw new Error('it is none of them');
        }
        const end = nextEnd(inForce);
        if (end !== undefined && end <= now.getTime()) throw new Error('it has ended');
        expect(waiversInForce(all.toReversed(), run, { dependencies, now })).toSatisfy((other: typeof inForce) => [...other].every(([name, { expiresAt }]) => Date.parse(expiresAt) === Date.parse(inForce.get(name)?.expiresAt ?? '')));
      }),
      600,
    );
  });

  it('each says of itself that it is in force exactly where it counts', () => {
    holds(fc.property(waiver, waivedRun, (each, run) => (waiverVerdict(each, run, { dependencies, now }).kind === 'Confirmed') === counts(each, run)), 600);
  });

  it('a complete run stands only while each dependency that it gave up has one', () => {
    const states = fc.array(fc.record({ name: fc.constantFrom('vault', 'google'), state: fc.constantFrom('Waived' as const, 'Confirmed' as const) }), { maxLength: 2 });
    holds(
      fc.property(waivers, waivedRun, states, (all, run, given) => {
        const status = { completedAt: at(1), dependencies: given, conditions: [{ type: 'Ready', status: 'True' as const, reason: reasons.completedWithWaivers, message: '', lastTransitionTime: at(1) }] };
        const stands = waiversStand(status, waiversInForce(all, run, { dependencies, now }));
        return stands === given.every(({ name, state }) => state !== 'Waived' || all.some((each) => each.spec.dependency === name && counts(each, run)));
      }),
      400,
    );
  });
});
