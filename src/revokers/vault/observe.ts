/**
 * Asks a Vault about one credential. Its own word about that very thing, from the place where it was seen and no older than
 * the question, is `Absent`; nothing else is.
 */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Credential, Observation } from '../revoker.ts';
import { printable } from '../text.ts';
import { fieldOf } from '../fields.ts';
import { isExpired, readPem } from './certificates.ts';
import { isFromAppRole } from './credentials.ts';
import { classifyCertificate, classifyRead, classifySecretId, classifyToken, describeAnswer, type LeaseVerdict } from './errors.ts';
import { locate, type Locator, type RoleName } from './ids.ts';
import { foreignAliases, readLogins } from './identity.ts';
import { listSecretIds } from './inventory.ts';
import { listLeases, lookUpLease } from './leases.ts';
import type { Look } from './look.ts';
import { originText } from './origin.ts';
import { ask, authRole, certificate, get, secretIdLookup, tokenLookup } from './paths.ts';
import { coverageOf, readRole } from './roles.ts';

const unknown = (method: string, message: string): Observation => ({ state: 'Unknown', method, message });

export const observe = async (look: Look, credential: Credential): Promise<Observation> => {
  const located = locate(credential);
  if (located === undefined) return unknown('none', `${printable(credential.id)} is not one of this dependency's credentials`);
  const origin = originText(look.mark.origin);
  if (credential.uid !== origin)
    return unknown('sys/health', `it was seen at ${printable(credential.uid ?? 'an unknown place')}; what ${origin} says of it proves nothing there`);
  return observeLocated(look, located);
};

const observeLocated = (look: Look, located: Locator): Promise<Observation> => {
  switch (located.class) {
    case 'Login':
      return observeLogin(look, located);
    case 'Token':
      return observeToken(look, located.accessor);
    case 'Lease':
      return observeLease(look, located.leaseId);
    case 'SharedLeases':
      return observeSharedLeases(look, located.prefix);
    case 'AuthRole':
      return observeAuthRole(look, located);
    case 'AppRole':
      return observeAppRole(look, located);
    case 'SecretId':
      return observeSecretId(look, located, located.accessor);
    case 'Certificate':
      return observeCertificate(look, located.mount, located.serial);
  }
};

const observeLogin = async ({ connection, target, mark, signal }: Look, { mount, alias }: { readonly mount: string; readonly alias: string }): Promise<Observation> => {
  const method = 'identity/lookup/entity';
  const logins = await readLogins(connection, target, mark, signal);
  const login = logins.find((one) => one.mount === mount && one.alias === alias);
  if (login === undefined) return unknown(method, `the connector names no Kubernetes auth mount ${mount} any more`);
  const { entity } = login;
  if (entity === undefined) return { state: 'Present', method, message: 'no entity has this alias, so nothing refuses a login by it' };
  if (entity.disabled) return { state: 'Absent', method };
  const shared = foreignAliases(entity, logins).length > 0;
  return { state: 'Present', method, message: `its entity ${entity.id} is not disabled${shared ? ', and is also that of others' : ''}` };
};

const observeToken = async ({ connection, mark, signal }: Look, accessor: string): Promise<Observation> => {
  const method = 'token/lookup-accessor';
  const answer = await connection.client.request(ask(tokenLookup, { accessor }, mark), signal);
  const verdict = classifyToken(answer, accessor);
  switch (verdict.state) {
    case 'Gone':
      return { state: 'Absent', method };
    case 'Present':
      return { state: 'Present', method, message: 'the token is still there' };
    case 'Denied':
    case 'Unknown':
      return unknown(method, verdict.message);
  }
};

/** Seconds that an end takes that is merely late. */
const patience = 30;

const observeLease = async ({ connection, mark, signal }: Look, leaseId: string): Promise<Observation> => {
  const method = 'leases/lookup';
  return leaseObservation(method, await lookUpLease(connection.client, leaseId, mark, signal));
};

