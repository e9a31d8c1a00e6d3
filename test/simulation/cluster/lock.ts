/**
 * What the policies of the lock do, as one API server sees them. It learns of a change of the ConfigMap a little late, and of a change of
 * the policies at a tick of its own. A policy that is not as it was installed denies nothing here.
 */
import type { ConfigMap, KubeObject, Subject } from '../../../src/kube/objects.ts';
import { configMaps, validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from '../../../src/kube/resources.ts';
import { holds, type LockData } from '../../../src/revokers/kubernetes/lock-entries.ts';
import { differenceOf, type Expected, lockConfigMap } from '../../../src/revokers/kubernetes/lock-policies.ts';
import type { Scheduler } from '../engine/scheduler.ts';
import { deniedBy, type Failure } from './failure.ts';
import { type Kind, kindFor } from './kinds.ts';
import { lockPolicies } from './policies.ts';
import type { Change, Store, StoredObject } from './store.ts';

/** A write that a policy may deny. */
export interface Write {
  readonly operation: 'CREATE' | 'UPDATE';
  readonly kind: Kind;
  readonly subresource?: 'token';
  readonly namespace: string | undefined;
  readonly name: string;
  readonly object: StoredObject;
  readonly before: StoredObject | undefined;
}

export interface LockView {
  /** Undefined when nobody denies it. */
  readonly denies: (write: Write) => Failure | undefined;
  /** Who is locked, as this server knows it now. */
  readonly data: () => LockData;
  readonly setLag: (milliseconds: number) => void;
  /** It sees the ConfigMap change no more, until it is restarted (kubernetes/kubernetes#130887). */
  readonly freeze: () => void;
  /** Reads everything anew. */
  readonly restart: () => void;
}

interface LockOptions {
  readonly scheduler: Scheduler;
  readonly store: Store;
  readonly namespace: string;
}

/** Milliseconds, measured: about 7 to 45 for the ConfigMap, 800 to 950 for the policies. */
const usualLag = 10;
const policyTick = 900;
/** The bindings of the policies leave it out. */
const exempt = 'kube-system';
const policyKinds = [kindFor(validatingAdmissionPolicies), kindFor(validatingAdmissionPolicyBindings)] as const;

/** What is stored never changes, and all servers, also those of the next universe, look at the same. */
const looked = new WeakMap<object, boolean>();

const isAsInstalled = (expected: Expected, stored: unknown): boolean => {
  if (typeof stored !== 'object' || stored === null) return false;
  const known = looked.get(stored);
  if (known !== undefined) return known;
  const isSound = differenceOf(expected, stored) === undefined;
  looked.set(stored, isSound);
  return isSound;
};

/** Those whose policy and binding are there as they were installed. */
const inForce = (store: Store, namespace: string): ReadonlySet<string> => {
  const active = new Map<string, boolean>();
  for (const expected of lockPolicies(namespace)) {
    const kind = expected.kind === 'ValidatingAdmissionPolicy' ? policyKinds[0] : policyKinds[1];
    const stored = store.find(kind, undefined, expected.name)?.object['spec'];
    const isSound = stored !== undefined && isAsInstalled(expected, stored);
    active.set(expected.name, isSound && (active.get(expected.name) ?? true));
  }
  return new Set([...active].filter(([, isSound]) => isSound).map(([name]) => name));
};

export const createLockView = ({ scheduler, store, namespace }: LockOptions): LockView => {
  const configMap = kindFor(configMaps);
  let lag = usualLag;
  let frozen = false;
  let data: LockData = {};
  let active: ReadonlySet<string> = new Set();
  /** Nothing that is under way overtakes what came before it. */
  let free = 0;

  const restart = (): void => {
    frozen = false;
    data = (store.find(configMap, namespace, lockConfigMap)?.object as ConfigMap | undefined)?.data ?? {};
    active = inForce(store, namespace);
  };
  const follow = ({ entry, type }: Change): void => {
    if (policyKinds.includes(entry.kind)) {
      scheduler.after(policyTick, () => {
        active = inForce(store, namespace);
      });
      return;
    }
    if (entry.kind !== configMap || entry.namespace !== namespace || entry.name !== lockConfigMap) return;
    const now = type === 'DELETED' ? {} : ((entry.object as ConfigMap).data ?? {});
    free = Math.max(free, scheduler.now() + lag);
    scheduler.after(free - scheduler.now(), () => {
      if (!frozen) data = now;
    });
  };
  store.onCommit(follow);

  return {
    data: () => data,
    setLag: (milliseconds) => {
      lag = milliseconds;
    },
    freeze: () => {
      frozen = true;
    },
    restart,
    denies: (write) => {
      if (write.namespace === exempt) return undefined;
      const denial = deniedFor(write, data);
      return denial === undefined || !active.has(denial.policy) ? undefined : deniedBy(denial.policy, write.kind, write.name, denial.words);
    },
  };
};

interface Secret extends KubeObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

interface WithSubjects extends KubeObject {
  readonly subjects?: readonly Subject[];
}

interface Denial {
  readonly policy: string;
  readonly words: string;
}

const offboarded = (namespace: string, name: string): string => `serviceaccount ${namespace}/${name} is offboarded`;

const deniedFor = (write: Write, data: LockData): Denial | undefined => {
  const { kind, operation, object, namespace = '' } = write;
  if (kind.group === '' && kind.plural === 'serviceaccounts') {
    const { name } = object.metadata;
    return operation === 'CREATE' && holds(data, { namespace, name }) ? { policy: 'offboard-lock-identity', words: offboarded(namespace, name) } : undefined;
  }
  if (kind.group === '' && kind.plural === 'pods' && operation === 'CREATE') {
    const name = (object as { readonly spec?: { readonly serviceAccountName?: string } }).spec?.serviceAccountName ?? 'default';
    return holds(data, { namespace, name }) ? { policy: 'offboard-lock-pods', words: offboarded(namespace, name) } : undefined;
  }
  if (kind.group === '' && kind.plural === 'secrets') return deniedSecret(write, data);
  return kind.plural === 'rolebindings' || kind.plural === 'clusterrolebindings' ? deniedBinding(write, data) : undefined;
};

const accountAnnotation = 'kubernetes.io/service-account.name';
const invalidSince = 'kubernetes.io/legacy-token-invalid-since';

const deniedSecret = ({ object, before, namespace = '' }: Write, data: LockData): Denial | undefined => {
  const now = object as Secret;
  const then = before as Secret | undefined;
  if (now.type !== 'kubernetes.io/service-account-token') return undefined;
  const account = now.metadata.annotations?.[accountAnnotation] ?? '';
  if (!holds(data, { namespace, name: account })) return undefined;
  const sameAccount = then?.metadata.annotations?.[accountAnnotation] === account;
  const newToken = now.data?.['token'] !== undefined && then?.data?.['token'] !== now.data['token'];
  const takenBack = then?.metadata.labels?.[invalidSince] !== undefined && (now.metadata.labels?.[invalidSince] ?? '') === '';
  return sameAccount && !newToken && !takenBack ? undefined : { policy: 'offboard-lock-secrets', words: offboarded(namespace, account) };
};

const deniedBinding = ({ object, before, namespace = '' }: Write, data: LockData): Denial | undefined => {
  const subjects = (object as WithSubjects).subjects ?? [];
  const old = (before as WithSubjects | undefined)?.subjects ?? [];
  const locked = subjects.filter(({ kind, name, namespace: own }) => {
    if (kind === 'ServiceAccount') return holds(data, { namespace: own === undefined || own === '' ? namespace : own, name });
    const [system, what, where = '', who = '', more] = name.split(':');
    return kind === 'User' && system === 'system' && what === 'serviceaccount' && more === undefined && holds(data, { namespace: where, name: who });
  });
  const wereThere = locked.every((one) => old.some((other) => other.kind === one.kind && other.name === one.name && (other.namespace ?? '') === (one.namespace ?? '')));
  if (wereThere) return undefined;
  const whom = locked.map(({ namespace: own, name }) => (own === undefined ? name : `${own}/${name}`)).join(', ');
  return { policy: 'offboard-lock-bindings', words: `what is offboarded would be added as a subject: ${whom}` };
};
