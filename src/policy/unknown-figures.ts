/** For how long dependencies of runs could not be asked: what the leader's metrics show at a scrape. */
import type { OffboardingSpec, OffboardingStatus } from '../api/v1alpha1/index.ts';
import type { Kinds } from './figures.ts';

export interface UnknownFigure {
  readonly revoker: string;
  /** 0 when all of them answer. */
  readonly seconds: number;
}

interface CountedRun {
  readonly metadata: { readonly uid: string };
  readonly spec: OffboardingSpec;
  readonly status?: OffboardingStatus;
}

/**
 * A status says of a dependency since when its failure lasts, and of a single credential that nobody can tell it says no time: there
 * it counts from when this process was first asked, so that somebody must ask again and again. What is known again is forgotten.
 */
export const createUnknownFigures = () => {
  let seen: ReadonlyMap<string, number> = new Map();
  return (runs: readonly CountedRun[], known: Kinds, now: Date): readonly UnknownFigure[] => {
    const unknown = runs.flatMap((run) => unknownIn(run, known));
    seen = new Map(unknown.map(({ key, since = Infinity }) => [key, Math.min(seen.get(key) ?? now.getTime(), since)]));
    const kinds = [...new Set([...known.kinds, ...unknown.map(({ revoker }) => revoker)])];
    return kinds.map((revoker) => {
      const ages = unknown.filter((each) => each.revoker === revoker).map(({ key }) => (now.getTime() - (seen.get(key) ?? now.getTime())) / 1000);
      return { revoker, seconds: Math.max(0, ...ages) };
    });
  };
};

/** Of a Plan, a run that has ended, one that is suspended, and what was given up, nobody waits to know. */
const unknownIn = ({ metadata, spec, status }: CountedRun, known: Kinds): readonly { readonly key: string; readonly revoker: string; readonly since?: number }[] => {
  if (spec.mode === 'Plan' || spec.suspend === true || status?.completedAt !== undefined) return [];
  const kinds = new Map(known.forTarget(status?.target).map(({ name, kind }) => [name, kind]));
  return (status?.dependencies ?? [])
    .filter(({ state }) => state === 'Unknown')
    .map(({ name, lastError }) => {
      const since = Date.parse(lastError?.since ?? '');
      return { key: `${metadata.uid}/${name}`, revoker: kinds.get(name) ?? 'other', ...(Number.isNaN(since) ? {} : { since }) };
    });
};
