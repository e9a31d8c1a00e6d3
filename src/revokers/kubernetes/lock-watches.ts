/**
 * What the lock stands on, as watches know it: the policies, their bindings, and the ConfigMap that says who is locked. So whoever
 * changes one of them is noticed at once, and not at the next look.
 */
import type { AdmissionObject } from '../../kube/admission.ts';
import { toOutcome } from '../../kube/errors.ts';
import type { ConfigMap, KubeObject } from '../../kube/objects.ts';
import { createReflector, type Reflector } from '../../kube/reflector.ts';
import { configMaps, type Resource, validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from '../../kube/resources.ts';
import type { AccountName } from './identity.ts';
import { entriesGone } from './lock-entries.ts';
import { differenceOf, type Expected, expectedPolicies, lockConfigMap, type LockKind, nameOfPolicy, whatIsWrong } from './lock-policies.ts';
import type { WatchOptions } from './watches.ts';

/** Whose lock may hold no more: everybody's, where it is the policies or the whole ConfigMap; then it may also hold again. */
export type LockChange = 'All' | readonly AccountName[];

export interface LockWatches {
  /** To be run, and awaited. Nobody waits for their first list: without them nothing is locked, and everything else goes on. */
  readonly reflectors: readonly Reflector<unknown>[];
  /** What of the policies is not there or not as it should be, and how to mend that; undefined where all is well. */
  readonly wrong: () => string | undefined;
  /** Why {@link wrong} cannot be told now; undefined where it can. */
  readonly blind: () => string | undefined;
  readonly onChange: (listener: (change: LockChange) => void) => void;
}

interface KeptPolicy {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Where it differs from what is expected. */
  readonly difference: string | undefined;
}

export const createLockWatches = (options: Omit<WatchOptions, 'tokenSecrets'>, operatorNamespace: string): LockWatches => {
  const listeners: ((change: LockChange) => void)[] = [];
  const tell = (change: LockChange): void => {
    if (change === 'All' || change.length > 0) for (const listener of listeners) listener(change);
  };
  const expected = expectedPolicies(operatorNamespace);
  const policies = {
    ValidatingAdmissionPolicy: reflectPolicies(options, validatingAdmissionPolicies, ofKind(expected, 'ValidatingAdmissionPolicy'), tell),
    ValidatingAdmissionPolicyBinding: reflectPolicies(options, validatingAdmissionPolicyBindings, ofKind(expected, 'ValidatingAdmissionPolicyBinding'), tell),
  } as const;
  const entries: Reflector<ConfigMap> = createReflector<ConfigMap>({
    ...options,
    resource: configMaps,
    query: { namespace: operatorNamespace, fieldSelector: `metadata.name=${lockConfigMap}` },
    project: ({ metadata: { name, namespace, uid, resourceVersion, creationTimestamp }, ...raw }) => ({
      metadata: { name, ...(namespace !== undefined && { namespace }), uid, resourceVersion, creationTimestamp },
      data: (raw as ConfigMap).data ?? {},
    }),
    onChange: ({ type, object, previous }) => {
      if (!entries.synced()) return;
      tell(type === 'delete' || previous === undefined ? 'All' : entriesGone(previous.data ?? {}, object.data ?? {}, operatorNamespace));
    },
  });
  const wellInstalled = Object.values(policies);
  return {
    reflectors: [...wellInstalled, entries],
    wrong: () => {
      const stored = expected.map((each) => ({ name: nameOfPolicy(each), kept: policies[each.kind].store.get(undefined, each.name) }));
      return whatIsWrong(stored.map(({ name, kept }) => ({ name, wrong: kept === undefined ? 'missing' : kept.difference })));
    },
    blind: () => {
      const silent = wellInstalled.find((reflector) => !reflector.synced() || !reflector.health().connected);
      if (silent === undefined) return undefined;
      const { lastError } = silent.health();
      return `the ${silent.resource.plural} are not watched now${lastError === undefined ? '' : `: ${toOutcome(lastError).message}`}`;
    },
    onChange: (listener) => {
      listeners.push(listener);
    },
  };
};

const ofKind = (expected: readonly Expected[], kind: LockKind): ReadonlyMap<string, Expected> =>
  new Map(expected.filter((each) => each.kind === kind).map((each) => [each.name, each]));

/** Of all policies of the cluster only these are kept, and of these only what is wrong with them. The first list is no change. */
const reflectPolicies = (
  options: Omit<WatchOptions, 'tokenSecrets'>, resource: Resource, expected: ReadonlyMap<string, Expected>, tell: (change: LockChange) => void,
): Reflector<KeptPolicy> => {
  const reflector: Reflector<KeptPolicy> = createReflector<KeptPolicy>({
    ...options,
    resource,
    project: (raw: KubeObject) => {
      const { name, uid, resourceVersion } = raw.metadata;
      const wanted = expected.get(name);
      return wanted && { name, uid, resourceVersion, difference: differenceOf(wanted, (raw as AdmissionObject).spec) };
    },
    onChange: ({ type, object, previous }) => {
      const isSame = type === 'set' && previous !== undefined && previous.difference === object.difference;
      if (!isSame && reflector.synced()) tell('All');
    },
  });
  return reflector;
};
