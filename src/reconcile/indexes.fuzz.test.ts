import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anIdentity, anOffboarding, aWaiver } from '../../test/builders/offboarding.ts';
import { aRecord } from '../../test/builders/tombstone.ts';
import { holds } from '../../test/fuzz/property.ts';
import type { Condition } from '../api/v1alpha1/index.ts';
import type { KubeObject } from '../kube/objects.ts';
import { createRecordProjection, createWorkloadIdentityProjection, identityOf, offboardingIndexers, offboardingWaiverIndexers, projectOffboarding, recordIndexers, workloadIdentityIndexers } from './indexes.ts';
import { keyOf } from './objects.ts';

const namespaces = fc.constantFrom('ci', 'ops', 'ci-2', 'c');
const names = fc.constantFrom('agent', 'agent-7', 'ci', 'i');
const places = fc.record({ namespace: namespaces, name: names });
const users = fc.uniqueArray(fc.constantFrom('agent.example.com', 'system:serviceaccount:ci:agent', '__proto__', 'constructor', 'é'), { maxLength: 3 });
const certificatesOf = (commonNames: readonly string[]) => commonNames.map((commonName) => ({ commonName, notAfter: '2027-03-01T00:00:00Z' }));

describe('one ServiceAccount', () => {
  it('is found by one key in all kinds that speak of it, and by no other\'s', () => {
    holds(
      fc.property(places, places, ({ namespace, name }, other) => {
        const inline = anOffboarding({ metadata: { namespace }, spec: { identity: { serviceAccount: { name } } } });
        const resolved = anOffboarding({ metadata: { namespace: 'elsewhere' }, status: { identity: `${namespace}/${name}` } });
        const identity = anIdentity({ metadata: { namespace, name: 'called-otherwise' }, spec: { serviceAccount: { name } } });
        const record = aRecord('0000000001', {}, { spec: { identity: { namespace, name, uid: 'u' } } });
        const keys = [offboardingIndexers.identity(inline), offboardingIndexers.identity(resolved), workloadIdentityIndexers.identity(identity), recordIndexers.identity(record)];
        expect(keys).toEqual(keys.map(() => [`${namespace}/${name}`]));
        const another = anIdentity({ metadata: { namespace: other.namespace }, spec: { serviceAccount: { name: other.name } } });
        return (workloadIdentityIndexers.identity(another)[0] === identityOf(inline)) === (namespace === other.namespace && name === other.name);
      }),
      100,
    );
  });

  it('is found by the user of each of its certificates', () => {
    holds(
      fc.property(users, (commonNames) => {
        const certificates = certificatesOf(commonNames);
        expect(workloadIdentityIndexers.user(anIdentity({ spec: { kubernetes: { certificates } } }))).toEqual(commonNames);
        expect(offboardingIndexers.user(anOffboarding({ status: { target: { serviceAccount: { namespace: 'ci', name: 'agent' }, certificates } } }))).toEqual(commonNames);
        const record = aRecord('0000000001', { identity: { serviceAccount: { namespace: 'ci', name: 'agent', uid: 'u' }, certificates, probe: false } });
        expect(recordIndexers.user(createRecordProjection()(record))).toEqual(commonNames);
      }),
      100,
    );
  });
});

describe('what names another object', () => {
  it('is found by the key of that object', () => {
    holds(
      fc.property(places, namespaces, fc.boolean(), ({ namespace, name }, own, isElsewhere) => {
        const identity = anIdentity({ metadata: { namespace: isElsewhere ? namespace : own, name } });
        const run = anOffboarding({ metadata: { namespace: own }, spec: { workloadIdentityRef: { name, ...(isElsewhere && { namespace }) } } });
        expect(offboardingIndexers.reference(run)).toEqual([keyOf(identity)]);
        const waiver = aWaiver({ metadata: { namespace }, spec: { offboardingRef: { name, uid: 'u' } } });
        expect(offboardingWaiverIndexers.run(waiver)).toEqual([keyOf(anOffboarding({ metadata: { namespace, name } }))]);
      }),
    );
  });
});

const condition = fc.record({ type: fc.constantFrom('Ready', 'Stalled'), status: fc.constantFrom('True', 'False'), reason: fc.constantFrom('A', 'B'), message: fc.constantFrom('', 'x'), observedGeneration: fc.nat({ max: 2 }), lastTransitionTime: fc.constant('2026-11-23T10:00:00Z') }) as fc.Arbitrary<Condition>;
const metadataChange = fc.record(
  { namespace: namespaces, name: names, generation: fc.nat({ max: 3 }), finalizers: fc.subarray(['offboard.dev/a', 'b.dev/c']), deletionTimestamp: fc.constant('2026-11-23T10:00:00Z'), labels: fc.dictionary(names, names), annotations: fc.dictionary(names, names), managedFields: fc.constant([{ manager: 'kubectl' }]) },
  { requiredKeys: [] },
);
const identities = fc
  .record({ metadata: metadataChange, owner: fc.option(fc.record({ name: names, contact: names }), { nil: undefined }), account: names, conditions: fc.array(condition, { maxLength: 2 }), dependencies: fc.array(fc.record({ name: names, credentials: fc.nat({ max: 2 }), provable: fc.boolean() }), { maxLength: 2 }), state: fc.constantFrom('Active' as const, 'Retired' as const) })
  .map(({ metadata, owner, account, conditions, dependencies, state }) => anIdentity({ metadata, spec: { serviceAccount: { name: account }, ...(owner && { owner }) }, status: { lifecycleState: state, conditions, dependencies } }));

const unwatched = ['labels', 'annotations', 'managedFields'];
const withoutUnwatched = ({ metadata, ...rest }: KubeObject): object => ({ ...rest, metadata: Object.fromEntries(Object.entries(metadata).filter(([key]) => !unwatched.includes(key))) });

describe('what is kept in memory', () => {
  it('of WorkloadIdentities is all that is asked for, whatever others it is shared with, and stays so', () => {
    holds(
      fc.property(fc.array(identities, { minLength: 1, maxLength: 8 }), (all) => {
        const project = createWorkloadIdentityProjection();
        const before = structuredClone(all);
        const kept = all.map(project);
        expect(kept).toEqual(before.map(withoutUnwatched));
        expect(kept.map(project)).toEqual(kept);
        expect(all).toEqual(before);
      }),
    );
  });

  it('of an Offboarding is all but who wrote which field', () => {
    holds(
      fc.property(metadataChange, fc.array(condition, { maxLength: 2 }), (metadata, conditions) => {
        const run = anOffboarding({ metadata, status: { conditions } });
        const { managedFields: _, ...rest } = run.metadata;
        expect(projectOffboarding(run)).toEqual({ ...run, metadata: rest });
      }),
      100,
    );
  });

  it('of a record is what finds it and what it says, without what is signed', () => {
    holds(
      fc.property(fc.array(condition, { maxLength: 2 }), namespaces, fc.boolean(), (conditions, namespace, isChanged) => {
        const whole = aRecord('0000000001', {}, { status: { conditions }, spec: { identity: { namespace, name: 'agent', uid: 'u' }, ...(isChanged && { digest: `sha256:${'0'.repeat(64)}` }) } });
        const kept = createRecordProjection()(whole);
        const { envelope: _, ...spec } = whole.spec;
        const { signed, ...rest } = kept;
        expect(rest).toEqual({ ...whole, spec });
        return signed?.digestHolds === !isChanged;
      }),
      50,
    );
  });
});
