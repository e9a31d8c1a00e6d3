/** Build agents as Vault knows them: their roles, and what they get by them, each of which can be tried. */
import type { ControlPlane } from './control-plane.ts';
import type { Openbao } from './openbao.ts';
import type { Answer } from './openbao-call.ts';
import type { Postgres } from './postgres.ts';

export interface Agents {
  /** Gives it a database role, a policy and an auth role, each named `ci-<name>`, and a ServiceAccount where there is a cluster. */
  readonly addAgent: (name: string, options?: AgentOptions) => Promise<Agent>;
  /** A token that belongs to nobody, with the policies that are told. */
  readonly orphan: (policies: readonly string[]) => Promise<VaultToken>;
  readonly addAppRole: (name: string, policies: readonly string[]) => Promise<AppRole>;
  /** From the mount `pki`. */
  readonly issue: (commonName: string) => Promise<Certificate>;
}

export interface AgentOptions {
  /** Its ServiceAccount's; `ci` unless told. */
  readonly namespace?: string;
  /** `serviceaccount_uid` unless told. */
  readonly aliasSource?: 'serviceaccount_uid' | 'serviceaccount_name';
  /** Other ServiceAccounts that its auth role names too, exactly or by a glob. */
  readonly sharedWith?: readonly string[];
  /** Whether the end of a lease also ends the sessions that its user has open; they live on unless told. */
  readonly endSessions?: boolean;
}

export interface Agent {
  readonly name: string;
  readonly namespace: string;
  /** Of the database role, the policy and the auth role. */
  readonly role: string;
  /** Under which its leases are. */
  readonly prefix: string;
  /** Of its ServiceAccount. */
  readonly uid: () => Promise<string>;
  /** A fresh token of its ServiceAccount, with the audience of Vault. */
  readonly serviceAccountToken: () => Promise<string>;
  /** Rejects when it is refused. A token of the ServiceAccount is asked for unless one is given. */
  readonly login: (serviceAccountToken?: string) => Promise<VaultToken>;
  /** Whatever the answer. */
  readonly tryLogin: (serviceAccountToken?: string) => Promise<Answer<unknown>>;
  /** A token with its policy that no login made: where there is no cluster. */
  readonly token: () => Promise<VaultToken>;
}

export interface VaultToken {
  readonly token: string;
  /** Empty for a batch token. */
  readonly accessor: string;
  /** Empty where it belongs to no entity. */
  readonly entityId: string;
  /** The status of a read that every token may do: 200, or 403 when it is worth nothing. */
  readonly use: () => Promise<number>;
  /** A database user, of the role of the agent it was made for unless another is told. */
  readonly lease: (role?: string) => Promise<Lease>;
  /** A token made with it, which is to end with it. */
  readonly child: (type?: 'service' | 'batch') => Promise<VaultToken>;
}

export interface Lease {
  readonly id: string;
  readonly user: string;
  readonly password: string;
  /** By really logging in to PostgreSQL. */
  readonly login: () => Promise<'ok' | 'refused'>;
}

export interface AppRole {
  readonly mount: string;
  readonly name: string;
  readonly secretId: () => Promise<{ readonly secretId: string; readonly accessor: string }>;
  readonly login: (secretId: string) => Promise<VaultToken>;
}

export interface Certificate {
  readonly mount: string;
  readonly serialNumber: string;
  readonly isRevoked: () => Promise<boolean>;
}

interface Parts {
  readonly bao: Openbao;
  readonly postgres: Postgres;
  readonly cluster: ControlPlane | undefined;
}

interface Login {
  readonly auth: { readonly client_token: string; readonly accessor: string; readonly entity_id: string };
}

