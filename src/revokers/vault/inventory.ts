/** Reads what a Vault holds for one identity, and leaves it to the pure part to tell what of it is a credential. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { mapBounded, waitForAll } from '../../runtime/concurrency.ts';
import { needsPerson, retryable } from '../../runtime/outcome.ts';
import type { Freshness, Inventory } from '../revoker.ts';
import { fieldOf, textOf } from '../fields.ts';
import { isExpired, readPem } from './certificates.ts';
import type { VaultClient, Watermark } from './client.ts';
import { isOwnToken, type NamedAppRole, type NamedCertificate, type NamedPrefix, type NamedRole, toInventory } from './credentials.ts';
import { readEarlier } from './earlier.ts';
import { classifyCertificate, classifyRead, classifySecretIdList, failureOf, type TokenFacts } from './errors.ts';
import { type Login, readLogins, refuseOwn } from './identity.ts';
import { irrevocableLeases, isUnder, listLeases, seenLive } from './leases.ts';
import type { Look } from './look.ts';
import { originText, refuseOtherOrigin } from './origin.ts';
import { authRole, certificate, get, list, secretIds } from './paths.ts';
import { readRole } from './roles.ts';

/** How many things of one kind are read at once, beside each other kind. */
const concurrency = 4;

export const takeInventory = async (look: Look, freshness: Freshness): Promise<Inventory> => {
  const { connection, dependency, target, memory, mark, signal } = look;
  const self = await connection.client.self(signal);
  const [present, sweep, prefixes, roles, appRoles, certificates] = await waitForAll([
    readLogins(connection, target, mark, signal),
    memory.tokens.sweep(freshness, signal),
    readPrefixes(look),
    readRoles(look),
    readAppRoles(look),
    readCertificates(look),
  ]);
  const origin = originText(mark.origin);
  refuseOtherOrigin(mark, sweep.mark);
  // Not before the tokens were answered: of an account that came meanwhile none is among them.
  const logins = [...present, ...(await readEarlier(look, present, sweep.tokens))];
  refuseOwn(logins, self);
  refuseOwnToken(look, logins, sweep.tokens, self.accessor);
  return toInventory({
    origin,
    target,
    dependency,
    mounts: connection.settings.kubernetesAuthMounts,
    logins,
    tokens: sweep.tokens,
    danglingAccessors: sweep.dangling,
    prefixes,
    roles,
    appRoles,
    certificates,
  });
};

const refuseOwnToken = ({ connection, dependency, target }: Look, logins: readonly Login[], tokens: readonly TokenFacts[], accessor: string): void => {
  const isOwn = isOwnToken({ target, mounts: connection.settings.kubernetesAuthMounts, logins, dependency });
  if (tokens.some((token) => token.accessor === accessor && isOwn(token)))
    throw needsPerson('ProtectedIdentity', 'the token that Offboard itself uses there is one of this identity, and is never ended');
};

// ---- leases ----------------------------------------------------------------------------------------------------

const readPrefixes = async ({ connection, dependency, memory, mark, signal }: Look): Promise<readonly NamedPrefix[]> => {
  const { leases = [] } = dependency;
  if (leases.length === 0) return [];
  const { client, settings } = connection;
  const given = await irrevocableLeases(client, mark, signal);
  return mapBounded(
    leases,
    concurrency,
    async ({ prefix, exclusive = false }) => {
      const listed = await listLeases(client, prefix, mark, signal);
      const ids = [...new Set([...listed, ...given.map(({ leaseId }) => leaseId).filter((id) => isUnder(id, prefix))])].sort();
      if (!exclusive) return { prefix, exclusive, leaseIds: ids };
      const fresh = ids.filter((id) => !memory.wasSeenLive(mark, id));
      const live = new Set(await seenLive(client, fresh, settings.maxConcurrent, mark, signal));
      memory.rememberLive(mark, [...live]);
      const looked = new Set(fresh);
      return { prefix, exclusive, leaseIds: ids.filter((id) => !looked.has(id) || live.has(id)) };
    },
    signal,
  );
};

