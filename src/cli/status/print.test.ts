/** What people see of a run. */
import { describe, expect, it } from 'vitest';
import type { OffboardingStatus } from '../../api/v1alpha1/index.ts';
import { lasting, printed } from './print.ts';

const now = new Date('2026-11-23T10:02:23Z');
const run = (status: OffboardingStatus) => ({
  metadata: { name: 'build-agent-7-retired', creationTimestamp: '2026-11-23T10:00:20Z' },
  spec: { reason: 'Retired', requestedBy: { username: 'alice@example.com' } } as const,
  status,
});

describe('a run', () => {
  it('is shown with what may be left of its access, and for how long', () => {
    const text = printed(
      run({
        identity: 'ci/build-agent-7',
        phase: 'Verifying',
        residualUntil: '2026-11-23T10:04:09Z',
        summary: { total: 13, confirmed: 7, unknown: 0, unrevocable: 0, notProvable: 1 },
        dependencies: [
          { name: 'kubernetes', state: 'Confirmed', message: 'every credential is proven gone', credentials: [{ id: 'a', class: 'RoleBinding', state: 'Confirmed', count: 7 }] },
          { name: 'vault', state: 'Settling', message: 'lease: absent', credentials: [{ id: 'b', class: 'Lease', state: 'Absent', count: 6 }] },
        ],
      }),
      now,
      80,
    );
    expect(text.split('\n')).toEqual([
      'ci/build-agent-7  Retired, asked by alice@example.com 2m3s ago  Verifying',
      '',
      '  ✔ kubernetes  Confirmed  7/7  every credential is proven gone',
      '  ◔ vault       Settling  0/6  lease: absent',
      '',
      '  residual access until 2026-11-23T10:04:09Z (in 1m46s)',
      '  not provable: 1, named in the findings of its status',
      '',
    ]);
  });

  it('that has ended names its record, and that nothing is left that is known', () => {
    const text = printed(
      run({ identity: 'ci/a', phase: 'Complete', startedAt: '', completedAt: '2026-11-23T10:02:00Z', recordRef: { name: '0000000007', digest: 'sha256:00', outcome: 'Confirmed' } }),
      now,
      80,
    );
    expect(text).toContain('residual access: none that is known');
    expect(text).toContain('record 0000000007 (Confirmed), sha256:00');
  });

  it('that waits for a person says for what, and that it is not locked', () => {
    const condition = { status: 'False', lastTransitionTime: '', reason: 'LockLost' } as const;
    const text = printed(
      run({
        residualUntil: 'unknown',
        conditions: [
          { ...condition, type: 'Stalled', status: 'True', message: 'install it\u001b[2J' },
          { ...condition, type: 'Locked', message: 'the policy is gone' },
        ],
      }),
      now,
      80,
    );
    expect(text).toContain('residual access: nobody can say yet until when');
    expect(text).toContain('waits for a person: install it');
    expect(text).toContain('not locked: the policy is gone');
    expect(text).not.toContain('\u001b');
  });

  it('whose time is over is looked at again, and never counts below nothing', () => {
    expect(printed(run({ residualUntil: '2026-11-23T10:00:00Z' }), now, 80)).toContain('(over, and looked at again)');
    expect([0, 59_400, 61_000, 3_700_000, 90_000_000].map(lasting)).toEqual(['0s', '59s', '1m1s', '1h1m', '1d1h']);
  });
});
