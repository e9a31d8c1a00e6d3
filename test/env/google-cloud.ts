/**
 * The protocol fake of Google Cloud IAM, as a process on loopback. It enforces: who may do what is decided with every call, by the
 * policies as they are, so that a test asks by effect whether access is gone.
 *
 *     const google = await startGoogleCloud();                     // { url, endpoints } for a Connector
 *     const project = await google.addProject('acme-ci');          // { id, number }
 *     const agent = await google.addServiceAccount('acme-ci', 'build-agent-7');    // { email, uniqueId }
 *     await google.addBucket('acme-ci', 'artifacts', { 'a.txt': 'hello' });
 *     await google.grant('//storage.googleapis.com/artifacts', 'roles/storage.objectViewer', `serviceAccount:${agent.email}`);
 *     const pool = await google.addPool({ project: 'acme-ci', pool: 'acme-ci.svc.id.goog' });   // trusts the handle's own key, or a cluster's
 *     const jwt = google.signIdentityToken(pool, { namespace: 'ci', name: 'build-agent-7', uid: '…' });
 *     const federated = await google.exchange(jwt, pool.audience);       // rejects when refused
 *     const token = await google.impersonate(federated, agent.email);
 *     await google.open(token, { bucket: 'artifacts', object: 'a.txt' });     // 200, 401 or 403
 *     const operator = await google.addOperator('acme-ci', permissions, ['projects/acme-ci']);   // { email, uniqueId, keyFile, token() }
 *     await google.fault({ match: { service: 'cloudresourcemanager', path: 'setIamPolicy' }, fault: { kind: 'conflict' }, times: 3 });
 *     await google.set({ propagation: 2_000 });  await google.calm();
 *     await google.requests();  await google.counts();
 *     await google.stop();
 */
import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { fields } from '../fakes/google-cloud/json.ts';
import type { KeyFile } from '../fakes/google-cloud/keys.ts';
import type { Rule, Settings } from '../fakes/google-cloud/knobs.ts';
import type { Counts, Logged } from '../fakes/google-cloud/log.ts';
import type { Account, Attachment, Condition, HmacKey, Pool } from '../fakes/google-cloud/world.ts';
import { signHmac } from '../fakes/google-cloud/hmac-keys.ts';
import { startProcess, startWatchdog } from './process.ts';
import { onFreePorts, ready } from './servers.ts';

export type { KeyFile } from '../fakes/google-cloud/keys.ts';
export type { Fault, Match, Rule, Settings } from '../fakes/google-cloud/knobs.ts';
export type { Counts, Logged } from '../fakes/google-cloud/log.ts';
export type { Account, HmacKey, Pool } from '../fakes/google-cloud/world.ts';

/** What a policy looks like from outside. */
export interface ShownPolicy {
  readonly version?: number;
  readonly etag: string;
  readonly bindings?: readonly { readonly role: string; readonly members: readonly string[]; readonly condition?: Condition }[];
}

/** What can be opened. */
export type Protected = { readonly bucket: string; readonly object: string } | { readonly project: string; readonly secret: string };

export interface PoolOptions {
  readonly project: string;
  /** Its ID. One that ends in `.svc.id.goog` maps to the subject `ns/NS/sa/NAME`, as GKE does. */
  readonly pool: string;
  readonly provider?: string;
  /** Whose tokens it takes; the handle's own key unless told. */
  readonly issuer?: string;
  /** The keys of that issuer: the body of `/openid/v1/jwks` of an API server. */
  readonly jwks?: { readonly keys: readonly object[] };
  /** What a token must be for; the audience of the provider with `https:` unless told. */
  readonly tokenAudience?: string;
  /** With `{namespace}`, `{name}` and `{uid}`; the token's own subject unless told, but for GKE's pools. */
  readonly subject?: string;
}

export interface Operator {
  readonly email: string;
  readonly uniqueId: string;
  readonly keyFile: KeyFile;
  readonly token: () => Promise<string>;
}

export interface GoogleCloud {
  readonly url: string;
  /** For `Connector.spec.googleCloud.endpoints`. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly log: () => string;
  readonly stop: () => Promise<void>;

  /** One call as a client would make it; no token, no login. */
  readonly call: (method: string, path: string, token?: string, body?: object) => Promise<{ readonly status: number; readonly body: unknown }>;

