/**
 * Whether somebody took our finalizer off, which takes the verb "breakglass". Offboard never puts it back then: whoever broke the
 * glass wants the object to go, and would otherwise have to be faster than we are. Whoever wants it held again puts it on.
 */
import { conditionOf, conditionTypes, reasons } from '../api/v1alpha1/conditions.ts';
import type { Condition } from '../api/v1alpha1/index.ts';
import type { Fact } from './conditions.ts';

interface Held {
  readonly metadata: { readonly finalizers?: readonly string[]; readonly deletionTimestamp?: string };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** `stood` is what the stored status says: that the finalizer was on when it was written. */
export const isGlassBroken = ({ metadata, status }: Held, finalizer: string, stood: boolean): boolean =>
  metadata.deletionTimestamp === undefined &&
  metadata.finalizers?.includes(finalizer) !== true &&
  (stood || conditionOf(status, conditionTypes.glassBroken) !== undefined);

export const glassBroken = (finalizer: string): Fact => ({
  type: conditionTypes.glassBroken,
  status: 'True',
  reason: reasons.finalizerRemoved,
  message:
    `the finalizer ${finalizer} was taken off, so that deleting this object waits for nothing; the audit log says by whom ` +
    '(offboard-finalizers/without-proof). Put it back to have the object held again',
});
