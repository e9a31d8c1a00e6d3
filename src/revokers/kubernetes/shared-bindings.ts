/**
 * How the grant of a binding ends. Removing a subject is a write of the whole binding to the API server, which refuses
 * it unless the writer may `bind` the role; deleting the binding needs no such thing.
 */
import { ApiError, isRbacForbidden } from '../../kube/errors.ts';
import { clusterRoles, roles } from '../../kube/resources.ts';
import type { CredentialEnd } from '../revoker.ts';
import { type Binding, ownSubjects, resourceOf } from './bindings.ts';
import type { ClusterReader } from './client.ts';
import { deleteBindingCommand, removeSubjectsCommand } from './commands.ts';
import { isSole } from './credentials.ts';
import type { SubjectKey } from './identity.ts';
import { bindingId } from './ids.ts';
import { describePermission, type Permission, type Permissions } from './permissions.ts';
import { printable, someOf } from '../text.ts';

type PersonEnd = Extract<CredentialEnd, { readonly by: 'Person' }>;

const toPatch = ({ kind, namespace }: Binding): Permission => ({
  verb: 'patch',
  resource: resourceOf(kind),
  ...(namespace !== undefined && { namespace }),
});

/** Asked in the binding's namespace also for a ClusterRole: that is how the API server asks. */
const toBind = ({ roleKind, roleName, namespace }: Binding): Permission => ({
  verb: 'bind',
  resource: roleKind === 'Role' ? roles : clusterRoles,
  name: roleName,
  ...(namespace !== undefined && { namespace }),
});

export const decideEnd = async (
  context: { readonly permissions: Permissions; readonly reader: ClusterReader },
  binding: Binding,
  users: ReadonlySet<SubjectKey>,
  signal: AbortSignal,
): Promise<CredentialEnd> => {
  if (isSole(binding, users)) return { by: 'Revoke' };
  const missing: string[] = [];
  for (const permission of [toPatch(binding), toBind(binding)]) {
    if (!(await context.permissions.allowed(permission, signal))) missing.push(describePermission(permission));
  }
  if (missing.length === 0) return { by: 'Revoke' };
  // It matters only for what the person is told, so a role that could not be read is taken to be there.
  const role = await context.reader.role(binding, signal);
  return role.state === 'Absent' ? danglingRoleRef(binding, users) : sharedBinding(binding, users, missing);
};

const sharedBinding = (
  binding: Binding,
  users: ReadonlySet<SubjectKey>,
  missing: readonly string[],
): PersonEnd => {
  const own = ownSubjects(binding, users);
  const what =
    `${describe(binding)} also grants to ${others(binding, own.length)}, so only ${subjects(own)} may be removed, ` +
    `and the operator may not ${printable(missing.join(', nor '), 400)}: grant it that, or `;
  const message = withCommand(`${what}run: `, removeSubjectsCommand(binding, own), `${what}remove the subject yourself`);
  return { by: 'Person', reason: 'SharedBinding', message };
};

const danglingRoleRef = (binding: Binding, users: ReadonlySet<SubjectKey>): PersonEnd => {
  const own = ownSubjects(binding, users);
  const what =
    `${describe(binding)} also grants to ${others(binding, own.length)}, and its ${binding.roleKind} ` +
    `${printable(binding.roleName)} does not exist, so the API server refuses to remove ${subjects(own)} from it: ` +
    'create that role, or delete the binding for all of them';
  const message = withCommand(`${what}: `, deleteBindingCommand(binding), what);
  return { by: 'Person', reason: 'DanglingRoleRef', message };
};

/** What a status holds of a message: half a command is worse than none. */
const longestMessage = 1024;

const withCommand = (text: string, command: string | undefined, otherwise: string): string =>
  command === undefined || text.length + command.length > longestMessage ? otherwise : text + command;

/** Why a person is needed after the API server refused to take a subject out, if that is why. */
export const refusalOf = async (
  reader: ClusterReader,
  error: unknown,
  binding: Binding,
  users: ReadonlySet<SubjectKey>,
  signal: AbortSignal,
): Promise<PersonEnd | undefined> => {
  if (!(error instanceof ApiError)) return undefined;
  if (isRbacForbidden(error)) {
    const missing = error.message.includes('attempting to grant') ? toBind(binding) : toPatch(binding);
    return sharedBinding(binding, users, [describePermission(missing)]);
  }
  // The API server answers a change of a binding whose role is gone as if the binding were.
  if (error.code !== 404) return undefined;
  return (await reader.role(binding, signal)).state === 'Absent' ? danglingRoleRef(binding, users) : undefined;
};

const describe = (binding: Binding): string => printable(bindingId(binding), 300);

const others = (binding: Binding, own: number): string => {
  const count = binding.subjectCount - own;
  return count === 1 ? 'another subject' : `${String(count)} other subjects`;
};

const subjects = (own: Binding['subjects']): string =>
  printable(someOf([...new Set(own.map(({ kind, name }) => `${kind} ${name}`))], 3), 300);
