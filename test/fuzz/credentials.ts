/** Credentials as runs meet them: each tracked one is what a life of looks, restarts and enumerations made of it. */
import fc from 'fast-check';
import { observed, refused, requested, sent, track, trackedKey } from '../../src/policy/credential.ts';
import type { Sighting, Tracked } from '../../src/policy/credential.ts';
import { mergeCached, mergeFresh, resume } from '../../src/policy/tracking.ts';
import type { Credential, CredentialEnd, Tried } from '../../src/revokers/revoker.ts';

const beginning = Date.parse('2026-11-23T10:00:00Z');

/** Short enough that two of them often are the same. */
const word = fc.constantFrom('a', 'b', 'c', 'd/e', '…', 'toString');

const end: fc.Arbitrary<CredentialEnd> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ by: 'Revoke' as const }) },
  fc.constant({ by: 'Others' as const }),
  fc.integer({ min: -100_000, max: 100_000 }).map((offset) => ({ by: 'Expiry' as const, at: new Date(beginning + offset) })),
  fc.constantFrom('SharedBinding', 'IdentityRecreated').map((reason) => ({ by: 'Person' as const, reason, message: 'a person must act' })),
);

export const credentials: fc.Arbitrary<Credential> = fc
  .record({ id: word, uid: fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined }), class: fc.constantFrom('Token', 'RoleBinding', 'Lease'), grants: fc.option(fc.array(word, { maxLength: 20 }), { nil: undefined }), end, seen: fc.boolean() })
  .map(({ uid, grants, ...rest }) => ({ ...rest, ...(uid === undefined ? {} : { uid }), ...(grants === undefined ? {} : { grants }) }));

/** Milliseconds, with what breaks a reckoning among them. */
const pause = fc.oneof(fc.integer({ min: 0, max: 40_000 }), fc.constantFrom(0, -1, -50_000, 0.5, 14_999.999, 15_000, 1e12));

export type Step =
  | { readonly kind: 'look'; readonly state: Sighting['state']; readonly tried: 'dead' | 'cached' | 'works' | undefined; readonly pause: number; readonly took: number; readonly wall: number; readonly reason: string | undefined; readonly expiresIn: number | undefined }
  | { readonly kind: 'restart'; readonly monotonic: number; readonly isThere: boolean }
  | { readonly kind: 'enumerated'; readonly fresh: boolean; readonly isThere: boolean; readonly pause: number }
  | { readonly kind: 'requested' | 'sent' | 'refused' };

const look: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('look' as const),
  state: fc.constantFrom('Absent' as const, 'Absent' as const, 'Present' as const, 'Unknown' as const),
  tried: fc.constantFrom(undefined, undefined, 'dead' as const, 'cached' as const, 'works' as const),
  pause,
  took: fc.nat({ max: 5_000 }),
  // The time of day may be set while nobody looks.
  wall: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: -1e9, max: 1e9 })),
  reason: fc.constantFrom(undefined, undefined, 'HeldByFinalizer'),
  expiresIn: fc.option(fc.integer({ min: -10_000, max: 50_000 }), { nil: undefined }),
});

export const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: look },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), monotonic: fc.nat({ max: 100_000 }), isThere: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('enumerated' as const), fresh: fc.boolean(), isThere: fc.boolean(), pause }) },
  { weight: 2, arbitrary: fc.constantFrom({ kind: 'requested' as const }, { kind: 'sent' as const }, { kind: 'refused' as const }) },
);

export interface Life {
  readonly tracked: Tracked;
  readonly monotonic: number;
  readonly wall: number;
}

export const born = (credential: Credential): Life => ({ tracked: track(credential), monotonic: 1_000, wall: beginning });

export const sightingOf = ({ monotonic, wall }: Life, step: Step & { readonly kind: 'look' }): Sighting => {
  const askedAt = monotonic + step.pause;
  const at = new Date(wall + Math.max(0, Math.min(step.pause, 1e9)) + step.took + step.wall);
  const refusals = step.state === 'Absent' ? 1 : 0;
  const tried: Tried | undefined =
    step.tried === undefined || step.state === 'Unknown' ? undefined : { controlAt: new Date(beginning - 1_000), refusals, servers: 1, deadAtSource: step.state === 'Absent' || step.tried !== 'works' };
  return {
    state: step.state,
    method: 'get/things',
    askedAt,
    answeredAt: askedAt + step.took,
    at,
    ...(tried === undefined ? {} : { tried }),
    ...(step.state === 'Absent' ? {} : { message: 'as it says' }),
    ...(step.state === 'Present' && step.reason !== undefined ? { reason: step.reason } : {}),
    ...(step.state === 'Present' && step.expiresIn !== undefined ? { expiresAt: new Date(at.getTime() + step.expiresIn) } : {}),
  };
};

/** The entry that stands for it after one more step. */
export const after = (life: Life, step: Step, settle: number): Life => {
  const { tracked, monotonic, wall } = life;
  switch (step.kind) {
    case 'look': {
      const sighting = sightingOf(life, step);
      return { tracked: observed(tracked, sighting, settle), monotonic: Math.max(monotonic, sighting.answeredAt), wall: sighting.at.getTime() };
    }
    case 'restart':
      return { tracked: theOne(resume([tracked.status], step.isThere ? [seen(tracked)] : [], step.monotonic, settle), tracked), monotonic: step.monotonic, wall };
    case 'enumerated': {
      const merge = step.fresh ? mergeFresh : mergeCached;
      return { tracked: theOne(merge([tracked], step.isThere ? [seen(tracked)] : [], monotonic + step.pause).tracked, tracked), monotonic: Math.max(monotonic, monotonic + step.pause), wall };
    }
    case 'requested':
      return { ...life, tracked: requested(tracked, new Date(wall)) };
    case 'sent':
      return { ...life, tracked: sent(tracked, monotonic) };
    case 'refused':
      return { ...life, tracked: refused(tracked, { refused: 'RevocationStuck', message: 'its database says no' }, monotonic) };
  }
};

const seen = ({ credential }: Tracked): Credential => ({ ...credential, seen: true });

const theOne = (all: readonly Tracked[], { credential }: Tracked): Tracked => {
  const found = all.find((each) => trackedKey(each.credential) === trackedKey(credential));
  if (found === undefined) throw new Error('it was forgotten');
  return found;
};

const trackedOne: fc.Arbitrary<Tracked> = fc
  .tuple(credentials, fc.array(steps, { maxLength: 5 }), fc.constantFrom(0, 15_000))
  .map(([credential, life, settle]) => life.reduce((so, step) => (so.tracked.status.state === 'Confirmed' && step.kind === 'look' ? so : after(so, step, settle)), born(credential)).tracked);

/** What a run tracks of one dependency: each key once. */
export const trackedThings: fc.Arbitrary<readonly Tracked[]> = fc.uniqueArray(trackedOne, { maxLength: 8, selector: ({ credential }) => trackedKey(credential) });
