/** What people are told when they ask why. */
import { describe, expect, it } from 'vitest';
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Condition, DependencyStatus, OffboardingSpec, OffboardingStatus } from '../../api/v1alpha1/index.ts';
import type { Shown } from '../status/parts.ts';
import { explanationOf, printed } from './explanation.ts';
import { nextFor } from './next.ts';

const now = new Date('2026-11-26T10:00:00Z');
const aRun = (status?: OffboardingStatus, spec: Partial<OffboardingSpec> = {}): Shown => ({
  metadata: { name: 'build-agent-4-retired', namespace: 'ci', creationTimestamp: '2026-11-23T09:59:00Z' },
  spec: { reason: 'Retired', mode: 'Enforce', workloadIdentityRef: { name: 'build-agent-4' }, ...spec },
  ...(status === undefined ? {} : { status: { identity: 'ci/build-agent-4', ...status } }),
});
const condition = (type: string, status: Condition['status'], reason: string, message: string): Condition => ({ type, status, reason, message, lastTransitionTime: '2026-11-23T10:00:00Z' });
const stalled = (reason: string, message: string): readonly Condition[] => [condition('Ready', 'False', reason, message), condition('Stalled', 'True', reason, message)];
const reconciling = (reason: string, message: string): readonly Condition[] => [condition('Ready', 'False', reason, message), condition('Reconciling', 'True', reason, message)];
const target = {
  serviceAccount: { namespace: 'ci', name: 'build-agent-4' },
  dependencies: [{ name: 'vault', vault: { connectorRef: { name: 'vault-prod' } } }, { name: 'google', googleCloud: { connectorRef: { name: 'gcp-prod' } } }],
} as const;
const said = (run: Shown, width = 80): string => printed(explanationOf(run, now), width);
const stuckWords = 'failed to revoke entry: role "v-k8s-x" cannot be dropped because some objects depend on it';
const stuck: DependencyStatus = {
  name: 'vault', state: 'Blocked', reason: 'RevocationStuck', message: `lease database/creds/ci-build-agent-4/abc: ${stuckWords}`,
  credentials: [{ id: 'lease database/creds/ci-build-agent-4/abc', class: 'Lease', state: 'Present', reason: 'RevocationStuck', message: stuckWords }],
};

describe('why a run is not done', () => {
  it('is a paragraph: what, in the words of the system, since when, and what to do', () => {
    const text = said(aRun({ target, residualUntil: 'unknown', dependencies: [stuck], conditions: stalled(reasons.revocationStuck, `vault: ${stuck.message ?? ''}`) }));
    expect(text.split('\n')).toEqual([
      'vault is blocked: lease database/creds/ci-build-agent-4/abc.',
      '  Vault says: failed to revoke entry: role "v-k8s-x" cannot be dropped because',
      '              some objects depend on it',
      '  Since 3d, looked at again within 5 minutes.',
      '  Until when access is left, nobody can say.',
      '  Mend it behind that system (docs/runbooks/revocation-stuck.md), then nothing',
      '    else is needed. Or somebody who did not ask for the run gives it up for a',
      '    time:',
      '    kubectl offboard waive build-agent-4-retired --dependency vault --justification WHY --expires 7d -n ci',
      '',
    ]);
  });

  it('tells of a system that is away how often it was asked, and where to look', () => {
    const away: DependencyStatus = { name: 'google', state: 'Unknown', reason: 'DependencyUnavailable', message: 'get policy: HTTP 503', attempts: 8, lastError: { code: 'DependencyUnavailable', message: 'get policy: HTTP 503', since: '2026-11-26T09:38:00Z' } };
    const text = said(aRun({ target, dependencies: [stuck, away], conditions: reconciling(reasons.dependencyUnavailable, 'google: get policy: HTTP 503') }));
    expect(text).toContain('google is not to be asked.\n  Google Cloud says: get policy: HTTP 503\n  Since 22m, 8 attempts or more, looked at again by itself.\n');
    expect(text).toContain('Also, vault is blocked: lease database');
    expect(text).toContain('    kubectl describe connector gcp-prod\n');
  });

  it('tells what is only a matter of time, and how much of it', () => {
    expect(said(aRun({ conditions: reconciling(reasons.soaking, 'reversible until 2026-11-26T12:00:00.000Z; then the first revoke is sent') }))).toContain('build-agent-4 (ci) is not done: reversible until 12:00:00Z (in 2h); then the');
    const settling: DependencyStatus = { name: 'kubernetes', state: 'Settling', message: 'x' };
    const text = said(aRun({ dependencies: [settling], conditions: reconciling(reasons.settling, 'kubernetes: token: absent since 2026-11-26T09:59:50.000Z, believed at 2026-11-26T10:00:20.000Z') }));
    expect(text).toContain('kubernetes is settling: token: absent since 09:59:50Z, believed at 10:00:20Z (in\n  20s).\n');
    expect(text).toContain('    kubectl offboard status build-agent-4-retired -n ci --watch\n');
  });

  it('of one that waits for a person as a whole says what to do, and of one that cannot be cancelled that it cannot', () => {
    expect(said(aRun({ conditions: stalled(reasons.identityNotFound, 'spec.workloadIdentityRef: there is no WorkloadIdentity "x"') }))).toContain('kubectl delete offboarding build-agent-4-retired -n ci');
    expect(said(aRun({ conditions: [...reconciling(reasons.revoking, '2 still there'), condition('Cancelled', 'False', 'CannotCancel', 'cannot be cancelled: revoking has begun')] }))).toContain('It cannot be cancelled: revoking has begun.');
  });

  it('of a plan, and of one that is suspended, says how it goes on', () => {
    expect(said(aRun({ conditions: [condition('Ready', 'False', reasons.planOnly, 'the plan is made')] }, { mode: 'Plan' }))).toContain(`kubectl patch offboarding build-agent-4-retired -n ci --type=merge -p '{"spec":{"mode":"Enforce"}}'`);
    expect(said(aRun({ conditions: [condition('Ready', 'False', reasons.suspended, 'suspended')] }))).toContain('"suspend":false');
  });

  it('of one that nobody looks at asks whether Offboard runs', () => {
    expect(said(aRun())).toContain('It was asked for 3d ago.\n');
    expect(said(aRun())).toContain('kubectl get pods -n offboard-system');
  });
});

