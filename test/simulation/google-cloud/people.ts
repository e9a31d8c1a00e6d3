/** What people and other controllers do in the simulated Google Cloud, at once and past every check. */
import { addAccount, change } from '../../fakes/google-cloud/accounts.ts';
import { addHmacKey } from '../../fakes/google-cloud/hmac-keys.ts';
import { addKeyTo } from '../../fakes/google-cloud/keys.ts';
import { changeMember } from '../../fakes/google-cloud/policies.ts';
import { type Account, type Condition, findAccount, newEtag } from '../../fakes/google-cloud/world.ts';
import { addPlace, emailOf, type Ground, operatorRole, projectId, resourceAt } from './ground.ts';
import { formsOf, type Holder, type Register } from './holders.ts';

export interface Grant {
  readonly resource: string;
  readonly role: string;
  readonly member: string;
  readonly condition?: Condition;
}

export interface People {
  /** By its full name: `//storage.googleapis.com/NAME` or what else lies in the project. */
  readonly addResource: (name: string) => void;
  /** `description` is a person's own words. */
  readonly addAccount: (name: string, description?: string) => Account;
  readonly addKey: (email: string) => string;
  readonly addHmacKey: (email: string) => string;
  readonly grant: (grant: Grant) => void;
  readonly ungrant: (grant: Grant) => void;
  /** Another writer changes the policy, and nothing that can be seen but its etag. */
  readonly rewrite: (resource: string) => void;
  /** The same right before each of the next so many writes to it; with a grant, that is given, or taken when it is there. */
  readonly rewriteBeforeWrites: (resource: string, times: number, grant?: Pick<Grant, 'role' | 'member'>) => void;
  readonly setDisabled: (uniqueId: string, disabled: boolean) => void;
  readonly deleteAccount: (uniqueId: string) => void;
  /** Nothing happens while another one has its e-mail. */
  readonly undeleteAccount: (uniqueId: string) => void;
  /** Deletes it, and makes another one of the same e-mail. */
  readonly recreateAccount: (uniqueId: string) => Account;
  /** Takes permissions of the operator's own away, all unless told; gives them all back. */
  readonly takePermissions: (permissions?: readonly string[]) => void;
  readonly givePermissions: () => void;
  readonly account: (uniqueId: string) => Account;
}

export const createPeople = ({ core: { world, knobs } }: Ground, permissions: readonly string[], done: () => void): People => {
  const account = (uniqueId: string): Account => {
    const found = world.accounts.get(uniqueId)?.now();
    if (found === undefined) throw new Error(`there is no account ${uniqueId}`);
    return found;
  };
  const idOf = (email: string): Account => {
    const found = findAccount(world, email);
    if (found === undefined) throw new Error(`there is no account ${email}`);
    return found;
  };
  const set = (uniqueId: string, to: Partial<Account>): void => {
    change(world, account(uniqueId), to);
    done();
  };
  const member = (give: boolean) => ({ resource, ...grant }: Grant): void => {
    changeMember(world, resourceAt(world, resource), { give, ...grant });
    done();
  };
  const make = (name: string, description?: string): Account => {
    const made = addAccount(world, projectId, emailOf(name), description === undefined ? {} : { description });
    done();
    return made;
  };
  return {
    account,
    addResource: (name) => { addPlace(world, name); },
    addAccount: make,
    addKey: (email) => {
      const added = addKeyTo(world, email);
      if (added instanceof Promise) throw new Error('a key pair takes time here');
      done();
      return added.key.id;
    },
    addHmacKey: (email) => {
      const { accessId } = addHmacKey(world, idOf(email));
      done();
      return accessId;
    },
    grant: member(true),
    ungrant: member(false),
    rewrite: (resource) => {
      const { policy } = resourceAt(world, resource);
      policy.set({ ...policy.now(), written: true, etag: newEtag(world) });
      done();
    },
    rewriteBeforeWrites: (resource, times, grant) => void knobs.meddlers.push({ resource, times, ...(grant && { grant }) }),
    setDisabled: (uniqueId, disabled) => { set(uniqueId, { disabled }); },
    deleteAccount: (uniqueId) => { set(uniqueId, { deleted: true }); },
    undeleteAccount: (uniqueId) => {
      if (findAccount(world, account(uniqueId).email) === undefined) set(uniqueId, { deleted: false });
    },
    recreateAccount: (uniqueId) => {
      set(uniqueId, { deleted: true });
      return make(account(uniqueId).email.split('@')[0] ?? '');
    },
    takePermissions: (taken = permissions) => {
      const held = world.roles.get(operatorRole) ?? [];
      world.roles.set(operatorRole, held.filter((permission) => !taken.includes(permission)));
    },
    givePermissions: () => void world.roles.set(operatorRole, permissions),
  };
};

export interface Planting {
  readonly serviceAccount: Holder['serviceAccount'];
  /** The name of the account that it acts as; none when left out. */
  readonly account?: string;
  readonly keys?: number;
  readonly hmacKeys?: number;
  /** Roles of its own, by its account unless another form is told. */
  readonly bindings?: readonly (Omit<Grant, 'member'> & { readonly as?: 'byName' | 'byUid' | 'setByUid' | 'legacy' })[];
}

export interface Planted extends Holder {
  readonly email?: string;
  readonly keys: readonly string[];
  readonly hmacKeys: readonly string[];
  /** What holds its bindings, its account's own policy left out. */
  readonly resources: readonly string[];
}

export const mayActAs = (uniqueId: string, member: string): Grant => ({ resource: `//iam.googleapis.com/projects/${projectId}/serviceAccounts/${uniqueId}`, role: 'roles/iam.workloadIdentityUser', member });

/** Makes all that an identity has; resources that are not there yet are made. */
export const plant = ({ core: { world }, pool }: Ground, register: Register, people: People, planting: Planting): Planted => {
  const { serviceAccount, account: name, keys = 0, hmacKeys = 0, bindings = [] } = planting;
  const account = name === undefined ? undefined : people.addAccount(name);
  const holder: Holder = { serviceAccount, ...(account && { account: account.uniqueId }) };
  register.add(holder);
  const forms = formsOf(pool, holder);
  if (account !== undefined) people.grant(mayActAs(account.uniqueId, forms.byName));
  for (const { as, resource, ...grant } of bindings) {
    if (!world.resources.has(resource)) people.addResource(resource);
    if (as === undefined && account === undefined) throw new Error('a role of an account takes an account');
    people.grant({ ...grant, resource, member: as === undefined ? `serviceAccount:${account?.email ?? ''}` : forms[as] });
  }
  const made = (count: number, make: (email: string) => string): readonly string[] => (account === undefined ? [] : Array.from({ length: count }, () => make(account.email)));
  return {
    ...holder,
    ...(account && { email: account.email }),
    keys: made(keys, people.addKey),
    hmacKeys: made(hmacKeys, people.addHmacKey),
    resources: [...new Set(bindings.map(({ resource }) => resource))],
  };
};
