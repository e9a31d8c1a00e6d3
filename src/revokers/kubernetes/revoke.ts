/** Asks for the end of one credential, by UID, and of nothing that is not the identity's own. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Target } from '../../api/v1alpha1/index.ts';
import type { DeleteOptions, KubeClient } from '../../kube/client.ts';
import { isConflict, toOutcome } from '../../kube/errors.ts';
import type { KubeObject, RoleBinding } from '../../kube/objects.ts';
import { type Resource, secrets, serviceAccounts } from '../../kube/resources.ts';
import { invalid, needsPerson } from '../../runtime/outcome.ts';
import type { Credential, RevokeAnswer } from '../revoker.ts';
import { type BindingKind, createIntern, partSubjects, projectBinding, resourceOf } from './bindings.ts';
import { type ClusterReader, type Read, presentOrThrow } from './client.ts';
import { isSole, userKeysOf } from './credentials.ts';
import { classifyError } from './errors.ts';
import type { AccountName, SubjectKey } from './identity.ts';
import type { CachedCluster } from './inventory.ts';
import { type Locator, locate } from './ids.ts';
import { refusalOf } from './shared-bindings.ts';
import { printable } from '../text.ts';

export interface Actors {
  readonly client: KubeClient;
  readonly reader: ClusterReader;
  readonly cached: Pick<CachedCluster, 'binding'>;
  /** For the audit log. */
  readonly requestId?: string | undefined;
  /** The operator's own ServiceAccount, where it runs as one. */
  readonly ownAccount: AccountName | undefined;
}

export const revoke = async (
  actors: Actors,
  credential: Credential,
  target: Target,
  signal: AbortSignal,
): Promise<RevokeAnswer> => {
  refuseProtected(target, actors.ownAccount);
  const { end } = credential;
  if (end.by === 'Person') throw needsPerson(end.reason, end.message);
  const located = locate(credential);
  if (located === undefined || end.by !== 'Revoke' || credential.uid === undefined) throw notOurs(credential);
  refuseForeign(located, credential, target);
  switch (located.class) {
    case 'ServiceAccount':
      return remove(
        actors,
        serviceAccounts,
        located,
        { uid: credential.uid },
        () => actors.reader.account(located, signal),
        signal,
      );
    case 'TokenSecret':
      return remove(
        actors,
        secrets,
        located,
        { uid: credential.uid },
        () => actors.reader.tokenSecret(located, signal),
        signal,
      );
    case 'RoleBinding':
    case 'ClusterRoleBinding':
      return endBinding(actors, located.class, located, credential.uid, target, signal);
    case 'BoundTokens':
    case 'Certificate':
    case 'Access':
      throw notOurs(credential);
  }
};

const notOurs = ({ id }: Credential): Error => invalid('NotRevocable', `${printable(id)} cannot be revoked`);

/** The last line: whoever resolved the target has refused these already. */
const refuseProtected = ({ serviceAccount: { namespace, name } }: Target, own: AccountName | undefined): void => {
  const isOwn = own !== undefined && own.namespace === namespace && own.name === name;
  if (namespace === 'kube-system' || name === 'default' || isOwn) {
    throw invalid('ProtectedIdentity', `serviceaccount ${namespace}/${name} is never revoked`);
  }
};

/** An id comes from a status: it must be the target's own, or be found to name the target when it is read. */
const refuseForeign = (located: Locator, credential: Credential, { serviceAccount }: Target): void => {
  if (located.class === 'ServiceAccount') {
    if (located.namespace !== serviceAccount.namespace || located.name !== serviceAccount.name)
      throw notOurs(credential);
    if (credential.uid !== serviceAccount.uid) {
      throw needsPerson(
        reasons.identityRecreated,
        `${credential.id} has another UID than the one being retired, and is left alone`,
      );
    }
  }
  if (located.class === 'TokenSecret' && located.namespace !== serviceAccount.namespace) throw notOurs(credential);
};

const logged = ({ requestId }: Pick<Actors, 'requestId'>): { readonly requestId?: string } => (requestId === undefined ? {} : { requestId });

type Address = AccountName | BindingAddress;

