/** Asks the API server about one credential. Only what it says itself about that very object is `Absent`. */
import type { Target } from '../../api/v1alpha1/index.ts';
import type { ObjectMeta, ServiceAccount } from '../../kube/objects.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Credential, Observation } from '../revoker.ts';
import type { AccessReview } from './access-review.ts';
import { type BindingKind, ownSubjects, partSubjects, resourceOf } from './bindings.ts';
import type { ClusterReader, Read } from './client.ts';
import { userKeysOf } from './credentials.ts';
import { describeFailure } from './errors.ts';
import type { CachedCluster } from './inventory.ts';
import { userKey } from './identity.ts';
import { type Locator, locate } from './ids.ts';
import type { CanaryProbe } from './probe.ts';
import { printable, someOf } from '../text.ts';

export interface Observers {
  readonly reader: ClusterReader;
  readonly accessReview: AccessReview;
  readonly clock: Clock;
  /** Left out where nothing can be tried. */
  readonly probe?: Pick<CanaryProbe, 'attempt'> | undefined;
}

/**
 * An object has ended when its deletion was told. Access has, as far as watches can tell, when the last binding that gave it
 * is gone: what else may give some is asked for by the look that confirms it. That a binding names somebody else by now is
 * not told by an end.
 */
export const toldGone = (
  cached: Pick<CachedCluster, 'sawDeleted' | 'unsynced' | 'view'>,
  credential: Credential,
): Observation | undefined => {
  const { uid, class: kind, grants = [] } = credential;
  const located = locate(credential);
  if (located?.class === 'Access') {
    const told = grants.length > 0 && cached.unsynced().length === 0 && cached.view.bindingsOf(userKey(located.user)).length === 0;
    return told ? { state: 'Absent', method: 'watch/bindings' } : undefined;
  }
  return uid !== undefined && cached.sawDeleted(uid) ? { state: 'Absent', method: `watch/${watchedAs[kind] ?? 'objects'}` } : undefined;
};

const watchedAs: Readonly<Record<string, string>> = {
  ServiceAccount: 'serviceaccounts',
  BoundTokens: 'serviceaccounts',
  TokenSecret: 'secrets',
  RoleBinding: 'rolebindings',
  ClusterRoleBinding: 'clusterrolebindings',
};

/** Never rejects. */
export const observe = async (
  observers: Observers,
  credential: Credential,
  target: Target,
  signal: AbortSignal,
): Promise<Observation> => {
  const located = locate(credential);
  if (located === undefined)
    return unknown('none', `${printable(credential.id)} is not one of this dependency's credentials`);
  try {
    return await observeLocated(observers, located, credential, target, signal);
  } catch (error) {
    return unknown('none', describeFailure(error));
  }
};

const observeLocated = async (
  { reader, accessReview, clock, probe }: Observers,
  located: Locator,
  credential: Credential,
  target: Target,
  signal: AbortSignal,
): Promise<Observation> => {
  switch (located.class) {
    case 'ServiceAccount':
      return observeObject(
        'get/serviceaccounts',
        await reader.account(located, signal),
        credential,
        'it can still mint tokens',
      );
    case 'BoundTokens':
      return observeTokens(withLeeway(await reader.account(located, signal), credential), probe, credential, target, signal);
    case 'TokenSecret':
      return observeObject(
        'get/secrets',
        await reader.tokenSecret(located, signal),
        credential,
        'its token may still work',
      );
    case 'RoleBinding':
    case 'ClusterRoleBinding':
      return 'cut' in located
        ? observeBySweep(reader, located.class, credential, target, signal)
        : observeBinding(reader, { ...located, kind: located.class }, credential, target, signal);
    case 'Certificate':
      return observeCertificate(located.user, credential, target, clock);
    case 'Access':
      return accessReview(located.user, credential.grants ?? [], signal);
  }
};

const unknown = (method: string, message: string): Observation => ({ state: 'Unknown', method, message });

/** That the account is gone is what somebody answered. Where a token of it can be tried, that tells. */
const observeTokens = async (
  seen: Observation,
  probe: Observers['probe'],
  { uid }: Credential,
  target: Target,
  signal: AbortSignal,
): Promise<Observation> => {
  if (seen.state !== 'Absent' || target.probe !== true || uid !== target.serviceAccount.uid) return seen;
  return (await probe?.attempt(target, signal)) ?? { ...seen, method: `${seen.method} (no positive control)` };
};

