/** Asks for the end of one credential by its own name, and of nothing that is not the identity's. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { invalid, needsPerson, OutcomeError } from '../../runtime/outcome.ts';
import type { Credential, RevokeAnswer } from '../revoker.ts';
import { printable } from '../text.ts';
import { holderOf, nameOf, readSharers, readStanding, sharedBy, type Standing } from './account.ts';
import type { GoogleAnswer, GoogleRequest } from './api.ts';
import { classifyEnd, classifyHmacDelete, classifyHmacKey, type EndVerdict, failureOf, type Question } from './errors.ts';
import { bindingId, locate, type Locator } from './ids.ts';
import { canonical, takeInventory } from './inventory.ts';
import { disable } from './lock.ts';
import type { Look } from './look.ts';
import { createMembership, isOwn } from './members.ts';
import { accountPath, hmacKeysPath, keysPath } from './reads.ts';
import { recreated } from './removals.ts';
import { accountResource, parseResource } from './resources.ts';

export const revoke = async (look: Look, credential: Credential): Promise<RevokeAnswer> => {
  const { end } = credential;
  if (end.by === 'Person') throw needsPerson(end.reason, end.message);
  const located = locate(credential);
  if (located === undefined || end.by !== 'Revoke') throw notOurs(credential);
  return revokeLocated(look, located, credential);
};

const revokeLocated = (look: Look, located: Locator, credential: Credential): Promise<RevokeAnswer> => {
  switch (located.class) {
    case 'Binding':
      return revokeBinding(look, located.resource, credential);
    case 'ServiceAccountKey':
      return deleteKey(look, located, credential);
    case 'HmacKey':
      return deleteHmacKey(look, located, credential);
    case 'ServiceAccount':
      return endAccount(look, credential);
    case 'AccessTokens':
    case 'Impersonation':
    case 'SearchedBinding':
      throw notOurs(credential);
  }
};

const notOurs = ({ id }: Pick<Credential, 'id'>): OutcomeError => invalid('NotRevocable', `${printable(id)} cannot be revoked`);

const sharedAccount = (email: string, sharers: readonly string[]): OutcomeError =>
  needsPerson(reasons.sharedAccount, `${email} is by now also that of ${sharedBy(sharers)}, and is left as it is`);

// ---- bindings --------------------------------------------------------------------------------------------------

const revokeBinding = async (look: Look, name: string, { id }: Credential): Promise<RevokeAnswer> => {
  const { memory, signal } = look;
  const standing = await readStanding(look);
  const resource = parseResource(name);
  if (resource?.name !== name || !(await mayChange(look, standing, name))) throw notOurs({ id });
  const shared = standing.state === 'Current' ? await readSharers(look, standing, 'Cached') : [];
  const holder = holderOf(look, standing);
  const membership = createMembership(holder);
  const answer = await memory.removals.submit(
    name,
    {
      select: (triple) => {
        const kind = membership(triple.member);
        return isOwn(kind) && !(shared.length > 0 && kind.kind === 'Account') && bindingId(name, triple, holder.account) === id;
      },
      ...(holder.account !== undefined && { heldBy: { ...nameOf(holder.account.email), uniqueId: holder.account.uniqueId } }),
    },
    signal,
  );
  if (answer instanceof OutcomeError) throw answer;
  return answer;
};

/** An id comes from a status: it must lead to what the identity names, or to what the connector grants. */
const mayChange = async (look: Look, standing: Standing, name: string): Promise<boolean> => {
  const { connection, dependency, signal } = look;
  // The account's own, which is granted with it.
  const uniqueId = standing.state === 'Current' ? standing.account.uniqueId : standing.state === 'Gone' || standing.state === 'Recreated' ? standing.uniqueId : undefined;
  if (standing.state !== 'None' && uniqueId !== undefined && accountResource(standing.project, uniqueId).name === name) return true;
  if (connection.grantsResource(name)) return true;
  const declared = await mapBounded(dependency.resources ?? [], connection.settings.maxConcurrent, (one) => canonical(look, one), signal);
  return declared.some((resource) => resource.name === name);
};

// ---- keys ------------------------------------------------------------------------------------------------------

/** The account that the key must be of, unless others act as it. */
const ownAccount = async (look: Look, uniqueId: string | undefined, credential: Credential): Promise<Extract<Standing, { readonly state: 'Current' }> | undefined> => {
  const standing = await readStanding(look);
  if (standing.state === 'None') throw notOurs(credential);
  if (standing.state !== 'Current') return undefined;
  if (uniqueId !== undefined && standing.account.uniqueId !== uniqueId) throw notOurs(credential);
  const sharers = await readSharers(look, standing, 'Fresh');
  if (sharers.length > 0) throw sharedAccount(standing.email, sharers);
  return standing;
};