  readonly addOrganization: (number: string) => Promise<string>;
  readonly addFolder: (number: string, parent: string) => Promise<string>;
  readonly addProject: (id: string, parent?: string) => Promise<{ readonly id: string; readonly number: string }>;
  readonly addServiceAccount: (project: string, name: string, texts?: { readonly displayName?: string; readonly description?: string }) => Promise<Account>;
  readonly account: (emailOrId: string) => Promise<Account>;
  /** As somebody else does it: disables, deletes, brings back. */
  readonly changeAccount: (emailOrId: string, to: Partial<Pick<Account, 'disabled' | 'deleted' | 'description' | 'displayName'>>) => Promise<void>;
  readonly addKey: (email: string) => Promise<KeyFile>;
  /** The ids that there are. */
  readonly keys: (email: string) => Promise<readonly string[]>;
  readonly addHmacKey: (email: string) => Promise<HmacKey>;
  readonly addPool: (options: PoolOptions) => Promise<Pool>;
  /** Its full resource name. */
  readonly addBucket: (project: string, bucket: string, objects?: Readonly<Record<string, string>>) => Promise<string>;
  readonly addSecret: (project: string, secret: string, content: string) => Promise<string>;
  /** Any other resource, by its full name, such as `//cloudkms.googleapis.com/projects/P/locations/L/keyRings/R/cryptoKeys/K`. */
  readonly addResource: (project: string, name: string) => Promise<string>;
  /** Something that runs as a service account, which Cloud Asset search finds. */
  readonly attach: (attachment: Attachment) => Promise<void>;
  readonly detach: (name: string) => Promise<void>;
  readonly setGroup: (group: string, members: readonly string[]) => Promise<void>;
  /** The metadata server speaks for it. */
  readonly setMetadataAccount: (email: string) => Promise<void>;
  /** In seconds; an hour unless told, 12 where an organisation allows it. */
  readonly setLongestLifetime: (seconds: number) => Promise<void>;

  /** Resources by full name, or `projects/P`, `folders/N`, `organizations/N`. */
  readonly grant: (resource: string, role: string, member: string, condition?: Condition) => Promise<void>;
  readonly ungrant: (resource: string, role: string, member: string, condition?: Condition) => Promise<void>;
  /** As it stands, whatever the knobs say. */
  readonly policy: (resource: string) => Promise<ShownPolicy>;
  /** A whole policy, unchecked. */
  readonly writePolicy: (resource: string, policy: Omit<ShownPolicy, 'etag' | 'version'>) => Promise<void>;
  readonly defineRole: (role: string, permissions: readonly string[]) => Promise<void>;

  /** A token of a person. */
  readonly userToken: (email: string, seconds?: number) => Promise<string>;
  /** An account in that project with those permissions on all that is given. */
  readonly addOperator: (project: string, permissions: readonly string[], on: readonly string[]) => Promise<Operator>;
  readonly signIdentityToken: (pool: Pool, account: { readonly namespace: string; readonly name: string; readonly uid: string }, seconds?: number) => string;
  /** To an access token; rejects when refused, with the answer in the message. */
  readonly keyLogin: (file: KeyFile) => Promise<string>;
  readonly exchange: (jwt: string, audience: string) => Promise<string>;
  readonly impersonate: (token: string, email: string, seconds?: number) => Promise<string>;
  /** The status of opening it: 200, 401 or 403. */
  readonly open: (token: string, what: Protected) => Promise<number>;
  /** Whether it may do that, for what cannot be opened. */
  readonly may: (token: string, permission: string, resource: string) => Promise<boolean>;
  readonly openWithHmacKey: (key: HmacKey, what: { readonly bucket: string; readonly object: string }) => Promise<number>;

  readonly set: (settings: Partial<Settings>) => Promise<void>;
  /** Until it is used up or taken away again, by what it resolves to. */
  readonly fault: (rule: Rule) => Promise<() => Promise<void>>;
  /** Right before each of the next writes somebody else gives or takes that member, so that the etag is another. */
  readonly meddle: (resource: string, role: string, member: string, times: number) => Promise<void>;
  /** Right before each of the next writes somebody else writes what is there already: only the etag is another. */
  readonly conflict: (resource: string, times: number) => Promise<void>;
  /** No fault, no staleness any more. */
  readonly calm: () => Promise<void>;
  readonly requests: () => Promise<readonly Logged[]>;
  /** Of policies, by resource. */
  readonly counts: () => Promise<Readonly<Record<string, Counts>>>;
  readonly clearLog: () => Promise<void>;
}

const services = ['iam', 'iamcredentials', 'cloudresourcemanager', 'storage', 'sts', 'oauth2', 'cloudasset', 'secretmanager', 'cloudkms', 'artifactregistry', 'metadata'];

const main = join(import.meta.dirname, '../fakes/google-cloud/main.ts');

