import { describe, expect, it } from 'vitest';
import { anIdentity, anOffboarding } from '../../test/builders/offboarding.ts';
import { createWorkloadIdentityProjection, offboardingIndexers } from './indexes.ts';

describe('what is kept of a WorkloadIdentity', () => {
  const conditions = () => [
    { type: 'Ready' as const, status: 'True' as const, reason: 'X', message: 'x', observedGeneration: 1, lastTransitionTime: '2026-11-23T10:00:00Z' },
  ];
  const raw = (name: string) => {
    const identity = anIdentity({ metadata: { name, finalizers: ['one/finalizer'] }, status: { lifecycleState: 'Active', conditions: conditions() } });
    return { ...identity, metadata: { ...identity.metadata, labels: { team: 'a' }, managedFields: [{ manager: 'kubectl' }] } };
  };

  it('is all that is used, and not who wrote it or how it is labelled', () => {
    const { metadata: { labels: _, managedFields: __, ...metadata }, ...rest } = raw('a');
    expect(createWorkloadIdentityProjection()(raw('a'))).toEqual({ ...rest, metadata });
  });

  it('is held once where two say the same', () => {
    const project = createWorkloadIdentityProjection();
    const [one, other] = [project(raw('a')), project(raw('b'))];
    expect(one.status?.conditions).toBe(other.status?.conditions);
    expect(one.metadata.finalizers).toBe(other.metadata.finalizers);
    expect([one.metadata.name, other.metadata.name]).toEqual(['a', 'b']);
  });
});

describe('the connectors of a run', () => {
  const dependencies = [
    { name: 'a', vault: { connectorRef: { name: 'vault-prod' } } },
    { name: 'b', googleCloud: { connectorRef: { name: 'google' } } },
    { name: 'c', googleCloud: { connectorRef: { name: 'google' } } },
  ];
  const serviceAccount = { name: 'agent', namespace: 'ci' };

  it('are those of its target, or of what it names while it has none', () => {
    expect(offboardingIndexers.connector(anOffboarding({ status: { target: { serviceAccount, dependencies } } }))).toEqual(['vault-prod', 'google']);
    expect(offboardingIndexers.connector(anOffboarding({ spec: { identity: { serviceAccount, dependencies } } }))).toEqual(['vault-prod', 'google']);
    expect(offboardingIndexers.connector(anOffboarding())).toEqual([]);
  });

  it('are none once it has ended, so that nobody asks for all that ever did', () => {
    expect(offboardingIndexers.connector(anOffboarding({ status: { target: { serviceAccount, dependencies }, completedAt: '2026-11-23T10:00:00Z' } }))).toEqual([]);
  });
});
