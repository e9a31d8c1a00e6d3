/** Asks for the end of one credential by its own name, and of nothing that is not the identity's. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { invalid, needsPerson, type OutcomeError } from '../../runtime/outcome.ts';
import type { Credential, Refusal, RevokeAnswer } from '../revoker.ts';
import { printable } from '../text.ts';
import type { VaultAnswer, VaultRequest } from './client.ts';
import { isOwnToken } from './credentials.ts';
import { readEarlierOf } from './earlier.ts';
import {
  classifyCertificateRevoke,
  classifyDelete,
  classifyLease,
  classifyLeaseRevoke,
  classifySecretIdDestroy,
  classifyTokenRevoke,
  type EndVerdict,
  failureOf,
} from './errors.ts';
import { locate, type Locator, type RoleName } from './ids.ts';
import { type Login, readLogins, refuseOwn } from './identity.ts';
import { readCertificate, readObject } from './inventory.ts';
import { isUnder } from './leases.ts';
import { lockOne } from './lock.ts';
import type { Look } from './look.ts';
import { originText } from './origin.ts';
import { ask, authRole, certificateRevoke, leaseLookup, leaseRevoke, post, remove, secretIdDestroy, tokenRevoke } from './paths.ts';
import { coverageOf, readRole } from './roles.ts';

export const revoke = async (look: Look, credential: Credential): Promise<RevokeAnswer> => {
  const { end } = credential;
  if (end.by === 'Person') throw needsPerson(end.reason, end.message);
  const located = locate(credential);
  if (located === undefined || end.by !== 'Revoke') throw notOurs(credential);
  refuseElsewhere(look, credential);
  return revokeLocated(look, located, credential);
};

const revokeLocated = (look: Look, located: Locator, credential: Credential): Promise<RevokeAnswer> => {
  const { dependency } = look;
  switch (located.class) {
    case 'Login':
      return revokeLogin(look, located, credential);
    case 'Token':
      return revokeToken(look, located.accessor, credential);
    case 'Lease': {
      const isExclusive = (dependency.leases ?? []).some(({ prefix, exclusive }) => exclusive === true && isUnder(located.leaseId, prefix));
      if (!isExclusive) throw notOurs(credential);
      return revokeLease(look, located.leaseId);
    }
    case 'AuthRole':
      if (!(dependency.roles ?? []).includes(located.role)) throw notOurs(credential);
      return deleteRole(look, located, credential);
    case 'SecretId': {
      const isExclusive = (dependency.appRoles ?? []).some(
        ({ mount = 'approle', name, exclusive }) => exclusive === true && mount === located.mount && name === located.role,
      );
      if (!isExclusive) throw notOurs(credential);
      const request = post(secretIdDestroy(located.mount, located.role), { secret_id_accessor: located.accessor });
      return ending(look, request, classifySecretIdDestroy, 'destroying a secret id');
    }
    case 'Certificate': {
      const isNamed = (dependency.certificates ?? []).some(({ mount = 'pki', serialNumber }) => mount === located.mount && serialNumber === located.serial);
      if (!isNamed) throw notOurs(credential);
      return revokeCertificate(look, located.mount, located.serial);
    }
    case 'SharedLeases':
    case 'AppRole':
      throw notOurs(credential);
  }
};

const notOurs = ({ id }: Credential): OutcomeError => invalid('NotRevocable', `${printable(id)} cannot be revoked`);

/** On another server the same id is another thing. */
const refuseElsewhere = ({ mark }: Look, { id, uid }: Credential): void => {
  const origin = originText(mark.origin);
  if (uid !== origin) throw needsPerson(reasons.connectorNotReady, `${printable(id)} was seen at ${printable(uid ?? 'an unknown place')}, and the connector now leads to ${origin}`);
};

const ending = async ({ connection, signal }: Look, request: VaultRequest, classify: (answer: VaultAnswer) => EndVerdict, doing: string): Promise<RevokeAnswer> => {
  const answer = await connection.client.request(request, signal);
  const { state } = classify(answer);
  if (state === 'Unknown') throw failureOf(answer, doing);
  return state;
};

