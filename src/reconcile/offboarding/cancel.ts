/** Gives a run up and takes the lock back: accepted until the first revoke, never while the identity is being deleted. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { isNotFound } from '../../kube/errors.ts';
import { namespaces } from '../../kube/resources.ts';
import { idle } from '../../policy/verdict.ts';
import { next, stop, timestamp, withDraft } from './run.ts';
import type { Context, Progress, Run } from './run.ts';

export const cancel = async (run: Run, context: Context, signal: AbortSignal): Promise<Progress<Run>> => {
  const { offboarding, draft } = run;
  if (offboarding.spec.cancel === undefined) return next(run);
  const refusal = await whyNot(run, context, signal);
  if (refusal !== undefined) {
    context.events.record({
      regarding: offboarding,
      type: 'Warning',
      reason: 'CannotCancel',
      action: 'Cancel',
      note: `The run goes on: ${refusal}`,
    });
    return next(run);
  }
  const { target } = draft;
  if (draft.lockedAt !== undefined && target !== undefined) {
    for (const { lock } of context.revokers) if (lock.kind === 'Lockable') await lock.unlock(target, signal);
  }
  return stop(
    withDraft(run, { completedAt: timestamp(context.clock) }),
    idle(reasons.cancelled, `cancelled before anything was revoked: ${offboarding.spec.cancel.reason}`),
  );
};

const whyNot = async ({ offboarding, draft }: Run, context: Context, signal: AbortSignal): Promise<string | undefined> => {
  if (draft.revokeStartedAt !== undefined) return 'revoking has begun, and what was revoked cannot be given back';
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
