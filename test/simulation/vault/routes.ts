/** Every path that is asked for here: what it takes to be let in, whether a standby answers it, and what it does. */
import type { WireAnswer } from '../engine/wire.ts';
import { absent, accepted, authAnswer, empty, entityText, found, lacksRight, leaseText, listed, refused, tokenText, wrapped } from './answers.ts';
import { certificateRoute, roleRoute } from './backends.ts';
import { carryOut } from './core.ts';
import { logIn, logInByAppRole, makeToken, revokeAccessor } from './logins.ts';
import { type Path, textIn } from './request.ts';
import { type Asked, type Route, route, sudo, writes } from './route.ts';
import type { Parts } from './state.ts';

/** What needs no token. */
export const openRoute = ({ segments }: Path): ((asked: Asked) => WireAnswer) | undefined => {
  if (segments[0] !== 'auth' || segments.at(-1) !== 'login') return undefined;
  const mountPath = segments.slice(1, -1).join('/');
  return ({ parts, body }) => {
    const mount = parts.mounts.get(mountPath);
    if (mount === undefined) return refused(403, 'permission denied');
    const outcome = mount.type === 'approle' ? logInByAppRole(parts, mountPath, textIn(body, 'role_id'), textIn(body, 'secret_id')) : logIn(parts, mountPath, textIn(body, 'role'), textIn(body, 'jwt'));
    return 'refusal' in outcome ? outcome.refusal : authAnswer(outcome.token);
  };
};

/** Undefined where no route leads. */
export const routeOf = (path: Path, parts: Parts): Route | undefined => {
  const { name, segments } = path;
  const fixed = fixedRoutes.get(name);
  if (fixed !== undefined) return fixed;
  if (name.startsWith('sys/leases/lookup/')) return leaseList;
  if (segments[0] === 'cubbyhole') return cubbyhole;
  if (name.startsWith('identity/entity/id/') && segments.length === 4) return entityRoute;
  if (name.startsWith('database/creds/') && segments.length === 3) return credentials;
  return roleRoute(path, parts) ?? certificateRoute(path);
};

const cubbyhole = route(['update'], ({ parts }) => {
  parts.core.store.touch();
  return empty;
}, writes);

// ---- tokens ----------------------------------------------------------------------------------------------------

const noAccessor = wrapped(400, 'invalid accessor');
const nothingThere: WireAnswer = {
  status: 200,
  body: '{"request_id":"00000000-0000-4000-8000-000000000000","lease_id":"","renewable":false,"lease_duration":0,"data":null,"wrap_info":null,"warnings":["No token found with this accessor"],"auth":null}',
};

const lookupAccessor = route(['update'], ({ parts, storage, body }) => {
  const token = storage.tokens.get(textIn(body, 'accessor'));
  if (token !== undefined) return found(tokenText(token, '', parts.core));
  return parts.core.dangling.has(textIn(body, 'accessor')) ? lacksRight : noAccessor;
});

const capabilitiesSelf = route(['update'], ({ parts, token, body }) => {
  const acl = parts.policies.aclOf(token.policies);
  const paths = Array.isArray(body['paths']) ? body['paths'].filter((path) => typeof path === 'string') : [];
  const data = Object.fromEntries(paths.map((path) => {
    const held = [...acl.allowed(path)].sort();
    return [path, held.length === 0 ? ['deny'] : held];
  }));
  return found(JSON.stringify(data));
});

const createToken = (orphan: boolean): Route => route(['update'], ({ parts, token }) => authAnswer(makeToken(parts, token, orphan)), writes);

// ---- entities --------------------------------------------------------------------------------------------------

const lookupEntity = route(['update'], ({ parts, storage, body }) => {
  const id = textIn(body, 'id');
  const entity = id === '' ? parts.identity.byAlias(storage, textIn(body, 'alias_mount_accessor'), textIn(body, 'alias_name')) : storage.entities.get(id);
  return entity === undefined ? empty : found(entityText(entity, parts.core));
});

const entityRoute = route(['read', 'update', 'delete'], ({ parts, operation, storage, path: { segments }, body }) => {
  const id = segments[3] ?? '';
  const entity = storage.entities.get(id);
  if (operation === 'read') return entity === undefined ? absent : found(entityText(entity, parts.core));
  if (operation === 'delete') {
    parts.identity.remove(id);
    return empty;
  }
  if (entity === undefined) return refused(400, 'entity not found from id');
  const { disabled, metadata } = body;
  const change = { ...(typeof disabled === 'boolean' && { disabled }), ...(typeof metadata === 'object' && { metadata: metadata as Readonly<Record<string, string>> }) };
  // Only an end is taken as ends are now.
  if (disabled === true) carryOut(parts.core, 'Entity', () => { parts.identity.update(id, change); });
  else parts.identity.update(id, change);
  return empty;
}, { writes: ['update', 'delete'] });