export const createAgents = ({ bao, postgres, cluster }: Parts): Agents => {
  const tokenOf = ({ auth }: Login, role: string): VaultToken => ({
    token: auth.client_token,
    accessor: auth.accessor,
    entityId: auth.entity_id,
    use: async () => (await bao.call('GET', 'auth/token/lookup-self', undefined, auth.client_token)).status,
    lease: async (other = role) => {
      const path = `database/creds/${other}`;
      const leased = await bao.ask<{ readonly lease_id: string; readonly data: { readonly username: string; readonly password: string } }>('GET', path, undefined, auth.client_token);
      const { username, password } = leased.data;
      return { id: leased.lease_id, user: username, password, login: () => postgres.login(username, password) };
    },
    child: async (type = 'service') => tokenOf(await bao.ask<Login>('POST', 'auth/token/create', { type, ttl: '1h' }, auth.client_token), role),
  });
  const orphan = async (policies: readonly string[], role = ''): Promise<VaultToken> =>
    tokenOf(await bao.ask<Login>('POST', 'auth/token/create-orphan', { policies, ttl: '1h' }), role);

  return {
    orphan,
    addAgent: async (name, options = {}) => {
      const { namespace = 'ci', endSessions = false } = options;
      const role = `ci-${name}`;
      await Promise.all([giveRoles(bao, role, endSessions), cluster === undefined ? undefined : giveLogin(bao, cluster, name, role, options)]);
      const account = ['-n', namespace];
      const needCluster = (): ControlPlane => {
        if (cluster === undefined) throw new Error('Nobody logs in by Kubernetes where there is no cluster.');
        return cluster;
      };
      const serviceAccountToken = async (): Promise<string> =>
        (await needCluster().kubectl(['create', 'token', name, ...account, '--audience=vault', '--duration=1h'])).trim();
      const login = async (jwt?: string): Promise<VaultToken> =>
        tokenOf(await bao.ask<Login>('POST', 'auth/kubernetes/login', { role, jwt: jwt ?? (await serviceAccountToken()) }, ''), role);
      return {
        name,
        namespace,
        role,
        prefix: `database/creds/${role}`,
        uid: () => needCluster().kubectl(['get', 'serviceaccount', name, ...account, '-o', 'jsonpath={.metadata.uid}']),
        serviceAccountToken,
        login,
        tryLogin: async (jwt) => bao.call('POST', 'auth/kubernetes/login', { role, jwt: jwt ?? (await serviceAccountToken()) }, ''),
        token: () => orphan([role], role),
      };
    },
    addAppRole: async (name, policies) => {
      const path = `auth/approle/role/${name}`;
      await bao.ask('POST', path, { token_policies: policies, token_ttl: '1h' });
      const { data: { role_id } } = await bao.ask<{ readonly data: { readonly role_id: string } }>('GET', `${path}/role-id`);
      return {
        mount: 'approle',
        name,
        secretId: async () => {
          const { data } = await bao.ask<{ readonly data: { readonly secret_id: string; readonly secret_id_accessor: string } }>('POST', `${path}/secret-id`);
          return { secretId: data.secret_id, accessor: data.secret_id_accessor };
        },
        login: async (secret_id) => tokenOf(await bao.ask<Login>('POST', 'auth/approle/login', { role_id, secret_id }, ''), ''),
      };
    },
    issue: async (commonName) => {
      const { data: { serial_number } } = await bao.ask<{ readonly data: { readonly serial_number: string } }>('POST', 'pki/issue/ci', { common_name: commonName, ttl: '1h' });
      return {
        mount: 'pki',
        serialNumber: serial_number,
        isRevoked: async () => {
          const { data } = await bao.ask<{ readonly data: { readonly revocation_time: number } }>('GET', `pki/cert/${serial_number}`);
          return data.revocation_time > 0;
        },
      };
    },
  };
};

/** Its user may own tables, as those of real pipelines do: one that owns something cannot be dropped. */
const creation = `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; GRANT USAGE, CREATE ON SCHEMA public TO "{{name}}";`;
/** A server that was killed after the user was dropped, and before it wrote that down, does it once more. */
const revocation = `DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{{name}}') THEN REVOKE ALL ON SCHEMA public FROM "{{name}}"; DROP ROLE "{{name}}"; END IF; END $$;`;
/** Before the user is dropped: PostgreSQL no longer tells afterwards whose session it is. */
const sessionsEnd = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{{name}}';`;

const giveRoles = async (bao: Openbao, role: string, endSessions: boolean): Promise<void> => {
  await Promise.all([
    bao.ask('POST', `database/roles/${role}`, {
      db_name: 'postgres',
      creation_statements: [creation],
      revocation_statements: [endSessions ? `${sessionsEnd} ${revocation}` : revocation],
      default_ttl: '1h',
      max_ttl: '24h',
    }),
    bao.ask('PUT', `sys/policies/acl/${role}`, {
      policy: `
path "database/creds/${role}" { capabilities = ["read"] }
path "auth/token/create"      { capabilities = ["update"] }
path "secret/data/${role}"    { capabilities = ["create", "read", "update"] }
path "pki/issue/ci"           { capabilities = ["update"] }
path "sys/leases/renew"       { capabilities = ["update"] }
`,
    }),
  ]);
};

const giveLogin = async (bao: Openbao, cluster: ControlPlane, name: string, role: string, options: AgentOptions): Promise<void> => {
  const { namespace = 'ci', aliasSource = 'serviceaccount_uid', sharedWith = [] } = options;
  const manifest = ['Namespace', 'ServiceAccount'].map((kind) =>
    JSON.stringify({ apiVersion: 'v1', kind, metadata: kind === 'Namespace' ? { name: namespace } : { name, namespace } }),
  );
  await Promise.all([
    cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: manifest.join('\n---\n') }),
    bao.ask('POST', `auth/kubernetes/role/${role}`, {
      bound_service_account_names: [name, ...sharedWith],
      bound_service_account_namespaces: [namespace],
      audience: 'vault',
      alias_name_source: aliasSource,
      token_policies: [role],
      token_ttl: '1h',
    }),
  ]);
};
