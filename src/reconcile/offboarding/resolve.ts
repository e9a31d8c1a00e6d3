/**
 * Whose access ends. Until the run has started the target is resolved anew at every look; from then on the run reads only
 * what is in its status.
 */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Dependency, OffboardingSpec, Target } from '../../api/v1alpha1/index.ts';
import { isNotFound } from '../../kube/errors.ts';
import { serviceAccounts } from '../../kube/resources.ts';
import { allDependencies, declaredDependencies } from '../../policy/dependencies.ts';
import { orderDefect } from '../../policy/order.ts';
import { supersededRecord } from '../../policy/supersede.ts';
import { unsupported } from '../../policy/support.ts';
import { verdictOfError } from '../../policy/verdict.ts';
import { OutcomeError, invalid, needsPerson } from '../../runtime/outcome.ts';
import type { WorkloadIdentityObject } from '../objects.ts';
import { boundTo, next, stop } from './run.ts';
import type { Context, Progress, Run, TargetedRun } from './run.ts';

/** What an Offboarding names, before the cluster was asked about it. */
interface Named {
  readonly namespace: string;
  readonly serviceAccount: NonNullable<OffboardingSpec['identity']>['serviceAccount'];
  readonly certificates: NonNullable<Target['certificates']>;
  readonly probe: boolean;
  readonly dependencies: readonly Dependency[];
  readonly from?: WorkloadIdentityObject;
}

export const resolve = async (run: Run, context: Context, signal: AbortSignal): Promise<Progress> => {
  const { target } = run.draft;
  if (run.draft.startedAt !== undefined && target !== undefined) return next({ ...run, draft: { ...run.draft, target } });
  try {
    const named = name(run, context);
    refuse(named, context);
    const identity = `${named.namespace}/${named.serviceAccount.name}`;
    const uid = await uidOf(named, run, context, signal);
    const target = { ...targetOf(named, uid), ...supersession(named, context) };
    const resolved: TargetedRun = { ...run, ...boundTo(run.offboarding, target, context), draft: { ...run.draft, identity, target } };
    const defect = orderDefect(resolved.revokers);
    if (defect !== undefined) throw invalid(reasons.invalidSpec, `dependencies: ${defect}`);
    return next(resolved);
  } catch (error) {
    if (!(error instanceof OutcomeError)) throw error;
    return stop(run, verdictOfError(error));
  }
};

const name = ({ offboarding: { metadata, spec } }: Run, context: Context): Named => {
  const own = metadata.namespace ?? '';
  const { workloadIdentityRef: ref, identity } = spec;
  if (ref !== undefined && identity === undefined) return referredTo(ref, own, context);
  if (identity === undefined || ref !== undefined) {
    throw invalid(reasons.invalidSpec, 'spec: exactly one of workloadIdentityRef, identity must be set');
  }
  const dependencies = supported(declaredDependencies(identity.dependencies), 'spec.identity.dependencies', context);
  const { serviceAccount, kubernetes: { certificates = [], probe = false } = {} } = identity;
  return { namespace: own, serviceAccount, certificates, probe, dependencies };
};

const referredTo = (
  ref: NonNullable<OffboardingSpec['workloadIdentityRef']>,
  own: string,
  context: Context,
): Named => {
  const { cluster, operator } = context;
  const namespace = ref.namespace ?? own;
  if (namespace !== own && own !== operator.namespace) {
    throw invalid(
      reasons.invalidSpec,
      `spec.workloadIdentityRef.namespace: a namespace can only offboard what is its own; create this Offboarding in "${namespace}"`,
    );
  }
  const from = cluster.workloadIdentity(namespace, ref.name);
  if (from === undefined) {
    throw needsPerson(
      reasons.identityNotFound,
      `spec.workloadIdentityRef: there is no WorkloadIdentity "${ref.name}" in namespace "${namespace}"; create it, or name the ServiceAccount in spec.identity`,
    );
  }
  const all = allDependencies(from.spec.dependencies, from.status?.dependencies);
  return {
    namespace,
    serviceAccount: from.spec.serviceAccount,
    certificates: from.spec.kubernetes?.certificates ?? [],
    probe: from.spec.kubernetes?.probe === true,
    dependencies: supported(all, `WorkloadIdentity "${ref.name}", spec.dependencies`, context),
    from,
  };
};

