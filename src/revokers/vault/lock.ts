/**
 * Stops the identity from logging in, and its tokens from working, by disabling its entity. Where it has none yet, one is made
 * for its alias, so that a first login is refused as well.
 *
 *   no entity ──the alias is made, with an entity for it──▶ enabled ──disabled, with our mark, in one write──▶ disabled
 *      ▲  it was made by a login meanwhile: looked at again   │ ▲                                               │
 *      └───────────deleted or merged meanwhile────────────────┘ └────────────unlock, where the mark is ours─────┘
 *
 * Each step is decided by what is read, and what is there after the last one is read again. An alias is never moved from one
 * entity to another: tokens of the entity that it is taken from would go on working.
 */
import type { Target } from '../../api/v1alpha1/index.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { retryable } from '../../runtime/outcome.ts';
import type { Observation } from '../revoker.ts';
import type { VaultClient } from './client.ts';
import { readEarlier } from './earlier.ts';
import { classifyAliasWrite, classifyDelete, classifyEntityWrite, type Entity, failureOf } from './errors.ts';
import { foreignAliases, type Login, readLogin, readLogins, refuseOwn } from './identity.ts';
import type { Look } from './look.ts';
import { refuseOtherOrigin } from './origin.ts';
import { entity as entityPath, entityAlias, post, remove } from './paths.ts';

/** Keys of metadata must not hold a dot or a slash. Each says which identity it was done for. */
const lockedMark = 'offboard_locked';
const createdMark = 'offboard_created';

/** The server's state may change under us this often before a run backs off. */
const attempts = 5;
const concurrency = 4;

export const lock = async (look: Look): Promise<void> => {
  const { connection: { client }, signal } = look;
  const logins = await readChecked(look);
  // First what needs no look at every token, which may take long.
  await lockAll(look, logins);
  const earlier = await readEarlierChecked(look, logins);
  if (earlier.length === 0) return;
  const later = { ...look, mark: await client.watermark(signal) };
  await lockAll(later, [...(await readChecked(later)), ...earlier]);
};

const lockAll = async ({ connection: { client }, target, signal }: Look, logins: readonly Login[]): Promise<void> => {
  await mapBounded(logins.filter(isExpected), concurrency, (login) => lockLogin(client, login, logins, target, signal), signal);
};

const readChecked = async ({ connection, target, mark, signal }: Look): Promise<readonly Login[]> => {
  const logins = await readLogins(connection, target, mark, signal);
  refuseOwn(logins, await connection.client.self(signal));
  return logins;
};

const readWithEarlier = async (look: Look): Promise<readonly Login[]> => {
  const logins = await readChecked(look);
  return [...logins, ...(await readEarlierChecked(look, logins))];
};

/** As far as any token tells of them. */
const readEarlierChecked = async (look: Look, logins: readonly Login[]): Promise<readonly Login[]> => {
  if (logins.length === 0) return [];
  const { connection: { client }, memory, mark, signal } = look;
  const sweep = await memory.tokens.sweep('Fresh', signal);
  refuseOtherOrigin(mark, sweep.mark);
  const earlier = await readEarlier(look, logins, sweep.tokens);
  refuseOwn(earlier, await client.self(signal));
  return earlier;
};

/** Where the mount's roles are not said to use this form, only a login that happened is locked. */
const isExpected = ({ declared, entity }: Login): boolean => declared || entity !== undefined;

/** Of one login that was revoked on its own: also where it happened once and left no entity. */
export const lockOne = async (
  look: Look,
  which: { readonly mount: string; readonly alias: string },
): Promise<'Locked' | 'Shared' | 'Unknown'> => {
  const { connection: { client }, target, signal } = look;
  const logins = await readWithEarlier(look);
  const login = logins.find(({ mount, alias }) => mount === which.mount && alias === which.alias);
  if (login === undefined) return 'Unknown';
  return lockLogin(client, login, logins, target, signal);
};

