/** The Connectors, as those who retire credentials use them. */
import type { Target, VaultDependency } from '../../api/v1alpha1/index.ts';
import type { VaultConnection, VaultSettings } from './client.ts';

export interface VaultConnectors {
  /**
   * The connection that a dependency of the target may use. Rejects with `NotGranted`, in the same words, when no grant covers
   * all that the dependency names and when there is no such connector: who may not use one learns nothing about it.
   */
  readonly connect: (dependency: VaultDependency, target: Target, signal: AbortSignal) => Promise<VaultConnection>;
  /** What the connector says, without asking anybody; what is usual where there is none. */
  readonly settings: (connector: string) => VaultSettings;
}
