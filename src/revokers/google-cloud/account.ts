/** The service account that the identity acts as: which one it is, and who else acts as it. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { needsPerson } from '../../runtime/outcome.ts';
import type { Freshness } from '../revoker.ts';
import { printable, someOf } from '../text.ts';
import type { GoogleSelf } from './api.ts';
import type { Account } from './errors.ts';
import type { Look } from './look.ts';
import { createMembership, type Holder, isMemberOf, isOwn, type Membership } from './members.ts';
import { isViewer } from './minting.ts';
import { type Policy, triplesOf } from './policies.ts';
import { accountResource } from './resources.ts';

export interface Named {
  readonly project: string;
  /** In lower case. */
  readonly email: string;
}

/** What became of the account that the identity names. */
export type Standing =
  | { readonly state: 'None' }
  | (Named & { readonly state: 'Current'; readonly account: Account })
  /** Deleted. Google can bring it back. */
  | (Named & { readonly state: 'Gone'; readonly uniqueId: string })
  /** Deleted, and another one has its e-mail. */
  | (Named & { readonly state: 'Recreated'; readonly uniqueId: string; readonly successor: Account })
  /** There is none, and nobody knows which one it was. */
  | (Named & { readonly state: 'Unheard' });

const accountEmail = /^[a-z](?:[-a-z0-9]*[a-z0-9])?@([a-z](?:[-a-z0-9.]*[a-z0-9])?)\.iam\.gserviceaccount\.com$/;

/** The project is told by the e-mail. One of a domain has the domain behind it there, and before it in its id. */
export const nameOf = (email: string): Named => {
  const plain = email.toLowerCase();
  const place = accountEmail.exec(plain)?.[1];
  if (place === undefined) throw needsPerson(reasons.invalidSpec, `${printable(email)} is not the e-mail of a user-managed service account`);
  const dot = place.indexOf('.');
  return { project: dot === -1 ? place : `${place.slice(dot + 1)}:${place.slice(0, dot)}`, email: plain };
};

/** By its e-mail, and then by the unique id that is pinned: by whoever declared it, or by the run that found it. */
export const readStanding = async (look: Look): Promise<Standing> => {
  const { dependency, memory, signal } = look;
  if (dependency.serviceAccount === undefined) return { state: 'None' };
  const named = nameOf(dependency.serviceAccount.email);
  await refuseOwn(look, named);
  const byEmail = await memory.account({ project: named.project, email: named.email }, signal);
  const wanted = dependency.serviceAccount.uniqueId ?? byEmail?.uniqueId;
  if (wanted === undefined) return { ...named, state: 'Unheard' };
  if (byEmail?.uniqueId === wanted) return { ...named, state: 'Current', account: byEmail };
  const byId = await memory.account({ project: named.project, uniqueId: wanted }, signal);
  // A unique id can be pinned by anybody: it must lead to the account that was granted by its e-mail.
  if (byId !== undefined && byId.email !== named.email)
    throw needsPerson(reasons.uidMismatch, `the unique id ${wanted} is that of another service account than ${named.email}; correct serviceAccount.uniqueId, or leave it out`);
  if (byId !== undefined) return { ...named, state: 'Current', account: byId };
  return byEmail === undefined ? { ...named, state: 'Gone', uniqueId: wanted } : { ...named, state: 'Recreated', uniqueId: wanted, successor: byEmail };
};

const refuseOwn = async ({ connection, signal }: Look, { email }: Named): Promise<void> => {
  const self = await connection.client.self(signal);
  if (self.email?.toLowerCase() === email) throw needsPerson('ProtectedIdentity', `${email} is the service account that Offboard itself uses there, and is never ended`);
};

/** Whose members are looked for. The e-mail means the account only while it leads there. */
export const holderOf = ({ target, connection }: Pick<Look, 'target' | 'connection'>, standing: Standing): Holder => {
  const { pools } = connection.settings;
  const plain = { serviceAccount: target.serviceAccount, pools };
  switch (standing.state) {
    case 'None':
    case 'Unheard':
      return plain;
    case 'Current':
      return { ...plain, account: { email: standing.email, uniqueId: standing.account.uniqueId, holdsEmail: true } };
    case 'Gone':
      // Where nobody has the e-mail, a member by it is what is left of this account.
      return { ...plain, account: { email: standing.email, uniqueId: standing.uniqueId, holdsEmail: true } };
    case 'Recreated':
      return { ...plain, account: { email: standing.email, uniqueId: standing.uniqueId, holdsEmail: false } };
  }
};

/**
 * Who else acts as the account, or may let others: in words; nobody where it is this identity's alone. Asked afresh right before
 * every step that would end it for all.
 */
export const readSharers = async (look: Look, standing: Extract<Standing, { readonly state: 'Current' }>, freshness: Freshness): Promise<readonly string[]> => {
  const { connection, memory, signal } = look;
  const { assetScope } = connection.settings;
  const [self, policy, attached] = [
    await connection.client.self(signal),
    await memory.policy(accountResource(standing.project, standing.account.uniqueId), freshness, signal),
    assetScope === undefined ? [] : await memory.searchAttached(assetScope, standing.email, freshness, signal),
  ];
  const others = policy === undefined ? [] : othersIn(policy, createMembership(holderOf(look, standing)), self);
  return [...others, ...attached.map((name) => `attached to ${name}`)].map((text) => printable(text));
};

/** A name that is also that of others counts as theirs. Viewers act as nobody. */
const othersIn = (policy: Policy, membership: (member: string) => Membership, self: GoogleSelf): readonly string[] => {
  const others = triplesOf(policy).filter(({ role, member }) => {
    const isSelf = self.email === undefined ? member === self.name : isMemberOf(member, self.email);
    return !isViewer(role) && !isSelf && !member.startsWith('deleted:') && !isOwn(membership(member));
  });
  return [...new Set(others.map(({ role, member }) => `${member} (${role})`))];
};

export const sharedBy = (sharers: readonly string[]): string => someOf(sharers, 3);
