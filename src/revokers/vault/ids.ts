/**
 * What each credential in a Vault is called. An id is all that is left of a credential after a restart (with its origin and
 * class), so every id can be read back. None holds a secret: an accessor or a lease id ends a thing and never is it.
 */
import { isPlainPath } from './paths.ts';

export interface AliasName {
  readonly mount: string;
  readonly alias: string;
}

export interface RoleName {
  readonly mount: string;
  readonly role: string;
}

export const loginId = ({ mount, alias }: AliasName): string => `auth/${mount} alias ${alias}`;
export const tokenId = (accessor: string): string => `auth/token accessor ${accessor}`;
export const leaseId = (lease: string): string => lease;
export const sharedLeasesId = (prefix: string): string => `leases under ${prefix}`;
export const roleId = ({ mount, role }: RoleName): string => `auth/${mount}/role/${role}`;
export const secretIdId = (name: RoleName, accessor: string): string => `${roleId(name)} secret id accessor ${accessor}`;
export const certificateId = (mount: string, serial: string): string => `${mount}/cert/${serial}`;

export type Locator =
  | ({ readonly class: 'Login' } & AliasName)
  | { readonly class: 'Token'; readonly accessor: string }
  | { readonly class: 'Lease'; readonly leaseId: string }
  | { readonly class: 'SharedLeases'; readonly prefix: string }
  | ({ readonly class: 'AuthRole' | 'AppRole' } & RoleName)
  | ({ readonly class: 'SecretId'; readonly accessor: string } & RoleName)
  | { readonly class: 'Certificate'; readonly mount: string; readonly serial: string };

/** Reads an id back; `undefined` when it is none of this revoker's. */
export const locate = ({ id, class: kind }: { readonly id: string; readonly class: string }): Locator | undefined => {
  switch (kind) {
    case 'Login':
      return match(/^auth\/(\S+) alias (\S+)$/, id, (mount, alias) => (isPlainPath(mount) ? { class: kind, mount, alias } : undefined));
    case 'Token':
      return match(/^auth\/token accessor (\S+)$/, id, (accessor) => ({ class: kind, accessor }));
    case 'Lease':
      return id.includes('/') ? { class: kind, leaseId: id } : undefined;
    case 'SharedLeases':
      return match(/^leases under (\S+)$/, id, (prefix) => (isPlainPath(prefix) ? { class: kind, prefix } : undefined));
    case 'AuthRole':
    case 'AppRole':
      return match(/^auth\/(\S+)\/role\/([^\s/]+)$/, id, (mount, role) => (isPlainPath(`${mount}/${role}`) ? { class: kind, mount, role } : undefined));
    case 'SecretId':
      return match(/^auth\/(\S+)\/role\/([^\s/]+) secret id accessor (\S+)$/, id, (mount, role, accessor) =>
        isPlainPath(`${mount}/${role}`) ? { class: kind, mount, role, accessor } : undefined,
      );
    case 'Certificate':
      return match(/^(\S+)\/cert\/([0-9a-f:]+)$/, id, (mount, serial) => (isPlainPath(mount) ? { class: kind, mount, serial } : undefined));
    default:
      return undefined;
  }
};

const match = (pattern: RegExp, id: string, make: (...parts: readonly [string, string, string]) => Locator | undefined): Locator | undefined => {
  const found = pattern.exec(id);
  return found === null ? undefined : make(found[1] ?? '', found[2] ?? '', found[3] ?? '');
};
