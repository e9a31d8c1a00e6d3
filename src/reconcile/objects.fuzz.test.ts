import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anOffboarding } from '../../test/builders/offboarding.ts';
import { holds } from '../../test/fuzz/property.ts';
import { conditionTypes } from '../api/v1alpha1/conditions.ts';
import type { Condition, OffboardingStatus } from '../api/v1alpha1/index.ts';
import { asksOrClaimsOtherwise, asksOtherwise, keyOf, splitKey } from './objects.ts';
import type { OffboardingObject } from './objects.ts';

const times = fc.constantFrom('2026-11-23T10:00:00Z', '2026-11-23T10:00:01Z', undefined);

/** What a person or an API server changes when something else is asked for. */
const asks = fc.record({ uid: fc.constantFrom('u-1', 'u-2'), generation: fc.constantFrom(1, 2, undefined), deletionTimestamp: times, finalizers: fc.option(fc.shuffledSubarray(['a.dev/x', 'a.dev/y', 'b.dev/x']), { nil: undefined }) });
const claims = fc.record({ ready: fc.constantFrom('True', 'False', 'Unknown', undefined), completedAt: times });
/** What we write on the way. */
const progress = fc.record({ progress: fc.constantFrom('1/2', '2/2', undefined), phase: fc.constantFrom('Verifying', undefined), reason: fc.constantFrom('Settling', 'Revoking'), resourceVersion: fc.constantFrom('1', '2') });

type Of<A> = A extends fc.Arbitrary<infer T> ? T : never;

const objectOf = (asked: Of<typeof asks>, claimed: Of<typeof claims>, on: Of<typeof progress>): OffboardingObject => {
  const given = (all: object): object => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const ready: readonly Condition[] = claimed.ready === undefined ? [] : [{ type: conditionTypes.ready, status: claimed.ready, reason: on.reason, message: on.reason, lastTransitionTime: '2026-11-23T10:00:00Z', observedGeneration: 1 }];
  const status = { ...given({ completedAt: claimed.completedAt, progress: on.progress, phase: on.phase }), conditions: ready } as OffboardingStatus;
  const made = anOffboarding({ metadata: { resourceVersion: on.resourceVersion }, status });
  const { generation: _, ...metadata } = made.metadata;
  return { ...made, metadata: { ...metadata, ...given(asked) } };
};

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

describe('a change of an object', () => {
  it('asks something else exactly where it is another, its spec or its deletion is, or somebody else holds it', () => {
    holds(
      fc.property(asks, asks, claims, claims, progress, progress, (before, now, one, other, on, off) => {
        const none = (finalizers: readonly string[] | undefined): readonly string[] => finalizers ?? [];
        const isSame = same({ ...before, finalizers: none(before.finalizers) }, { ...now, finalizers: none(now.finalizers) });
        return asksOtherwise(objectOf(before, one, on), objectOf(now, other, off)) === !isSame;
      }),
      400,
    );
  });

  it('of a status alone is looked at where it claims an end, or takes one back, and for nothing else', () => {
    holds(
      fc.property(asks, claims, claims, progress, progress, (asked, one, other, on, off) => {
        const isClaimed = (one.ready ?? '') !== (other.ready ?? '') || one.completedAt !== other.completedAt;
        return asksOrClaimsOtherwise(objectOf(asked, one, on), objectOf(asked, other, off)) === isClaimed;
      }),
      400,
    );
  });

  it('is one whichever of the two was first', () => {
    holds(
      fc.property(asks, asks, claims, claims, progress, (before, now, one, other, on) => {
        const [a, b] = [objectOf(before, one, on), objectOf(now, other, on)];
        return asksOrClaimsOtherwise(a, b) === asksOrClaimsOtherwise(b, a) && !asksOrClaimsOtherwise(a, a);
      }),
    );
  });
});

describe('the key of an object', () => {
  it('leads back to it, in a namespace or in none, and is no other\'s', () => {
    const namespaces = fc.constantFrom('ci', 'ops', 'ci-agent', undefined);
    const names = fc.constantFrom('agent', 'ci', 'agent.7', 'a');
    holds(
      fc.property(namespaces, names, namespaces, names, (namespace, name, another, other) => {
        const of = (where: string | undefined, what: string): string => keyOf({ metadata: { name: what, uid: 'u', resourceVersion: '1', creationTimestamp: '', ...(where !== undefined && { namespace: where }) } });
        expect(splitKey(of(namespace, name))).toEqual({ namespace: namespace ?? '', name });
        return (of(namespace, name) === of(another, other)) === (namespace === another && name === other);
      }),
    );
  });
});
