/**
 * Earlier lives of the ServiceAccount: it was deleted and made again, and what logged in before still has its tokens. Nobody can log in as
 * one of them again, so there is nothing to list of them but tokens; their entities are locked with the identity's own.
 *
 * They are known by what the mounts wrote down of a login: the same namespace and name, and another UID than the target's. The
 * account that is there now is not one of them: it is a new one, and is left alone.
 */
import type { Target } from '../../api/v1alpha1/index.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import type { Entity, TokenFacts } from './errors.ts';
import { aliasName, isLoginByName, type Login, lookUpEntity, readLogin } from './identity.ts';
import type { Look } from './look.ts';

type Asked = Pick<Look, 'connection' | 'target' | 'accountNow' | 'mark' | 'signal'>;

/** The earlier lives that logged in for one of the tokens, on each mount of `logins`, which are those of the target. */
export const readEarlier = (look: Asked, logins: readonly Login[], tokens: readonly TokenFacts[]): Promise<readonly Login[]> => {
  const { connection, target } = look;
  const mounts = connection.settings.kubernetesAuthMounts;
  return readLives(look, logins, tokens.filter((token) => isLoginByName(token, mounts, target.serviceAccount)).map(({ meta }) => meta['service_account_uid'] ?? ''));
};

/** Those of one token. One that no login made, such as a child, tells by its entity alone. */
export const readEarlierOf = async (look: Asked, logins: readonly Login[], token: TokenFacts): Promise<readonly Login[]> => {
  const { connection, target, mark, signal } = look;
  const byLogin = await readEarlier(look, logins, [token]);
  if (byLogin.length > 0 || token.entityId === '') return byLogin;
  const entity = await lookUpEntity(connection.client, token.entityId, mark, signal);
  return entity === undefined ? [] : readLives(look, logins, uidsOf(entity, logins, target));
};

const uidsOf = ({ aliases }: Entity, logins: readonly Login[], { serviceAccount }: Target): readonly string[] =>
  aliases
    .filter(({ mountAccessor, metadata }) =>
      logins.some((login) => login.mountAccessor === mountAccessor) &&
      metadata['service_account_namespace'] === serviceAccount.namespace && metadata['service_account_name'] === serviceAccount.name)
    .map(({ metadata }) => metadata['service_account_uid'] ?? '');

/** Who is there now is asked after the others were seen: whoever was seen and is not there is gone for good, since no UID comes back. */
const readLives = async ({ connection, target, accountNow, mark, signal }: Asked, logins: readonly Login[], seen: readonly string[]): Promise<readonly Login[]> => {
  const { serviceAccount } = target;
  const others = [...new Set(seen)].filter((uid) => uid !== '' && uid !== serviceAccount.uid).sort();
  if (others.length === 0) return [];
  const present = await accountNow(serviceAccount, signal);
  const mounts = logins.filter(({ alias }) => alias === aliasName(serviceAccount));
  const aliases = others
    .filter((uid) => uid !== present)
    .flatMap((alias) => mounts.map(({ mount, mountAccessor }) => ({ mount, mountAccessor, alias, declared: false, earlier: true })));
  return mapBounded(aliases, 4, (alias) => readLogin(connection.client, alias, target, mark, signal), signal);
};
