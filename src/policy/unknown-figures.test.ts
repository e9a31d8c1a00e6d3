import { describe, expect, it } from 'vitest';

import { anOffboarding } from '../../test/builders/offboarding.ts';
import type { DependencyStatus, OffboardingSpec, OffboardingStatus } from '../api/v1alpha1/index.ts';
import { createUnknownFigures } from './unknown-figures.ts';

const at = (minute: number): Date => new Date(Date.parse('2026-11-23T11:00:00Z') + minute * 60_000);
const known = {
  kinds: ['kubernetes', 'vault'],
  forTarget: () => [{ name: 'kubernetes', kind: 'kubernetes', settleTime: 0 }, { name: 'vault-prod', kind: 'vault', settleTime: 0 }],
};

const silent: DependencyStatus = { name: 'vault-prod', state: 'Unknown' };

const aRun = (dependency: DependencyStatus = silent, spec: Partial<OffboardingSpec> = {}, status: OffboardingStatus = {}) =>
  anOffboarding({ spec, status: { dependencies: [{ name: 'kubernetes', state: 'Revoking' }, dependency], ...status } });

const none = [{ revoker: 'kubernetes', seconds: 0 }, { revoker: 'vault', seconds: 0 }];

describe('for how long a dependency could not be asked', () => {
  it('is nothing when all of them answer', () => {
    expect(createUnknownFigures()([aRun({ name: 'vault-prod', state: 'Confirmed' })], known, at(0))).toEqual(none);
  });

  it('counts from the first time that it was seen so, and anew once it was known in between', () => {
    const figures = createUnknownFigures();
    const seconds = (minute: number, ...runs: Parameters<typeof figures>[0]) => figures(runs, known, at(minute))[1]?.seconds;
    expect(seconds(0, aRun())).toBe(0);
    expect(seconds(10, aRun())).toBe(600);
    expect(seconds(11)).toBe(0);
    expect(seconds(12, aRun())).toBe(0);
    expect(seconds(13, aRun())).toBe(60);
  });

  it('goes by the time that the status tells, which outlives a process', () => {
    const failing = aRun({ ...silent, lastError: { code: 'Timeout', message: 'no answer', since: at(-30).toISOString() } });
    expect(createUnknownFigures()([failing], known, at(0))[1]).toEqual({ revoker: 'vault', seconds: 1_800 });
  });

  it('is never negative, and never nonsense, whatever the clock and the status say', () => {
    const ahead = aRun({ ...silent, lastError: { code: 'Timeout', message: 'no answer', since: at(5).toISOString() } });
    expect(createUnknownFigures()([ahead], known, at(0))).toEqual(none);
    const figures = createUnknownFigures();
    figures([aRun()], known, at(10));
    expect(figures([aRun()], known, at(0)), 'a clock that was set back').toEqual(none);
    const garbled = aRun({ ...silent, lastError: { code: 'Timeout', message: 'no answer', since: 'yesterday' } });
    expect(createUnknownFigures()([garbled], known, at(0))).toEqual(none);
  });

  it('is that of the oldest, of several', () => {
    const figures = createUnknownFigures();
    const first = aRun();
    const second = { ...aRun(), metadata: { ...aRun().metadata, uid: 'another' } };
    figures([first], known, at(0));
    expect(figures([second, first], known, at(7))[1]?.seconds).toBe(420);
  });

  it.each<readonly [string, ReturnType<typeof aRun>]>([
    ['a Plan', aRun(silent, { mode: 'Plan' })],
    ['a run that is suspended', aRun(silent, { suspend: true })],
    ['a run that has ended', aRun(silent, {}, { completedAt: at(0).toISOString() })],
    ['what was given up', aRun({ ...silent, state: 'Waived' })],
  ])('does not count %s', (_, run) => {
    const figures = createUnknownFigures();
    figures([run], known, at(0));
    expect(figures([run], known, at(60))).toEqual(none);
  });

  it('does not lose a dependency that no revoker of this version serves', () => {
    const figures = createUnknownFigures();
    const orphan = aRun({ name: 'gone', state: 'Unknown' });
    figures([orphan], known, at(0));
    expect(figures([orphan], known, at(1))).toEqual([...none, { revoker: 'other', seconds: 60 }]);
  });
});
