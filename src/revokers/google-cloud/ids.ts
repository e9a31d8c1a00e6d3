/**
 * What each credential in Google Cloud is called. An id is all that is left of a credential after a restart (with its UID and
 * class), so every id can be read back, or leads to the one place where it can be found again.
 */
import { createHash } from 'node:crypto';

import { isMemberOf } from './members.ts';
import type { Triple } from './policies.ts';

/** Of the API: longer ids are refused there. */
const longest = 1_000;

/**
 * A member by e-mail is told with the unique id that it stood for, as Google itself tells one that was deleted: an account that is
 * made anew has the same e-mail. What is too long, or holds half a character, which JSON may carry and neither a status nor a record
 * keeps, is told by its digest.
 */
export const bindingId = (resource: string, { role, member, condition }: Triple, account?: { readonly email: string; readonly uniqueId: string }): string => {
  const shown = account !== undefined && isMemberOf(member, account.email) ? `${member}?uid=${account.uniqueId}` : member;
  const id = `${resource} ${role}${condition === '' ? '' : ` if:${condition}`} ${shown}`;
  if (id.length <= longest && id.isWellFormed()) return id;
  return `${resource} sha256:${createHash('sha256').update(id.isWellFormed() ? id : JSON.stringify(id)).digest('hex')}`;
};

export const accountId = (project: string, email: string): string => `projects/${project}/serviceAccounts/${email}`;
export const keyId = (project: string, uniqueId: string, key: string): string => `projects/${project}/serviceAccounts/${uniqueId}/keys/${key}`;
export const hmacKeyId = (project: string, accessId: string): string => `projects/${project}/hmacKeys/${accessId}`;
/** All of them are one credential: one is waited out for all, and its entry in a status is never counted with others. */
export const tokensId = 'access tokens';
export const impersonationId = (email: string): string => `impersonation of ${email}`;
/** What only a search shows. */
export const searchedId = (resource: string): string => `roles on ${resource}`;

export type Locator =
  | { readonly class: 'Binding'; readonly resource: string }
  | { readonly class: 'ServiceAccount'; readonly project: string; readonly email: string }
  | { readonly class: 'ServiceAccountKey'; readonly project: string; readonly uniqueId: string; readonly key: string }
  | { readonly class: 'HmacKey'; readonly project: string; readonly accessId: string }
  | { readonly class: 'AccessTokens' }
  | { readonly class: 'Impersonation'; readonly email: string }
  | { readonly class: 'SearchedBinding'; readonly resource: string };

/** Reads an id back; `undefined` when it is none of this revoker's. */
export const locate = ({ id, class: kind }: { readonly id: string; readonly class: string }): Locator | undefined => {
  switch (kind) {
    case 'Binding':
      return match(/^(\S+) \S/, id, (resource) => ({ class: kind, resource }));
    case 'ServiceAccount':
      return match(/^projects\/([^/\s]+)\/serviceAccounts\/([^/\s]+@[^/\s]+)$/, id, (project, email) => ({ class: kind, project, email }));
    case 'ServiceAccountKey':
      return match(/^projects\/([^/\s]+)\/serviceAccounts\/(\d+)\/keys\/([A-Za-z0-9]+)$/, id, (project, uniqueId, key) => ({ class: kind, project, uniqueId, key }));
    case 'HmacKey':
      return match(/^projects\/([^/\s]+)\/hmacKeys\/([A-Za-z0-9]+)$/, id, (project, accessId) => ({ class: kind, project, accessId }));
    case 'AccessTokens':
      return id === tokensId ? { class: kind } : undefined;
    case 'Impersonation':
      return match(/^impersonation of (\S+)$/, id, (email) => ({ class: kind, email }));
    case 'SearchedBinding':
      return match(/^roles on (\S+)$/, id, (resource) => ({ class: kind, resource }));
    default:
      return undefined;
  }
};

const match = (pattern: RegExp, id: string, make: (...parts: readonly [string, string, string]) => Locator): Locator | undefined => {
  const found = pattern.exec(id);
  return found === null ? undefined : make(found[1] ?? '', found[2] ?? '', found[3] ?? '');
};
