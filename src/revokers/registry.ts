/**
 * The revokers that this operator was built with: those that every identity has to do with, and the kinds of which an identity
 * declares what it depends on. A run has one revoker for each of its dependencies, bound anew at each look.
 */
import type { Target } from '../api/v1alpha1/index.ts';
import type { DependencyKind, Revoker } from './revoker.ts';
import { unsupportedRevoker } from './unsupported.ts';

type WithDependencies = Pick<Target, 'dependencies'>;

export interface Registry {
  /** What kinds of dependency there are: a closed set. */
  readonly kinds: readonly string[];
  /**
   * One for each dependency of the target, the standing ones first. One of a kind that nobody here knows, as another version
   * may have stored it, gets a revoker that cannot tell anything: such a run is never confirmed by this operator.
   */
  readonly forTarget: (target: WithDependencies | undefined) => readonly Revoker[];
  /** Those dependencies of the target that are of no kind known here. */
  readonly unknown: (target: WithDependencies) => readonly object[];
}

/** Throws when two claim one name or kind: which of them would answer must not depend on their order. */
export const createRegistry = (standing: readonly Revoker[], kinds: readonly DependencyKind[] = []): Registry => {
  const all = [...standing, ...kinds].map(({ kind }) => kind);
  for (const [index, kind] of all.entries()) {
    if (all.indexOf(kind) !== index) throw new Error(`two revokers are registered as "${kind}"`);
  }
  const bound = (dependency: NonNullable<WithDependencies['dependencies']>[number]): Revoker | undefined => {
    for (const kind of kinds) {
      const revoker = kind.bind(dependency);
      // What it is called, and after what it comes, is the identity's to say, whatever the kind makes of it.
      if (revoker !== undefined) return { ...revoker, name: dependency.name, after: dependency.after ?? [] };
    }
    return undefined;
  };
  return {
    kinds: all,
    forTarget: (target) => {
      const { dependencies = [] } = target ?? {};
      return dependencies.length === 0 ? standing : [...standing, ...dependencies.map((each) => bound(each) ?? unsupportedRevoker(each))];
    },
    unknown: ({ dependencies = [] }) => dependencies.filter((each) => bound(each) === undefined),
  };
};
