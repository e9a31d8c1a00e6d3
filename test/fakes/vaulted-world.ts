/** A run of an identity that depends on a vault beside the cluster, in a few words. */
import { aCredential } from '../builders/credentials.ts';
import { anIdentity, anOffboarding } from '../builders/offboarding.ts';
import type { Condition, DependencyStatus, OffboardingSpec, WorkloadIdentitySpec, WorkloadIdentityStatus } from '../../src/api/v1alpha1/index.ts';
import { retryable } from '../../src/runtime/outcome.ts';
import { createWorld } from './world.ts';
import type { World } from './world.ts';

type Declared = NonNullable<WorkloadIdentitySpec['dependencies']>;

export const account = aCredential({ id: 'serviceaccounts/ci/agent', uid: 'uid-of-account', class: 'ServiceAccount' });
export const token = aCredential({ id: 'token 1', uid: 'here', class: 'Token' });
export const down = retryable('Unavailable', 'connection refused');
const requestedBy = { username: 'alice' };

export const vault = (name: string, after: readonly string[] = []): Declared[number] => ({ name, after, vault: { connectorRef: { name: 'prod' } } });

/** The account, a vault with a token of it, and a run that is about to begin. */
export const createVaultedWorld = (): World => {
  const world = createWorld();
  const { declare, run } = inWorld(() => world);
  declare([vault('vault')]);
  run();
  world.revoker.declared.push(account);
  world.revoker.present.set(account.id, account);
  world.vault('vault').present.set(token.id, token);
  return world;
};

export interface InWorld {
  readonly declare: (dependencies: Declared, status?: WorkloadIdentityStatus) => void;
  readonly run: (spec?: Partial<OffboardingSpec>) => void;
  readonly change: (spec: Partial<OffboardingSpec>) => void;
  readonly condition: (type: string) => Condition | undefined;
  readonly dependency: (name: string) => DependencyStatus | undefined;
  /** Of a vault by its name, or of the cluster. */
  readonly revokes: (name?: string) => readonly string[];
  /** Looks whenever a look said so, until `ms` have passed; returns how many looks that took. */
  readonly pass: (ms: number) => Promise<number>;
}

/** What a test says of the world that it has at the time. */
export const inWorld = (now: () => World): InWorld => ({
  declare: (dependencies, status = { serviceAccountUID: 'uid-of-account' }) => {
    now().identity(anIdentity({ spec: { dependencies }, status }));
  },
  run: (spec = {}) => {
    now().put(anOffboarding({ spec: { requestedBy, ...spec } }));
  },
  change: (spec) => {
    const object = now().object();
    now().put({ ...object, spec: { ...object.spec, ...spec } });
  },
  condition: (type) => now().status().conditions?.find((each) => each.type === type),
  dependency: (name) => now().status().dependencies?.find((each) => each.name === name),
  revokes: (name) => (name === undefined ? now().revoker : now().vault(name)).calls.filter((call) => call.startsWith('revoke')),
  pass: async (ms) => {
    const { clock, look } = now();
    const end = clock.monotonic() + ms;
    for (let looks = 1; ; looks += 1) {
      const result = await look();
      const left = end - clock.monotonic();
      const wait = result.kind === 'again' ? result.after : left;
      if (left <= 0 || wait > left) {
        await clock.advance(left);
        return looks;
      }
      await clock.advance(wait);
    }
  },
});