/** In words that stay the same while nothing changes: the status that holds them is written when they do. */
const leaseObservation = (method: string, verdict: LeaseVerdict): Observation => {
  switch (verdict.state) {
    case 'Gone':
      return { state: 'Absent', method };
    case 'Live':
      return { state: 'Present', method, message: 'it is live' };
    case 'Irrevocable':
      return { state: 'Present', method, reason: reasons.revocationStuck, message: `the server has given up on it: ${verdict.why}` };
    case 'Pending':
      return verdict.seconds > patience
        ? { state: 'Present', method, reason: reasons.revocationStuck, message: `its end was due at ${verdict.since}; the server keeps trying` }
        : { state: 'Present', method, message: 'its end is due, and the server is at it' };
    case 'Unknown':
      return unknown(method, verdict.message);
  }
};

const observeSharedLeases = async ({ connection, mark, signal }: Look, prefix: string): Promise<Observation> => {
  const method = 'leases/list';
  const left = await listLeases(connection.client, prefix, mark, signal);
  return left.length === 0 ? { state: 'Absent', method } : { state: 'Present', method, message: 'leases are there' };
};

/** A role that does not let the identity in is none of its credentials any more, whoever changed it. */
const observeAuthRole = async ({ connection, target, mark, signal }: Look, { mount, role }: RoleName): Promise<Observation> => {
  const method = 'auth/role';
  const answer = await connection.client.request(get(authRole(mount, role), mark), signal);
  const verdict = classifyRead(answer);
  if (verdict.state === 'Unknown') return unknown(method, verdict.message);
  if (verdict.state === 'Absent') return { state: 'Absent', method };
  const found = readRole(verdict.data);
  if (found === undefined) return unknown(method, 'the answer is not a role of a Kubernetes auth mount');
  const coverage = coverageOf(found, target.serviceAccount);
  return coverage.covers === 'None' ? { state: 'Absent', method } : { state: 'Present', method, message: 'it lets the identity in' };
};

/** Of one that is others' as well: gone when nobody can log in by it, and nobody has. Of one's own: its secret ids and tokens are told apart. */
const observeAppRole = async ({ connection, dependency, memory, mark, signal }: Look, { mount, role }: RoleName): Promise<Observation> => {
  const method = 'auth/role';
  const read = classifyRead(await connection.client.request(get(authRole(mount, role), mark), signal));
  if (read.state === 'Unknown') return unknown(method, read.message);
  const needsSecretId = read.state === 'Present' && fieldOf(read.data, 'bind_secret_id') !== false;
  if (read.state === 'Present' && !needsSecretId) return { state: 'Present', method, message: 'whoever knows its role id logs in' };
  const named = (dependency.appRoles ?? []).find((one) => (one.mount ?? 'approle') === mount && one.name === role);
  if (named?.exclusive === true) return { state: 'Absent', method };
  const secretIds = read.state === 'Present' ? (await listSecretIds(connection.client, mount, role, mark, signal)).length : 0;
  const { tokens } = await memory.tokens.sweep('Fresh', signal);
  const left = tokens.filter((token) => isFromAppRole(token, { mount, name: role })).length;
  return secretIds + left === 0 ? { state: 'Absent', method } : { state: 'Present', method, message: 'it has secret ids or tokens' };
};

const observeSecretId = async ({ connection, mark, signal }: Look, { mount, role }: RoleName, accessor: string): Promise<Observation> => {
  const method = 'approle/secret-id-accessor';
  const answer = await connection.client.request(ask(secretIdLookup(mount, role), { secret_id_accessor: accessor }, mark), signal);
  const verdict = classifySecretId(answer, accessor);
  if (verdict.state === 'Unknown') return unknown(method, verdict.message);
  return verdict.state === 'Gone' ? { state: 'Absent', method } : { state: 'Present', method, message: 'the secret id still works' };
};

const observeCertificate = async ({ connection, mark, now, signal }: Look, mount: string, serial: string): Promise<Observation> => {
  const method = 'pki/cert';
  const answer = await connection.client.request(get(certificate(mount, serial), mark), signal);
  const verdict = classifyCertificate(answer);
  switch (verdict.state) {
    case 'Revoked':
      return { state: 'Absent', method };
    case 'Valid': {
      const facts = readPem(verdict.pem, serial);
      return facts !== undefined && isExpired(facts, now) ? { state: 'Absent', method: 'pki/not-after' } : { state: 'Present', method, message: 'it is not revoked' };
    }
    case 'NotStored':
      // It may be valid and not stored, which nobody can tell from one that never was.
      return unknown(method, `no certificate of this serial is stored: ${describeAnswer(answer)}`);
    case 'Unknown':
      return unknown(method, verdict.message);
  }
};
