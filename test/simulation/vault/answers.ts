/** Answers in the words and shapes of the real server. What does not change of a thing is written once. */
import type { WireAnswer } from '../engine/wire.ts';
import type { Core } from './core.ts';
import type { Entity, Lease, Token } from './storage.ts';

const head = '{"request_id":"00000000-0000-4000-8000-000000000000","lease_id":"","renewable":false,"lease_duration":0,"data":';
const tail = ',"wrap_info":null,"warnings":null,"auth":null}';

export const empty: WireAnswer = { status: 204, body: '' };
export const accepted: WireAnswer = { status: 202, body: '' };

/** `data` is JSON. */
export const found = (data: string): WireAnswer => ({ status: 200, body: `${head}${data}${tail}` });
export const refused = (status: number, ...errors: readonly string[]): WireAnswer => ({ status, body: JSON.stringify({ errors }) });
/** In the form in which what a backend says is wrapped. */
export const wrapped = (status: number, error: string): WireAnswer => refused(status, `1 error occurred:\n\t* ${error}\n\n`);

export const absent = refused(404);
export const lacksRight = wrapped(403, 'permission denied');
export const badToken = refused(403, 'permission denied');
export const sealedAnswer = refused(503, 'Vault is sealed');
export const unsupported = refused(405, '1 error occurred:\n\t* unsupported operation\n\n');
export const noRoute = (path: string): WireAnswer => refused(404, `no handler for route "${path}". route entry not found.`);
/** A standby is not as far as it was asked to be. */
export const behind: WireAnswer = { status: 429, headers: { 'content-type': 'application/json', 'retry-after': '1' }, body: '{"errors":[]}' };

/** No key is absent, as the server has it. */
export const listed = (keys: readonly string[]): WireAnswer => (keys.length === 0 ? absent : found(JSON.stringify({ keys })));

const written = new WeakMap<object, string>();
const once = (thing: object, write: () => string): string => {
  const known = written.get(thing) ?? write();
  written.set(thing, known);
  return known;
};

const named = (policies: readonly string[]): readonly string[] => [...policies, 'default'].sort();

const secondsLeft = (until: number, now: number): number => (until === Infinity ? 0 : Math.floor((until - now) / 1_000));

export const leaseText = (lease: Lease, { text, now }: Core): string => {
  const fixed = once(lease, () => {
    const { id, issuedAt, expiresAt, pending, revokeError } = lease;
    const times = `"issue_time":"${text(issuedAt)}","expire_time":"${text(expiresAt)}","last_renewal":null,"renewable":${String(!pending)}`;
    return `{"id":${JSON.stringify(id)},"path":${JSON.stringify(id.slice(0, id.lastIndexOf('/')))},${times}${revokeError === undefined ? '' : `,"revoke_error":${JSON.stringify(revokeError)}`}`;
  });
  return `${fixed},"ttl":${String(Math.min(secondsLeft(lease.expiresAt, now()), lease.pending ? 0 : Infinity))}}`;
};

/** `id` is empty where it is asked for by its accessor. */
export const tokenText = (token: Token, id: string, { text, now }: Core): string => {
  const fixed = once(token, () => {
    const { accessor, entityId, path, meta, policies, parent, createdAt, ttl, expiresAt, renewable } = token;
    const seconds = ttl === Infinity ? 0 : ttl / 1_000;
    return JSON.stringify({
      accessor, creation_time: Math.floor(createdAt / 1_000), creation_ttl: seconds, display_name: 'token', entity_id: entityId, expire_time: expiresAt === Infinity ? null : text(expiresAt),
      explicit_max_ttl: 0, issue_time: text(createdAt), meta, num_uses: 0, orphan: parent === undefined, path, policies: named(policies), renewable, type: 'service',
    }).slice(0, -1);
  });
  return `${fixed},"id":${JSON.stringify(id)},"ttl":${String(secondsLeft(token.expiresAt, now()))}}`;
};

export const entityText = (entity: Entity, { text }: Core): string =>
  once(entity, () =>
    JSON.stringify({
      aliases: entity.aliases.map(({ id, name, mountAccessor, mountPath, metadata }) => ({
        canonical_id: entity.id, creation_time: text(entity.createdAt), id, last_update_time: text(entity.updatedAt), merged_from_canonical_ids: null, metadata,
        mount_accessor: mountAccessor, mount_path: mountPath, mount_type: 'kubernetes', name,
      })),
      creation_time: text(entity.createdAt), direct_group_ids: [], disabled: entity.disabled, group_ids: [], id: entity.id, inherited_group_ids: [],
      last_update_time: text(entity.updatedAt), merged_entity_ids: null, metadata: entity.metadata, name: entity.name, namespace_id: 'root', policies: [],
    }),
  );

/** What a login, and the making of a token, gives. */
export const authAnswer = ({ id, accessor, entityId, policies, meta, ttl, renewable, parent }: Token): WireAnswer => ({
  status: 200,
  body: JSON.stringify({
    request_id: '00000000-0000-4000-8000-000000000000', lease_id: '', renewable: false, lease_duration: 0, data: null, wrap_info: null, warnings: null,
    auth: {
      client_token: id, accessor, policies: named(policies), token_policies: named(policies), metadata: meta, lease_duration: ttl === Infinity ? 0 : Math.floor(ttl / 1_000),
      renewable, entity_id: entityId, token_type: 'service', orphan: parent === undefined, num_uses: 0,
    },
  }),
});
