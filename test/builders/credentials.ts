/** Credentials and what is tracked of them, with everything but the point of the test filled in. */
import type { CredentialStatus } from '../../src/api/v1alpha1/index.ts';
import { track } from '../../src/policy/credential.ts';
import type { Sighting, Tracked } from '../../src/policy/credential.ts';
import type { Credential } from '../../src/revokers/revoker.ts';

export const aCredential = (change: Partial<Credential> = {}): Credential => ({
  id: 'rolebindings/ci/deploy',
  uid: 'uid-1',
  class: 'RoleBinding',
  end: { by: 'Revoke' },
  seen: true,
  ...change,
});

export const aTracked = (
  change: Partial<Omit<Tracked, 'status' | 'credential'>> & {
    readonly credential?: Partial<Credential>;
    readonly status?: Partial<CredentialStatus>;
  } = {},
): Tracked => {
  const tracked = track(aCredential(change.credential));
  return { ...tracked, ...change, credential: tracked.credential, status: { ...tracked.status, ...change.status } };
};

export const aSighting = (change: Partial<Sighting> = {}): Sighting => ({
  state: 'Absent',
  method: 'get/rolebindings',
  askedAt: 1_000,
  answeredAt: 1_010,
  at: new Date('2026-11-23T10:00:01.010Z'),
  ...change,
});
