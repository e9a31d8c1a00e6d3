/** Roles of auth mounts, secret ids, and certificates: what is read there, and what it takes to end it. */
import type { WireAnswer } from '../engine/wire.ts';
import { absent, empty, found, listed, refused, wrapped } from './answers.ts';
import { carryOut } from './core.ts';
import { type Path, textIn } from './request.ts';
import { type AskedAs, type Route, route, writes } from './route.ts';
import type { Parts } from './state.ts';

/** `auth/<mount>/role/<role>` and what is under it. */
export const roleRoute = ({ segments }: Path, { mounts }: Parts): Route | undefined => {
  const at = segments.indexOf('role', 2);
  if (segments[0] !== 'auth' || at < 0 || at + 1 >= segments.length) return undefined;
  const mountPath = segments.slice(1, at).join('/');
  const type = mounts.get(mountPath)?.type;
  const key = `${mountPath}/${segments[at + 1] ?? ''}`;
  const under = segments.slice(at + 2).join('/');
  if (type === 'kubernetes') return under === '' ? kubernetesRole(key) : undefined;
  if (type !== 'approle') return undefined;
  switch (under) {
    case '':
      return appRole(key);
    case 'secret-id':
      return secretIds(key);
    case 'secret-id-accessor/lookup':
      return secretIdLookup(key);
    case 'secret-id-accessor/destroy':
      return secretIdDestroy(key);
    default:
      return undefined;
  }
};

const kubernetesRole = (key: string): Route => {
  const read = ({ storage }: AskedAs): WireAnswer => {
    const role = storage.authRoles.get(key);
    if (role === undefined) return absent;
    return found(JSON.stringify({
      alias_name_source: role.aliasSource, audience: 'vault', bound_service_account_names: role.names, bound_service_account_namespaces: role.namespaces,
      bound_service_account_namespace_selector: '', token_policies: role.policies, token_ttl: role.ttl / 1_000, token_type: 'default',
    }));
  };
  return byOperation(read, ({ parts: { core } }) => {
    carryOut(core, 'AuthRole', () => { core.store.write(({ authRoles }) => authRoles.delete(key)); });
    return empty;
  });
};

/** Whatever is read may come from a standby; what is deleted may not. */
const byOperation = (read: Route['answer'], remove: Route['answer']): Route => ({
  operations: ['read', 'delete'],
  writes: ['delete'],
  answer: (asked) => (asked.operation === 'delete' ? remove(asked) : read(asked)),
});

const appRole = (key: string): Route =>
  byOperation(
    ({ storage }) => {
      const role = storage.appRoles.get(key);
      return role === undefined ? absent : found(JSON.stringify({ bind_secret_id: role.bindSecretId, token_policies: role.policies, token_ttl: role.ttl / 1_000, token_type: 'default' }));
    },
    ({ parts: { core } }) => {
      core.store.write((storage) => {
        storage.appRoles.delete(key);
        for (const [accessor, { role }] of storage.secretIds) if (role === key) storage.secretIds.delete(accessor);
      });
      return empty;
    },
  );

const noRole = (key: string): string => `role "${key.slice(key.lastIndexOf('/') + 1).toLowerCase()}" does not exist`;

const secretIds = (key: string): Route =>
  route(['list'], ({ storage }) => {
    if (!storage.appRoles.has(key)) return refused(400, noRole(key));
    return listed([...storage.secretIds.values()].flatMap(({ role, accessor }) => (role === key ? [accessor] : [])));
  });

const noEntry = (accessor: string): string => `failed to find accessor entry for secret_id_accessor: "${accessor}"`;

const secretIdLookup = (key: string): Route =>
  route(['update'], ({ storage, body }) => {
    if (!storage.appRoles.has(key)) return wrapped(500, noRole(key));
    const accessor = textIn(body, 'secret_id_accessor');
    if (storage.secretIds.get(accessor)?.role === key) return found(JSON.stringify({ secret_id_accessor: accessor, secret_id_num_uses: 0, secret_id_ttl: 0 }));
    return { status: 404, body: JSON.stringify({ data: { error: noEntry(accessor) } }) };
  });

const secretIdDestroy = (key: string): Route =>
  route(['update'], ({ parts: { core }, storage, body }) => {
    if (!storage.appRoles.has(key)) return wrapped(500, noRole(key));
    const accessor = textIn(body, 'secret_id_accessor');
    if (storage.secretIds.get(accessor)?.role !== key) return wrapped(500, noEntry(accessor));
    carryOut(core, 'SecretId', () => { core.store.write((written) => written.secretIds.delete(accessor)); });
    return empty;
  }, writes);

/** `pki/cert/<serial>` and `pki/revoke`. */
export const certificateRoute = ({ name, segments }: Path): Route | undefined => {
  if (name === 'pki/revoke') return revokeCertificate;
  return name.startsWith('pki/cert/') && segments.length === 3 ? readCertificate : undefined;
};

const readCertificate = route(['read'], ({ storage, path: { segments } }) => {
  const certificate = storage.certificates.get(segments[2] ?? '');
  return certificate === undefined ? absent : found(JSON.stringify({ certificate: certificate.pem, revocation_time: certificate.revokedAt }));
});

const revokeCertificate = route(['update'], ({ parts: { core }, storage, body }) => {
  const serial = textIn(body, 'serial_number');
  const certificate = storage.certificates.get(serial);
  if (certificate === undefined) return refused(400, `certificate with serial ${serial} not found.`);
  const revokedAt = certificate.revokedAt > 0 ? certificate.revokedAt : Math.floor(core.wall() / 1_000);
  carryOut(core, 'Certificate', () => { core.store.write(({ certificates }) => certificates.set(serial, { ...certificate, revokedAt })); });
  return found(JSON.stringify({ revocation_time: revokedAt, state: 'revoked' }));
}, writes);
