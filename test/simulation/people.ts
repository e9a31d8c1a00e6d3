/** What people do to a run while it is under way, with kubectl: each act is one of `personActs`, and does nothing where there is nothing to do it to. */
import type { Resource } from '../../src/kube/resources.ts';
import {
  clusterRoleBindings, configMaps, connectors, namespaces, offboardingRecords, offboardingWaivers, offboardings, roleBindings, secrets, serviceAccounts, validatingAdmissionPolicyBindings,
  workloadIdentities,
} from '../../src/kube/resources.ts';
import { lockConfigMap } from '../../src/revokers/kubernetes/lock-policies.ts';
import type { OffboardingObject, WorkloadIdentityObject } from '../../src/reconcile/objects.ts';
import type { ConnectorObject } from '../../src/revokers/connector.ts';
import type { Random } from '../../src/runtime/random.ts';
import type { Cluster, StoredObject } from './cluster/cluster.ts';
import { chance, pick } from './engine/random.ts';
import type { Person } from './realm.ts';
import type { IdentityPlan, PersonAct, RealmAct } from './plan.ts';

/** Those that are done with kubectl. */
export type ClusterAct = Exclude<PersonAct, RealmAct>;

export const requester = 'alice';
/** Who works beside those who are retired, and stays. */
export const neighbour: Person = { namespace: 'ci', name: 'neighbour' };
/** Who has the same name elsewhere, and is somebody else. */
export const namesakeOf = ({ name }: Pick<Person, 'name'>): Person => ({ namespace: 'ops', name });
export const keyOf = ({ namespace, name }: Person): string => `${namespace}/${name}`;
export const operatorNamespace = 'offboard-system';
export const approver = 'bob';

export interface People {
  /** Asks for the end of the identity. */
  readonly retire: (identity: Person, plan: IdentityPlan) => void;
  /** Takes Vault out of what it depends on, where the operator knows of it. */
  readonly undeclare: (identity: Person) => void;
  readonly act: (act: ClusterAct, identity: Person, plan: IdentityPlan, random: Random) => void;
}

export interface PeopleOptions {
  readonly cluster: Cluster;
  /** The wall-clock time, as everybody but a clock that was set has it. */
  readonly wall: () => Date;
  readonly trace: (line: string) => void;
  /** What somebody broke is mended by somebody else, a while later. */
  readonly mend: (act: () => void) => void;
}

/** Milliseconds for which somebody gives something up. */
const waivedFor = [30_000, 30_000, 5_000, 120_000, 600_000] as const;
export const signingKeyName = 'offboard-signing-key';

const runName = (identity: Person): string => `retire-${identity.name}`;