/**
 * By UID: an object of the same name with another one is another credential. `meanwhile` is what its presence means.
 */
const observeObject = <T extends { readonly metadata: ObjectMeta }>(
  method: string,
  read: Read<T>,
  credential: Credential,
  meanwhile: string,
): Observation => {
  if (read.state === 'Unknown') return unknown(method, read.message);
  if (credential.uid === undefined)
    return unknown(method, 'its UID is not known, so nothing can be told from its name');
  if (read.state === 'Absent' || read.object.metadata.uid !== credential.uid) return { state: 'Absent', method };
  return { state: 'Present', method, ...describePresence(read.object.metadata, meanwhile) };
};

/**
 * Milliseconds. The tokens of an account that is held by a finalizer are refused so long after its deletion was asked for, however long it
 * stands: a minute that the API server leaves to what is going down, and what its cache of tokens adds.
 */
const leeway = 70_000;

const withLeeway = (read: Read<ServiceAccount>, credential: Credential): Observation => {
  const observation = observeObject('via-serviceaccount', read, credential, 'its tokens work, and new ones can be minted');
  const deletedAt = read.state === 'Present' ? read.object.metadata.deletionTimestamp : undefined;
  if (observation.state !== 'Present' || deletedAt === undefined) return observation;
  return { ...observation, worksUntil: new Date(Date.parse(deletedAt) + leeway) };
};

/** Somebody's finalizer is for a person: deleting it again would change nothing. */
const describePresence = (
  { deletionTimestamp, finalizers = [] }: ObjectMeta,
  meanwhile: string,
): { readonly message: string; readonly reason?: string } => {
  if (deletionTimestamp === undefined) return { message: `still there: ${meanwhile}` };
  if (finalizers.length === 0) return { message: `being deleted since ${deletionTimestamp}: ${meanwhile}` };
  const holders = printable(someOf(finalizers, 4), 300);
  return {
    reason: 'HeldByFinalizer',
    message: `deleted at ${deletionTimestamp}, but held by the finalizer ${holders}: ${meanwhile} until its owner removes that`,
  };
};

const observeBinding = async (
  reader: ClusterReader,
  key: { readonly kind: BindingKind; readonly namespace?: string; readonly name: string },
  credential: Credential,
  target: Target,
  signal: AbortSignal,
): Promise<Observation> => {
  const method = `get/${resourceOf(key.kind).plural}`;
  const read = await reader.binding(key, signal);
  if (read.state !== 'Present' || read.object.metadata.uid !== credential.uid)
    return observeObject(method, read, credential, '');
  const { ours } = partSubjects(read.object, userKeysOf(target));
  if (ours.length === 0) return { state: 'Absent', method };
  const names = ours.map(({ kind, name }) => `${kind} ${name}`);
  return observeObject(method, read, credential, printable(`it names ${someOf(names, 3)}`, 400));
};

/** For a binding whose name does not fit: the list of all is the only way to it. */
const observeBySweep = async (
  reader: ClusterReader,
  kind: BindingKind,
  credential: Credential,
  target: Target,
  signal: AbortSignal,
): Promise<Observation> => {
  const method = `list/${resourceOf(kind).plural}`;
  if (credential.uid === undefined)
    return unknown(method, 'its UID is not known, so nothing can be told from its name');
  const binding = (await reader.sweep(signal)).bindingByUid(credential.uid);
  const left = binding === undefined ? 0 : ownSubjects(binding, userKeysOf(target)).length;
  return { state: left === 0 ? 'Absent' : 'Present', method };
};

const observeCertificate = (user: string, credential: Credential, target: Target, clock: Clock): Observation => {
  const method = 'declared-not-after';
  const end = credential.end.by === 'Expiry' ? credential.end.at : notAfterOf(user, target);
  if (end === undefined || Number.isNaN(end.getTime()))
    return unknown(method, 'it is not known when the certificate expires');
  return clock.now().getTime() > end.getTime()
    ? { state: 'Absent', method }
    : { state: 'Present', method, message: `accepted by every API server until ${end.toISOString()}`, expiresAt: end };
};

const notAfterOf = (user: string, target: Target): Date | undefined => {
  const certificate = target.certificates?.find(({ commonName }) => commonName === user);
  return certificate && new Date(certificate.notAfter);
};
