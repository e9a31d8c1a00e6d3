/** What a Connector grants of a Vault. Pure. */
import type { Grant, VaultDependency } from '../../api/v1alpha1/index.ts';
import { anyMatches } from '../grants.ts';

/** Mounts have defaults in the schema, which fills them in; what was stored without them means the same. */
const defaultMounts = { appRole: 'approle', certificate: 'pki' } as const;

/** Whether this grant alone covers all that the dependency names. */
export const covers = ({ vault = {} }: Grant, { roles = [], leases = [], appRoles = [], certificates = [] }: VaultDependency): boolean =>
  roles.every((role) => anyMatches(vault.authRoles, role)) &&
  leases.every(({ prefix }) => anyMatches(vault.leasePrefixes, prefix)) &&
  appRoles.every(({ mount = defaultMounts.appRole, name: role }) => coversOn(vault.appRoles, mount, role)) &&
  // The common name is known to the server alone; the mount is not asked unless some name of it is granted.
  certificates.every(({ mount = defaultMounts.certificate }) => (vault.certificates ?? []).some((pattern) => anyMatches([mountOf(pattern)], mount)));

const mountOf = (pattern: string): string => pattern.slice(0, Math.max(0, pattern.lastIndexOf('/')));

/** Whether one of these grants covers a certificate of this common name. */
export const coverCertificate = (grants: readonly Grant[], mount: string, commonName: string): boolean =>
  grants.some(({ vault }) => coversOn(vault?.certificates, mount, commonName));

/** A name is one segment: a slash in it would shift the border between mount and name. */
const coversOn = (patterns: readonly string[] | undefined, mount: string, name: string): boolean => !name.includes('/') && anyMatches(patterns, `${mount}/${name}`);
