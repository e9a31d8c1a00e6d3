/**
 * What an end would come to, for a Plan: in which order, and what access may be left by then. Pure, of what one look found. It holds if
 * every revoke is accepted at once and nothing new comes; whoever reads it is told so.
 */
import type { DependencyForecast, Forecast } from '../api/v1alpha1/index.ts';
import type { LockCapability } from '../revokers/revoker.ts';
import type { Tracked } from './credential.ts';
import type { Ordered } from './order.ts';
import { type Settling, type Until, awaitedFor, latest, outlasts, timeOf } from './residual.ts';
import { told } from './told.ts';

/** One dependency as it is before anything was touched. */
export interface Foreseen extends Ordered, Settling {
  readonly lock: Pick<LockCapability, 'kind'> & { readonly explanation?: string };
  readonly tracked: readonly Tracked[];
}

const longestMessage = 1_024;
const maxOutlasting = 16;
const maxSharers = 8;

/** `all` has no cycle: a run whose order has one goes no further than to say so. */
export const forecastOf = (dependency: Foreseen, all: readonly Foreseen[]): DependencyForecast => {
  const { after = [], issuers = [], lock } = dependency;
  const residualFor = residualForOf(dependency);
  const residualUntil = timeOf(waitedFor(dependency));
  const outlasting = outlastingOf(dependency);
  return {
    stage: along(all, () => 1).get(dependency.name) ?? 1,
    ...(after.length === 0 ? {} : { after }),
    ...(issuers.length === 0 ? {} : { issuers }),
    lockable: lock.kind === 'Lockable',
    ...(lock.explanation === undefined ? {} : { lock: told(lock.explanation, longestMessage) }),
    ...(residualFor === undefined ? {} : { residualFor }),
    ...(residualUntil === undefined ? {} : { residualUntil }),
    ...(outlasting.length === 0 ? {} : { outlasting }),
  };
};

/** Of the whole run. */
export const forecastOfAll = (all: readonly Foreseen[]): Forecast => {
  const revokes = all.some((each) => residualForOf(each) !== undefined);
  const residualUntil = timeOf(latest(all.map(waitedFor)));
  return {
    ...(revokes ? { residualFor: Math.max(...along(all, (each) => residualForOf(each) ?? 0).values()) } : {}),
    ...(residualUntil === undefined ? {} : { residualUntil }),
  };
};

/** A credential with how it would end, as a Plan lists it. */
export const foreseen = (entry: Tracked): Tracked => {
  const { end, seen, sharedWith = [] } = entry.credential;
  const shown = sharedWith.slice(0, sharedWith.length > maxSharers ? maxSharers - 1 : maxSharers).map((name) => told(name, 512));
  const more = sharedWith.length - shown.length;
  const all = more === 0 ? shown : [...shown, `${more} more`];
  return { ...entry, status: { ...entry.status, end: end.by, found: seen, ...(all.length === 0 ? {} : { sharedWith: all }) } };
};

/** The sum of `weight` along the longest way to each, and with it: what it comes after first. */
const along = (all: readonly Foreseen[], weight: (each: Foreseen) => number): ReadonlyMap<string, number> => {
  const byName = new Map(all.map((each) => [each.name, each]));
  const sums = new Map<string, number>();
  const sumOf = (each: Foreseen): number => {
    const known = sums.get(each.name);
    if (known !== undefined) return known;
    const before = (each.after ?? []).flatMap((name) => byName.get(name) ?? []).map(sumOf);
    const sum = Math.max(0, ...before) + weight(each);
    sums.set(each.name, sum);
    return sum;
  };
  all.forEach(sumOf);
  return sums;
};

/** Undefined where there is nothing to revoke. */
const residualForOf = ({ tracked, settleTime, residues = {} }: Foreseen): number | undefined => {
  const ended = tracked.filter(({ credential: { end } }) => end.by === 'Revoke' || end.by === 'Others');
  return ended.length === 0 ? undefined : Math.max(settleTime, ...ended.map(({ credential }) => awaitedFor(residues[credential.class])));
};

const waitedFor = ({ tracked }: Foreseen): Until | undefined =>
  latest(tracked.map(({ credential: { end } }) => (end.by === 'Person' ? 'unknown' : end.by === 'Expiry' ? end.at.getTime() : undefined)));

const outlastingOf = ({ tracked, settleTime, residues = {} }: Foreseen): NonNullable<DependencyForecast['outlasting']> => {
  const classes = new Set(tracked.map(({ credential }) => credential.class));
  return Object.entries(residues)
    .filter(([name]) => classes.has(name))
    .flatMap(([name, all]) => all.filter((residue) => outlasts(residue, settleTime)).map(({ milliseconds, message }) => ({ name, milliseconds, message })))
    .slice(0, maxOutlasting)
    .map(({ name, milliseconds, message }) => ({ class: name, ...(milliseconds === undefined ? {} : { residualFor: milliseconds }), message: told(message, longestMessage) }));
};
