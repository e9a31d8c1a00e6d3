/** What people read of a plan. */
import { describe, expect, it } from 'vitest';
import type { CredentialStatus, DependencyStatus, OffboardingStatus } from '../../api/v1alpha1/index.ts';
import { isBlocked, printed } from './print.ts';

const credential = (change: Partial<CredentialStatus>): CredentialStatus => ({ id: 'x', class: 'Token', state: 'Present', end: 'Revoke', found: true, ...change });
const condition = (type: string, status: 'True' | 'False', message = '') => ({ type, status, message, reason: 'X', lastTransitionTime: '' });
const kubernetes: DependencyStatus = {
  name: 'kubernetes',
  state: 'Pending',
  forecast: { stage: 1, lockable: true, residualFor: 15_000 },
  credentials: [
    credential({ id: 'serviceaccounts/ci/bot', class: 'ServiceAccount' }),
    credential({ id: 'tokens of serviceaccounts/ci/bot', class: 'BoundTokens', end: 'Others' }),
    credential({ id: 'rolebindings/ci/deploy', class: 'RoleBinding', grants: ['ClusterRole/edit in ci'], sharedWith: ['User bob', 'a group'] }),
    credential({ id: 'certificate of user bot', class: 'Certificate', end: 'Expiry', state: 'Waiting', expiresAt: '2027-03-01T00:00:00Z', found: false }),
  ],
  findings: [{ type: 'NotProvable', object: 'open watches', message: 'a watch goes on' }],
};
const vault: DependencyStatus = {
  name: 'vault',
  state: 'Pending',
  forecast: { stage: 2, after: ['kubernetes'], issuers: ['kubernetes'], lockable: false, lock: 'no mount', residualFor: 30_000 },
  credentials: [credential({ id: 'auth/k alias bot', class: 'Login', found: false })],
  undeclared: [{ type: 'AuthRole', name: 'ci-bot', message: 'it lets it in' }],
};
const complete: OffboardingStatus = { identity: 'ci/bot', conditions: [condition('Planned', 'True')], forecast: { residualFor: 45_000 }, dependencies: [vault, kubernetes] };
const plan = (status: OffboardingStatus) => ({ spec: { reason: 'Retired', mode: 'Plan' } as const, status });
const text = (status: OffboardingStatus, width = 80): string => printed(plan(status), width);

