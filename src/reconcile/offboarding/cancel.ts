/** Gives a run up and takes the lock back: accepted until the first revoke, never while the identity is being deleted. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { OffboardingSpec } from '../../api/v1alpha1/index.ts';
import { isNotFound, toOutcome } from '../../kube/errors.ts';
import { namespaces, offboardingRecords } from '../../kube/resources.ts';
import { revokingHasBegun } from '../../policy/summary.ts';
import { standingTombstone } from '../../policy/tombstone.ts';
import { idle, verdictOfError } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { OutcomeError } from '../../runtime/outcome.ts';
import type { OffboardingRecordObject } from '../objects.ts';
import { dropControls } from './controls.ts';
import { next, stop, timestamp, withDraft } from './run.ts';
import type { Context, Progress, Run } from './run.ts';

export const cancel = async (run: Run, context: Context, signal: AbortSignal): Promise<Progress<Run>> => {
  const { offboarding, draft } = run;
  if (offboarding.spec.cancel === undefined) return next(run);
  const refusal = await whyNot(run, context, signal);
  if (refusal !== undefined) {
    return next({ ...run, cannotCancel: refusal });
  }
  const given: Run = { ...run, cancels: true };
  const tombstone = draft.startedAt === undefined ? undefined : await standing(run, context, signal);
  if (draft.startedAt !== undefined) {
    const left = (await dropControls(run, context, signal)) ?? (tombstone === undefined ? await unlock(run, signal) : undefined);
    if (left !== undefined) return stop(given, left);
  }
  const locked = tombstone === undefined ? '' : `; everything stays locked, since the identity was retired before (OffboardingRecord "${tombstone}")`;
  return stop(
    withDraft(given, { completedAt: timestamp(context.clock) }),
    idle(reasons.cancelled, `cancelled${by(offboarding.spec.cancel)} before anything was revoked: ${offboarding.spec.cancel.reason}${locked}`),
  );
};

/**
 * The record of an end that this identity has come to by another run. What it says is gone must not work again because a later run of the
 * same name is given up. Asked of the API server: a watch that is late would have it unlocked.
 */
const standing = async ({ draft: { target } }: Run, { cluster }: Context, signal: AbortSignal): Promise<string | undefined> => {
  if (target === undefined) return undefined;
  const { namespace, name } = target.serviceAccount;
  const fieldSelector = `spec.identity.namespace=${namespace},spec.identity.name=${name}`;
  const { items } = await cluster.client.list<OffboardingRecordObject>(offboardingRecords, { fieldSelector }, { signal });
  return standingTombstone(items)?.metadata.name;
};

/** Each that may have been locked, whatever becomes of the others; the first that could not be unlocked is told. */
const unlock = async ({ draft: { target }, revokers }: Run, signal: AbortSignal): Promise<Verdict | undefined> => {
  if (target === undefined) return undefined;
  const answers = await Promise.all(
    revokers.map(async ({ name, lock }): Promise<Verdict | undefined> => {
      try {
        if (lock.kind !== 'NotLockable') await lock.unlock(target, signal);
        return undefined;
      } catch (error) {
        if (signal.aborted) throw error;
        const { kind, reason, message, ...rest } = toOutcome(error);
        return verdictOfError(new OutcomeError(kind, reason, `${name}: cannot be unlocked: ${message}`, { cause: rest.cause }));
      }
    }),
  );
  return answers.find((answer) => answer !== undefined);
};

const by = ({ requestedBy }: NonNullable<OffboardingSpec['cancel']>): string =>
  requestedBy?.username === undefined ? '' : ` by ${requestedBy.username}`;

const whyNot = async ({ offboarding, draft }: Run, context: Context, signal: AbortSignal): Promise<string | undefined> => {
  if (draft.revokeStartedAt !== undefined) return revokingHasBegun;
  const { workloadIdentityRef: ref } = offboarding.spec;
  const namespace = draft.target?.serviceAccount.namespace ?? ref?.namespace ?? offboarding.metadata.namespace ?? '';
  if (ref !== undefined) {
    const identity = context.cluster.workloadIdentity(namespace, ref.name);
    if (identity?.metadata.deletionTimestamp !== undefined) return 'the WorkloadIdentity is being deleted';
  }
  try {
    const found = await context.cluster.client.get(namespaces, { name: namespace }, { signal });
    return found.metadata.deletionTimestamp === undefined ? undefined : `namespace "${namespace}" is being deleted`;
  } catch (error) {
    if (isNotFound(error, namespaces, namespace)) return undefined;
    throw error;
  }
};
