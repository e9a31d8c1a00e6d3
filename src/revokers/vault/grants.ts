/**
 * What a Connector grants to whom. Pure, and strict: what a tenant wrote is compared only after it is known to be plain, so
 * that no way of writing a path means another path to the server than it does here.
 */
import type { Grant, VaultDependency } from '../../api/v1alpha1/index.ts';

/** The namespace of the identity, with its labels as they are now; undefined when they are not known. */
export interface GrantedNamespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
}

const longest = 512;
const name = /^[A-Za-z0-9_](?:[-A-Za-z0-9_.]*[A-Za-z0-9_])?$/;
const patternSegment = /^[-A-Za-z0-9_.*]+$/;

/** A path as the CRD takes it: plain segments, none of them empty, a dot, or with two dots in a row. */
const isPlain = (path: string): boolean =>
  path.length <= longest && path.split('/').every((segment) => name.test(segment) && !segment.includes('..'));

const isPattern = (pattern: string): boolean =>
  pattern.length <= longest &&
  pattern.split('/').every((segment) => patternSegment.test(segment) && !segment.includes('..') && !segment.includes('**'));

/** True when the pattern covers the path: as many segments, each equal but for `*`, which stands for anything within one. */
export const matches = (pattern: string, path: string): boolean => {
  if (!isPattern(pattern) || !isPlain(path)) return false;
  const patterns = pattern.split('/');
  const segments = path.split('/');
  return patterns.length === segments.length && patterns.every((each, index) => matchesSegment(each, segments[index] ?? ''));
};

/** By hand, since a regular expression with many stars takes longer than anybody waits. Goes back to the last star only. */
const matchesSegment = (pattern: string, text: string): boolean => {
  let at = 0;
  let next = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    if (pattern[next] === '*') {
      star = next;
      next += 1;
      resume = at;
    } else if (pattern[next] === text[at]) {
      next += 1;
      at += 1;
    } else if (star >= 0) {
      next = star + 1;
      resume += 1;
      at = resume;
    } else {
      return false;
    }
  }
  while (pattern[next] === '*') next += 1;
  return next === pattern.length;
};

/** Whether labels have to be known to tell: a namespace by its name is told without them. */
export const needsLabels = (grants: readonly Grant[] | undefined): boolean => (grants ?? []).some(({ namespaces }) => namespaces.selector !== undefined);

const coversNamespace = ({ namespaces }: Grant, namespace: GrantedNamespace): boolean => {
  if (namespaces.names !== undefined) return namespaces.names.includes(namespace.name);
  const wanted = Object.entries(namespaces.selector?.matchLabels ?? {});
  // A selector of nothing would select everybody.
  return wanted.length > 0 && wanted.every(([key, value]) => labelOf(namespace, key) === value);
};

const labelOf = ({ labels = {} }: GrantedNamespace, key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);

const anyMatches = (patterns: readonly string[] | undefined, path: string): boolean => (patterns ?? []).some((pattern) => matches(pattern, path));

/** Mounts have defaults in the schema, which fills them in; what was stored without them means the same. */
const defaultMounts = { appRole: 'approle', certificate: 'pki' } as const;

const covers = ({ vault = {} }: Grant, { roles = [], leases = [], appRoles = [], certificates = [] }: VaultDependency): boolean =>
  roles.every((role) => anyMatches(vault.authRoles, role)) &&
  leases.every(({ prefix }) => anyMatches(vault.leasePrefixes, prefix)) &&
  appRoles.every(({ mount = defaultMounts.appRole, name: role }) => anyMatches(vault.appRoles, `${mount}/${role}`)) &&
  // The common name is known to the server alone; the mount is not asked unless some name of it is granted.
  certificates.every(({ mount = defaultMounts.certificate }) => (vault.certificates ?? []).some((pattern) => anyMatches([mountOf(pattern)], mount)));

const mountOf = (pattern: string): string => pattern.slice(0, Math.max(0, pattern.lastIndexOf('/')));

/** The grants of which each alone covers all that the dependency names. None means that it may not use the connector. */
export const grantsFor = (grants: readonly Grant[] | undefined, namespace: GrantedNamespace, dependency: VaultDependency): readonly Grant[] =>
  (grants ?? []).filter((grant) => coversNamespace(grant, namespace) && covers(grant, dependency));

/** Whether one of these grants covers a certificate of this common name. */
export const coverCertificate = (grants: readonly Grant[], mount: string, commonName: string): boolean =>
  // A name is one segment: a slash in it would shift the border between mount and name.
  !commonName.includes('/') && grants.some(({ vault }) => anyMatches(vault?.certificates, `${mount}/${commonName}`));