const supported = (dependencies: readonly Dependency[], field: string, { registry }: Context): readonly Dependency[] => {
  const why = unsupported(registry.unknown({ dependencies }), field);
  if (why !== undefined) throw invalid(reasons.invalidSpec, why);
  return dependencies;
};

/** Identities that are never retired, whoever asks. */
const refuse = ({ namespace, serviceAccount }: Named, { operator }: Context): void => {
  const refusal = (why: string): OutcomeError => invalid(reasons.invalidSpec, `serviceAccount "${serviceAccount.name}" in "${namespace}": ${why}`);
  if (namespace === 'kube-system') throw refusal('the accounts of kube-system run the cluster itself and cannot be offboarded');
  if (serviceAccount.name === 'default') throw refusal('the default account is shared by every pod that names none and cannot be offboarded');
  if (namespace === operator.namespace && serviceAccount.name === operator.serviceAccount) {
    throw refusal('this is the account Offboard itself runs as');
  }
};

/** The UID: pinned, seen while the WorkloadIdentity lived, alive now, or seen by an earlier look or run. */
const uidOf = async (named: Named, run: Run, context: Context, signal: AbortSignal): Promise<string | undefined> => {
  const { namespace, serviceAccount, from } = named;
  const known = serviceAccount.uid ?? from?.status?.serviceAccountUID;
  if (known !== undefined) return known;
  const live = await liveUid(namespace, serviceAccount.name, context, signal);
  const seen = live ?? run.draft.target?.serviceAccount.uid ?? uidSeenByOthers(named, run, context);
  if (seen !== undefined || serviceAccount.mayBeAbsent === true) return seen;
  throw needsPerson(
    reasons.identityUnknown,
    `serviceAccount "${serviceAccount.name}" in "${namespace}" does not exist, and Offboard never saw it: unknown is not the same as gone. ` +
      'Check the name; or pin serviceAccount.uid; or set serviceAccount.mayBeAbsent to true if that is fine',
  );
};

const liveUid = async (namespace: string, name: string, { cluster }: Context, signal: AbortSignal): Promise<string | undefined> => {
  try {
    return (await cluster.client.get(serviceAccounts, { namespace, name }, { signal })).metadata.uid;
  } catch (error) {
    if (isNotFound(error, serviceAccounts, name)) return undefined;
    throw error;
  }
};

/** What another Enforce run for this identity has pinned down, such as the one that this run supersedes. */
const uidSeenByOthers = ({ namespace, serviceAccount }: Named, run: Run, { cluster }: Context): string | undefined =>
  cluster
    .runsFor(`${namespace}/${serviceAccount.name}`)
    .filter(({ metadata, status }) => metadata.uid !== run.offboarding.metadata.uid && status?.startedAt !== undefined)
    .toSorted((a, b) => (b.status?.startedAt ?? '').localeCompare(a.status?.startedAt ?? ''))
    .map(({ status }) => status?.target?.serviceAccount.uid)
    .find((uid) => uid !== undefined);

/** Whose name it was before, as far as that was released for this identity. */
const supersession = ({ namespace, serviceAccount: { name }, from }: Named, { cluster }: Context): Pick<Target, 'supersedes'> => {
  if (from === undefined) return {};
  const claim = { uid: from.metadata.uid, account: { namespace, name }, record: from.spec.supersedes?.record };
  const record = supersededRecord(claim, { get: (wanted) => cluster.record?.(wanted) });
  return record === undefined ? {} : { supersedes: record };
};

const targetOf = ({ namespace, serviceAccount, certificates, probe, dependencies, from }: Named, uid: string | undefined): Target => ({
  ...(from === undefined
    ? {}
    : {
        workloadIdentity: {
          namespace,
          name: from.metadata.name,
          uid: from.metadata.uid,
          generation: from.metadata.generation ?? 0,
        },
      }),
  serviceAccount: { namespace, name: serviceAccount.name, ...(uid === undefined ? {} : { uid }) },
  ...(probe ? { probe } : {}),
  ...(certificates.length === 0 ? {} : { certificates }),
  ...(dependencies.length === 0 ? {} : { dependencies }),
});
