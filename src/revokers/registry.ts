/** The revokers that this operator was built with. */
import type { Revoker } from './revoker.ts';

export interface Registry {
  /** In the order in which they were registered. */
  readonly all: readonly Revoker[];
  /** Throws for a name that nobody registered: the operator that knew it was another version. */
  readonly get: (name: string) => Revoker;
}

/** Throws when two revokers claim one name: which of them would answer must not depend on their order. */
export const createRegistry = (revokers: readonly Revoker[]): Registry => {
  const byName = new Map<string, Revoker>();
  for (const revoker of revokers) {
    if (byName.has(revoker.name)) throw new Error(`two revokers are registered as "${revoker.name}"`);
    byName.set(revoker.name, revoker);
  }
  return {
    all: [...revokers],
    get: (name) => {
      const found = byName.get(name);
      if (found === undefined)
        throw new Error(`no revoker is registered as "${name}"; known are: ${[...byName.keys()].join(', ')}`);
      return found;
    },
  };
};
