/** What of all that was read from a Vault is a credential of one identity: pure. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Finding, Target, VaultDependency } from '../../api/v1alpha1/index.ts';
import type { Credential, CredentialEnd, Inventory } from '../revoker.ts';
import { printable, someOf } from '../text.ts';
import type { KubernetesAuthMount } from './client.ts';
import type { TokenFacts } from './errors.ts';
import { certificateId, leaseId, loginId, roleId, secretIdId, sharedLeasesId, tokenId } from './ids.ts';
import { foreignAliases, isLoginOf, type Login, ownEntityIds } from './identity.ts';
import { type AuthRole, coverageOf } from './roles.ts';

/** A role that the identity names, on one mount; without `role` where that mount has none of the name. */
export interface NamedRole {
  readonly mount: KubernetesAuthMount;
  readonly name: string;
  readonly role?: AuthRole;
}

export interface NamedAppRole {
  readonly mount: string;
  readonly name: string;
  readonly exclusive: boolean;
  /** False when whoever knows the role's id logs in without a secret. */
  readonly needsSecretId: boolean;
  readonly secretIds: readonly string[];
  /** False when there is no such role. */
  readonly exists: boolean;
  readonly batchTokens: boolean;
}

export interface NamedPrefix {
  readonly prefix: string;
  readonly exclusive: boolean;
  readonly leaseIds: readonly string[];
}

export interface NamedCertificate {
  readonly mount: string;
  readonly serialNumber: string;
  readonly commonName?: string;
  readonly state: 'Valid' | 'Expired' | 'Revoked' | 'NotStored';
}

/** Everything that was read for one inventory. */
export interface Facts {
  readonly origin: string;
  readonly target: Target;
  readonly dependency: VaultDependency;
  readonly mounts: readonly KubernetesAuthMount[];
  /** With those of earlier lives. */
  readonly logins: readonly Login[];
  readonly tokens: readonly TokenFacts[];
  readonly danglingAccessors: number;
  readonly prefixes: readonly NamedPrefix[];
  readonly roles: readonly NamedRole[];
  readonly appRoles: readonly NamedAppRole[];
  readonly certificates: readonly NamedCertificate[];
}

const maxFindings = 48;
const revoke: CredentialEnd = { by: 'Revoke' };

export const toInventory = (facts: Facts): Inventory => ({
  credentials: [
    ...facts.logins.flatMap((login) => loginCredential(login, facts.logins)),
    // Before the tokens: what ends with a token is ended by the server in its own time, beside what is asked for here.
    ...onceEach(facts.prefixes.flatMap(leaseCredentials)),
    ...ownTokens(facts).map(tokenCredential),
    ...facts.roles.flatMap((named) => roleCredential(named, facts.target)),
    ...facts.appRoles.flatMap((named) => appRoleCredentials(named, facts.tokens.filter((token) => isFromAppRole(token, named)).length)),
    ...facts.certificates.map(certificateCredential),
  ].map((credential) => ({ ...credential, uid: facts.origin })),
  findings: findingsOf(facts),
  origin: facts.origin,
});

const person = (reason: string, message: string): CredentialEnd => ({ by: 'Person', reason, message: printable(message, 1_000) });

// ---- logins and tokens -----------------------------------------------------------------------------------------

/** The form that no role is said to use is listed only where somebody logged in by it, and never for who cannot log in any more. */
const loginCredential = (login: Login, logins: readonly Login[]): readonly Credential[] => {
  const { entity, declared, earlier } = login;
  if ((entity === undefined && !declared) || earlier === true) return [];
  const others = entity === undefined ? [] : foreignAliases(entity, logins);
  const names = someOf(others.map(({ mountPath, name }) => `${mountPath} ${name}`), 3);
  const end =
    entity === undefined || others.length === 0
      ? revoke
      : person(
          reasons.sharedEntity,
          `the entity ${entity.id} is also that of ${names}; disabling it would lock those out. Give this alias an entity of its own: ` +
            `vault delete identity/entity-alias/id/${entity.aliases.find(({ name }) => name === login.alias)?.id ?? '…'}`,
        );
  return [{ id: loginId(login), class: 'Login', end, seen: entity !== undefined && !entity.disabled }];
};

/** By its entity, or by who logged in for it; and all that came from an AppRole of its own. */
export const isOwnToken = (facts: Pick<Facts, 'target' | 'mounts' | 'logins' | 'dependency'>): ((token: TokenFacts) => boolean) => {
  const entityIds = ownEntityIds(facts.logins);
  const appRoles = (facts.dependency.appRoles ?? []).filter(({ exclusive }) => exclusive === true);
  return (token) =>
    (token.entityId !== '' && entityIds.has(token.entityId)) ||
    isLoginOf(token, facts.mounts, facts.target.serviceAccount, facts.logins) ||
    appRoles.some((named) => isFromAppRole(token, named));
};

