/** What a kind of connector tells of one: all that its status says, and nothing of what identities use it for. */
import type { ConnectorSpec, ConnectorStatus } from '../api/v1alpha1/index.ts';
import type { KubeObject } from '../kube/objects.ts';

export interface ConnectorObject extends KubeObject {
  readonly spec: ConnectorSpec;
  readonly status?: ConnectorStatus;
}

/** What one look at the system showed. */
export interface ConnectorReport extends Pick<ConnectorStatus, 'serverVersion' | 'clusterId' | 'account' | 'token'> {
  /** What the operator may not do there, in lines that say what to grant. */
  readonly missingPermissions: readonly string[];
  /** What else a person must mend, the worst first. `reason` is a condition's. */
  readonly troubles: readonly { readonly reason: string; readonly message: string }[];
}

/**
 * Asks the system, as it is now, with the operator's own login. Rejects with an `OutcomeError` when it cannot be asked: `Invalid`
 * names the field of a spec that is not usable.
 */
export type InspectConnector = (connector: ConnectorObject, signal: AbortSignal) => Promise<ConnectorReport>;
