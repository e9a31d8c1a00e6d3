/**
 * Asks Google Cloud about one credential. Its own word about that very thing, in an answer that is no older than the question, is
 * `Absent`; nothing else is.
 */
import type { Credential, Observation } from '../revoker.ts';
import { printable } from '../text.ts';
import { holderOf, readStanding } from './account.ts';
import { ownTriples, waysToMint } from './credentials.ts';
import { classifyHmacKey, classifyKey } from './errors.ts';
import { bindingId, locate, type Locator } from './ids.ts';
import { readFacts } from './inventory.ts';
import { identityKey, type Look } from './look.ts';
import { triplesOf } from './policies.ts';
import { hmacKeysPath, keysPath, wentWithItsAccount } from './reads.ts';
import { accountResource, parseResource, type Resource } from './resources.ts';

const unknown = (method: string, message: string): Observation => ({ state: 'Unknown', method, message });
const absent = (method: string): Observation => ({ state: 'Absent', method });
const present = (method: string, message: string): Observation => ({ state: 'Present', method, message: printable(message, 1_000) });

export const observe = async (look: Look, credential: Credential): Promise<Observation> => {
  const located = locate(credential);
  if (located === undefined) return unknown('none', `${printable(credential.id)} is not one of this dependency's credentials`);
  switch (located.class) {
    case 'Binding':
      return observeBinding(look, located.resource, credential);
    case 'ServiceAccount':
      return observeAccount(look, located, credential.uid);
    case 'ServiceAccountKey':
      return observeKey(look, located);
    case 'HmacKey':
      return observeHmacKey(look, located);
    case 'AccessTokens':
      return observeTokens(look);
    case 'Impersonation':
      return observeImpersonation(look);
    case 'SearchedBinding':
      return unknown('searchAllIamPolicies', 'Offboard cannot read the policy there, and a search proves nothing');
  }
};

// ---- policies --------------------------------------------------------------------------------------------------

const policyMethod = 'getIamPolicy';

const named = (name: string): Resource | undefined => {
  const resource = parseResource(name);
  return resource?.name === name ? resource : undefined;
};

/** By its e-mail the account is a member only while the e-mail leads to it: Google renames the members of one that was deleted. */
const observeBinding = async (look: Look, name: string, { id }: Credential): Promise<Observation> => {
  const resource = named(name);
  if (resource === undefined) return unknown('none', `${printable(name)} is no resource whose policy can be read`);
  const policy = await look.memory.policy(resource, 'Fresh', look.signal);
  if (policy === undefined) return absent(policyMethod);
  // The unique id that a member by e-mail stood for is in the id of the credential.
  const uniqueId = /\?uid=(\d+)$/.exec(id)?.[1];
  const email = look.dependency.serviceAccount?.email.toLowerCase();
  const account = email === undefined || uniqueId === undefined ? undefined : { email, uniqueId };
  const isListed = triplesOf(policy).some((triple) => bindingId(name, triple, account) === id);
  if (isListed) return stillMeansIt(look, id, uniqueId);
  // One whose name is too long for an id leads here as well.
  if (!id.includes(' sha256:')) return absent(policyMethod);
  const standing = await readStanding(look);
  const { account: held } = holderOf(look, standing);
  return triplesOf(policy).some((triple) => bindingId(name, triple, held) === id) ? present(policyMethod, 'it is still there') : absent(policyMethod);
};

const stillMeansIt = async (look: Look, id: string, uniqueId: string | undefined): Promise<Observation> => {
  if (uniqueId === undefined || id.includes(' deleted:')) return present(policyMethod, 'it is still there');
  const standing = await readStanding(look);
  const successor = standing.state === 'Recreated' ? standing.successor : standing.state === 'Current' ? standing.account : undefined;
  return successor !== undefined && successor.uniqueId !== uniqueId
    ? { state: 'Absent', method: policyMethod, message: 'a new service account has the e-mail, and the role is that one\'s' }
    : present(policyMethod, 'it is still there');
};

