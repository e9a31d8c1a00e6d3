/** What a record says of a run: from its object, and from what this process knows of it. */
import { conditionOf, conditionTypes } from '../../api/v1alpha1/conditions.ts';
import type { CredentialStatus, Finding, Outcome } from '../../api/v1alpha1/index.ts';
import { canonicalJson } from '../../evidence/canonical.ts';
import type { Predicate, RecordedCredential, RecordedDependency, RecordedWaiver } from '../../evidence/predicate.ts';
import { outlasting } from '../../policy/residual.ts';
import { told } from '../../policy/told.ts';
import { withStoredIntents } from '../../policy/tracking.ts';
import type { Revoker } from '../../revokers/revoker.ts';
import { keyOf } from '../objects.ts';
import { assessment } from './assessment.ts';
import { isBroken } from './glass.ts';
import { remember, storedDependency } from './run.ts';
import type { Context, Run } from './run.ts';

export interface Ending {
  readonly outcome: Outcome;
  readonly completedAt: string;
  readonly versions: Predicate['versions'];
}

/** Reads everything now: what is given back makes the same of it for whatever place. Every credential is in it one by one. */
export const evidenceOf = (run: Run, ending: Ending, context: Context): ((place: Predicate['record']) => Predicate) => {
  const { outcome, completedAt, versions } = ending;
  const { target } = run.draft;
  if (target === undefined) throw new Error('a run that has ended has a target');
  const { serviceAccount, workloadIdentity, certificates, dependencies: declared, probe = false } = target;
  const evidence = {
    outcome,
    identity: {
      serviceAccount,
      probe,
      ...(workloadIdentity === undefined ? {} : { workloadIdentity }),
      ...(certificates === undefined ? {} : { certificates }),
      ...(declared === undefined ? {} : { dependencies: declared.map((each) => ({ name: each.name, declared: canonicalJson(each) })) }),
    },
    run: runOf(run, completedAt),
    people: peopleOf(run, outcome, context),
    dependencies: run.revokers.map((revoker) => dependencyOf(run, revoker, context)),
    versions,
  };
  return (place) => ({ record: place, ...evidence });
};

const runOf = ({ offboarding, draft }: Run, completedAt: string): Predicate['run'] => {
  const { metadata, spec } = offboarding;
  const { startedAt = completedAt, lockedAt, lockLostAt, revokeStartedAt, revokedAt } = draft;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    reason: spec.reason,
    urgency: spec.urgency ?? 'Routine',
    ...(spec.soak === undefined ? {} : { soak: spec.soak }),
    createdAt: metadata.creationTimestamp,
    startedAt,
    ...(lockedAt === undefined ? {} : { lockedAt }),
    ...(lockLostAt === undefined ? {} : { lockLostAt }),
    ...(revokeStartedAt === undefined ? {} : { revokeStartedAt }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
    completedAt,
  };
};

const peopleOf = (run: Run, outcome: Outcome, context: Context): Predicate['people'] => {
  const { spec } = run.offboarding;
  const { cancel } = spec;
  return {
    ...(spec.requestedBy?.username === undefined ? {} : { requestedBy: requesterOf(spec.requestedBy.username, context) }),
    ...(spec.enforcedBy?.username === undefined ? {} : { enforcedBy: { username: spec.enforcedBy.username } }),
    ...(cancel === undefined
      ? {}
      : {
          cancel: {
            ...(cancel.requestedBy?.username === undefined ? {} : { requestedBy: { username: cancel.requestedBy.username } }),
            reason: told(cancel.reason),
            accepted: outcome === 'Cancelled',
          },
        }),
    waivers: waiversOf(run, context),
    glassBroken: outcome === 'Abandoned' || isBroken(run.offboarding) || isIdentityBroken(run, context),
  };
};

/** Whether the WorkloadIdentity, which is held as well, was let go of while it is there to say so. */
const isIdentityBroken = ({ draft }: Run, { cluster }: Context): boolean => {
  const { namespace, name, uid } = draft.target?.workloadIdentity ?? {};
  const identity = namespace === undefined || name === undefined ? undefined : cluster.workloadIdentity(namespace, name);
  return identity?.metadata.uid === uid && conditionOf(identity?.status, conditionTypes.glassBroken) !== undefined;
};

/** Whoever deletes an identity asks for its end by that, and Offboard makes the run in its own name. */
const requesterOf = (username: string, { operator: { namespace, serviceAccount } }: Context): NonNullable<Predicate['people']['requestedBy']> => ({
  username,
  ...(username === `system:serviceaccount:${namespace}:${serviceAccount}` ? { isOffboard: true } : {}),
});