export const createPeople = ({ cluster, wall, trace, mend }: PeopleOptions): People => {
  const [alice, bob, admin] = [cluster.as(requester), cluster.as(approver), cluster.as('kubernetes-admin')];
  let serial = 0;
  const tried = (what: string, act: () => unknown): void => {
    try {
      act();
      trace(`people: ${what}`);
    } catch (error) {
      trace(`people: ${what} was refused: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const change = (resource: Resource, { namespace }: Person, name: string, body: object, what: string): void => {
    tried(what, () => alice.patch(resource, { namespace, name }, body));
  };
  /** The first of them, whoever made it. */
  const runOf = (identity: Person): OffboardingObject | undefined =>
    (alice.list(offboardings, identity.namespace) as readonly unknown[] as readonly OffboardingObject[]).find(({ metadata }) => metadata.name.includes(identity.name));
  const changeRun = (identity: Person, body: object, what: string): void => {
    const run = runOf(identity);
    if (run !== undefined) change(offboardings, identity, run.metadata.name, body, what);
  };

  const ask = (identity: Person, { mode, urgency, soak }: IdentityPlan, name: string): void => {
    tried(`${name}: retire ${identity.name}`, () =>
      alice.create(offboardings, {
        metadata: { name, namespace: identity.namespace },
        spec: {
          workloadIdentityRef: { name: identity.name }, reason: 'Retired', mode, urgency, soak: `${String(soak)}s`, deadline: '1h',
          requestedBy: { username: requester }, ...(mode === 'Enforce' ? { enforcedBy: { username: requester } } : {}),
        },
      }));
  };

  const bind = (identity: Person, role: string): void => {
    serial += 1;
    tried(`bind it to ${role}`, () =>
      alice.create(roleBindings, {
        metadata: { name: `rights-${String(serial)}`, namespace: identity.namespace }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ kind: 'ServiceAccount', name: identity.name, namespace: identity.namespace }],
      }));
  };

  const deleteIdentity = (identity: Person): void => { tried('delete the WorkloadIdentity', () => { alice.remove(workloadIdentities, identity); }); };
  /** What is deleted is made again, as it was, by somebody else. */
  const loseForAWhile = (what: string, resource: Resource, objects: readonly StoredObject[]): void => {
    for (const { metadata: { name, namespace, labels, annotations }, ...rest } of objects) {
      const key = { name, ...(namespace !== undefined && { namespace }) };
      tried(`delete ${what} ${name}`, () => { admin.remove(resource, key); });
      mend(() => { tried(`make ${what} ${name} again`, () => admin.create(resource, { ...rest, metadata: { ...key, ...(labels && { labels }), ...(annotations && { annotations }) } })); });
    }
  };

  const specs = new Map<string, ConnectorObject['spec']>();
  /** Those that are there, as they were before anybody changed one: whoever puts one back puts that back. */
  const connectorsAtFirst = (): readonly (StoredObject & Pick<ConnectorObject, 'spec'>)[] =>
    admin.list(connectors).map((each) => {
      const { name } = each.metadata;
      const spec = specs.get(name) ?? (each as unknown as ConnectorObject).spec;
      specs.set(name, spec);
      return { ...each, spec };
    });

  const acts: Readonly<Record<ClusterAct, (identity: Person, plan: IdentityPlan, random: Random) => void>> = {
    Suspend: (identity) => { changeRun(identity, { spec: { suspend: true } }, 'suspend'); },
    Resume: (identity) => { changeRun(identity, { spec: { suspend: false } }, 'resume'); },
    Cancel: (identity) => { changeRun(identity, { spec: { cancel: { reason: 'a mistake', requestedBy: { username: requester } } } }, 'cancel'); },
    Delete: (identity) => { tried('delete the run', () => { alice.remove(offboardings, { namespace: identity.namespace, name: runOf(identity)?.metadata.name ?? '' }); }); },
    Hasten: (identity) => { changeRun(identity, { spec: { urgency: 'Emergency' } }, 'hasten'); },
    EndSoak: (identity) => { changeRun(identity, { spec: { soak: '0s' } }, 'end the soak'); },
    Enforce: (identity) => { changeRun(identity, { spec: { mode: 'Enforce', enforcedBy: { username: requester } } }, 'enforce'); },
    Waive: (identity, plan, random) => {
      const run = runOf(identity);
      if (run === undefined) return;
      const dependency = plan.vault ? 'vault' : plan.google ? 'google' : 'kubernetes';
      tried(`waive ${dependency}`, () =>
        bob.create(offboardingWaivers, {
          metadata: { name: `waive-${identity.name}`, namespace: identity.namespace },
          spec: {
            offboardingRef: { name: run.metadata.name, uid: run.metadata.uid }, dependency, reason: 'its owner is away', approvedBy: { username: approver },
            expiresAt: new Date(wall().getTime() + pick(random, waivedFor)).toISOString(),
          },
        }));
    },
    UnWaive: (identity) => { tried('take the waiver back', () => { bob.remove(offboardingWaivers, { namespace: identity.namespace, name: `waive-${identity.name}` }); }); },
    BindAgain: (identity) => { bind(identity, 'edit'); },
    BindMore: (identity) => { bind(identity, 'deploy'); },
    DeleteAccount: (identity) => { tried('delete the account', () => { alice.remove(serviceAccounts, identity); }); },
    RecreateAccount: (identity) => {
      tried('make the account again', () => {
        if (alice.get(serviceAccounts, identity) !== undefined) alice.remove(serviceAccounts, identity);
        alice.create(serviceAccounts, { metadata: identity });
      });
    },
    HoldAccount: (identity) => { tried('hold the account', () => admin.patch(serviceAccounts, identity, { metadata: { finalizers: ['example.com/hold'] } })); },
    LetGoOfAccount: (identity) => { tried('let go of the account', () => admin.patch(serviceAccounts, identity, { metadata: { finalizers: null } })); },
    MakeToken: (identity) => { tried('make a token', () => alice.requestToken(identity)); },
    ShareBinding: (identity) => {
      const key = { namespace: identity.namespace, name: `${identity.name}-edit` };
      const { subjects = [] } = (alice.get(roleBindings, key) ?? {}) as { readonly subjects?: readonly object[] };
      // Somebody else's part in it, which the operator must leave as it is from now on.
      tried('name a neighbour in its binding', () => alice.patch(roleBindings, key, { subjects: [...subjects, { kind: 'ServiceAccount', ...neighbour }] }));
    },
    DeleteIdentity: deleteIdentity,
    SecondRun: (identity, plan) => {
      serial += 1;
      ask(identity, { ...plan, urgency: serial % 2 === 0 ? 'Emergency' : 'Routine', mode: 'Enforce', soak: 0 }, `${runName(identity)}-${String(serial)}`);
    },
    BreakGlass: (identity) => { changeRun(identity, { metadata: { finalizers: null } }, 'break the glass'); },
    EditConnectors: (_, __, random) => {
      const isTaken = chance(random, 0.5);
      for (const { metadata: { name }, spec: { timing, grants } } of connectorsAtFirst()) {
        tried(`change the Connector ${name}`, () => admin.patch(connectors, { name }, { spec: isTaken ? { grants: [] } : { timing: { ...timing, timeout: '3s' } } }));
        mend(() => { tried(`change the Connector ${name} back`, () => admin.patch(connectors, { name }, { spec: isTaken ? { grants } : { timing } })); });
      }
    },
    DeleteConnectors: () => { loseForAWhile('the Connector', connectors, connectorsAtFirst()); },
    DeleteNamespace: ({ namespace }) => { tried(`delete the namespace ${namespace}`, () => { admin.remove(namespaces, { name: namespace }); }); },
    AddDependency: (identity) => {
      const { spec: { dependencies = [] } = {} } = (alice.get(workloadIdentities, identity) ?? {}) as unknown as Partial<WorkloadIdentityObject>;
      const [like] = dependencies;
      if (like !== undefined) change(workloadIdentities, identity, identity.name, { spec: { dependencies: [...dependencies, { ...like, name: `${like.name}-as-well` }] } }, 'add a dependency');
    },
    LoseSigningKey: () => { loseForAWhile('the key', secrets, admin.list(secrets, operatorNamespace).filter(({ metadata }) => metadata.name === signingKeyName)); },
    DeleteRecord: () => {
      const last = admin.list(offboardingRecords).at(-1);
      if (last !== undefined) tried('delete the last record', () => { admin.remove(offboardingRecords, { name: last.metadata.name }); });
    },
    // Whoever may write in the operator's namespace can take every lock off; the operator must notice, and put it back.
    TakeLockOff: () => { tried('empty the lock', () => admin.patch(configMaps, { namespace: operatorNamespace, name: lockConfigMap }, { data: null })); },
    BreakPolicy: () => {
      tried('let the lock deny nothing', () => admin.patch(validatingAdmissionPolicyBindings, { name: 'offboard-lock-identity' }, { spec: { validationActions: ['Audit'] } }));
      mend(() => admin.patch(validatingAdmissionPolicyBindings, { name: 'offboard-lock-identity' }, { spec: { validationActions: ['Deny'] } }));
    },
  };

  return {
    undeclare: (identity) => {
      const { spec, status } = (alice.get(workloadIdentities, identity) ?? {}) as unknown as Partial<WorkloadIdentityObject>;
      if (status?.dependencies?.some(({ name }) => name === 'vault') !== true) return;
      change(workloadIdentities, identity, identity.name, { spec: { dependencies: (spec?.dependencies ?? []).filter(({ name }) => name !== 'vault') } }, 'take Vault out of its dependencies');
    },
    retire: (identity, plan) => {
      if (plan.by === 'Offboarding') ask(identity, plan, runName(identity));
      else deleteIdentity(identity);
    },
    act: (act, identity, plan, random) => { acts[act](identity, plan, random); },
  };
};

/** Bindings that the identity has from the beginning. */
export const bindingsOf = ({ namespace, name }: Person, { sharedBinding, clusterBinding, namesake, crowd, asUser }: IdentityPlan): readonly { readonly resource: Resource; readonly body: object }[] => {
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' };
  const apiGroup = 'rbac.authorization.k8s.io';
  const own = asUser ? { kind: 'User', apiGroup, name: `system:serviceaccount:${namespace}:${name}` } : { kind: 'ServiceAccount', name, namespace };
  const twin = namesakeOf({ name });
  const others = [
    { kind: 'ServiceAccount', ...neighbour },
    ...(namesake ? [{ kind: 'ServiceAccount', ...twin }, { kind: 'User', apiGroup, name: `system:serviceaccount:${twin.namespace}:${twin.name}` }] : []),
    ...(crowd ? [{ kind: 'User', apiGroup, name }, { kind: 'Group', apiGroup, name }, { kind: 'Group', apiGroup, name: 'system:serviceaccounts:ops' }] : []),
  ];
  return [
    { resource: roleBindings, body: { metadata: { name: `${name}-edit`, namespace }, roleRef, subjects: [own] } },
    ...(sharedBinding ? [{ resource: roleBindings, body: { metadata: { name: `${name}-shared`, namespace }, roleRef, subjects: [...others, own] } }] : []),
    ...(clusterBinding ? [{ resource: clusterRoleBindings, body: { metadata: { name: `${name}-everywhere` }, roleRef, subjects: [own] } }] : []),
  ];
};