describe('a plan', () => {
  it('is told in the order in which it would happen, with who keeps what, and how long access lasts', () => {
    expect(isBlocked(plan(complete))).toBe(false);
    expect(text(complete).split('\n').map((line) => line.trimEnd())).toEqual([
      'Plan for the end of ci/bot (Retired). Nothing was changed.',
      '',
      '1. kubernetes',
      '   lock      first of all, so that it issues nothing more',
      '   delete    serviceaccounts/ci/bot',
      '   take out  rolebindings/ci/deploy: ClusterRole/edit in ci; kept for User bob,',
      '             a group',
      '   with it   tokens of serviceaccounts/ci/bot',
      '   wait      certificate of user bot: nobody can revoke it, and it works until',
      '             2027-03-01T00:00:00Z',
      '   unproven  open watches: a watch goes on',
      '   access    may be left for 15s after that: caches, and changes on their way',
      '',
      '2. vault: once kubernetes is proven gone; looked at for the last time after',
      '   kubernetes, whose credentials log in here',
      '   no lock   no mount',
      '   disable   auth/k alias bot (not there now, as far as is seen)',
      '   left out  auth role ci-bot (it lets it in): the identity does not name it, so',
      '             it is not ended',
      '   access    may be left for 30s after that: caches, and changes on their way',
      '',
      'Plan: 1 to delete, 1 to end with them, 1 to take out, 1 to wait out, 1 to',
      '  disable, 1 left out.',
      'Access left: 45s from the first revoke on, if each is accepted at once and',
      '  nothing new comes.',
      'Nothing blocks it. It is carried out with spec.mode Enforce.',
      '',
    ]);
  });

  it('names what blocks it: what is missing as the line to add, who uses it, what is for a person', () => {
    const blocked = text({
      ...complete,
      forecast: { residualUntil: 'unknown' },
      dependencies: [
        { ...kubernetes, state: 'Blocked', reason: 'PermissionMissing', message: 'the operator lacks permissions: …', missingPermissions: ['- {verbs: ["delete"]}'], findings: [{ type: 'InUse', object: 'Pod ci/a', message: 'runs' }] },
        { ...vault, state: 'Blocked', reason: 'SharedRole', message: 'told', credentials: [credential({ id: 'auth/k/role/x', class: 'AuthRole', end: 'Person', reason: 'SharedRole', message: 'others use it' })] },
        { name: 'other', state: 'Blocked', reason: 'Strange', message: 'who knows' },
      ],
    });
    for (const line of ['BLOCKED   PermissionMissing, as told below', 'missing   - {verbs: ["delete"]}', 'in use    Pod ci/a: runs', 'BLOCKED   SharedRole, as told below', 'person    auth/k/role/x: others use it', '?. other', 'BLOCKED   Strange: who knows', 'BLOCKED by kubernetes, vault, other:']) expect(blocked).toContain(line);
    expect(blocked).toContain('Access left: nobody can say until when');
  });

  it('of what could not be asked is blocked, and never says that there is nothing', () => {
    const unasked: OffboardingStatus = {
      identity: 'ci/bot',
      conditions: [condition('Planned', 'False'), condition('Ready', 'False', 'vault: connection refused')],
      dependencies: [kubernetes, { name: 'vault', state: 'Unknown', lastError: { code: 'Unavailable', message: 'connection refused', since: '' } }],
    };
    expect(isBlocked(plan(unasked))).toBe(true);
    expect(text(unasked)).toContain('?. vault\n   BLOCKED   Unavailable: it could not be asked, so nobody knows what is there:\n             connection refused');
    expect(text(unasked)).toContain('Access left: nobody can say, since not everything could be asked.');
    expect(isBlocked({ spec: { reason: 'Retired', mode: 'Plan' } })).toBe(true);
    expect(text({ conditions: [condition('Stalled', 'True', 'there is no WorkloadIdentity')] })).toMatch(/BLOCKED: the plan is not complete: there is no WorkloadIdentity\n$/);
  });

  it('that is not blocked in an Emergency shows what is for a person all the same', () => {
    const [first] = [{ ...kubernetes, credentials: [credential({ end: 'Person', message: 'do it' })] }];
    const emergency = { spec: { reason: 'Compromised', mode: 'Plan', urgency: 'Emergency' }, status: { ...complete, dependencies: [first] } } as const;
    expect(isBlocked(emergency)).toBe(false);
    expect(printed(emergency, 80)).toContain('(Compromised, Emergency)');
    expect(printed(emergency, 80)).toContain('person    x: do it');
  });

  it('stays in 80 columns, and shows no character that would turn a terminal against who reads it', () => {
    const evil = `a\u001b[2K\r\nfake: ok \u202e${'very long words '.repeat(30)}`;
    const hostile = text({
      ...complete,
      identity: evil,
      dependencies: [{ ...kubernetes, name: evil, credentials: [credential({ id: evil, grants: [evil], sharedWith: [evil] })], missingPermissions: [evil], findings: [{ type: 'InUse', object: evil, message: evil }], undeclared: [{ type: 'AuthRole', name: evil, message: evil }] }],
    });
    expect(hostile).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    for (const line of hostile.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('ends the account of Google’s as the identity has it', () => {
    const google = (onRetire?: 'Delete') => text({
      ...complete,
      target: { serviceAccount: { namespace: 'ci', name: 'bot' }, dependencies: [{ name: 'google', googleCloud: { connectorRef: { name: 'g' }, serviceAccount: { email: 'e', ...(onRetire && { onRetire }) } } }] },
      dependencies: [{ name: 'google', state: 'Pending', credentials: [credential({ id: 'projects/p/serviceAccounts/e', class: 'ServiceAccount' })] }],
    });
    expect(google()).toContain('disable   projects/p');
    expect(google('Delete')).toContain('delete    projects/p');
  });
});