const waiversOf = ({ offboarding, waivers }: Run, { cluster }: Context): readonly RecordedWaiver[] => {
  const objects = cluster.waiversFor(keyOf(offboarding));
  return [...waivers].map(([dependency, { name, approvedBy, expiresAt }]) => {
    const reason = objects.find(({ metadata }) => metadata.name === name)?.spec.reason;
    return { name, dependency, approvedBy, expiresAt, ...(reason === undefined ? {} : { reason: told(reason) }) };
  });
};

/** What this process has looked at, or, where it has not, what the status says. */
const dependencyOf = (run: Run, revoker: Revoker, context: Context): RecordedDependency => {
  const memory = remember(run, revoker, {});
  const stored = storedDependency(run, revoker);
  const isKnown = memory.inventoried || memory.failure !== undefined;
  const { state, message } = isKnown ? assessment(run, revoker, context) : { state: stored?.state, message: stored?.message };
  const statuses = memory.inventoried ? memory.tracked.map(({ status }) => status) : (stored?.credentials ?? []);
  const findings = memory.inventoried ? memory.findings : (stored?.findings ?? []);
  const isWaived = state === 'Waived';
  return {
    name: revoker.name,
    kind: revoker.kind,
    state: state === 'Confirmed' || state === 'Waived' ? state : 'Open',
    ...(state === 'Confirmed' || message === undefined ? {} : { message: told(message) }),
    settleMilliseconds: memory.settledBy ?? revoker.settleTime,
    ...(memory.enumeratedAt === undefined || memory.enumeratedOn === undefined ? {} : { enumeratedAt: memory.enumeratedOn }),
    ...lockOf(run, revoker),
    credentials: withStoredIntents(statuses, stored?.credentials ?? []).map((status) => credentialOf(status, isWaived)),
    outlasting: outlasting(statuses, revoker),
    findings: atMost(findings, run.revokers.length),
  };
};

/** After a restart the status says that all were locked; it does not say so of one that was given up. */
const lockOf = (run: Run, revoker: Revoker): Pick<RecordedDependency, 'lock' | 'lockMessage'> => {
  const { draft, waivers, cancels } = run;
  const { lock, name } = revoker;
  if (lock.kind === 'NotLockable') return { lock: 'NotLockable', ...lockMessage(lock.explanation) };
  if (cancels === true) return { lock: 'NotLocked' };
  const { locked, lockLost, lockSaid } = remember(run, revoker, {});
  if (lockLost !== undefined) return { lock: lockLost.state === 'Unknown' ? 'Unknown' : 'NotLocked', ...lockMessage(lockLost.message) };
  return { lock: locked || (draft.lockedAt !== undefined && !waivers.has(name)) ? 'Locked' : 'NotLocked', ...lockMessage(lockSaid) };
};

const lockMessage = (message: string | undefined): Pick<RecordedDependency, 'lockMessage'> => (message === undefined ? {} : { lockMessage: told(message) });

const credentialOf = ({ reason: _, absentFor, strength, ...status }: CredentialStatus, isWaived: boolean): RecordedCredential => ({
  ...status,
  ...(absentFor === undefined ? {} : { absentMilliseconds: absentFor }),
  ...strengthOf(status, strength, isWaived),
});

const strengthOf = ({ state, expiresAt }: Pick<CredentialStatus, 'state' | 'expiresAt'>, strength: CredentialStatus['strength'], isWaived: boolean): Pick<RecordedCredential, 'strength'> => {
  if (state !== 'Confirmed') return isWaived ? { strength: 'Waived' } : {};
  // One that was confirmed before strengths were kept.
  return { strength: strength ?? (expiresAt === undefined ? 'Observed' : 'WaitedOut') };
};

/**
 * They cannot be in a chunk: of more than so many, or of more bytes in all dependencies, the rest is counted, lest a record be too long to be
 * stored at all. What access nobody can observe comes first.
 */
const maxFindings = 200;
const maxBytes = 128 * 1024;

const atMost = (findings: readonly Finding[], dependencies: number): RecordedDependency['findings'] => {
  const isGrave = ({ type }: Finding): boolean => type === 'NotProvable' || type === 'NotProbed';
  const sorted = [...findings.filter(isGrave), ...findings.filter((finding) => !isGrave(finding))];
  let room = maxBytes / dependencies;
  const isTooMany = (finding: Finding, index: number): boolean => {
    room -= Buffer.byteLength(JSON.stringify(finding));
    return index >= maxFindings || room < 0;
  };
  const end = sorted.findIndex(isTooMany);
  const first = sorted[end];
  if (first === undefined) return findings;
  const rest = sorted.length - end;
  return [...sorted.slice(0, end), { type: first.type, object: `${rest} more`, message: `${rest} more findings are not listed here` }];
};
