/** What one question of the contract is asked with. */
import type { GoogleCloudDependency, Target } from '../../api/v1alpha1/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { GoogleConnection, ImpersonationProbe } from './api.ts';
import type { ServerMemory } from './server-memory.ts';

export interface Look {
  readonly connection: GoogleConnection;
  readonly dependency: GoogleCloudDependency;
  readonly target: Target;
  readonly memory: ServerMemory;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly probe?: ImpersonationProbe;
}

/** The identity, as a key of what this process remembers of it. */
export const identityKey = ({ target: { serviceAccount }, dependency }: Pick<Look, 'target' | 'dependency'>, ...of: readonly string[]): string =>
  JSON.stringify([serviceAccount.namespace, serviceAccount.name, serviceAccount.uid ?? '', dependency.serviceAccount?.email ?? '', ...of]);
