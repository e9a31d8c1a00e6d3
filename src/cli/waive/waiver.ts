/** The waiver to be created: whether it could count, and what it gives up. Pure, of the run, who asks, and the time. */
import { conditionOf, conditionTypes } from '../../api/v1alpha1/conditions.ts';
import { apiVersion } from '../../api/v1alpha1/index.ts';
import type { DependencyStatus, OffboardingWaiverSpec } from '../../api/v1alpha1/index.ts';
import { inWholeSeconds } from '../../runtime/clock.ts';
import { durationOf } from '../durations.ts';
import { CannotError, UsageError } from '../errors.ts';
import { nearest } from '../near.ts';
import type { RunObject } from '../runs.ts';
import { countOf, identityOf } from '../status/parts.ts';
import { clockTime, lasting, withCountdowns } from '../time.ts';

export interface Wanted {
  readonly run: string;
  readonly dependency: string;
  readonly justification: string;
  /** A time, a date (its beginning, UTC), or how long from now. */
  readonly expires: string;
  readonly name: string | undefined;
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: 'OffboardingWaiver';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: OffboardingWaiverSpec;
}

/** @throws UsageError where it is no time, or none to come */
export const expiryOf = (text: string, now: Date): string => {
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const at = isTime ? Date.parse(text) : now.getTime() + durationOf('expires', text);
  if (Number.isNaN(at) || at > latest) throw new UsageError(`--expires is no time: "${text}"`);
  if (at <= now.getTime()) throw new UsageError(`--expires must be a time to come, and "${text}" is not`);
  return inWholeSeconds(new Date(at));
};

/** The end of the year 9999, as far as RFC 3339 goes. */
const latest = 253_402_300_799_000;

/** @throws CannotError where it would not count, with the reason that Offboard would give; UsageError where it names no dependency */
export const checked = (run: RunObject, dependency: string, me: string | undefined): DependencyStatus => {
  const { spec, status = {}, metadata } = run;
  const dependencies = status.dependencies ?? [];
  const found = dependencies.find(({ name }) => name === dependency);
  if (dependencies.length === 0) throw new CannotError(`Offboarding "${metadata.name}" has no dependencies yet: wait until it has looked`);
  if (found === undefined) throw new UsageError(`the run has no dependency "${dependency}": it has ${dependencies.map(({ name }) => name).join(', ')}${meant(dependency, dependencies)}`);
  const ended = conditionOf(run.status, conditionTypes.ready)?.message ?? status.phase ?? '';
  if (spec.mode === 'Plan') throw new CannotError('a plan needs no waiver: it does nothing');
  if (status.completedAt !== undefined && found.state !== 'Waived') throw new CannotError(`it has ended: ${ended}`);
  if (found.state === 'Confirmed') throw new CannotError(`${dependency} is proven gone: there is nothing to give up`);
  const requester = spec.requestedBy?.username ?? '';
  if (requester === '') throw new CannotError('nobody is known to have asked for this run, so that nobody is known to be somebody else: it cannot be waived');
  if (requester === me) throw new CannotError(`${requester} asked for this run, so somebody else must give it up: somebody with the verb "waive" on offboardings.offboard.dev "${metadata.name}"`);
  return found;
};

const meant = (word: string, dependencies: readonly DependencyStatus[]): string => {
  const near = nearest(word, dependencies.map(({ name }) => name));
  return near === undefined ? '' : `; did you mean ${near}?`;
};

export const waiverOf = ({ metadata }: RunObject, { dependency, justification, name }: Wanted, expiresAt: string, me: string | undefined): Manifest => ({
  apiVersion,
  kind: 'OffboardingWaiver',
  metadata: { name: name ?? `${metadata.name}-${dependency}`.slice(0, 253), namespace: metadata.namespace ?? '' },
  spec: {
    offboardingRef: { name: metadata.name, uid: metadata.uid },
    dependency,
    reason: justification,
    expiresAt,
    ...(me === undefined ? {} : { approvedBy: { username: me } }),
  },
});

/** So many of what is left are named. */
const mostNamed = 3;

/** What is given up, for whoever is about to. */
export const questionOf = (run: RunObject, { name, credentials = [], message = '' }: DependencyStatus, expiresAt: string, now: Date): string => {
  const left = credentials.filter(({ state }) => state !== 'Confirmed');
  const more = left.length - mostNamed;
  const named = left.slice(0, mostNamed).map(({ id }) => id).join(', ');
  const what = left.length === 0 ? withCountdowns(message, now) : `${String(countOf(left))} not proven gone: ${named}${more > 0 ? ` and ${String(more)} more` : ''}`;
  return `This lets ${identityOf(run)} count as retired without the proof for ${name} (${what}), until ${clockTime(expiresAt, now)}, for ${lasting(Date.parse(expiresAt) - now.getTime())}. What is left may still work. Give it up?`;
};
