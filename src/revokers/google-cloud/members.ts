/**
 * Whose a member of a policy is: pure. One identity is a member in many forms, and forms that look like its own may mean somebody
 * else as well, or instead.
 */
import type { Target } from '../../api/v1alpha1/index.ts';
import type { WorkloadIdentityPool } from './api.ts';

/** The service account that the identity acts as. */
export interface HeldAccount {
  readonly email: string;
  readonly uniqueId: string;
  /** False once the e-mail leads to another account, or to none: a member by e-mail is then not this account. */
  readonly holdsEmail: boolean;
}

/** For whom members are looked for. */
export interface Holder {
  readonly serviceAccount: Target['serviceAccount'];
  readonly pools: readonly WorkloadIdentityPool[];
  readonly account?: HeldAccount;
}

export type Membership =
  /** The service account itself, by its e-mail, or by its unique id after its deletion. */
  | { readonly kind: 'Account' | 'DeletedAccount' }
  /** The ServiceAccount, and nobody else. */
  | { readonly kind: 'ServiceAccount' }
  /** The ServiceAccount by its name, which in a shared pool is that of others as well. */
  | { readonly kind: 'SharedName' }
  /** Many at once, the identity perhaps among them. */
  | { readonly kind: 'Inherited' }
  | { readonly kind: 'Other' };

const other: Membership = { kind: 'Other' };

const prefixOf = (scheme: 'principal' | 'principalSet', { name }: WorkloadIdentityPool): string => `${scheme}://iam.googleapis.com/${name}/`;

/** The members of a pool that mean the ServiceAccount: by its name, and by its UID where that is known. */
export const poolForms = (
  pool: WorkloadIdentityPool,
  { namespace, name, uid }: Target['serviceAccount'],
): { readonly byName: readonly string[]; readonly byUid: readonly string[] } => {
  const id = pool.name.slice(pool.name.lastIndexOf('/') + 1);
  const legacy = id.endsWith('.svc.id.goog') ? [`serviceAccount:${id}[${namespace}/${name}]`] : [];
  // A function, since a text may hold what `replaceAll` takes for a pattern.
  const subjectOf = (known: string): string =>
    pool.subject.replaceAll('{namespace}', () => namespace).replaceAll('{name}', () => name).replaceAll('{uid}', () => known);
  const subject = (known: string): string => `${prefixOf('principal', pool)}subject/${subjectOf(known)}`;
  const isByUid = pool.subject.includes('{uid}');
  const byName = [...legacy, ...(isByUid ? [] : [subject('')])];
  if (uid === undefined || uid === '') return { byName, byUid: [] };
  const attribute = `kubernetes.serviceaccount.uid/${uid}`;
  const byUid = [`${prefixOf('principal', pool)}${attribute}`, `${prefixOf('principalSet', pool)}${attribute}`, ...(isByUid ? [subject(uid)] : [])];
  return { byName, byUid };
};

/** Tells each member of a policy. */
export const createMembership = ({ serviceAccount, pools, account }: Holder): ((member: string) => Membership) => {
  const forms = new Map<string, Membership>();
  for (const pool of pools) {
    const { byName, byUid } = poolForms(pool, serviceAccount);
    for (const form of byUid) forms.set(form, { kind: 'ServiceAccount' });
    for (const form of byName) if (pool.shared || !forms.has(form)) forms.set(form, { kind: pool.shared ? 'SharedName' : 'ServiceAccount' });
  }
  return (member) => {
    const byAccount = account && accountMembership(member, account);
    // A pool that was deleted, and comes back with its members when it is undeleted.
    const plain = member.startsWith('deleted:principal') ? member.slice('deleted:'.length).replace(/\?uid=\d+$/, '') : member;
    return byAccount ?? forms.get(plain) ?? (isInherited(member, serviceAccount.namespace, pools) ? { kind: 'Inherited' } : other);
  };
};

const accountMembership = (member: string, { email, uniqueId, holdsEmail }: HeldAccount): Membership | undefined => {
  const deleted = member.startsWith('deleted:') ? /^deleted:serviceAccount:([^?]+)\?uid=(\d+)$/.exec(member) : null;
  if (deleted !== null) return deleted[1]?.toLowerCase() === email && deleted[2] === uniqueId ? { kind: 'DeletedAccount' } : undefined;
  return holdsEmail && isMemberOf(member, email) ? { kind: 'Account' } : undefined;
};

/** The plain form of a service account. Google writes e-mails in lower case, and takes them in any. */
export const isMemberOf = (member: string, email: string): boolean =>
  member.startsWith('serviceAccount:') && member.slice('serviceAccount:'.length).toLowerCase() === email.toLowerCase();

const crowds = /^(?:allUsers|allAuthenticatedUsers)$|^(?:group|domain|projectOwner|projectEditor|projectViewer):/;

const isInherited = (member: string, namespace: string, pools: readonly WorkloadIdentityPool[]): boolean => {
  if (crowds.test(member)) return true;
  if (!member.startsWith('principalSet://')) return false;
  if (!member.startsWith('principalSet://iam.googleapis.com/')) return true;
  return pools.some((pool) => {
    const prefix = prefixOf('principalSet', pool);
    if (!member.startsWith(prefix)) return false;
    const rest = member.slice(prefix.length);
    // Those of one UID are told before; of another, they are another's.
    if (rest.startsWith('kubernetes.serviceaccount.uid/')) return false;
    return rest.startsWith('namespace/') ? rest === `namespace/${namespace}` : true;
  });
};

/** Whether ending it is ours: it means this identity alone. */
export const isOwn = ({ kind }: Membership): boolean => kind === 'Account' || kind === 'DeletedAccount' || kind === 'ServiceAccount';

/**
 * What to search policies for, so that every form above is found: a search finds the words of a term in their order, wherever in a
 * member they are.
 */
export const searchTerms = ({ serviceAccount, pools, account }: Holder): readonly string[] => {
  const { uid } = serviceAccount;
  const names = pools.flatMap((pool) => poolForms(pool, serviceAccount).byName.map((member) => member.replace(/^serviceAccount:|^principal:.*\/subject\//, '')));
  return [...new Set([...(account === undefined ? [] : [account.email, account.uniqueId]), ...(uid === undefined || uid === '' || pools.length === 0 ? [] : [uid]), ...names])];
};