export const isFromAppRole = ({ path, meta }: TokenFacts, { mount = 'approle', name }: { readonly mount?: string; readonly name: string }): boolean =>
  path === `auth/${mount}/login` && meta['role_name'] === name;

const ownTokens = (facts: Facts): readonly TokenFacts[] =>
  facts.tokens.filter(isOwnToken(facts)).sort((one, other) => (one.accessor < other.accessor ? -1 : 1));

const tokenCredential = ({ accessor, path, meta }: TokenFacts): Credential => ({
  id: tokenId(accessor),
  class: 'Token',
  grants: [printable(`a token from ${path}${meta['role'] === undefined ? '' : ` as ${meta['role']}`}`)],
  end: revoke,
  seen: true,
});

// ---- leases ----------------------------------------------------------------------------------------------------

/** One prefix may be under another: what is under both is one credential. */
const onceEach = (leases: readonly Credential[]): readonly Credential[] => [...new Map(leases.map((lease) => [lease.id, lease])).values()];

const leaseCredentials = ({ prefix, exclusive, leaseIds }: NamedPrefix): readonly Credential[] => {
  if (exclusive) return leaseIds.map((id) => ({ id: leaseId(id), class: 'Lease', end: revoke, seen: true }));
  if (leaseIds.length === 0) return [];
  const end = person(
    reasons.sharedLeasePath,
    `there are leases under ${prefix}, and nobody said that they are all this identity's: Vault cannot tell whose a lease is. ` +
      `Set exclusive: true for this prefix if nobody else reads from it; otherwise end the identity's own ones (vault lease revoke <id>) and take the prefix out`,
  );
  return [{ id: sharedLeasesId(prefix), class: 'SharedLeases', grants: [`${leaseIds.length} leases`], end, seen: true }];
};

// ---- roles -----------------------------------------------------------------------------------------------------

/** One that does not let the identity in gives it nothing, however it came to that: it is told as a finding. */
const roleCredential = ({ mount, name, role }: NamedRole, { serviceAccount }: Target): readonly Credential[] => {
  const found = { id: roleId({ mount: mount.path, role: name }), class: 'AuthRole', seen: role !== undefined };
  const coverage = role === undefined ? undefined : coverageOf(role, serviceAccount);
  if (coverage?.covers === 'None') return [];
  if (coverage?.covers !== 'Shared') return [{ ...found, end: revoke }];
  const message =
    `auth/${mount.path}/role/${name} also lets others than ${serviceAccount.namespace}/${serviceAccount.name} in, by ${coverage.by}. ` +
    'It is left as it is: take the identity out of that field, or delete the role if nobody else needs it';
  return [{ ...found, end: person(reasons.sharedRole, message) }];
};

const appRoleCredentials = ({ mount, name, exclusive, needsSecretId, secretIds, exists }: NamedAppRole, tokens: number): readonly Credential[] => {
  const role = { mount, role: name };
  const whole = { id: roleId(role), class: 'AppRole', seen: true };
  const isOpen = exists && !needsSecretId;
  // Without secret ids and tokens it gives nobody anything.
  if (!isOpen && secretIds.length + tokens === 0) return [];
  if (!exclusive) {
    const message =
      `nobody said that only this identity logs in by auth/${mount}/role/${name}. Set exclusive: true for it if that is so; ` +
      "otherwise destroy the identity's own secret ids and take the role out";
    return [{ ...whole, grants: [`${secretIds.length} secret ids, ${tokens} tokens`], end: person(reasons.sharedRole, message) }];
  }
  const ids = secretIds.map((accessor): Credential => ({ id: secretIdId(role, accessor), class: 'SecretId', end: revoke, seen: true }));
  if (!isOpen) return ids;
  const open = person(
    reasons.sharedRole,
    `auth/${mount}/role/${name} asks for no secret id (bind_secret_id is false), so whoever knows its role id logs in. Delete it: vault delete auth/${mount}/role/${name}`,
  );
  return [...ids, { ...whole, end: open }];
};

const certificateCredential = ({ mount, serialNumber, commonName, state }: NamedCertificate): Credential => ({
  id: certificateId(mount, serialNumber),
  class: 'Certificate',
  ...(commonName === undefined ? {} : { grants: [printable(`a certificate of ${commonName}`)] }),
  end:
    state === 'NotStored'
      ? person(
          'CertificateNotStored',
          `${mount} holds no certificate ${serialNumber}: its role stores none (no_store), it was tidied away, or the serial is wrong. ` +
            'Revoke it with the certificate itself (vault write <mount>/revoke certificate=@file) or wait for its end, and take it out of the list',
        )
      : revoke,
  seen: state === 'Valid',
});