/** Waited out from the last moment at which one could be made, of which policies tell, and the keys of an account that stays enabled. */
const observeTokens = async (look: Look): Promise<Observation> => {
  const { connection, memory, clock } = look;
  const [way] = waysToMint(await readFacts(look, 'Fresh'));
  const left = memory.minting.seen(identityKey(look), way !== undefined, connection.settings);
  if (left === undefined) return absent('expiry');
  // Until then nobody knows the end of the last.
  if (way !== undefined) return present(policyMethod, `more of them can still be made, by ${way}`);
  return { ...present(policyMethod, 'they were made before, and nobody can revoke them'), expiresAt: new Date(clock.now().getTime() + left) };
};

// ---- the account -----------------------------------------------------------------------------------------------

const accountMethod = 'get/serviceAccounts';

const observeAccount = async (look: Look, { project, email }: { readonly project: string; readonly email: string }, uniqueId: string | undefined): Promise<Observation> => {
  const { dependency, memory, signal } = look;
  if (uniqueId === undefined) {
    const found = await memory.account({ project, email }, signal);
    return found === undefined ? unknown(accountMethod, 'there is none, and nobody knows which one it was') : present(accountMethod, 'it is there');
  }
  const account = await memory.account({ project, uniqueId }, signal);
  if (account === undefined) return absent(accountMethod);
  if (account.email !== email) return unknown(accountMethod, 'its unique id is that of an account with another e-mail');
  if (!account.disabled) return present(accountMethod, 'it is not disabled');
  return dependency.serviceAccount?.onRetire === 'Delete'
    ? present(accountMethod, 'it is disabled, and is deleted once no role and no key of it is left')
    : absent(accountMethod);
};

const observeKey = async ({ connection, signal }: Look, { project, uniqueId, key }: Extract<Locator, { readonly class: 'ServiceAccountKey' }>): Promise<Observation> => {
  const method = 'get/serviceAccounts/keys';
  const answer = await connection.client.request({ method: 'GET', service: 'iam', path: [...keysPath(project, uniqueId), key] }, signal);
  const verdict = classifyKey(answer, key);
  if (verdict.state === 'Present') return present(method, 'the key is still there');
  if (verdict.state === 'Gone') return absent(method);
  return (await wentWithItsAccount(connection.client, accountResource(project, uniqueId), signal)) ? absent(accountMethod) : unknown(method, verdict.message);
};

const observeHmacKey = async ({ connection, signal }: Look, { project, accessId }: Extract<Locator, { readonly class: 'HmacKey' }>): Promise<Observation> => {
  const method = 'get/hmacKeys';
  const answer = await connection.client.request({ method: 'GET', service: 'storage', path: [...hmacKeysPath(project), accessId] }, signal);
  const verdict = classifyHmacKey(answer, accessId);
  if (verdict.state === 'Unknown') return unknown(method, verdict.message);
  return verdict.state === 'Gone' ? absent(method) : present(method, 'the key is still there');
};

// ---- acting as the account -------------------------------------------------------------------------------------

/** Tried, where that means something; else told by what would let the identity in. Where both contradict each other, the try says so. */
const observeImpersonation = async (look: Look): Promise<Observation> => {
  const { probe, target, dependency, connection, signal } = look;
  const attempt = await probe?.attempt({ target, dependency, settings: connection.settings }, signal);
  if (attempt?.state !== 'Present') return attempt ?? observeByPolicies(look);
  const { tried, ...present } = attempt;
  if (tried === undefined || (await observeByPolicies(look)).state !== 'Absent') return present;
  return attempt;
};

const observeByPolicies = async (look: Look): Promise<Observation> => {
  const { memory, signal } = look;
  const method = 'getIamPolicy (no positive control)';
  const standing = await readStanding(look);
  if (standing.state !== 'Current') return standing.state === 'Unheard' ? unknown(method, 'nobody knows which account it was') : absent(method);
  if (standing.account.disabled) return absent(method);
  const policy = await memory.policy(accountResource(standing.project, standing.account.uniqueId), 'Fresh', signal);
  const holder = holderOf(look, standing);
  const lets = policy === undefined ? [] : ownTriples(policy, holder, true);
  return lets.length === 0 ? absent(method) : present(method, `${lets[0]?.role ?? 'a role'} on it lets the identity in`);
};

