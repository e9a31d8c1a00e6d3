/** What a plan says of one dependency, as a label and a text each, in the order in which people need it: pure. */
import type { CredentialStatus, DependencyStatus, Finding, Target, Undeclared } from '../../api/v1alpha1/index.ts';
import { lasting } from '../time.ts';

export interface Row {
  readonly label: string;
  readonly text: string;
}

/** Something there would hold the run, or nobody could tell. */
export const blocks = ({ state }: DependencyStatus): boolean => state !== 'Pending';

export const rowsOf = (dependency: DependencyStatus, target: Target | undefined): readonly Row[] => {
  const { credentials = [], findings = [], undeclared = [], missingPermissions = [] } = dependency;
  const verb = (credential: CredentialStatus): string => verbOf(dependency.name, credential, target);
  return [
    ...blocked(dependency),
    ...missingPermissions.map((text) => ({ label: 'missing', text })),
    ...of(findings, 'InUse', 'in use'),
    ...lockRow(dependency),
    ...credentials.filter(({ end = 'Revoke' }) => end === 'Revoke').map((each) => ({ label: verb(each), text: revoked(each) })),
    ...credentials.filter(({ end }) => end === 'Others').map((each) => ({ label: 'with it', text: titled({ ...each, grants: [] }) })),
    ...credentials.filter(({ end }) => end === 'Expiry').map((each) => ({ label: 'wait', text: `${titled(each)}: nobody can revoke it, and it works until ${each.expiresAt ?? 'a time that nobody knows'}` })),
    ...credentials.filter(({ end }) => end === 'Person').map((each) => ({ label: 'person', text: `${titled(each)}: ${each.message ?? each.reason ?? 'a person must end it'}` })),
    ...undeclared.map(undeclaredRow),
    ...of(findings, 'Inherited', 'inherited'),
    ...of(findings, 'Shared', 'shared'),
    ...of(findings, 'NotEnumerated', 'not seen'),
    ...of(findings, 'NotProbed', 'not tried'),
    ...of(findings, 'NotProvable', 'unproven'),
    ...residue(dependency),
  ];
};

/** What is missing, in use, or for a person, is told in rows of its own. */
const told = ['PermissionMissing', 'InUse'];

const blocked = ({ state, reason = state, message, lastError, credentials = [] }: DependencyStatus): readonly Row[] => {
  if (state === 'Pending') return [];
  if (lastError !== undefined) return [{ label: 'BLOCKED', text: `${lastError.code}: it could not be asked, so nobody knows what is there: ${lastError.message}` }];
  const isTold = told.includes(reason) || credentials.some((each) => each.end === 'Person' && each.reason === reason);
  return [{ label: 'BLOCKED', text: isTold ? `${reason}, as told below` : `${reason}: ${message ?? ''}` }];
};

const of = (findings: readonly Finding[], type: Finding['type'], label: string): readonly Row[] =>
  findings.filter((finding) => finding.type === type).map(({ object, message }) => ({ label, text: object === undefined ? message : `${object}: ${message}` }));

const lockRow = ({ forecast }: DependencyStatus): readonly Row[] => {
  if (forecast === undefined) return [];
  if (forecast.lockable) return [{ label: 'lock', text: 'first of all, so that it issues nothing more' }];
  return [{ label: 'no lock', text: forecast.lock ?? 'it cannot be locked' }];
};

const titled = ({ id, grants = [], count }: CredentialStatus): string => {
  const title = count === undefined ? id : `${id} (${String(count)})`;
  return grants.length === 0 ? title : `${title}: ${grants.join(', ')}`;
};

const revoked = (credential: CredentialStatus): string => {
  const { sharedWith = [], found } = credential;
  const kept = sharedWith.length === 0 ? '' : `; kept for ${sharedWith.join(', ')}`;
  return `${titled(credential)}${found === false ? ' (not there now, as far as is seen)' : ''}${kept}`;
};

/** By the class; a revoker that nobody here knows revokes. */
const verbs: Readonly<Record<string, string>> = {
  TokenSecret: 'delete', RoleBinding: 'delete', ClusterRoleBinding: 'delete',
  Login: 'disable', Token: 'revoke', Lease: 'revoke', AuthRole: 'delete', SecretId: 'destroy', Certificate: 'revoke',
  Binding: 'take out', ServiceAccountKey: 'delete', HmacKey: 'delete',
};

export const verbOf = (dependency: string, { class: kind, sharedWith = [] }: CredentialStatus, target: Target | undefined): string => {
  if (sharedWith.length > 0) return 'take out';
  if (kind !== 'ServiceAccount') return verbs[kind] ?? 'revoke';
  const declared = target?.dependencies?.find(({ name }) => name === dependency);
  if (declared === undefined) return 'delete';
  return declared.googleCloud?.serviceAccount?.onRetire === 'Delete' ? 'delete' : 'disable';
};

const kinds: Readonly<Record<Undeclared['type'], string>> = { AuthRole: 'auth role', LeasePrefix: 'leases under', ServiceAccount: 'service account' };

const undeclaredRow = ({ type, name, message }: Undeclared): Row => ({
  label: 'left out',
  text: `${kinds[type]} ${name}${message === undefined ? '' : ` (${message})`}: the identity does not name it, so it is not ended`,
});

const residue = ({ forecast }: DependencyStatus): readonly Row[] => {
  if (forecast === undefined) return [];
  const { residualFor, outlasting = [] } = forecast;
  return [
    ...(residualFor === undefined ? [] : [{ label: 'access', text: `may be left for ${lasting(residualFor)} after that: caches, and changes on their way` }]),
    ...outlasting.map(({ class: kind, message, residualFor: lasts }) => ({ label: 'outlasts', text: `${kind}: ${message}${lasts === undefined ? '' : ` (${lasting(lasts)})`}` })),
  ];
};