const lockLogin = async (
  client: VaultClient,
  first: Login,
  logins: readonly Login[],
  target: Target,
  signal: AbortSignal,
): Promise<'Locked' | 'Shared'> => {
  let login = first;
  let made: string | undefined;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const { entity } = login;
    if (entity?.disabled === true) return 'Locked';
    if (entity === undefined) made = await makeEntity(client, login, signal);
    // Others would be locked out with it: a person is told by the inventory.
    else if (foreignAliases(entity, logins).length > 0) return 'Shared';
    else await disable(client, entity, entity.id === made ? createdMark : lockedMark, target, signal);
    login = await readLogin(client, login, target, await client.watermark(signal), signal);
  }
  if (login.entity?.disabled === true) return 'Locked';
  throw retryable('Conflict', `the entity of auth/${login.mount} alias ${login.alias} keeps changing while it is being disabled`);
};

/** Without an entity to put it in, an alias that exists meanwhile is left where it is. The id of the one that was made. */
const makeEntity = async (client: VaultClient, { alias, mount, mountAccessor }: Login, signal: AbortSignal): Promise<string | undefined> => {
  const answer = await client.request(post(entityAlias, { name: alias, mount_accessor: mountAccessor }), signal);
  const verdict = classifyAliasWrite(answer);
  if (verdict.state === 'Unknown') throw failureOf(answer, `making an alias on auth/${mount} that is refused`);
  return verdict.state === 'Made' ? verdict.entityId : undefined;
};

const disable = async (
  client: VaultClient,
  { id, metadata }: Entity,
  mark: string,
  { serviceAccount }: Target,
  signal: AbortSignal,
): Promise<void> => {
  await write(client, id, { disabled: true, metadata: { ...metadata, [mark]: ownerOf(serviceAccount) } }, signal);
};

const write = async (client: VaultClient, id: string, body: object, signal: AbortSignal): Promise<void> => {
  const answer = await client.request(post(entityPath(id), body), signal);
  // One that is gone by now is found by its alias, if it is still anywhere.
  if (classifyEntityWrite(answer).state === 'Unknown') throw failureOf(answer, 'updating the entity of the identity');
};

const ownerOf = ({ namespace, name }: Target['serviceAccount']): string => `${namespace}/${name}`;

/** Takes back what {@link lock} did for this identity, and nothing that somebody else did. */
export const unlock = async (look: Look): Promise<void> => {
  const { connection: { client }, target, signal } = look;
  const logins = await readWithEarlier(look);
  const owner = ownerOf(target.serviceAccount);
  for (const { entity } of logins) {
    if (entity === undefined || !entity.disabled) continue;
    const { [createdMark]: created, [lockedMark]: locked, ...metadata } = entity.metadata;
    if (created === owner && foreignAliases(entity, logins).length === 0) await deleteEntity(client, entity.id, signal);
    else if (locked === owner) await write(client, entity.id, { disabled: false, metadata }, signal);
  }
};

const deleteEntity = async (client: VaultClient, id: string, signal: AbortSignal): Promise<void> => {
  const answer = await client.request(remove(entityPath(id)), signal);
  if (classifyDelete(answer).state === 'Unknown') throw failureOf(answer, 'deleting the entity that was made for the lock');
};

const method = 'identity/lookup/entity';

/** Seen to hold when every login by a declared form, and every other that ever happened, belongs to a disabled entity. */
export const observeLock = async (look: Look): Promise<Observation> => {
  const logins = await readWithEarlier(look);
  const open = logins.filter(isExpected).find(({ entity }) => entity === undefined || (!entity.disabled && foreignAliases(entity, logins).length === 0));
  if (open === undefined) return { state: 'Present', method };
  const what = open.entity === undefined ? 'has no entity' : 'belongs to an entity that is not disabled';
  return { state: 'Absent', method, message: `auth/${open.mount} alias ${open.alias} ${what}` };
};
