import { describe, expect, it } from 'vitest';
import { anOffboarding } from '../../test/builders/offboarding.ts';
import { asksOrClaimsOtherwise } from './objects.ts';
import type { OffboardingObject } from './objects.ts';

const before: OffboardingObject = {
  ...anOffboarding(),
  status: { startedAt: '2026-11-23T10:00:00Z', conditions: [ready('False', 'Settling')] },
};

function ready(status: 'True' | 'False', reason: string) {
  return { type: 'Ready', status, reason, message: reason, lastTransitionTime: '2026-11-23T10:00:00Z', observedGeneration: 1 } as const;
}

const withMetadata = (metadata: Partial<OffboardingObject['metadata']>): OffboardingObject => ({ ...before, metadata: { ...before.metadata, ...metadata } });

describe('an Offboarding that was changed', () => {
  it.each([
    ['its spec', withMetadata({ generation: 7 })],
    ['its deletion', withMetadata({ deletionTimestamp: '2026-11-23T10:00:00Z' })],
    ['who holds it', withMetadata({ finalizers: ['example.com/other'] })],
    ['that it is confirmed', { ...before, status: { ...before.status, conditions: [ready('True', 'Confirmed')] } }],
    ['that it is over', { ...before, status: { ...before.status, completedAt: '2026-11-23T10:01:00Z' } }],
  ])('is looked at for %s', (_, now) => {
    expect(asksOrClaimsOtherwise(before, now)).toBe(true);
  });

  it('is not looked at for what its status tells on the way', () => {
    const now = { ...before, status: { ...before.status, progress: '3/5', conditions: [ready('False', 'Revoking')] } };
    expect(asksOrClaimsOtherwise(before, now)).toBe(false);
  });
});
