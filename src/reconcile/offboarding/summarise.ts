/** The whole status of an Offboarding, made from what the steps wrote, what is tracked, and the verdict. */
import { conditionOf, conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import type { DependencyState, DependencyStatus, OffboardingStatus } from '../../api/v1alpha1/index.ts';
import { conditionsOf, factsOf } from '../../policy/conditions.ts';
import { type Foreseen, forecastOf, forecastOfAll, foreseen } from '../../policy/forecast.ts';
import { type Lockability, type TrackedThere, cancelFact, phaseOf, progressFacts, residualUntil, summaryOf } from '../../policy/summary.ts';
import { powerOfTwo, told } from '../../policy/told.ts';
import { listed, maxListedCredentials, withStoredIntents } from '../../policy/tracking.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { Revoker } from '../../revokers/revoker.ts';
import { assessment } from './assessment.ts';
import { glassFact } from './glass.ts';
import { remember, storedDependency } from './run.ts';
import type { Context, DependencyMemory, Run } from './run.ts';

const maxFindings = 64;
/** The states that have a reason to tell. */
const reasoned: readonly DependencyState[] = ['Blocked', 'Waiting', 'Unknown', 'Waived'];

export const summarise = (run: Run, verdict: Verdict, context: Context): OffboardingStatus => {
  const { offboarding, draft } = run;
  const { revokers } = run;
  const { clock } = context;
  const previous = offboarding.status;
  const now = clock.now();
  const dependencies = revokers.map((revoker) => dependencyStatus(run, revoker, context)).filter((status) => status !== undefined);
  const tracked = revokers.flatMap((revoker) => remember(run, revoker, {}).tracked);
  const counted = tracked.length > 0;
  const known = counted || previous?.summary !== undefined || dependencies.some(({ state }) => state === 'Waived');
  const summary = known ? summaryOf(tracked, dependencies, previous?.summary) : undefined;
  const waitingOn = verdict.kind === 'Confirmed' ? undefined : dependencies.find(({ state }) => state !== 'Confirmed' && state !== 'Waived')?.name;
  const residual =
    verdict.kind === 'Confirmed' || draft.startedAt === undefined
      ? undefined
      : counted
        ? residualUntil(revokers.map((revoker) => leftIn(run, revoker)))
        : previous?.residualUntil;
  const forecast = isPlan(run) && revokers.every((revoker) => isWhole(remember(run, revoker, {}))) ? forecastOfAll(revokers.map((each) => foreseenOf(run, each))) : undefined;
  const generation = offboarding.metadata.generation ?? 0;
  const status: OffboardingStatus = {
    ...draft,
    observedGeneration: generation,
    ...(summary === undefined ? {} : { summary, progress: `${summary.confirmed}/${summary.total}` }),
    ...(waitingOn === undefined ? {} : { waitingOn }),
    ...(residual === undefined ? {} : { residualUntil: residual }),
    ...(forecast === undefined ? {} : { forecast }),
    ...(dependencies.length === 0 ? {} : { dependencies }),
  };
  const facts = [
    ...factsOf(verdict),
    ...progressFacts(offboarding.spec, status, verdict, lockability(run, verdict)),
    ...[cancelFact(offboarding.spec, status, verdict, run.cannotCancel), glassFact(run)].filter((fact) => fact !== undefined),
  ];
  return {
    ...status,
    phase: phaseOf(status, verdict),
    conditions: conditionsOf(facts, previous?.conditions ?? [], generation, now),
  };
};

const leftIn = (run: Run, revoker: Revoker): TrackedThere => {
  const { tracked, inventoried } = remember(run, revoker, {});
  return { ...revoker, tracked, known: inventoried };
};

/** The status has room for so many credentials in all; where they are more, each dependency has its share. */
const listLimit = (run: Run): number => {
  const counts = run.revokers.map((revoker) => remember(run, revoker, {}).tracked.length);
  return counts.reduce((sum, count) => sum + count, 0) <= maxListedCredentials ? maxListedCredentials : Math.floor(maxListedCredentials / counts.length);
};

/** What this process knows of it, or, where it has not looked yet, what the status says. */
const dependencyStatus = (run: Run, revoker: Revoker, context: Context): DependencyStatus | undefined => {
  const memory = remember(run, revoker, {});
  const stored = storedDependency(run, revoker);
  if (!memory.inventoried && memory.failure === undefined) return stored;
  const { state, reason, message } = assessment(run, revoker, context);
  const waiver = state === 'Waived' ? run.waivers.get(revoker.name) : undefined;
  const { failure } = memory;
  if (failure === undefined) remember(run, revoker, { attempts: 0 });
  const tracked = isPlan(run) ? memory.tracked.map(foreseen) : memory.tracked;
  const credentials = memory.inventoried
    ? withStoredIntents(listed(tracked, listLimit(run)), stored?.credentials ?? [])
    : stored?.credentials;
  const findings = memory.inventoried ? [...memory.findings, ...(memory.discovered?.findings ?? [])].slice(0, maxFindings) : stored?.findings;
  const since = stored?.lastError?.code === failure?.reason ? stored?.lastError?.since : undefined;
  return {
    name: revoker.name,
    state,
    ...(reasoned.includes(state) ? { reason } : {}),
    message: told(message),
    ...(waiver === undefined ? {} : { waiver: { name: waiver.name, approvedBy: waiver.approvedBy, expiresAt: waiver.expiresAt } }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(findings === undefined || findings.length === 0 ? {} : { findings }),
    ...outlook(run, revoker),
    ...(failure === undefined
      ? {}
      : {
          attempts: powerOfTwo(memory.attempts),
          lastError: { code: failure.reason, message: told(failure.message, 1_024), since: since ?? context.clock.now().toISOString() },
        }),
  };
};

const isPlan = ({ offboarding, draft }: Run): boolean => offboarding.spec.mode === 'Plan' && draft.startedAt === undefined;

/** All of it could be asked. */
const isWhole = ({ inventoried, failure }: DependencyMemory): boolean => inventoried && failure === undefined;

const foreseenOf = (run: Run, revoker: Revoker): Foreseen => ({ ...revoker, tracked: remember(run, revoker, {}).tracked });

/** What people who decide are told before anything is touched. */
const outlook = (run: Run, revoker: Revoker): Pick<DependencyStatus, 'missingPermissions' | 'forecast' | 'undeclared'> => {
  const memory = remember(run, revoker, {});
  if (run.draft.startedAt !== undefined || !isWhole(memory)) return {};
  const missing = memory.missing.slice(0, maxFindings).map(({ permission, line = permission }) => told(line, 1_024));
  const undeclared = (memory.discovered?.undeclared ?? []).slice(0, maxFindings);
  return {
    ...(missing.length === 0 ? {} : { missingPermissions: missing }),
    ...(isPlan(run) ? { forecast: forecastOf(foreseenOf(run, revoker), run.revokers.map((each) => foreseenOf(run, each))) } : {}),
    ...(isPlan(run) && undeclared.length > 0 ? { undeclared } : {}),
  };
};

const lockability = (run: Run, { reason }: Verdict): Lockability => {
  const { revokers } = run;
  const [lost] = revokers.flatMap((revoker) => {
    const { lockLost } = remember(run, revoker, {});
    return lockLost === undefined ? [] : [{ known: lockLost.state === 'Absent', message: `${revoker.name}: ${lockLost.message ?? 'the lock was not seen to hold'}` }];
  });
  const explanations = revokers.flatMap((revoker) => {
    const { name, lock } = revoker;
    const said = lock.kind === 'NotLockable' ? lock.explanation : remember(run, revoker, {}).lockSaid;
    return said === undefined ? [] : [`${name}: ${said}`];
  });
  const lockable = revokers.some(({ lock }) => lock.kind === 'Lockable');
  const takenBack = run.cancels === true || reason === reasons.cancelled;
  const explanation = explanations.length === 0 ? saidBefore(run) : explanations.join('; ');
  return { lockable, explanation, takenBack, ...(lost === undefined ? {} : { lost }) };
};

/** What the status says of a lock that holds, where this process has not looked at it, or does not any more. */
const saidBefore = ({ offboarding: { status } }: Run): string => {
  const locked = conditionOf(status, conditionTypes.locked);
  return locked?.reason === reasons.lockHeld ? locked.message.split('; ').slice(1).join('; ') : '';
};
