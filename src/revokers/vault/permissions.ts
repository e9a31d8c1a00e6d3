/** What the operator may and may not do in a Vault, as the server itself answers, in lines for a policy. */
import type { VaultDependency } from '../../api/v1alpha1/index.ts';
import type { Credential, MissingPermission } from '../revoker.ts';
import { textsOf } from '../fields.ts';
import { dataOf } from './answers.ts';
import type { KubernetesAuthMount, VaultClient } from './client.ts';
import { failureOf } from './errors.ts';
import * as paths from './paths.ts';

type Capability = 'create' | 'read' | 'update' | 'delete' | 'list' | 'sudo';

export interface PathPermission {
  readonly path: string;
  readonly capabilities: readonly Capability[];
}

const needs = (path: readonly string[], ...capabilities: readonly Capability[]): PathPermission => ({ path: path.join('/'), capabilities });

/** An id that no entity has: what is allowed for it is allowed for any. */
const anyEntity = '00000000-0000-0000-0000-000000000000';

/** What every use of a connector takes, whatever an identity names. */
export const connectorPermissions = (mounts: readonly KubernetesAuthMount[]): readonly PathPermission[] => [
  needs(['cubbyhole', 'offboard'], 'create', 'update'),
  needs(paths.tokenAccessors, 'list', 'sudo'),
  needs(paths.tokenLookup, 'update'),
  needs(paths.tokenRevoke, 'update'),
  ...(mounts.length === 0
    ? []
    : [
        needs(paths.authMounts, 'read'),
        needs(paths.entityLookup, 'update'),
        // Deleted is only the entity that the lock itself made, where a run is cancelled.
        needs(paths.entity(anyEntity), 'update', 'delete'),
        needs(paths.entityAlias, 'update'),
      ]),
];

/** What retiring just what this dependency names takes. A right to delete is needed only where there is something to delete. */
export const neededFor = (dependency: VaultDependency, mounts: readonly KubernetesAuthMount[], credentials: readonly Credential[]): readonly PathPermission[] => {
  const { leases = [], roles = [], appRoles = [], certificates = [] } = dependency;
  const ends = new Set(credentials.filter(({ end, seen }) => end.by === 'Revoke' && seen).map(({ id }) => id));
  return [
    ...connectorPermissions(mounts),
    ...(leases.length === 0 ? [] : [needs(paths.leases, 'read', 'sudo'), needs(paths.leaseLookup, 'update'), needs(paths.leaseRevoke, 'update')]),
    ...leases.map(({ prefix }) => needs(paths.leasesUnder([...paths.prefixSegments(prefix), '']), 'list', 'sudo')),
    ...mounts.flatMap(({ path }) =>
      roles.map((name) => {
        const role = paths.authRole(path, name);
        return ends.has(role.join('/')) ? needs(role, 'read', 'delete') : needs(role, 'read');
      }),
    ),
    ...appRoles.flatMap(({ mount = 'approle', name, exclusive }) => [
      needs(paths.authRole(mount, name), 'read'),
      needs(paths.secretIds(mount, name), 'list'),
      ...(exclusive === true ? [needs(paths.secretIdLookup(mount, name), 'update'), needs(paths.secretIdDestroy(mount, name), 'update')] : []),
    ]),
    ...certificates.flatMap(({ mount = 'pki', serialNumber }) => [needs(paths.certificate(mount, serialNumber), 'read'), needs(paths.certificateRevoke(mount), 'update')]),
  ];
};

/** Those of `wanted` that our token lacks. Rejects when it could not be told. */
export const missingPermissions = async (client: VaultClient, wanted: readonly PathPermission[], signal: AbortSignal): Promise<readonly MissingPermission[]> => {
  const unique = [...new Map(wanted.map((permission) => [permission.path, permission])).values()];
  const answer = await client.request(paths.post(paths.capabilitiesSelf, { paths: unique.map(({ path }) => path) }), signal);
  const data = dataOf(answer.body);
  return unique.flatMap(({ path, capabilities }) => {
    const held = answer.status === 200 ? textsOf(data, path) : undefined;
    if (held === undefined) throw failureOf(answer, 'asking for our own capabilities');
    const lacks = held.includes('root') ? [] : capabilities.filter((capability) => !held.includes(capability));
    return lacks.length === 0 ? [] : [describeMissing({ path, capabilities: lacks })];
  });
};

/** As a line to add to a policy; rights of several policies add up. What ends in a slash is a folder, with all beneath it. */
export const policyLine = ({ path, capabilities }: PathPermission): string =>
  `path "${path.replace(anyEntity, '*').replace(/\/$/, '/*')}" { capabilities = [${capabilities.map((capability) => `"${capability}"`).join(', ')}] }`;

const describeMissing = (permission: PathPermission): MissingPermission => {
  const line = policyLine(permission);
  return { permission: line, message: `its policy in Vault lacks ${line}` };
};
