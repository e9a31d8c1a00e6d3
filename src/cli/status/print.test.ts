/** What people see of a run. */
import { describe, expect, it } from 'vitest';
import type { OffboardingSpec, OffboardingStatus } from '../../api/v1alpha1/index.ts';
import { fitted } from '../screen.ts';
import type { Shown } from './parts.ts';
import { isOver } from './parts.ts';
import { entriesOf, listed, printed } from './print.ts';

const now = new Date('2026-11-23T10:02:23Z');
const run = (status: OffboardingStatus, spec: Partial<OffboardingSpec> = {}): Shown => ({
  metadata: { name: 'build-agent-7-retired', namespace: 'ci', creationTimestamp: '2026-11-23T10:00:20Z' },
  spec: { reason: 'Retired', requestedBy: { username: 'alice@example.com' }, ...spec },
  status,
});
const condition = { status: 'False', lastTransitionTime: '', reason: 'Pending' } as const;
const underWay = run({
  identity: 'ci/build-agent-7',
  phase: 'Verifying',
  startedAt: '2026-11-23T10:00:21Z',
  residualUntil: '2026-11-23T10:04:09Z',
  summary: { total: 17, confirmed: 9, unknown: 0, unrevocable: 0, notProvable: 1 },
  dependencies: [
    {
      name: 'kubernetes', state: 'Confirmed', message: 'every credential is proven gone',
      credentials: [
        { id: 'a', class: 'RoleBinding', state: 'Confirmed', count: 6, strength: 'Observed' },
        { id: 't', class: 'BoundTokens', state: 'Confirmed', strength: 'Probed', probe: { controlAt: '2026-11-23T10:00:21Z', refusedAt: '2026-11-23T10:00:30.4Z', refusals: 5, servers: 2 } },
      ],
      findings: [{ type: 'NotProvable', message: 'a watch opened before 10:01:30 may live until its own timeout' }],
    },
    { name: 'vault', state: 'Settling', message: 'lease: absent since 2026-11-23T10:02:11.000Z, believed at 2026-11-23T10:02:41.000Z', credentials: [{ id: 'b', class: 'Lease', state: 'Absent', count: 6 }] },
    { name: 'google', state: 'Revoking', message: '2 still there; first: projects/acme-ci', credentials: [{ id: 'c', class: 'IamBinding', state: 'Confirmed', count: 2 }, { id: 'd', class: 'IamBinding', state: 'Present', count: 2 }] },
  ],
});

