import type { Target, VaultDependency } from '../../api/v1alpha1/index.ts';
import type { VaultConnection, Watermark } from './client.ts';
import type { ServerMemory } from './server-memory.ts';

/**
 * The UID of the ServiceAccount that has the name at this moment, by a quorum read; undefined when there is none. Rejects with an
 * `OutcomeError` when that cannot be told.
 */
export type AccountNow = (account: Target['serviceAccount'], signal: AbortSignal) => Promise<string | undefined>;

/** What one question is asked with. */
export interface Look {
  readonly connection: VaultConnection;
  readonly dependency: VaultDependency;
  readonly target: Target;
  readonly memory: ServerMemory;
  readonly accountNow: AccountNow;
  readonly mark: Watermark;
  /** When it was asked. */
  readonly now: Date;
  readonly signal: AbortSignal;
}
