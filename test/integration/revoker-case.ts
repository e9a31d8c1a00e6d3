/** One identity, the revoker of one of its dependencies, and short words for what the contract has between them. */
import type { Dependency, Target } from '../../src/api/v1alpha1/index.ts';
import type { Credential, DependencyKind, Inventory, Observation, RevokeAnswer, Revoker } from '../../src/revokers/revoker.ts';

const never = new AbortController().signal;

export interface Case {
  readonly revoker: Revoker;
  readonly target: Target;
  readonly inventory: () => Promise<Inventory>;
  readonly find: (id: string) => Promise<Credential>;
  readonly observe: (credential: Credential) => Promise<Observation>;
  readonly revoke: (credential: Credential) => Promise<RevokeAnswer>;
  /** Tries before what is to be tried, as a run does. */
  readonly lock: () => Promise<void>;
  readonly unlock: () => Promise<void>;
  readonly observeLock: () => Promise<Observation>;
  /** Revokes all that can be, in the order of the inventory, and says what is seen of each after that. */
  readonly endAll: () => Promise<Readonly<Record<string, string>>>;
}

export const caseOf = (kind: DependencyKind, serviceAccount: Target['serviceAccount'], dependency: Dependency): Case => {
  const target: Target = { serviceAccount, dependencies: [dependency] };
  const revoker = kind.bind(dependency);
  if (revoker === undefined) throw new Error(`not a dependency of the kind ${kind.kind}`);
  const lockable = () => {
    if (revoker.lock.kind === 'NotLockable') throw new Error(revoker.lock.explanation);
    return revoker.lock;
  };
  const inventory = (): Promise<Inventory> => revoker.inventory(target, 'Fresh', never);
  const observe = (credential: Credential): Promise<Observation> => revoker.observe(credential, target, never);
  const revoke = (credential: Credential): Promise<RevokeAnswer> => revoker.revoke(credential, target, never);
  return {
    revoker,
    target,
    inventory,
    observe,
    revoke,
    find: async (id) => {
      const { credentials } = await inventory();
      const found = credentials.find((credential) => credential.id === id);
      if (found === undefined) throw new Error(`${id} is not among ${credentials.map((credential) => credential.id).join(', ')}`);
      return found;
    },
    lock: async () => {
      await revoker.controls?.take(target, never);
      await lockable().lock(target, never);
    },
    unlock: () => lockable().unlock(target, never),
    observeLock: () => lockable().observeLock(target, never),
    endAll: async () => {
      const { credentials } = await inventory();
      const mine = credentials.filter(({ end }) => end.by === 'Revoke');
      for (const credential of mine) await revoke(credential);
      return Object.fromEntries(await Promise.all(mine.map(async (credential) => [credential.id, (await observe(credential)).state] as const)));
    },
  };
};
