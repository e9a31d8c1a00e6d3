/**
 * One look at one OffboardingWaiver: does it count, and if not, why. It says so and does nothing else: the run reads the waivers
 * itself, and is not told by this status.
 */
import type { OffboardingWaiverStatus } from '../../api/v1alpha1/index.ts';
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { KubeClient } from '../../kube/client.ts';
import { offboardingWaivers } from '../../kube/resources.ts';
import { conditionsOf, factsOf } from '../../policy/conditions.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { waiverVerdict } from '../../policy/waiver.ts';
import type { Registry } from '../../revokers/registry.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ReconcileResult } from '../../runtime/controller.ts';
import type { OffboardingObject, OffboardingWaiverObject } from '../objects.ts';
import { writeStatus } from '../status.ts';

export interface OffboardingWaiverContext {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly read: (key: string) => OffboardingWaiverObject | undefined;
  readonly run: (namespace: string, name: string) => OffboardingObject | undefined;
  /** The answer of a write, so that the next look does not start from before it. */
  readonly keep: (waiver: OffboardingWaiverObject) => void;
}

export const createOffboardingWaiverReconciler =
  ({ client, clock, registry, read, run, keep }: OffboardingWaiverContext) =>
  async (key: string, signal: AbortSignal): Promise<ReconcileResult> => {
    const waiver = read(key);
    if (waiver === undefined || waiver.metadata.deletionTimestamp !== undefined) return { kind: 'done' };
    const now = clock.now();
    const named = run(waiver.metadata.namespace ?? '', waiver.spec.offboardingRef.name);
    // Before the run has a target it is known to have the standing ones only; that it has one wakes this up.
    const dependencies = registry.forTarget(named?.status?.target).map(({ name }) => name);
    const verdict = waiverVerdict(waiver, named, { dependencies, now });
    keep(await writeStatus(client, offboardingWaivers, waiver, statusOf(waiver, verdict, now), signal));
    if (verdict.reason !== reasons.inForce) return { kind: 'done' };
    return { kind: 'again', after: Math.max(1, Date.parse(waiver.spec.expiresAt) - now.getTime()) };
  };

const statusOf = ({ metadata, status }: OffboardingWaiverObject, verdict: Verdict, now: Date): OffboardingWaiverStatus => {
  const generation = metadata.generation ?? 0;
  return { observedGeneration: generation, conditions: conditionsOf(factsOf(verdict), status?.conditions ?? [], generation, now) };
};