// ---- roles -----------------------------------------------------------------------------------------------------

const readRoles = ({ connection, dependency, mark, signal }: Look): Promise<readonly NamedRole[]> => {
  const named = connection.settings.kubernetesAuthMounts.flatMap((mount) => (dependency.roles ?? []).map((name) => ({ mount, name })));
  return mapBounded(
    named,
    concurrency,
    async ({ mount, name }) => {
      const data = await readObject(connection.client, authRole(mount.path, name), mark, signal);
      if (data === undefined) return { mount, name };
      const role = readRole(data);
      if (role === undefined) throw retryable('Garbage', `the answer about auth/${mount.path}/role/${name} is not a role of a Kubernetes auth mount`);
      return { mount, name, role };
    },
    signal,
  );
};

export const readObject = async (client: VaultClient, path: readonly string[], mark: Watermark, signal: AbortSignal): Promise<object | undefined> => {
  const answer = await client.request(get(path, mark), signal);
  const verdict = classifyRead(answer);
  if (verdict.state === 'Unknown') throw failureOf(answer, `reading ${path.join('/')}`);
  return verdict.state === 'Present' ? verdict.data : undefined;
};

const readAppRoles = ({ connection: { client }, dependency, mark, signal }: Look): Promise<readonly NamedAppRole[]> =>
  mapBounded(
    dependency.appRoles ?? [],
    concurrency,
    async ({ mount = 'approle', name, exclusive = false }) => {
      const role = await readObject(client, authRole(mount, name), mark, signal);
      const ids = role === undefined ? [] : await listSecretIds(client, mount, name, mark, signal);
      const tokenType = textOf(role, 'token_type') ?? '';
      return {
        mount,
        name,
        exclusive,
        exists: role !== undefined,
        needsSecretId: fieldOf(role, 'bind_secret_id') !== false,
        secretIds: [...ids].sort(),
        batchTokens: tokenType === 'batch' || tokenType === 'default-batch',
      };
    },
    signal,
  );

export const listSecretIds = async (client: VaultClient, mount: string, role: string, mark: Watermark, signal: AbortSignal): Promise<readonly string[]> => {
  const answer = await client.request(list(secretIds(mount, role), mark), signal);
  const verdict = classifySecretIdList(answer);
  if (verdict.state === 'Unknown') throw failureOf(answer, `listing secret ids of auth/${mount}/role/${role}`);
  return verdict.state === 'NoSuchRole' ? [] : verdict.keys;
};

// ---- certificates ----------------------------------------------------------------------------------------------

const readCertificates = (look: Look): Promise<readonly NamedCertificate[]> =>
  mapBounded(
    look.dependency.certificates ?? [],
    concurrency,
    ({ mount = 'pki', serialNumber }) => readCertificate(look, mount, serialNumber),
    look.signal,
  );

/** Refuses one whose common name is not granted: the serial alone does not tell whose it is. */
export const readCertificate = async (
  { connection, mark, now, signal }: Look,
  mount: string,
  serialNumber: string,
): Promise<NamedCertificate> => {
  const answer = await connection.client.request(get(certificate(mount, serialNumber), mark), signal);
  const verdict = classifyCertificate(answer);
  if (verdict.state === 'Unknown') throw failureOf(answer, `reading the certificate ${serialNumber} of ${mount}`);
  if (verdict.state === 'NotStored') return { mount, serialNumber, state: 'NotStored' };
  const facts = readPem(verdict.pem, serialNumber);
  if (facts === undefined || !connection.grantsCertificate(mount, facts.commonName))
    throw needsPerson(reasons.notGranted, `the connector grants this namespace no certificate ${serialNumber} of ${mount}, or there is none`);
  const state = verdict.state === 'Valid' && isExpired(facts, now) ? 'Expired' : verdict.state;
  return { mount, serialNumber, commonName: facts.commonName, state };
};