describe('a run that is done', () => {
  it('says what its end rests on, and what nobody can prove', () => {
    const text = said(aRun({
      completedAt: '2026-11-26T09:00:00Z',
      recordRef: { name: '0000000007', digest: 'sha256:ab', outcome: 'ConfirmedWithUnprovable' },
      dependencies: [{
        name: 'kubernetes', state: 'Confirmed',
        credentials: [{ id: 'a', class: 'A', state: 'Confirmed', strength: 'Probed' }, { id: 'b', class: 'B', state: 'Confirmed', strength: 'Observed', count: 9 }, { id: 'c', class: 'C', state: 'Confirmed', strength: 'WaitedOut' }],
        findings: [{ type: 'NotProvable', message: 'an open watch' }],
      }],
      conditions: [condition('Ready', 'True', reasons.confirmedWithUnprovable, 'every credential is proven gone; what cannot be observed is named in the findings')],
    }));
    expect(text).toContain('build-agent-4 (ci) is done, since 1h: every credential is proven gone');
    expect(text).toContain('  It rests on: 11 credentials, 1 tried and refused, 9 observed gone, 1 waited\n    out.\n');
    expect(text).toContain('  Not provable: kubernetes: an open watch\n');
    expect(text).toContain('kubectl offboard verify --from-cluster --expect-head 0000000007@sha256:ab --key FILE');
  });

  it('by a waiver says who decided, and that something is left', () => {
    const waived: DependencyStatus = { ...stuck, state: 'Waived', waiver: { name: 'away', approvedBy: 'boss', expiresAt: '2026-11-27T10:00:00Z' } };
    const text = said(aRun({ completedAt: '2026-11-26T09:00:00Z', dependencies: [waived], conditions: [condition('Ready', 'True', reasons.completedWithWaivers, 'proven gone but for what was given up: vault: given up until 2026-11-27T10:00:00Z, approved by boss')] }));
    expect(text).toContain('2026-11-27T10:00:00Z (in 1d)');
    expect(text).toContain('1 credential, 1 not gone');
    expect(text).toContain('kubectl describe offboardingwaiver away -n ci');
  });
});

describe('the next step', () => {
  it('is there for every reason, and never without a word', () => {
    for (const reason of [...Object.values(reasons), 'NobodyKnowsThisOne']) {
      const { text, commands } = nextFor(reason, { run: aRun({ target }), dependency: stuck });
      expect(text, reason).toMatch(/[.:?]$/);
      if (text.endsWith(':')) expect(commands.length, reason).toBeGreaterThan(0);
    }
  });
});

describe('hostile words', () => {
  const hostile = '\u001b]0;x\u0007\u202e\r\nkubectl delete ns ci; $(rm -rf ~) `x` "\'';

  it('forge no line, turn no terminal, and stay one word where they are to be copied', () => {
    const bad: DependencyStatus = { name: `v'$(x)`, state: 'Blocked', message: hostile, lastError: { code: 'x', message: hostile, since: hostile } };
    const text = said(aRun({ residualUntil: hostile, dependencies: [bad], conditions: stalled(hostile, `${bad.name}: ${hostile}`) }));
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(text).toContain(`--dependency 'v'\\''$(x)' `);
    expect(text.split('\n').filter((line) => line.startsWith('kubectl'))).toEqual([]);
    for (const line of text.split('\n')) if (!line.startsWith('    kubectl')) expect(line.length).toBeLessThanOrEqual(80);
  });
});