const remove = async (
  { client, ...actors }: Actors,
  resource: Resource,
  address: Address,
  preconditions: DeleteOptions & { readonly uid: string },
  lookAgain: () => Promise<Read<KubeObject>>,
  signal: AbortSignal,
): Promise<RevokeAnswer> => {
  const { namespace, name } = address;
  const asked = { resource, name, ...(namespace !== undefined && { namespace }) };
  try {
    await client.delete(resource, { name, ...(namespace !== undefined && { namespace }) }, preconditions, { signal, ...logged(actors) });
    return 'Accepted';
  } catch (error) {
    if (classifyError(error, asked).state === 'Absent') return 'NothingThere';
    if (isConflict(error) && presentOrThrow(await lookAgain())?.metadata.uid !== preconditions.uid)
      return 'NothingThere';
    throw toOutcome(error);
  }
};

/** Somebody else may be changing the same binding all the time: so often it is read and tried again before the run backs off. */
const bindingAttempts = 5;

interface BindingAddress {
  readonly namespace?: string;
  readonly name: string;
}

const endBinding = async (
  actors: Actors,
  kind: BindingKind,
  located: Locator,
  uid: string,
  target: Target,
  signal: AbortSignal,
): Promise<RevokeAnswer> => {
  const address = await addressOf(actors.reader, located, uid, signal);
  if (address === undefined) return 'NothingThere';
  if (await removeAsWatched(actors, { ...address, kind }, uid, userKeysOf(target), signal)) return 'Accepted';
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await endBindingAsRead(actors, kind, address, uid, target, signal);
    } catch (error) {
      const { reason } = toOutcome(error);
      if (reason !== 'Conflict' || attempt === bindingAttempts) throw error;
    }
  }
};

const endBindingAsRead = async (
  actors: Actors,
  kind: BindingKind,
  address: BindingAddress,
  uid: string,
  target: Target,
  signal: AbortSignal,
): Promise<RevokeAnswer> => {
  const read = (): Promise<Read<RoleBinding>> => actors.reader.binding({ ...address, kind }, signal);
  const raw = presentOrThrow(await read());
  if (raw?.metadata.uid !== uid) return 'NothingThere';
  const { ours, others } = partSubjects(raw, userKeysOf(target));
  if (ours.length === 0) return 'NothingThere';
  // Bound to what was just read: somebody who adds a subject meanwhile makes this a conflict, and it is looked at anew.
  if (others.length === 0) {
    return remove(
      actors,
      resourceOf(kind),
      address,
      { uid, resourceVersion: raw.metadata.resourceVersion },
      read,
      signal,
    );
  }
  return shrink(actors, kind, raw, others, target, signal);
};

/**
 * Most bindings are the identity's alone, and the watch knows them as they are: then they go without being read first. Bound
 * to the very version that the watch knows; if that is not the last one, the API server refuses, and it is looked at anew.
 */
const removeAsWatched = async (
  { client, cached, ...actors }: Actors,
  key: BindingAddress & { readonly kind: BindingKind },
  uid: string,
  users: ReadonlySet<SubjectKey>,
  signal: AbortSignal,
): Promise<boolean> => {
  const known = cached.binding(key);
  if (known?.uid !== uid || !isSole(known, users)) return false;
  const { kind, ...address } = key;
  const { resourceVersion } = known;
  try {
    await client.delete(resourceOf(kind), address, { uid, resourceVersion }, { signal, ...logged(actors) });
    return true;
  } catch (error) {
    if (isConflict(error) || classifyError(error, { resource: resourceOf(kind), ...address }).state === 'Absent') return false;
    throw toOutcome(error);
  }
};

const addressOf = async (
  reader: ClusterReader,
  located: Locator,
  uid: string,
  signal: AbortSignal,
): Promise<BindingAddress | undefined> => {
  if (!('cut' in located)) return 'name' in located ? located : undefined;
  const found = (await reader.sweep(signal)).bindingByUid(uid);
  return found && { name: found.name, ...(found.namespace !== undefined && { namespace: found.namespace }) };
};

const shrink = async (
  { client, reader, ...actors }: Actors,
  kind: BindingKind,
  raw: RoleBinding,
  others: NonNullable<RoleBinding['subjects']>,
  target: Target,
  signal: AbortSignal,
): Promise<RevokeAnswer> => {
  const { namespace, name, resourceVersion } = raw.metadata;
  const address = { name, ...(namespace !== undefined && { namespace }) };
  const body = { metadata: { resourceVersion }, subjects: others };
  try {
    await client.patch(resourceOf(kind), address, { type: 'merge', body }, { signal, ...logged(actors) });
    return 'Accepted';
  } catch (error) {
    const binding = projectBinding(kind, raw, createIntern());
    const end = await refusalOf(reader, error, binding, userKeysOf(target), signal);
    if (end !== undefined) throw needsPerson(end.reason, end.message, { cause: error });
    throw toOutcome(error);
  }
};
