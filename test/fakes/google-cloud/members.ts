/** Members of bindings: how they are stored and shown, and whom each means. */
import { findAccount, type World } from './world.ts';

/** Who calls. */
export type Principal =
  | { readonly kind: 'account'; readonly uniqueId: string }
  | { readonly kind: 'user'; readonly email: string }
  | {
      readonly kind: 'federated';
      readonly pool: string;
      readonly subject: string;
      /** `namespace`, `kubernetes.serviceaccount.uid` and the like. */
      readonly attributes: Readonly<Record<string, string>>;
    };

const deletedMember = /^deleted:serviceAccount:([^?]+)\?uid=(\d+)$/;

/** The member as it is shown now: an account that is gone shows as deleted, with its unique id. */
export const showMember = (world: World, stored: string): string => {
  const account = stored.startsWith('uid:') ? world.accounts.get(stored.slice('uid:'.length))?.now() : undefined;
  if (account === undefined) return stored;
  return account.deleted ? `deleted:serviceAccount:${account.email}?uid=${account.uniqueId}` : `serviceAccount:${account.email}`;
};

/** The member as it is stored, or why it is refused. `had` is what the policy held before: only such a deleted member may stay. */
export const storeMember = (world: World, member: string, had: ReadonlySet<string>): { readonly stored: string } | { readonly refused: string } => {
  const [, , gone = ''] = deletedMember.exec(member) ?? [];
  if (gone !== '') return had.has(`uid:${gone}`) ? { stored: `uid:${gone}` } : { refused: `Principal ${member} is of a deleted service account.` };
  const email = /^serviceAccount:([^[\]]+)$/.exec(member)?.[1];
  if (email !== undefined) {
    const account = findAccount(world, email);
    if (account !== undefined) return { stored: `uid:${account.uniqueId}` };
    const project = /@([^.]+)\.iam\.gserviceaccount\.com$/.exec(email)?.[1];
    return project !== undefined && world.projects.has(project) ? { refused: `Service account ${email} does not exist.` } : { stored: member };
  }
  if (/^(allUsers|allAuthenticatedUsers)$/.test(member) || /^(user|group|domain|serviceAccount|principal|principalSet|deleted|projectOwner|projectEditor|projectViewer):./.test(member)) return { stored: member };
  return { refused: `Invalid principal: ${member}.` };
};

/** Whether a stored member means that caller. Nobody means a caller without a token. */
export const means = (world: World, stored: string, caller: Principal | undefined): boolean => {
  if (stored === 'allUsers') return true;
  if (caller === undefined) return false;
  if (stored.startsWith('group:')) return (world.groups.get(stored.slice('group:'.length)) ?? []).some((member) => means(world, storedAs(world, member), caller));
  switch (caller.kind) {
    case 'account':
      return stored === `uid:${caller.uniqueId}` || stored === 'allAuthenticatedUsers';
    case 'user':
      return stored === `user:${caller.email}` || stored === 'allAuthenticatedUsers' || stored === `domain:${caller.email.split('@')[1] ?? ''}`;
    case 'federated':
      return federatedMembers(caller).has(stored);
  }
};

const storedAs = (world: World, member: string): string => {
  const account = member.startsWith('serviceAccount:') ? findAccount(world, member.slice('serviceAccount:'.length)) : undefined;
  return account === undefined ? member : `uid:${account.uniqueId}`;
};

const federatedMembers = ({ pool, subject, attributes }: Extract<Principal, { kind: 'federated' }>): ReadonlySet<string> => {
  const path = `iam.googleapis.com/${pool}`;
  const members = new Set([`principal://${path}/subject/${subject}`, `principalSet://${path}/*`]);
  for (const [name, value] of Object.entries(attributes)) {
    members.add(`principalSet://${path}/${name}/${value}`);
    members.add(`principalSet://${path}/attribute.${name}/${value}`);
    if (name === 'kubernetes.serviceaccount.uid') members.add(`principal://${path}/${name}/${value}`);
  }
  const poolId = pool.split('/').at(-1) ?? '';
  const { namespace, 'kubernetes.serviceaccount.name': account } = attributes;
  if (poolId.endsWith('.svc.id.goog') && namespace !== undefined && account !== undefined) members.add(`serviceAccount:${poolId}[${namespace}/${account}]`);
  return members;
};

/** For logs and people. */
export const principalName = (world: World, caller: Principal | undefined): string => {
  switch (caller?.kind) {
    case undefined:
      return 'anonymous';
    case 'account':
      return `serviceAccount:${world.accounts.get(caller.uniqueId)?.now().email ?? caller.uniqueId}`;
    case 'user':
      return `user:${caller.email}`;
    case 'federated':
      return `principal://iam.googleapis.com/${caller.pool}/subject/${caller.subject}`;
  }
};