export const startGoogleCloud = async (): Promise<GoogleCloud> => {
  const folder = mkdtempSync(join(tmpdir(), 'offboard-google-'));
  const watchdog = startWatchdog(folder);
  try {
    return await onFreePorts(1, async ([port = 0]) => {
      const url = `http://127.0.0.1:${String(port)}`;
      const server = await startProcess('google-cloud', process.execPath, [main, String(port)], { logFile: join(folder, 'google-cloud.log'), watchdog, env: { PATH: process.env['PATH'] } });
      await ready(server, new AbortController().signal, async () => (await ask<{ readonly url: string }>(url, 'identity', {})).url === url);
      const log = (): string => server.tail(Number.MAX_SAFE_INTEGER);
      const stop = async (): Promise<void> => {
        await server.kill('SIGKILL');
        await watchdog.close();
      };
      return createHandle(url, { log, stop });
    });
  } catch (error) {
    await watchdog.close();
    throw error;
  }
};

const ask = async <T>(url: string, operation: string, input: object): Promise<T> => {
  const response = await fetch(`${url}/_control/${operation}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(input) });
  const body: unknown = await response.json();
  if (!response.ok) throw new Error(`${operation}: ${JSON.stringify(body)}`);
  return body as T;
};

const createHandle = (url: string, process: Pick<GoogleCloud, 'log' | 'stop'>): GoogleCloud => {
  const control = <T>(operation: string, input: object = {}): Promise<T> => ask<T>(url, operation, input);
  const tell = async (operation: string, input: object = {}): Promise<void> => {
    await control(operation, input);
  };
  const signer = createSigner();
  const logins = createLogins(url);
  return {
    url,
    endpoints: Object.fromEntries(services.map((service) => [service, url])),
    ...process,
    ...logins,
    addOrganization: async (number) => {
      await tell('addContainer', { name: `organizations/${number}` });
      return `organizations/${number}`;
    },
    addFolder: async (number, parent) => {
      await tell('addContainer', { name: `folders/${number}`, parent });
      return `folders/${number}`;
    },
    addProject: (id, parent) => control('addProject', { id, parent }),
    addServiceAccount: (project, name, texts = {}) => control('addServiceAccount', { project, name, ...texts }),
    account: (account) => control('account', { account }),
    changeAccount: (account, to) => tell('changeAccount', { account, to }),
    addKey: (account) => control('addKey', { account }),
    keys: async (account) => (await control<{ readonly keys: readonly string[] }>('keys', { account })).keys,
    addHmacKey: (account) => control('addHmacKey', { account }),
    addPool: async (options) => {
      const { number } = await control<{ readonly number: string }>('project', { project: options.project });
      const pool = describePool(options, number, signer);
      await tell('addPool', { pool });
      return pool;
    },
    addBucket: async (project, bucket, objects = {}) => {
      const { name } = await control<{ readonly name: string }>('addResource', { project, name: `//storage.googleapis.com/${bucket}` });
      for (const [object, content] of Object.entries(objects)) await tell('store', { name: `${name}/${object}`, content });
      return name;
    },
    addSecret: async (project, secret, content) => {
      const { name } = await control<{ readonly name: string }>('addResource', { project, name: `//secretmanager.googleapis.com/projects/${project}/secrets/${secret}` });
      await tell('store', { name, content });
      return name;
    },
    addResource: async (project, name) => (await control<{ readonly name: string }>('addResource', { project, name })).name,
    attach: (attachment) => tell('addAttachment', { attachment }),
    detach: (name) => tell('removeAttachment', { name }),
    setGroup: (group, members) => tell('setGroup', { group, members }),
    setMetadataAccount: (account) => tell('setMetadataAccount', { account }),
    setLongestLifetime: (seconds) => tell('setLongestLifetime', { seconds }),
    grant: (resource, role, member, condition) => tell('grant', { resource, role, member, condition }),
    ungrant: (resource, role, member, condition) => tell('ungrant', { resource, role, member, condition }),
    policy: (resource) => control('policy', { resource }),
    writePolicy: (resource, policy) => tell('writeStoredPolicy', { resource, policy }),
    defineRole: (role, permissions) => tell('defineRole', { role, permissions }),
    may: async (token, permission, resource) => (await control<{ readonly may: boolean }>('may', { token, permission, resource })).may,
    userToken: async (email, seconds) => (await control<{ readonly token: string }>('userToken', { email, seconds })).token,
    addOperator: async (project, permissions, on) => {
      const account = await control<Account>('addServiceAccount', { project, name: 'offboard' });
      const role = `projects/${project}/roles/offboard`;
      await tell('defineRole', { role, permissions });
      for (const resource of on) await tell('grant', { resource, role, member: `serviceAccount:${account.email}` });
      const keyFile = await control<KeyFile>('addKey', { account: account.email });
      return { email: account.email, uniqueId: account.uniqueId, keyFile, token: () => logins.keyLogin(keyFile) };
    },
    signIdentityToken: (pool, { namespace, name, uid }, seconds = 600) =>
      signer.sign({
        iss: pool.issuer,
        aud: [...pool.tokenAudiences],
        sub: `system:serviceaccount:${namespace}:${name}`,
        ...validFor(seconds),
        'kubernetes.io': { namespace, serviceaccount: { name, uid } },
      }),
    set: (settings) => tell('set', { settings }),
    fault: async (rule) => {
      const { id } = await control<{ readonly id: string }>('addFault', { rule });
      return () => tell('removeFault', { id });
    },
    meddle: (resource, role, member, times) => tell('meddle', { resource, times, grant: { role, member } }),
    conflict: (resource, times) => tell('meddle', { resource, times }),
    calm: () => tell('calm'),
    requests: async () => (await control<{ readonly requests: readonly Logged[] }>('requests')).requests,
    counts: () => control('counts'),
    clearLog: () => tell('clearLog'),
  };
};

