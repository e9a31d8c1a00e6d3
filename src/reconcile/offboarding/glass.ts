/** The hold on a run, and what is said when somebody has broken it. */
import { conditionOf, conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import { offboardingFinalizer } from '../../api/v1alpha1/index.ts';
import type { OffboardingStatus } from '../../api/v1alpha1/index.ts';
import type { Fact } from '../../policy/conditions.ts';
import { glassBroken, isGlassBroken } from '../../policy/glass.ts';
import { hasEnded } from '../../policy/waiver.ts';
import type { OffboardingObject } from '../objects.ts';
import type { Run } from './run.ts';

/** What can never begin holds nobody up: such a run may be deleted. All others are held to their end, or cancelled. */
const cannotBegin: readonly string[] = [reasons.invalidSpec, reasons.identityNotFound, reasons.identityUnknown];

/** True when a run of this status, with this reason, is not held. */
export const mayGo = ({ startedAt, completedAt }: Pick<OffboardingStatus, 'startedAt' | 'completedAt'>, reason: string): boolean =>
  completedAt !== undefined || (startedAt === undefined && cannotBegin.includes(reason));

/** The finalizer stands before a status is written that needs it. So where such a status is, and it is not, it was taken off. */
export const isBroken = (offboarding: OffboardingObject): boolean => {
  const { metadata, spec, status } = offboarding;
  if (spec.mode !== 'Enforce' || status === undefined) return false;
  const ready = conditionOf(status, conditionTypes.ready)?.reason ?? '';
  const speaksOfThis = status.startedAt !== undefined || status.observedGeneration === metadata.generation;
  return isGlassBroken(offboarding, offboardingFinalizer, speaksOfThis && !mayGo(status, ready));
};

export const glassFact = ({ offboarding, draft }: Run): Fact | undefined =>
  isBroken(offboarding) && !hasEnded({ ...offboarding.status, ...draft }) ? glassBroken(offboardingFinalizer) : undefined;
