/**
 * The identity as a Vault knows it: an alias on each auth mount, made from the ServiceAccount at its first login, and the
 * entity that the alias belongs to.
 */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Target } from '../../api/v1alpha1/index.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { needsPerson } from '../../runtime/outcome.ts';
import { fieldOf, textOf } from '../fields.ts';
import { foreignUid } from '../foreign-uid.ts';
import { dataOf } from './answers.ts';
import type { KubernetesAuthMount, VaultClient, VaultConnection, Watermark } from './client.ts';
import { classifyEntity, type Entity, failureOf } from './errors.ts';
import type { AliasName } from './ids.ts';
import { ask, authMounts, entityLookup, get } from './paths.ts';
import type { TokenFacts } from './errors.ts';

/** An alias by which the identity logs in, or may. */
export interface Login extends AliasName {
  readonly mountAccessor: string;
  /** False for the form that the mount's roles are not said to use. */
  readonly declared: boolean;
  /** True for one of an earlier life of the account, by which nobody logs in any more. */
  readonly earlier?: boolean;
  /** Absent: it never logged in by this alias, or somebody deleted the entity. */
  readonly entity?: Entity;
}

type ServiceAccount = Target['serviceAccount'];

/** Every login of the identity on the connector's mounts, in both forms that an alias may have. */
export const readLogins = async (
  { client, settings }: VaultConnection,
  { serviceAccount }: Target,
  mark: Watermark,
  signal: AbortSignal,
): Promise<readonly Login[]> => {
  const mounts = settings.kubernetesAuthMounts;
  if (mounts.length === 0) return [];
  const accessors = await mountAccessors(client, mounts, mark, signal);
  const aliases = mounts.flatMap((mount) =>
    aliasesOn(mount, serviceAccount).map((alias) => ({ ...alias, mountAccessor: accessors.get(mount.path) ?? '' })),
  );
  return mapBounded(aliases, 4, (alias) => readAlias(client, alias, serviceAccount, mark, signal), signal);
};

const readAlias = async (
  client: VaultClient,
  alias: Omit<Login, 'entity'>,
  serviceAccount: ServiceAccount,
  mark: Watermark,
  signal: AbortSignal,
): Promise<Login> => {
  const entity = await lookUp(client, alias, mark, signal);
  if (entity === undefined) return alias;
  refuseForeign(alias, entity, serviceAccount);
  return { ...alias, entity };
};

/**
 * An alias by UID is only as good as the UID, which whoever names the identity may have pinned: it must not lead to another's
 * entity. The mount wrote down who logged in.
 */
const refuseForeign = ({ alias, mount, mountAccessor }: Omit<Login, 'entity'>, { aliases }: Entity, { namespace, name }: ServiceAccount): void => {
  const metadata = aliases.find((one) => one.name === alias && one.mountAccessor === mountAccessor)?.metadata ?? {};
  const [itsNamespace, itsName] = [metadata['service_account_namespace'], metadata['service_account_name']];
  if ((itsNamespace ?? namespace) === namespace && (itsName ?? name) === name) return;
  throw foreignUid(`by auth/${mount}`, { namespace, name });
};

/** One login, as it is now. */
export const readLogin = (client: VaultClient, { entity: _, ...alias }: Login, { serviceAccount }: Target, mark: Watermark, signal: AbortSignal): Promise<Login> =>
  readAlias(client, alias, serviceAccount, mark, signal);

/** The form that is declared comes first. An account whose UID nobody knows has no alias by UID. */
export const aliasesOn = (mount: KubernetesAuthMount, { namespace, name, uid }: ServiceAccount): readonly (AliasName & { readonly declared: boolean })[] => {
  const byUid = uid === undefined ? [] : [{ mount: mount.path, alias: uid, declared: mount.aliasSource === 'serviceaccount_uid' }];
  const byName = { mount: mount.path, alias: aliasName({ namespace, name }), declared: mount.aliasSource === 'serviceaccount_name' };
  return [...byUid, byName].sort((one, other) => Number(other.declared) - Number(one.declared));
};

export const aliasName = ({ namespace, name }: Pick<ServiceAccount, 'namespace' | 'name'>): string => `${namespace}/${name}`;