interface Signer {
  readonly issuer: string;
  readonly jwks: { readonly keys: readonly object[] };
  readonly sign: (claims: object) => string;
}

const createSigner = (): Signer => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keyId = 'of-the-handle';
  return {
    issuer: 'https://issuer.test.invalid',
    jwks: { keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: keyId, alg: 'RS256', use: 'sig' }] },
    sign: (claims) => signJwt(pair.privateKey, keyId, claims),
  };
};

const signJwt = (key: KeyObject | string, keyId: string, claims: object): string => {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'RS256', typ: 'JWT', kid: keyId })}.${encode(claims)}`;
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key, 'base64url')}`;
};

const validFor = (seconds: number): { readonly iat: number; readonly exp: number } => {
  const now = Math.floor(Date.now() / 1000);
  return { iat: now, exp: now + seconds };
};

const describePool = (options: PoolOptions, number: string, signer: Signer): Pool => {
  const name = `projects/${number}/locations/global/workloadIdentityPools/${options.pool}`;
  const provider = `//iam.googleapis.com/${name}/providers/${options.provider ?? 'cluster'}`;
  const subject = options.subject ?? (options.pool.endsWith('.svc.id.goog') ? 'ns/{namespace}/sa/{name}' : undefined);
  return {
    name,
    audience: provider,
    issuer: options.issuer ?? signer.issuer,
    jwks: (options.jwks ?? signer.jwks).keys,
    tokenAudiences: [options.tokenAudience ?? `https:${provider}`],
    ...(subject === undefined ? {} : { subject }),
  };
};

type Logins = Pick<GoogleCloud, 'call' | 'keyLogin' | 'exchange' | 'impersonate' | 'open' | 'openWithHmacKey'>;

const createLogins = (url: string): Logins => {
  const call: GoogleCloud['call'] = async (method, path, token = '', body) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...(token === '' ? {} : { authorization: `Bearer ${token}` }), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: parse(text) };
  };
  const login = async (path: string, body: object, token: string, field: string): Promise<string> => {
    const answer = await call('POST', path, token, body);
    const given = fields(answer.body)[field];
    if (answer.status !== 200 || typeof given !== 'string') throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return given;
  };
  return {
    call,
    keyLogin: (file) => {
      const claims = { iss: file.client_email, scope: 'https://www.googleapis.com/auth/cloud-platform', aud: file.token_uri, ...validFor(3600) };
      return login('/token', { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: signJwt(file.private_key, file.private_key_id, claims) }, '', 'access_token');
    },
    exchange: (jwt, audience) =>
      login(
        '/v1/token',
        {
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          audience,
          scope: 'https://www.googleapis.com/auth/cloud-platform',
          requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
          subject_token: jwt,
        },
        '',
        'access_token',
      ),
    impersonate: (token, email, seconds = 3600) =>
      login(`/v1/projects/-/serviceAccounts/${email}:generateAccessToken`, { scope: ['https://www.googleapis.com/auth/cloud-platform'], lifetime: `${seconds}s` }, token, 'accessToken'),
    open: async (token, what) => {
      const path = 'bucket' in what ? `/storage/v1/b/${what.bucket}/o/${encodeURIComponent(what.object)}?alt=media` : `/v1/projects/${what.project}/secrets/${what.secret}/versions/latest:access`;
      return (await call('GET', path, token)).status;
    },
    openWithHmacKey: async (key, { bucket, object }) => {
      const date = new Date().toUTCString();
      const path = `/${bucket}/${object}`;
      const response = await fetch(`${url}${path}`, { headers: { 'x-date': date, authorization: `GOOG1 ${key.accessId}:${signHmac(key.secret, date, path)}` } });
      await response.arrayBuffer();
      return response.status;
    },
  };
};

const parse = (text: string): unknown => {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
};
