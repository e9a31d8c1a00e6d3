import { describe, expect, it } from 'vitest';

import type { CredentialStatus, OffboardingStatus } from '../api/v1alpha1/index.ts';
import { timeToAllGone } from './time-to-all-gone.ts';

const at = (second: number): string => new Date(Date.parse('2026-11-23T11:00:00Z') + second * 1_000).toISOString();

const confirmed = (second: number, strength: 'Observed' | 'WaitedOut' = 'Observed'): CredentialStatus =>
  ({ id: `c-${String(second)}`, class: 'RoleBinding', state: 'Confirmed', confirmedAt: at(second), strength });

const ended = (credentials: readonly CredentialStatus[], change: Partial<OffboardingStatus> = {}): OffboardingStatus =>
  ({ revokeStartedAt: at(0), completedAt: at(60), dependencies: [{ name: 'kubernetes', state: 'Confirmed', credentials }], ...change });

describe('the time until all is gone', () => {
  it.each<readonly [string, OffboardingStatus, number | undefined]>([
    ['goes from the first revoke to the end of the run', ended([confirmed(40)]), 60],
    ['does not count the wait for what nobody can revoke', ended([confirmed(40), confirmed(86_400, 'WaitedOut')], { completedAt: at(86_405) }), 40],
    ['is nothing where all of it was waited for', ended([confirmed(86_400, 'WaitedOut')], { completedAt: at(86_405) }), 0],
    ['counts what is only known as a class', ended([{ id: 'every Lease', class: 'Lease', state: 'Confirmed', count: 500 }]), 60],
    ['is there for an identity that had nothing', ended([]), 60],
    ['is not negative when a clock was set back', ended([confirmed(1)], { completedAt: at(-5) }), 0],
    ['is not there before the end', { revokeStartedAt: at(0), dependencies: [] }, undefined],
    ['is not there where nothing was revoked', { completedAt: at(60) }, undefined],
  ])('%s', (_, status, seconds) => {
    expect(timeToAllGone(status)).toBe(seconds);
  });
});