const deleteKey = async (look: Look, { uniqueId, key }: Extract<Locator, { readonly class: 'ServiceAccountKey' }>, credential: Credential): Promise<RevokeAnswer> => {
  const standing = await ownAccount(look, uniqueId, credential);
  if (standing === undefined) return 'NothingThere';
  const path = [...keysPath(standing.project, uniqueId), key];
  const question = { doing: `deleting the key ${key}`, permission: 'iam.serviceAccountKeys.delete', on: accountName(standing) };
  return ending(look, { method: 'DELETE', service: 'iam', path }, classifyEnd, question);
};

const accountName = ({ project, email }: { readonly project: string; readonly email: string }): string => `projects/${project}/serviceAccounts/${email}`;

/** Only one that is not active can be deleted. */
const deleteHmacKey = async (look: Look, { project, accessId }: Extract<Locator, { readonly class: 'HmacKey' }>, credential: Credential): Promise<RevokeAnswer> => {
  const { connection, signal } = look;
  const standing = await ownAccount(look, undefined, credential);
  if (standing === undefined) return 'NothingThere';
  if (standing.project !== project) throw notOurs(credential);
  const path = [...hmacKeysPath(project), accessId];
  const question = (what: string, permission: string): Question => ({ doing: `${what} the HMAC key ${accessId}`, permission: `storage.hmacKeys.${permission}`, on: `projects/${project}` });
  const answer = await connection.client.request({ method: 'GET', service: 'storage', path }, signal);
  const verdict = classifyHmacKey(answer, accessId);
  if (verdict.state === 'Unknown') throw failureOf(answer, question('reading', 'get'), verdict.message);
  if (verdict.state === 'Gone') return 'NothingThere';
  const { key } = verdict;
  if (key.email !== standing.email) throw notOurs(credential);
  if (key.active) {
    const body = { state: 'INACTIVE', ...(key.etag !== '' && { etag: key.etag }) };
    const switched = await connection.client.request({ method: 'PUT', service: 'storage', path, body }, signal);
    const after = classifyHmacKey(switched, accessId);
    if (after.state === 'Unknown') throw failureOf(switched, question('deactivating', 'update'), after.message);
  }
  return ending(look, { method: 'DELETE', service: 'storage', path }, classifyHmacDelete, question('deleting', 'delete'));
};

const ending = async ({ connection, signal }: Look, request: GoogleRequest, classify: (answer: GoogleAnswer) => EndVerdict, question: Question): Promise<RevokeAnswer> => {
  const answer = await connection.client.request(request, signal);
  const verdict = classify(answer);
  if (verdict.state === 'Unknown') throw failureOf(answer, question, verdict.message);
  return verdict.state;
};

// ---- the account -----------------------------------------------------------------------------------------------

/**
 * Disabled at once; deleted, where that is wanted, only when nothing else of it is left, since what is left would stay behind under
 * its unique id. Until then it is asked for again.
 */
const endAccount = async (look: Look, credential: Credential): Promise<RevokeAnswer> => {
  const { dependency } = look;
  const standing = await readStanding(look);
  if (dependency.serviceAccount === undefined || standing.state === 'None' || nameOf(dependency.serviceAccount.email).email !== emailIn(credential)) throw notOurs(credential);
  if (standing.state === 'Recreated' && credential.uid === standing.successor.uniqueId) throw recreated(standing.email, standing.uniqueId, credential.uid);
  if (standing.state !== 'Current') return 'NothingThere';
  const { account, email } = standing;
  // Another one that had the e-mail before.
  if (credential.uid !== account.uniqueId) return 'NothingThere';
  const sharers = await readSharers(look, standing, 'Fresh');
  if (sharers.length > 0) throw sharedAccount(email, sharers);
  if (!account.disabled) await disable(look, standing, false);
  if (dependency.serviceAccount.onRetire !== 'Delete' || (await isSomethingLeft(look))) return 'Accepted';
  const path = accountPath({ project: standing.project, uniqueId: account.uniqueId });
  return ending(look, { method: 'DELETE', service: 'iam', path }, classifyEnd, { doing: `deleting ${email}`, permission: 'iam.serviceAccounts.delete', on: accountName(standing) });
};

const emailIn = (credential: Credential): string | undefined => {
  const located = locate(credential);
  return located?.class === 'ServiceAccount' ? located.email : undefined;
};

const isSomethingLeft = async (look: Look): Promise<boolean> => {
  const { credentials } = await takeInventory(look, 'Fresh');
  return credentials.some(({ class: kind }) => kind === 'Binding' || kind === 'ServiceAccountKey' || kind === 'HmacKey');
};

