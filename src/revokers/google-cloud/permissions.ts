/**
 * What the operator may not do in Google Cloud. What is read was read for the inventory, and fails there with the name of the
 * permission. For what is written Google is asked: its "no" is believed, its "yes" proves nothing.
 */
import { mapBounded } from '../../runtime/concurrency.ts';
import type { Credential, MissingPermission } from '../revoker.ts';
import { readSharers, readStanding, type Standing } from './account.ts';
import { classifyTested, failureOf } from './errors.ts';
import { locate } from './ids.ts';
import { canonical } from './inventory.ts';
import type { Look } from './look.ts';
import { accountResource, parseResource, type Resource, testPermissions } from './resources.ts';

interface Needed {
  readonly resource: Resource;
  readonly permissions: readonly string[];
}

export const missingPermissions = async (look: Look, credentials: readonly Credential[]): Promise<readonly MissingPermission[]> => {
  const standing = await readStanding(look);
  const sharers = standing.state === 'Current' ? await readSharers(look, standing, 'Cached') : [];
  const named = await mapBounded(look.dependency.resources ?? [], look.connection.settings.maxConcurrent, (name) => canonical(look, name), look.signal);
  const needed = neededFor(look, standing, sharers.length > 0, named, credentials);
  const missing = await mapBounded(needed, look.connection.settings.maxConcurrent, (one) => lacking(look, one), look.signal);
  return missing.flat();
};

/** A right to write is needed only where there is something to be taken out. */
const neededFor = ({ dependency }: Look, standing: Standing, shared: boolean, named: readonly Resource[], credentials: readonly Credential[]): readonly Needed[] => {
  const wanted = new Map<string, { readonly resource: Resource; readonly permissions: Set<string> }>();
  const need = (resource: Resource, ...permissions: readonly string[]): void => {
    const entry = wanted.get(resource.name) ?? { resource, permissions: new Set<string>() };
    wanted.set(resource.name, entry);
    for (const permission of permissions) entry.permissions.add(permission);
  };
  // A service account that is not there has no policy to ask about.
  for (const resource of named) if (resource.account?.key.includes('@') !== true) need(resource, `${resource.permissions}.getIamPolicy`);
  const revoked = credentials.filter(({ end, seen }) => end.by === 'Revoke' && seen).flatMap((credential) => locate(credential) ?? []);
  for (const located of revoked) {
    const resource = located.class === 'Binding' ? parseResource(located.resource) : undefined;
    if (resource !== undefined) need(resource, `${resource.permissions}.setIamPolicy`);
    if (located.class === 'HmacKey') need(project(located.project), 'storage.hmacKeys.update', 'storage.hmacKeys.delete');
  }
  if (standing.state === 'Current') {
    const own = accountResource(standing.project, standing.account.uniqueId);
    need(own, 'iam.serviceAccounts.get', 'iam.serviceAccounts.getIamPolicy', 'iam.serviceAccountKeys.list');
    if (revoked.some((located) => located.class === 'ServiceAccountKey')) need(own, 'iam.serviceAccountKeys.delete');
    if (!shared) need(own, 'iam.serviceAccounts.disable', 'iam.serviceAccounts.enable', 'iam.serviceAccounts.update');
    if (!shared && dependency.serviceAccount?.onRetire === 'Delete') need(own, 'iam.serviceAccounts.delete');
  }
  return [...wanted.values()].map(({ resource, permissions }) => ({ resource, permissions: [...permissions] }));
};

const project = (id: string): Resource => ({ name: `projects/${id}`, service: 'cloudresourcemanager', path: ['v3', 'projects', id], form: 'Post', permissions: 'resourcemanager.projects' });

const lacking = async ({ connection: { client }, signal }: Look, { resource, permissions }: Needed): Promise<readonly MissingPermission[]> => {
  const held = new Set<string>();
  for (const request of testPermissions(resource, permissions)) {
    const answer = await client.request(request, signal);
    const verdict = classifyTested(answer);
    if (verdict.state === 'Unknown') throw failureOf(answer, { doing: `asking what Offboard may do on ${resource.name}`, permission: permissions.join(', '), on: resource.name }, verdict.message);
    for (const permission of verdict.permissions) held.add(permission);
  }
  return permissions
    .filter((permission) => !held.has(permission))
    .map((permission) => ({ permission, message: `its role in Google Cloud lacks ${permission} on ${resource.name}` }));
};
