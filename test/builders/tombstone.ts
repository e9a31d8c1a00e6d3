/** OffboardingRecords as the API server has them and as they are kept in memory, signed by a real key. */
import type { OffboardingRecordSpec, OffboardingRecordStatus } from '../../src/api/v1alpha1/index.ts';
import { apiVersion } from '../../src/api/v1alpha1/index.ts';
import { recordSpecOf } from '../../src/evidence/check.ts';
import type { Predicate } from '../../src/evidence/predicate.ts';
import type { SigningKey } from '../../src/evidence/signing.ts';
import { sealed } from '../../src/evidence/statement.ts';
import { createRecordProjection } from '../../src/reconcile/indexes.ts';
import type { OffboardingRecordObject } from '../../src/reconcile/objects.ts';
import type { RecordsView } from '../../src/reconcile/record/context.ts';
import { aPredicate, aSigningKey } from './predicate.ts';

export const recordKey: SigningKey = aSigningKey();

/** What is on record of `ci/agent`, as the other builders call it. */
export const aRecordedEnd = (name: string, change: Partial<Predicate> = {}): Predicate =>
  aPredicate({
    record: { name, cluster: 'c' },
    identity: { serviceAccount: { namespace: 'ci', name: 'agent', uid: 'uid-of-account' }, probe: false },
    run: { ...aPredicate().run, namespace: 'ci', name: 'retire', uid: 'uid-of-retire' },
    ...change,
  });

/** The whole object. `change` is what the predicate says otherwise. */
export const aRecord = (
  name: string,
  change: Partial<Predicate> = {},
  { status, spec, key = recordKey }: { readonly status?: OffboardingRecordStatus; readonly spec?: Partial<OffboardingRecordSpec>; readonly key?: SigningKey } = {},
): OffboardingRecordObject => {
  const predicate = aRecordedEnd(name, change);
  return {
    apiVersion,
    kind: 'OffboardingRecord',
    metadata: { name, uid: `uid-of-${name}`, resourceVersion: '1', generation: 1, creationTimestamp: '2026-11-23T10:00:21Z' },
    spec: { ...recordSpecOf(predicate, sealed(predicate, key)), ...spec },
    ...(status === undefined ? {} : { status }),
  };
};

export const inMemory = (record: OffboardingRecordObject): OffboardingRecordObject => createRecordProjection()(record);

/** As the watch shows them. */
export const recordsView = (records: readonly OffboardingRecordObject[]): RecordsView => ({
  get: (name) => records.find(({ metadata }) => metadata.name === name),
  of: (identity) => records.filter(({ spec }) => `${spec.identity?.namespace ?? ''}/${spec.identity?.name ?? ''}` === identity),
  list: () => records,
  head: () =>
    records
      .filter(({ spec }) => spec.identity !== undefined)
      .map(({ metadata }) => metadata.name)
      .toSorted()
      .at(-1),
});
