import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anOffboarding } from '../../../test/builders/offboarding.ts';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { holds } from '../../../test/fuzz/property.ts';
import type { OffboardingSpec } from '../../api/v1alpha1/index.ts';
import type { Context, Draft, Progress, TargetedRun } from './run.ts';
import { soak } from './soak.ts';

const lockedAt = '2026-11-23T10:00:00.000Z';

/** A duration, with what it is in milliseconds. */
const durations = fc
  .tuple(fc.nat({ max: 168 }), fc.nat({ max: 59 }), fc.nat({ max: 59 }))
  .chain(([h, m, s]) => fc.constantFrom({ text: `${h}h${m}m${s}s`, ms: ((h * 60 + m) * 60 + s) * 1_000 }, { text: `${s}s`, ms: s * 1_000 }, { text: `${m}.5m`, ms: m * 60_000 + 30_000 }, { text: '0', ms: 0 }, { text: `${h * 10}ms`, ms: h * 10 }));

const asked = (draft: Draft, spec: Partial<OffboardingSpec>, now: number): Progress => {
  const clock = createFakeClock(new Date(now));
  return soak({ offboarding: anOffboarding({ spec }), draft } as unknown as TargetedRun, { clock } as unknown as Context);
};

describe('a soak', () => {
  it('is over when the lock has stood as long as it says, and not before', () => {
    holds(
      fc.property(durations, fc.integer({ min: -1e9, max: 1e9 }), ({ text, ms }, around) => {
        const left = -around;
        const progress = asked({ lockedAt }, { soak: text, urgency: 'Routine' }, Date.parse(lockedAt) + ms + around);
        if (left <= 0) return progress.kind === 'next';
        return progress.kind === 'stop' && progress.verdict.kind === 'Reconciling' && progress.verdict.reason === 'Soaking' && progress.verdict.message.includes(new Date(Date.parse(lockedAt) + ms).toISOString());
      }),
      400,
    );
  });

  it('is looked at at least each minute, and ends right at its end when nobody wakes it', () => {
    holds(
      fc.property(durations, ({ text, ms }) => {
        const end = Date.parse(lockedAt) + ms;
        let now = end - Math.min(ms, 600_000);
        for (let looks = 0; looks <= 11; looks += 1) {
          const progress = asked({ lockedAt }, { soak: text }, now);
          if (progress.kind === 'next') {
            if (now !== end) throw new Error(`ended ${now - end} ms late`);
            return;
          }
          if (progress.again === undefined || progress.again <= 0 || progress.again > 60_000) throw new Error(`looked at after ${progress.again ?? 'nothing'}`);
          now += progress.again;
        }
        throw new Error('it does not end');
      }),
    );
  });

  it('holds up none that is an emergency, that revokes already, or that is not locked', () => {
    const free = fc.constantFrom<readonly [Draft, Partial<OffboardingSpec>]>([{ lockedAt }, { urgency: 'Emergency' }], [{ lockedAt, revokeStartedAt: lockedAt }, {}], [{}, {}]);
    holds(fc.property(durations, free, ({ text }, [draft, spec]) => asked(draft, { ...spec, soak: text }, Date.parse(lockedAt)).kind === 'next'));
  });
});
