/** Somebody who waits for the operator to do something, and then is faster than its next request: each once, unless told. */
import type { Subject } from '../../src/kube/objects.ts';
import { roleBindings, serviceAccounts, validatingAdmissionPolicyBindings } from '../../src/kube/resources.ts';
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import type { Cluster } from './cluster/cluster.ts';
import type { Scheduler } from './engine/scheduler.ts';
import type { WireRequest } from './engine/wire.ts';
import type { Stored } from './invariants.ts';
import { requester } from './people.ts';
import type { Reaction } from './plan.ts';
import type { Person, Realm } from './realm.ts';

export interface Reactions {
  readonly arm: (reaction: Reaction, identity: Person) => void;
  readonly onStored: (change: Stored) => void;
  /** Of a process of the operator, and answered, though the answer is not there yet. */
  readonly onAnswered: (request: WireRequest, status: number) => void;
}

export interface ReactionsOptions {
  readonly cluster: Cluster;
  readonly scheduler: Scheduler;
  readonly realms: readonly Realm[];
  /** Ends the process of that name, before it hears the answer. */
  readonly kill: (process: string) => void;
  readonly mend: (act: () => void) => void;
  /** Told after each. */
  readonly onPeople: (what: string) => void;
}

/** Whoever is late as often as that is not late for ever. */
const mostGrants = 8;
/** Milliseconds until every API server knows that a policy denies nothing any more. */
const policyTakes = 1_500;
const policy = { name: 'offboard-lock-identity' };

export const createReactions = ({ cluster, scheduler, realms, kill, mend, onPeople }: ReactionsOptions): Reactions => {
  const admin = cluster.as('kubernetes-admin');
  const armed = new Map<Reaction, Person>();
  let grants = 0;
  /** At once, and after whatever is going on has ended. */
  const react = (reaction: Reaction, act: (identity: Person) => void): void => {
    const identity = armed.get(reaction);
    if (identity === undefined || !armed.delete(reaction)) return;
    scheduler.after(0, () => {
      act(identity);
      onPeople(`${reaction} ${identity.name}`);
    });
  };
  const share = ({ namespace, name }: Person, suffix: string, subject: Subject): void => {
    const key = { namespace, name: `${name}-${suffix}` };
    const binding = admin.get(roleBindings, key) as { readonly subjects?: readonly Subject[] } | undefined;
    if (binding !== undefined) admin.patch(roleBindings, key, { subjects: [...(binding.subjects ?? []), subject] });
  };
  const carol: Subject = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'carol' };
  return {
    arm: (reaction, identity) => { armed.set(reaction, identity); },
    onStored: ({ plural, object, previous }) => {
      if (plural !== 'offboardings') return;
      const [before, after] = [previous as OffboardingObject | undefined, object as OffboardingObject];
      const isAnnounced = before?.status?.revokeStartedAt === undefined && after.status?.revokeStartedAt !== undefined;
      const identity = armed.get('ShareAtTheLastMoment');
      if (isAnnounced && after.status.identity === `${identity?.namespace ?? ''}/${identity?.name ?? ''}`) react('ShareAtTheLastMoment', (one) => { share(one, 'edit', carol); });
    },
    onAnswered: (request, status) => {
      if (status >= 300) return;
      const { method, path, from } = request;
      const documents = armed.has('GrantWhileRead') ? realms.find((realm) => realm.documents?.isRead(request) === true)?.documents : undefined;
      if (documents !== undefined && grants < mostGrants) {
        grants += 1;
        scheduler.after(0, () => {
          documents.change();
          onPeople('GrantWhileRead');
        });
      }
      const read = armed.get('AddWhileRead');
      if (method === 'GET' && read !== undefined && path.endsWith(`/rolebindings/${read.name}-shared`)) react('AddWhileRead', (one) => { share(one, 'shared', carol); });
      const dying = armed.get('RebornAfterDelete');
      if (method !== 'DELETE' || dying === undefined || !path.endsWith(`/serviceaccounts/${dying.name}`)) return;
      react('RebornAfterDelete', (one) => {
        kill(from);
        admin.patch(validatingAdmissionPolicyBindings, policy, { spec: { validationActions: ['Audit'] } });
        mend(() => { admin.patch(validatingAdmissionPolicyBindings, policy, { spec: { validationActions: ['Deny'] } }); });
        scheduler.after(policyTakes, () => {
          if (admin.get(serviceAccounts, one) === undefined) cluster.as(requester).create(serviceAccounts, { metadata: one });
          onPeople(`${one.name} is made again`);
        });
      });
    },
  };
};
