/** What the status of a run says, for whoever holds it against the truth. */
import { reasons } from '../../src/api/v1alpha1/conditions.ts';
import type { CredentialStatus, DependencyStatus } from '../../src/api/v1alpha1/index.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import type { OffboardingObject } from '../../src/reconcile/objects.ts';

type Condition = { readonly type: string; readonly status: string; readonly reason: string };

export const conditionOf = ({ status }: { readonly status?: unknown }, type: string): Condition | undefined =>
  (status as { readonly conditions?: readonly Condition[] } | undefined)?.conditions?.find((each) => each.type === type);

export const isTrue = (object: { readonly status?: unknown }, type: string): boolean => conditionOf(object, type)?.status === 'True';

export const nameOf = ({ metadata: { namespace, name } }: KubeObject): string => `${namespace ?? ''}/${name}`;

export const dependenciesOf = ({ status }: OffboardingObject): readonly DependencyStatus[] => status?.dependencies ?? [];

export const dependencyOf = (run: OffboardingObject, wanted: string): DependencyStatus | undefined => dependenciesOf(run).find(({ name }) => name === wanted);

export const credentialsOf = (run: OffboardingObject, dependency: string): readonly CredentialStatus[] => dependencyOf(run, dependency)?.credentials ?? [];

/** Whether it says of one of those there that it is to end. */
export const announces = (run: OffboardingObject, dependency: string, which: (credential: CredentialStatus) => boolean): boolean =>
  run.spec.mode === 'Enforce' && run.status?.revokeStartedAt !== undefined && credentialsOf(run, dependency).some((credential) => credential.revokeRequestedAt !== undefined && which(credential));

/** It has begun to act for its identity, and has not ended; what waivers have completed is taken up again. */
export const isActing = (run: OffboardingObject): boolean =>
  run.spec.mode === 'Enforce' && run.status?.startedAt !== undefined && (run.status.completedAt === undefined || conditionOf(run, 'Ready')?.reason === reasons.completedWithWaivers);