/** A lookup of an alias on a mount that does not exist finds nothing, so that must be told first. */
export const mountAccessors = async (
  client: VaultClient,
  mounts: readonly KubernetesAuthMount[],
  mark: Watermark,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> => {
  const answer = await client.request(get(authMounts, mark), signal);
  const data = dataOf(answer.body);
  if (answer.status !== 200 || typeof data !== 'object' || data === null) throw failureOf(answer, 'reading sys/auth');
  return new Map(
    mounts.map(({ path }) => {
      const mount = fieldOf(data, `${path}/`);
      const accessor = textOf(mount, 'accessor');
      if (textOf(mount, 'type') !== 'kubernetes' || accessor === undefined || accessor === '')
        throw needsPerson(reasons.connectorNotReady, `there is no Kubernetes auth mount at auth/${path}; see spec.vault.kubernetesAuthMounts of the Connector`);
      return [path, accessor];
    }),
  );
};

const lookUp = async (client: VaultClient, { alias, mount, mountAccessor }: Omit<Login, 'entity'>, mark: Watermark, signal: AbortSignal): Promise<Entity | undefined> => {
  const answer = await client.request(ask(entityLookup, { alias_name: alias, alias_mount_accessor: mountAccessor }, mark), signal);
  const verdict = classifyEntity(answer);
  if (verdict.state === 'Unknown') throw failureOf(answer, `looking up an alias on auth/${mount}`);
  if (verdict.state === 'None') return undefined;
  const { entity } = verdict;
  const isIts = entity.aliases.some((one) => one.name === alias && one.mountAccessor === mountAccessor);
  if (!isIts) throw failureOf(answer, `looking up an alias on auth/${mount}: the entity in the answer does not have it`);
  return entity;
};

/** By its id, as a token has it. */
export const lookUpEntity = async (client: VaultClient, id: string, mark: Watermark, signal: AbortSignal): Promise<Entity | undefined> => {
  const answer = await client.request(ask(entityLookup, { id }, mark), signal);
  const verdict = classifyEntity(answer);
  if (verdict.state === 'Unknown' || (verdict.state === 'Present' && verdict.entity.id !== id)) throw failureOf(answer, 'looking up the entity of a token');
  return verdict.state === 'None' ? undefined : verdict.entity;
};

/** The aliases of an entity that are not this identity's: with one of those, it is also somebody else. */
export const foreignAliases = (entity: Entity, logins: readonly Login[]): Entity['aliases'] =>
  entity.aliases.filter(({ name, mountAccessor }) => !logins.some((login) => login.alias === name && login.mountAccessor === mountAccessor));

/** The entities that are nobody else's, with all that was merged into them: whatever token has one of these is the identity's. */
export const ownEntityIds = (logins: readonly Login[]): ReadonlySet<string> =>
  new Set(
    logins.flatMap(({ entity }) => (entity === undefined || foreignAliases(entity, logins).length > 0 ? [] : [entity.id, ...entity.mergedIds])),
  );

/** Refuses to go on against the operator itself, whoever asks for it. */
export const refuseOwn = (logins: readonly Login[], self: { readonly entityId: string }): void => {
  const own = logins.find(({ entity }) => entity !== undefined && self.entityId !== '' && [entity.id, ...entity.mergedIds].includes(self.entityId));
  if (own !== undefined)
    throw needsPerson('ProtectedIdentity', `the entity of auth/${own.mount} alias ${own.alias} is the one that Offboard itself uses there, and is never ended`);
};

/** A token that a ServiceAccount of this name logged in for, whichever it was. */
export const isLoginByName = ({ path, meta }: TokenFacts, mounts: readonly KubernetesAuthMount[], { namespace, name }: ServiceAccount): boolean =>
  mounts.some((mount) => path === `auth/${mount.path}/login`) && meta['service_account_namespace'] === namespace && meta['service_account_name'] === name;

/** A token that this ServiceAccount logged in for, or an earlier life of it: by UID where that is known, else by name. */
export const isLoginOf = (token: TokenFacts, mounts: readonly KubernetesAuthMount[], serviceAccount: ServiceAccount, logins: readonly Login[]): boolean => {
  if (!isLoginByName(token, mounts, serviceAccount)) return false;
  const { uid } = serviceAccount;
  const seenUid = token.meta['service_account_uid'];
  return uid === undefined || seenUid === undefined || seenUid === '' || seenUid === uid || logins.some(({ earlier, alias }) => earlier === true && alias === seenUid);
};