describe('a run', () => {
  it('is shown in 80 columns with what may be left of its access, and for how long', () => {
    expect(printed(underWay, now, 80).split('\n')).toEqual([
      'build-agent-7 (ci)  Retired, asked by alice@example.com 2m3s ago       Verifying',
      '',
      '  kubernetes  ✔ confirmed  7/7  BoundTokens refused 5× on 2 servers, 10s after',
      '                                the request, 6 observed gone',
      '  vault       ◔ settling   0/6  lease: absent since 10:02:11Z, believed at',
      '                                10:02:41Z (in 18s)',
      '  google      ● revoking   2/4  2 still there; first: projects/acme-ci',
      '',
      '  residual access until 10:04:09Z (in 1m46s): vault, google',
      '  not provable: 1 (a watch opened before 10:01:30 may live until its own',
      '    timeout)',
      '',
    ]);
  });

  it('that has ended names its record, how long it took, and that nothing is left that is known', () => {
    const text = printed(
      run({ identity: 'ci/a', phase: 'Complete', startedAt: '2026-11-23T10:00:20Z', completedAt: '2026-11-23T10:02:00Z', recordRef: { name: '0000000007', digest: 'sha256:00', outcome: 'Confirmed' } }),
      now,
      80,
    );
    expect(text).toContain('residual access: none that is known');
    expect(text).toContain('ended at 2026-11-23T10:02:00Z, 1m40s after it was asked for');
    expect(text).toContain('record 0000000007 (Confirmed), sha256:00');
  });

  it('that waits for a person says for what, and that it is not locked', () => {
    const text = printed(
      run({
        phase: 'Blocked',
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
    expect(text).toContain('waits for a person: install it\\u001b[2J');
    expect(text).toContain('not locked: the policy is gone');
    expect(text).not.toContain('\u001b');
  });

  it('that nobody waits for says why', () => {
    const idle = (phase: 'Suspended' | 'Planned', reason: string): Shown => run({ phase, conditions: [{ ...condition, type: 'Ready', reason, message: 'somebody wants it so' }] });
    expect(printed(idle('Suspended', 'Suspended'), now, 80)).toContain('Suspended: somebody wants it so');
    expect([isOver(idle('Suspended', 'Suspended')), isOver(idle('Planned', 'PlanOnly')), isOver(run({ completedAt: 'x' }))]).toEqual([false, true, true]);
  });

  it('that takes longer than it should says so, and how long is left until then', () => {
    expect(printed(run({}, { deadline: '3m' }), now, 80)).toContain('  due in 57s\n');
    expect(printed(run({}, { deadline: '1m' }), now, 80)).toContain('  overdue for 1m3s; work goes on\n');
    expect(printed(run({}, { deadline: 'soon' }), now, 80)).not.toContain('due');
  });

  it('that nobody has looked at is pending', () => {
    const { status: _, ...fresh } = run({}, { workloadIdentityRef: { name: 'build-agent-7' }, urgency: 'Emergency' });
    expect(printed(fresh, now, 80)).toBe('build-agent-7 (ci)  Retired, Emergency, asked by alice@example.com 2m3s ago\n  Pending\n\n');
  });

  it('has a line for each dependency, also where there is nothing to say of it', () => {
    expect(printed(run({ dependencies: [{ name: 'vault', state: 'Pending' }] }), now, 80)).toMatch(/^  vault .* pending/m);
  });

  it('whose time is over is looked at again', () => {
    expect(printed(run({ residualUntil: '2026-11-23T10:00:00Z' }), now, 80)).toContain('(over, and looked at again)');
  });

  it('does not outgrow the terminal, whatever its names are', () => {
    const long = 'x'.repeat(200);
    const hostile = run({
      identity: `${long}/${long}`,
      residualUntil: `\u001b]0;owned\u0007${long}`,
      conditions: [{ ...condition, type: 'Stalled', status: 'True', message: `漢字${long}\u202e😀` }],
      dependencies: [{ name: `vault\u001b[31m${long}`, state: 'Blocked', message: `\r${long} 2026-13-99T99:99:99Z` }],
    });
    const whole = printed(hostile, now, 80);
    expect(whole).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    const lines = fitted(whole, 80, 10).trimEnd().split('\n');
    expect(lines).toHaveLength(9);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines.at(-1)).toMatch(/^… \d+ more lines$/);
    expect(fitted('漢'.repeat(50), 80, 10).split('\n').map((line) => line.length)).toEqual([40, 10, 0]);
  });
});

describe('a run in a log', () => {
  it('is a line for each thing, in which nothing passes by itself', () => {
    const entries = entriesOf(underWay);
    expect(entries).toContain('vault  settling  0/6  lease: absent since 2026-11-23T10:02:11.000Z, believed at 2026-11-23T10:02:41.000Z');
    expect(entries).toContain('residual access until 2026-11-23T10:04:09Z: vault, google');
    expect(entries.join('\n')).not.toMatch(/\bago\b|\(in /);
    expect(entriesOf(run({ phase: 'Blocked', conditions: [{ ...condition, type: 'Stalled', status: 'True', message: 'a\nforged line' }] })).at(-1)).toBe('waits for a person: a\\nforged line');
  });
});

describe('many runs', () => {
  it('are a table', () => {
    expect(listed([underWay, run({ identity: 'ci/other', phase: 'Blocked', progress: '9/11', waitingOn: 'vault', residualUntil: 'unknown' })], now, true).split('\n')).toEqual([
      'NAMESPACE   NAME                    IDENTITY        PHASE       CONFIRMED   WAITING ON   RESIDUAL   AGE',
      'ci          build-agent-7-retired   build-agent-7   Verifying                            1m46s      2m3s',
      'ci          build-agent-7-retired   other           Blocked     9/11        vault        unknown    2m3s',
      '',
    ]);
  });
});