// ---- findings --------------------------------------------------------------------------------------------------

const findingsOf = (facts: Facts): readonly Finding[] => {
  const hasLoggedIn = facts.logins.some(({ entity }) => entity !== undefined && entity.metadata['offboard_created'] === undefined);
  const findings = [
    ...(facts.mounts.length === 0 ? [noMounts] : []),
    // Also where no lease is left: that of a session may have ended long before it.
    ...(facts.prefixes.length > 0 ? [openSessions(facts.prefixes)] : []),
    ...(facts.certificates.length > 0 ? [revocationLists] : []),
    ...(hasLoggedIn ? [whatWasRead, orphans] : []),
    ...facts.roles.flatMap((named) => roleFindings(named, facts.target)),
    ...facts.appRoles.flatMap(({ mount, name, batchTokens }) => (batchTokens ? [batch(`auth/${mount}/role/${name}`, false)] : [])),
    ...(facts.danglingAccessors > 0 ? [dangling] : []),
  ];
  const rest = findings.slice(maxFindings);
  if (rest.length === 0) return findings;
  // What cannot be proven must not go by unsaid.
  const type = rest.some((finding) => finding.type === 'NotProvable') ? 'NotProvable' : 'NotEnumerated';
  return [...findings.slice(0, maxFindings), { type, message: `${rest.length} more findings about roles are not shown` }];
};

const noMounts: Finding = {
  type: 'NotProvable',
  object: 'logins of the ServiceAccount',
  message: 'the connector names no Kubernetes auth mount, so its logins, and the tokens that they gave, are neither looked for nor refused',
};

const openSessions = (prefixes: readonly NamedPrefix[]): Finding => ({
  type: 'NotProvable',
  object: printable(`open sessions of users leased under ${prefixes.map(({ prefix }) => prefix).join(', ')}`, 1_000),
  message:
    'a database session that was opened before the end may go on after its user is gone. What ends it is a revocation statement of the ' +
    'database role, before the one that drops the user; in PostgreSQL: SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = \'{{name}}\'',
});

const revocationLists: Finding = {
  type: 'NotProvable',
  object: 'revoked certificates',
  message: 'a certificate that is revoked is refused only by those who read the revocation list of its mount, or ask it; others take it until it expires',
};

const whatWasRead: Finding = {
  type: 'NotProvable',
  object: 'secrets that were read',
  message: 'the identity has logged in: what it read from key/value stores it still knows. Replace those secrets where they are used',
};

const orphans: Finding = {
  type: 'NotProvable',
  object: 'orphan tokens',
  message:
    'an orphan token that the identity made for itself (auth/token/create-orphan, or a token role with orphan) does not tell whose it is, and outlives its maker; ' +
    'only an identity whose policies allow that can have one',
};

const roleFindings = ({ mount, name, role }: NamedRole, { serviceAccount }: Target): readonly Finding[] => {
  if (role === undefined) return [];
  const where = `auth/${mount.path}/role/${name}`;
  const coverage = coverageOf(role, serviceAccount);
  if (coverage.covers === 'None') return [letsNobodyIn(where, coverage.by)];
  return [
    ...(role.tokenType === 'batch' || role.tokenType === 'default-batch' ? [batch(where, true)] : []),
    ...(role.aliasSource === mount.aliasSource ? [] : [otherAliasSource(where, role.aliasSource, mount)]),
  ];
};

const letsNobodyIn = (where: string, by: string): Finding => ({
  type: 'NotEnumerated',
  object: where,
  message: printable(`it does not let the identity in, because of ${by}, and is left as it is; if another role was meant, name that one`, 1_000),
});

const batch = (where: string, stopped: boolean): Finding => ({
  type: stopped ? 'NotEnumerated' : 'NotProvable',
  object: where,
  message: stopped
    ? 'it gives batch tokens, which nobody can list or revoke; they are refused while the entity of the identity is disabled'
    : 'it gives batch tokens, which nobody can list or revoke; they work until their time is over',
});

const otherAliasSource = (where: string, source: string, mount: KubernetesAuthMount): Finding => ({
  type: 'NotEnumerated',
  object: where,
  message:
    `its alias_name_source is ${printable(source, 60)}, where the Connector says ${mount.aliasSource} for the mount ${mount.path}; ` +
    'both forms are looked for, but a login by this role cannot be refused before there was one. Correct aliasSource or the role',
});

const dangling: Finding = {
  type: 'NotEnumerated',
  object: 'token accessors',
  message: 'some accessors in the token store lead to no token, so there is nothing to end; vault write -f auth/token/tidy removes them',
};
