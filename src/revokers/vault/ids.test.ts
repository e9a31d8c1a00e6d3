import { describe, expect, it } from 'vitest';

import { certificateId, leaseId, locate, loginId, roleId, secretIdId, sharedLeasesId, tokenId } from './ids.ts';

const role = { mount: 'team/kubernetes', role: 'ci-bot' };
const accessor = '4b919c3d-2bae-7ab5-3a93-1167fe738589';

describe('an id', () => {
  it.each([
    [loginId({ mount: 'team/kubernetes', alias: 'ci/bot' }), 'Login', { mount: 'team/kubernetes', alias: 'ci/bot' }],
    [tokenId('dWILBXaJNsXbjCck8xYm0oZT'), 'Token', { accessor: 'dWILBXaJNsXbjCck8xYm0oZT' }],
    [leaseId('database/creds/app/QE0A87hm'), 'Lease', { leaseId: 'database/creds/app/QE0A87hm' }],
    [sharedLeasesId('database/creds/app'), 'SharedLeases', { prefix: 'database/creds/app' }],
    [roleId(role), 'AuthRole', role],
    [roleId(role), 'AppRole', role],
    [secretIdId(role, accessor), 'SecretId', { ...role, accessor }],
    [certificateId('pki/ci', '39:dd:2e'), 'Certificate', { mount: 'pki/ci', serial: '39:dd:2e' }],
  ])('is all that is needed to find the thing again: %s', (id, kind, found) => {
    expect(locate({ id, class: kind })).toEqual({ class: kind, ...found });
  });

  it.each([
    ['auth/kubernetes alias ', 'Login'],
    ['auth/../sys alias x', 'Login'],
    ['auth/token accessor a b', 'Token'],
    ['nothing', 'Lease'],
    ['leases under ../sys', 'SharedLeases'],
    ['leases under a//b', 'SharedLeases'],
    ['auth/kubernetes/role/a/b', 'AuthRole'],
    ['auth/kubernetes/role/..', 'AuthRole'],
    ['auth/kubernetes/role/a%2Fb', 'AppRole'],
    ['auth/approle/role/bot secret id accessor ', 'SecretId'],
    ['pki/../sys/cert/39:dd', 'Certificate'],
    ['pki/cert/../x', 'Certificate'],
    ['auth/token accessor x', 'Secret'],
  ])('that is none of ours leads nowhere: %s as %s', (id, kind) => {
    expect(locate({ id, class: kind })).toBeUndefined();
  });
});
