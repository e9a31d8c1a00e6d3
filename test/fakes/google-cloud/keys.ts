/** Keys of service accounts: real key pairs, of which the world keeps the public half. */
import { reach } from './accounts.ts';
import { type Answer, notFound, ok } from './answers.ts';
import type { Authorise } from './authorise.ts';
import type { Call, Route } from './router.ts';
import type { Knobs } from './knobs.ts';
import type { KeyPair } from './nature.ts';
import { versioned } from './versioned.ts';
import { type Account, type AccountKey, findAccount, newKeyId, now, type World } from './world.ts';

interface Site {
  readonly world: World;
  readonly knobs: Knobs;
  readonly authorise: Authorise;
}

/** What Google gives out once, as a file. */
export interface KeyFile {
  readonly type: 'service_account';
  readonly project_id: string;
  readonly private_key_id: string;
  readonly private_key: string;
  readonly client_email: string;
  readonly client_id: string;
  readonly auth_uri: string;
  readonly token_uri: string;
  readonly universe_domain: string;
}

const all = '/v1/projects/{project}/serviceAccounts/{account}/keys';

export const keyRoutes = (site: Site): readonly Route[] => {
  const { world, knobs } = site;
  const onAccount = (method: string, permission: string, handle: (call: Call, account: Account) => Answer | Promise<Answer>): Route => ({
    service: 'iam',
    method,
    pattern: all,
    handle: (call, parameters) => {
      const found = reach(site, call, parameters, `iam.serviceAccountKeys.${permission}`);
      return 'refused' in found ? found.refused : handle(call, found.account);
    },
  });
  const onKey = (method: string, verb: string, permission: string, handle: (account: Account, key: AccountKey) => Answer): Route => ({
    service: 'iam',
    method,
    pattern: `${all}/{key}${verb}`,
    handle: (call, parameters) => {
      const found = reach(site, call, parameters, `iam.serviceAccountKeys.${permission}`);
      if ('refused' in found) return found.refused;
      const key = world.keys.get(parameters['key'] ?? '')?.ago(method === 'GET' ? knobs.settings.staleAccounts : 0);
      return key?.account === found.account.uniqueId && !key.deleted && (method === 'GET' || key.type === 'USER_MANAGED') ? handle(found.account, key) : notFound(`Service account key ${parameters['key'] ?? ''} does not exist.`);
    },
  });
  const switched = (disabled: boolean) => (_: Account, key: AccountKey) => ok({}, () => { world.keys.get(key.id)?.set({ ...key, disabled }); });
  return [
    onAccount('GET', 'list', (call, account) => {
      const types = call.query.getAll('keyTypes');
      const keys = [...world.keys.values()].map((key) => key.ago(knobs.settings.staleAccounts)).filter((key) => key.account === account.uniqueId && !key.deleted && (types.length === 0 || types.includes(key.type)));
      return ok(keys.length > 0 ? { keys: keys.map((key) => showKey(account, key)) } : {});
    }),
    onAccount('POST', 'create', (_, account) =>
      addKey(world, account, ({ key, file }) =>
        ok({ ...showKey(account, key), privateKeyType: 'TYPE_GOOGLE_CREDENTIALS_FILE', privateKeyData: Buffer.from(JSON.stringify(file, undefined, 2)).toString('base64') }),
      ),
    ),
    onKey('GET', '', 'get', (account, key) => ok(showKey(account, key))),
    onKey('DELETE', '', 'delete', (_, key) => ok({}, () => { world.keys.get(key.id)?.set({ ...key, deleted: true }); })),
    onKey('POST', ':disable', 'disable', switched(true)),
    onKey('POST', ':enable', 'enable', switched(false)),
  ];
};

const showKey = (account: Account, key: AccountKey): object => ({
  name: `projects/${account.project}/serviceAccounts/${account.email}/keys/${key.id}`,
  validAfterTime: key.validAfter,
  validBeforeTime: '9999-12-31T23:59:59Z',
  keyAlgorithm: 'KEY_ALG_RSA_2048',
  keyOrigin: key.origin,
  keyType: key.type,
  ...(key.disabled ? { disabled: true } : {}),
});

/** At once where key pairs are made at once. */
export const addKey = <T>(world: World, account: Account, then: (added: AddedKey) => T): T | Promise<T> => {
  const pair = world.nature.keyPair();
  return pair instanceof Promise ? pair.then((made) => then(keepKey(world, account, made))) : then(keepKey(world, account, pair));
};

export interface AddedKey {
  readonly key: AccountKey;
  readonly file: KeyFile;
}

const keepKey = (world: World, account: Account, { publicKey, privateKey }: KeyPair): AddedKey => {
  const id = newKeyId(world);
  const key: AccountKey = { id, account: account.uniqueId, type: 'USER_MANAGED', origin: 'GOOGLE_PROVIDED', publicKey, validAfter: now(world), disabled: false, deleted: false };
  world.keys.set(id, versioned(world.nature, key));
  return {
    key,
    file: {
      type: 'service_account',
      project_id: account.project,
      private_key_id: id,
      private_key: privateKey,
      client_email: account.email,
      client_id: account.uniqueId,
      auth_uri: 'https://accounts.google.com/o/oauth2/auth',
      token_uri: `${world.url}/token`,
      universe_domain: 'googleapis.com',
    },
  };
};

export const addKeyTo = (world: World, email: string): AddedKey | Promise<AddedKey> => {
  const account = findAccount(world, email);
  if (account === undefined) throw new Error(`There is no account ${email}.`);
  return addKey(world, account, (added) => added);
};
