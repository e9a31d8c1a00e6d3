/**
 * What the operator may not do in Google Cloud. What is read is read for the inventory, and fails there with the name of the
 * permission. Beside that Google is asked: its "no" is believed, its "yes" proves nothing.
 */
import { mapBounded } from '../../runtime/concurrency.ts';
import type { Credential, MissingPermission } from '../revoker.ts';
import { nameOf } from './account.ts';
import { classifyTested, failureOf } from './errors.ts';
import { locate } from './ids.ts';
import type { Look } from './look.ts';
import { accountResource, parseResource, type Resource, testPermissions } from './resources.ts';

interface Needed {
  readonly resource: Resource;
  readonly permissions: readonly string[];
}

export const missingPermissions = async (look: Look, credentials: readonly Credential[]): Promise<readonly MissingPermission[]> => {
  const needed = neededFor(look, credentials);
  const missing = await mapBounded(needed, look.connection.settings.maxConcurrent, (one) => lacking(look, one), look.signal);
  return missing.flat();
};

/** A right to write is needed only where there is something to end. */
const neededFor = ({ dependency, connection: { settings } }: Look, credentials: readonly Credential[]): readonly Needed[] => {
  const wanted = new Map<string, { readonly resource: Resource; readonly permissions: Set<string> }>();
  const need = (resource: Resource | undefined, ...permissions: readonly string[]): void => {
    if (resource === undefined) return;
    const entry = wanted.get(resource.name) ?? { resource, permissions: new Set<string>() };
    wanted.set(resource.name, entry);
    for (const permission of permissions) entry.permissions.add(permission);
  };
  const ended = credentials.filter(({ end, seen }) => end.by === 'Revoke' && seen).flatMap((credential) => locate(credential) ?? []);
  const has = (kind: string): boolean => ended.some((located) => located.class === kind);
  for (const name of dependency.resources ?? []) {
    const resource = parseResource(name);
    need(resource, `${resource?.permissions ?? ''}.getIamPolicy`);
  }
  for (const located of ended) {
    const resource = located.class === 'Binding' ? parseResource(located.resource) : undefined;
    need(resource, `${resource?.permissions ?? ''}.setIamPolicy`);
  }
  if (settings.assetScope !== undefined) need(parseResource(settings.assetScope), 'cloudasset.assets.searchAllIamPolicies', 'cloudasset.assets.searchAllResources');
  if (dependency.serviceAccount !== undefined) {
    const { project, email } = nameOf(dependency.serviceAccount.email);
    const own = accountResource(project, email);
    need(own, 'iam.serviceAccounts.get', 'iam.serviceAccounts.getIamPolicy', 'iam.serviceAccountKeys.list');
    need(parseResource(`projects/${project}`), 'storage.hmacKeys.list', ...(has('HmacKey') ? ['storage.hmacKeys.get', 'storage.hmacKeys.update', 'storage.hmacKeys.delete'] : []));
    if (has('ServiceAccountKey')) need(own, 'iam.serviceAccountKeys.get', 'iam.serviceAccountKeys.delete');
    if (has('ServiceAccount')) need(own, 'iam.serviceAccounts.disable', 'iam.serviceAccounts.enable', 'iam.serviceAccounts.update');
    if (has('ServiceAccount') && dependency.serviceAccount.onRetire === 'Delete') need(own, 'iam.serviceAccounts.delete');
  }
  return [...wanted.values()].map(({ resource, permissions }) => ({ resource, permissions: [...permissions] }));
};

const lacking = async ({ connection: { client }, signal }: Look, { resource, permissions }: Needed): Promise<readonly MissingPermission[]> => {
  const held = new Set<string>();
  for (const request of testPermissions(resource, permissions)) {
    const answer = await client.request(request, signal);
    // Not every permission can be tested everywhere. One that is lacking is then named by the first call that needs it.
    if (answer.status === 400) return [];
    const verdict = classifyTested(answer);
    if (verdict.state === 'Unknown') throw failureOf(answer, { doing: `asking what Offboard may do on ${resource.name}`, permission: permissions.join(', '), on: resource.name }, verdict.message);
    for (const permission of verdict.permissions) held.add(permission);
  }
  return permissions
    .filter((permission) => !held.has(permission))
    .map((permission) => ({ permission, line: `- ${permission}  # on ${resource.name}`, message: `its role in Google Cloud lacks ${permission} on ${resource.name}` }));
};
