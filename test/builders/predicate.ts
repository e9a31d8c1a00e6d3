/** What records say, for tests: an honest run, to be changed from there. */
import { generateKeyPairSync } from 'node:crypto';
import type { Predicate, RecordedCredential, RecordedDependency } from '../../src/evidence/predicate.ts';
import { readSigningKey } from '../../src/evidence/signing.ts';
import type { SigningKey } from '../../src/evidence/signing.ts';

export const aSigningKey = (): SigningKey => readSigningKey(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());

export const aRecordedCredential = (fields: Partial<RecordedCredential> = {}): RecordedCredential => ({
  id: 'ServiceAccount ci/build-agent-7',
  uid: '6f1c1f6e-0000-4000-8000-000000000007',
  class: 'ServiceAccount',
  state: 'Confirmed',
  method: 'get/serviceaccounts',
  foundAt: '2026-11-23T10:00:02.000Z',
  revokeRequestedAt: '2026-11-23T10:00:05.000Z',
  absentSince: '2026-11-23T10:00:06.000Z',
  confirmedAt: '2026-11-23T10:00:18.000Z',
  absentMilliseconds: 11_900,
  strength: 'Observed',
  ...fields,
});

export const aRecordedDependency = (fields: Partial<RecordedDependency> = {}): RecordedDependency => ({
  name: 'kubernetes',
  kind: 'kubernetes',
  state: 'Confirmed',
  settleMilliseconds: 11_000,
  enumeratedAt: '2026-11-23T10:00:19.000Z',
  lock: 'Locked',
  credentials: [aRecordedCredential()],
  outlasting: [],
  findings: [],
  ...fields,
});

export const aPredicate = (fields: Partial<Predicate> = {}): Predicate => ({
  record: { name: '0000000001', cluster: '11111111-0000-4000-8000-000000000000' },
  outcome: 'Confirmed',
  identity: {
    serviceAccount: { namespace: 'ci', name: 'build-agent-7', uid: '6f1c1f6e-0000-4000-8000-000000000007' },
    workloadIdentity: { namespace: 'ci', name: 'build-agent-7', uid: '6f1c1f6e-0000-4000-8000-000000000008', generation: 2 },
    probe: false,
  },
  run: {
    namespace: 'ci',
    name: 'build-agent-7-retired',
    uid: '6f1c1f6e-0000-4000-8000-000000000009',
    reason: 'Retired',
    urgency: 'Routine',
    createdAt: '2026-11-23T10:00:00Z',
    startedAt: '2026-11-23T10:00:01.000Z',
    lockedAt: '2026-11-23T10:00:03.000Z',
    revokeStartedAt: '2026-11-23T10:00:05.000Z',
    revokedAt: '2026-11-23T10:00:05.500Z',
    completedAt: '2026-11-23T10:00:20.000Z',
  },
  people: { requestedBy: { username: 'alice@example.com' }, enforcedBy: { username: 'alice@example.com' }, waivers: [], glassBroken: false },
  dependencies: [aRecordedDependency()],
  versions: { offboard: '0.1.0', kubernetes: 'v1.36.2' },
  ...fields,
});
