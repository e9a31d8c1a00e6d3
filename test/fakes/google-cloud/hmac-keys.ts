/** HMAC keys of Cloud Storage: kept by project, of a service account. */
import { createHmac, timingSafeEqual } from 'node:crypto';

import { type Answer, ok, storageFailure } from './answers.ts';
import { type Authorise, refusal } from './authorise.ts';
import { text } from './json.ts';
import type { Knobs } from './knobs.ts';
import type { Principal } from './members.ts';
import { sameEtag } from './policies.ts';
import type { Call, Route } from './router.ts';
import { stands } from './tokens.ts';
import { versioned } from './versioned.ts';
import { type Account, findAccount, findProject, type HmacKey, shortHash, type World } from './world.ts';

interface Site {
  readonly world: World;
  readonly knobs: Knobs;
  readonly authorise: Authorise;
}

const all = '/storage/v1/projects/{project}/hmacKeys';

export const hmacKeyRoutes = (site: Site): readonly Route[] => {
  const { world, knobs, authorise } = site;
  const guarded = (method: string, pattern: string, permission: string, handle: (call: Call, project: string, id: string) => Answer): Route => ({
    service: 'storage',
    method,
    pattern,
    handle: (call, { project: name = '', id = '' }) => {
      const project = findProject(world, name)?.id;
      const full = `storage.hmacKeys.${permission}`;
      const refused = refusal(authorise, { caller: call.caller, permission: full, resource: `projects/${name}` });
      if (refused !== undefined || project === undefined) return storageFailure(403, 'forbidden', `The caller does not have ${full} access to the Google Cloud project.`);
      return handle(call, project, id);
    },
  });
  const onKey = (method: string, permission: string, handle: (call: Call, key: HmacKey) => Answer): Route =>
    guarded(method, `${all}/{id}`, permission, (call, project, id) => {
      const key = world.hmacKeys.get(id)?.ago(method === 'GET' ? knobs.settings.staleAccounts : 0);
      return key?.project === project ? handle(call, key) : storageFailure(404, 'notFound', `Access ID not found in project ${project}.`);
    });
  return [
    guarded('GET', all, 'list', (call, project) => {
      const email = call.query.get('serviceAccountEmail');
      const gone = call.query.get('showDeletedKeys') === 'true';
      const keys = [...world.hmacKeys.values()].map((key) => key.ago(knobs.settings.staleAccounts)).filter((key) => key.project === project && (email === null || key.email === email) && (gone || key.state !== 'DELETED'));
      const size = Number(call.query.get('maxResults') ?? 250) || 250;
      const start = Number(call.query.get('pageToken') ?? 0);
      const items = keys.slice(start, start + size).map((key) => showKey(world, key));
      return ok({ kind: 'storage#hmacKeysMetadata', ...(start + size < keys.length ? { nextPageToken: String(start + size) } : {}), ...(items.length > 0 ? { items } : {}) });
    }),
    guarded('POST', all, 'create', (call) => {
      const account = findAccount(world, call.query.get('serviceAccountEmail') ?? '');
      if (account === undefined) return storageFailure(404, 'notFound', 'The service account does not exist.');
      const key = addHmacKey(world, account);
      return ok({ kind: 'storage#hmacKey', metadata: showKey(world, key), secret: key.secret });
    }),
    onKey('GET', 'get', (_, key) => ok(showKey(world, key))),
    onKey('PUT', 'update', (call, key) => {
      const state = text(call.body['state']);
      if (key.state === 'DELETED' || (state !== 'ACTIVE' && state !== 'INACTIVE')) return storageFailure(400, 'invalid', 'The HMAC key cannot be changed to that state.');
      const sent = text(call.body['etag']);
      if (sent !== '' && !sameEtag(sent, etagOf(key))) return storageFailure(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.');
      const next: HmacKey = { ...key, state, updated: time(world) };
      return ok(showKey(world, next), () => { world.hmacKeys.get(key.accessId)?.set(next); });
    }),
    onKey('DELETE', 'delete', (_, key) =>
      key.state === 'INACTIVE' ? { status: 204, commit: () => { world.hmacKeys.get(key.accessId)?.set({ ...key, state: 'DELETED', updated: time(world) }); } } : storageFailure(400, 'invalid', 'Cannot delete keys that are in the ACTIVE or DELETED state.'),
    ),
  ];
};

const time = ({ nature }: World): string => new Date(nature.now()).toISOString();

const etagOf = (key: HmacKey): string => Buffer.from(shortHash([key.state, key.updated])).toString('base64');

const showKey = (world: World, key: HmacKey): object => ({
  kind: 'storage#hmacKeyMetadata',
  id: `${key.project}/${key.accessId}`,
  selfLink: `${world.url}/storage/v1/projects/${key.project}/hmacKeys/${key.accessId}`,
  accessId: key.accessId,
  projectId: key.project,
  serviceAccountEmail: key.email,
  state: key.state,
  timeCreated: key.created,
  updated: key.updated,
  etag: etagOf(key),
});

export const addHmacKey = (world: World, account: Account): HmacKey => {
  const created = time(world);
  const accessId = `GOOG1E${world.nature.bytes(34).toString('hex').toUpperCase().slice(0, 55)}`;
  const key: HmacKey = { accessId, secret: world.nature.bytes(30).toString('base64'), account: account.uniqueId, email: account.email, project: account.project, created, updated: created, state: 'ACTIVE' };
  world.hmacKeys.set(accessId, versioned(world.nature, key));
  return key;
};

/** What a holder of the secret signs: the short form of the signature of version 2, over a date and a resource. */
export const signHmac = (secret: string, date: string, resource: string): string => createHmac('sha1', secret).update(`GET\n\n\n${date}\n${resource}`).digest('base64');

/** Whose a request is that is signed so: `GOOG1 ACCESS-ID:SIGNATURE`. */
export const hmacCaller = ({ world, knobs }: Pick<Site, 'world' | 'knobs'>, authorization: string, date: string, resource: string): Principal | undefined => {
  const [, accessId = '', signature = ''] = /^GOOG1 ([^:]+):(.+)$/.exec(authorization) ?? [];
  const key = world.hmacKeys.get(accessId)?.within(knobs.settings.propagation).find(({ state }) => state === 'ACTIVE');
  if (key === undefined) return undefined;
  const expected = Buffer.from(signHmac(key.secret, date, resource));
  const given = Buffer.from(signature);
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) return undefined;
  const principal: Principal = { kind: 'account', uniqueId: key.account };
  return stands(world, principal, knobs.settings.propagation) ? principal : undefined;
};