const revokeLogin = async (look: Look, login: { readonly mount: string; readonly alias: string }, credential: Credential): Promise<RevokeAnswer> => {
  const outcome = await lockOne(look, login);
  if (outcome === 'Locked') return 'Accepted';
  if (outcome === 'Unknown') throw notOurs(credential);
  throw needsPerson(reasons.sharedEntity, `${credential.id}: its entity is also that of others, who would be locked out with it`);
};

const revokeToken = async (look: Look, accessor: string, credential: Credential): Promise<RevokeAnswer> => {
  const { connection, memory, target, dependency, mark, signal } = look;
  const { client, settings } = connection;
  const self = await client.self(signal);
  const token = await memory.tokens.read(accessor, mark, signal);
  if (token === undefined) return 'NothingThere';
  if (accessor === self.accessor || (self.entityId !== '' && token.entityId === self.entityId))
    throw needsPerson('ProtectedIdentity', 'the token is the one that Offboard itself uses there, and is never ended');
  // An id comes from a status: what it leads to must be found to be the identity's own.
  const owns = (logins: readonly Login[]): boolean => isOwnToken({ target, mounts: settings.kubernetesAuthMounts, logins, dependency })(token);
  if (!owns([])) {
    const logins = await readLogins(connection, target, mark, signal);
    refuseOwn(logins, self);
    if (!owns(logins) && !owns([...logins, ...(await readEarlierOf(look, logins, token))])) throw notOurs(credential);
  }
  return ending(look, post(tokenRevoke, { accessor }), classifyTokenRevoke, 'revoking a token by its accessor');
};

/**
 * Waiting for the end tells what the backend says of it, and is the only way to a lease that the server has given up on. What
 * the backend refuses is left with the server, which goes on trying; that would do nothing for one that was given up.
 */
const revokeLease = async ({ connection: { client }, mark, signal }: Look, leaseId: string): Promise<RevokeAnswer> => {
  const send = async (sync: boolean) => {
    const answer = await client.request(post(leaseRevoke, { lease_id: leaseId, sync }), signal);
    const verdict = classifyLeaseRevoke(answer);
    if (verdict.state === 'Unknown') throw failureOf(answer, `revoking the lease ${leaseId}`);
    return verdict;
  };
  const first = await send(true);
  if (first.state === 'Accepted') return 'Accepted';
  const answer = await client.request(ask(leaseLookup, { lease_id: leaseId }, mark), signal);
  const { state } = classifyLease(answer, leaseId);
  if (state === 'Unknown') throw failureOf(answer, `looking up the lease ${leaseId}`);
  if (state === 'Gone') return 'Accepted';
  if (state === 'Live') await send(false);
  return refusedBy(first.why, state === 'Irrevocable');
};

const refusedBy = (why: string, givenUp: boolean): Refusal => ({
  refused: reasons.revocationStuck,
  message: givenUp ? `the backend refuses: ${why}. The server has given up; it is asked again` : `the backend refuses: ${why}. The server keeps trying`,
});

/** Read again, since somebody may have let others in meanwhile. */
const deleteRole = async (look: Look, { mount, role }: RoleName, credential: Credential): Promise<RevokeAnswer> => {
  const { connection, target, mark, signal } = look;
  const { client, settings } = connection;
  if (!settings.kubernetesAuthMounts.some(({ path }) => path === mount)) throw notOurs(credential);
  const data = await readObject(client, authRole(mount, role), mark, signal);
  if (data === undefined) return 'NothingThere';
  const found = readRole(data);
  if (found === undefined || coverageOf(found, target.serviceAccount).covers !== 'Only')
    throw needsPerson(reasons.sharedRole, `auth/${mount}/role/${role} does not let in this identity alone any more, and is left as it is`);
  return ending(look, remove(authRole(mount, role)), classifyDelete, `deleting auth/${mount}/role/${role}`);
};

const revokeCertificate = async (look: Look, mount: string, serial: string): Promise<RevokeAnswer> => {
  const { state } = await readCertificate(look, mount, serial);
  if (state !== 'Valid') return 'NothingThere';
  return ending(look, post(certificateRevoke(mount), { serial_number: serial }), classifyCertificateRevoke, `revoking a certificate of ${mount}`);
};