const makeAlias = route(['update'], ({ parts, storage, body }) => {
  const [name, mountAccessor] = [textIn(body, 'name'), textIn(body, 'mount_accessor')];
  const mount = [...parts.mounts.values()].find(({ accessor }) => accessor === mountAccessor);
  if (mount === undefined) return refused(400, `invalid mount accessor "${mountAccessor}"`);
  if (parts.identity.byAlias(storage, mountAccessor, name) !== undefined) return empty;
  const { id, aliases } = parts.identity.meet({ name, mountAccessor, mountPath: `auth/${mount.path}/`, metadata: null });
  return found(JSON.stringify({ canonical_id: id, id: aliases[0]?.id ?? '' }));
}, writes);

// ---- leases ----------------------------------------------------------------------------------------------------

const lookupLease = route(['update'], ({ parts, storage, body }) => {
  const id = textIn(body, 'lease_id');
  if (id === '') return refused(400, 'lease_id must be specified');
  const lease = storage.leases.get(id);
  return lease === undefined ? refused(400, 'invalid lease') : found(leaseText(lease, parts.core));
});

const leaseList = route(['list'], ({ storage, path: { segments } }) => {
  const prefix = `${segments.slice(3).join('/')}/`;
  const keys = new Set<string>();
  for (const id of storage.leases.keys()) {
    if (!id.startsWith(prefix)) continue;
    const rest = id.slice(prefix.length);
    const slash = rest.indexOf('/');
    keys.add(slash < 0 ? rest : rest.slice(0, slash + 1));
  }
  return listed([...keys].sort());
}, sudo);

const revokeLease = route(['update'], ({ parts, body }) => {
  const id = textIn(body, 'lease_id');
  if (id === '') return refused(400, 'lease_id must be specified');
  const sync = body['sync'] !== false;
  const end = parts.leases.revoke(id, sync);
  if (end.kind === 'Refused') return refused(400, end.why);
  return sync ? empty : accepted;
}, writes);

/** Milliseconds after an unseal in which leases are restored, and none is known to be irrevocable. */
const restoring = 90;

const countLeases = route(['read'], ({ parts: { core }, storage, path: { query } }) => {
  if (query['type'] !== 'irrevocable') return absent;
  const isRestoring = core.sinceUnseal() < restoring;
  const leases = [...storage.leases.values()].flatMap(({ id, revokeError }) => (revokeError === undefined || isRestoring ? [] : [{ lease_id: id, mount_id: 'database', error: revokeError }]));
  return found(JSON.stringify({ lease_count: leases.length, leases }));
}, sudo);

const credentials = route(['read'], ({ parts, token, path: { segments } }) => {
  const issued = parts.leases.issue(token.accessor, segments[2] ?? '', leaseTtl, token.owner);
  if (typeof issued === 'string') return wrapped(500, issued);
  const { lease: { id, user }, password } = issued;
  return {
    status: 200,
    body: JSON.stringify({ request_id: '', lease_id: id, renewable: true, lease_duration: leaseTtl / 1_000, data: { username: user, password }, wrap_info: null, warnings: null, auth: null }),
  };
}, { writes: ['read'] });

/** Milliseconds. */
export const leaseTtl = 3_600_000;

const fixedRoutes: ReadonlyMap<string, Route> = new Map([
  ['sys/auth', route(['read'], ({ parts: { mounts } }) => found(JSON.stringify(Object.fromEntries([...mounts.values()].map(({ path, type, accessor }) => [`${path}/`, { accessor, type }])))))],
  ['sys/capabilities-self', capabilitiesSelf],
  ['sys/leases', countLeases],
  ['sys/leases/lookup', lookupLease],
  ['sys/leases/revoke', revokeLease],
  ['identity/lookup/entity', lookupEntity],
  ['identity/entity-alias', makeAlias],
  ['auth/token/accessors', route(['list'], ({ parts: { core }, storage }) => listed([...storage.tokens.keys(), ...core.dangling]), sudo)],
  ['auth/token/lookup-accessor', lookupAccessor],
  ['auth/token/revoke-accessor', route(['update'], ({ parts, body }) => (revokeAccessor(parts, textIn(body, 'accessor')) ? empty : nothingThere), writes)],
  ['auth/token/lookup-self', route(['read'], ({ parts, token }) => found(tokenText(token, token.id, parts.core)))],
  ['auth/token/renew-self', route(['update'], ({ parts, token }) => authAnswer(token.renewable ? parts.tokens.renew(token) : token), writes)],
  ['auth/token/create', createToken(false)],
  ['auth/token/create-orphan', createToken(true)],
]);
