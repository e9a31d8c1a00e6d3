/** The revoker of a dependency that another version knew: it touches nothing, tells nothing, and says why. */
import type { Dependency } from '../api/v1alpha1/index.ts';
import { reasons } from '../api/v1alpha1/conditions.ts';
import { invalid } from '../runtime/outcome.ts';
import type { Revoker } from './revoker.ts';

const message = 'this version of Offboard does not know this type of dependency, and cannot say what is left of access there; run a version that does';

export const unsupportedRevoker = ({ name, after }: Dependency): Revoker => {
  const refuse = (): Promise<never> => Promise.reject(invalid(reasons.invalidSpec, message));
  return {
    kind: 'other',
    name,
    ...(after === undefined ? {} : { after }),
    settleTime: 0,
    concurrency: 1,
    lock: { kind: 'NotLockable', explanation: message },
    preflight: refuse,
    inventory: refuse,
    usage: () => Promise.resolve([]),
    revoke: refuse,
    observe: () => Promise.resolve({ state: 'Unknown', method: 'none', message }),
  };
};
