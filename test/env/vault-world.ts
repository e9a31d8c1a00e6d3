/**
 * An OpenBao in front of a PostgreSQL and, where there is a cluster, of its API server: everything that a build agent gets
 * from Vault in real life, and the operator with the policy that we publish.
 *
 *     const world = await startVaultWorld({ cluster });           // or {}: then nobody logs in by Kubernetes
 *     const agent = await world.addAgent('build-agent-7');        // what it is given in Vault, all named ci-build-agent-7
 *     const token = await agent.login();                          // by its ServiceAccount; rejects when refused
 *     const lease = await token.lease();
 *     await lease.login();                                        // 'ok' or 'refused', by PostgreSQL itself
 *     await token.use();                                          // 200 or 403
 *     await world.operator.token();                               // with config/vault/*.hcl as they are
 *     await world.withdraw('sys/leases/revoke');  await world.giveBack();
 *     await world.stick(lease);  await world.giveUpOn([lease]);  await world.unstick(lease);
 *     await world.stop();
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import type { ControlPlane } from './control-plane.ts';
import { type Openbao, type OpenbaoOptions, startOpenbao } from './openbao.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { createAgents, type Agents } from './vault-agents.ts';
import { createStuckLeases, type StuckLeases } from './vault-stuck-leases.ts';

export type { Agent, Lease, VaultToken } from './vault-agents.ts';

export interface VaultWorldOptions extends OpenbaoOptions {
  /** Its ServiceAccounts can log in, at the mount `kubernetes`. */
  readonly cluster?: ControlPlane;
}

/** How the operator may log in: one of each kind that a Connector knows. */
export interface OperatorAccess {
  readonly token: () => Promise<string>;
  readonly appRole: { readonly mount: string; readonly roleId: string; readonly secretId: () => Promise<string> };
  /** Bound to the ServiceAccount `offboard` in `offboard-system`; there only with a cluster. */
  readonly kubernetes: { readonly mount: string; readonly role: string; readonly audience: string };
}

export interface VaultWorld extends Agents, StuckLeases {
  readonly bao: Openbao;
  readonly postgres: Postgres;
  readonly operator: OperatorAccess;
  /** Takes a path, as the policy names it, out of the operator's rights. */
  readonly withdraw: (path: string) => Promise<void>;
  readonly giveBack: () => Promise<void>;
  /** Sets up what a server that lost its storage has lost, but for the agents: it looks like the one that it was. */
  readonly setUpAgain: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** The audience that workloads ask for in their tokens for Vault. */
export const vaultAudience = 'vault';

const policyFolder = join(import.meta.dirname, '../../config/vault');

export const startVaultWorld = async (options: VaultWorldOptions = {}): Promise<VaultWorld> => {
  const [bao, postgres] = await bothOrNone(startOpenbao(options), startPostgres());
  try {
    const stop = async (): Promise<void> => {
      await Promise.all([bao.stop(), postgres.stop()]);
    };
    const setUpAgain = async (): Promise<void> => {
      await furnish(bao, postgres, options.cluster);
    };
    return { bao, postgres, stop, setUpAgain, ...(await furnish(bao, postgres, options.cluster)) };
  } catch (error) {
    await Promise.all([bao.stop(), postgres.stop()]);
    throw error;
  }
};

const furnish = async (bao: Openbao, postgres: Postgres, cluster: ControlPlane | undefined): Promise<Omit<VaultWorld, 'bao' | 'postgres' | 'setUpAgain' | 'stop'>> => {
  await Promise.all([mountSecrets(bao, postgres), bao.ask('POST', 'sys/auth/approle', { type: 'approle' }), writePolicies(bao)]);
  if (cluster !== undefined) await mountKubernetes(bao, cluster);
  const names = policies().map(({ name }) => name);
  const operator = await admitOperator(bao, names, cluster !== undefined);
  return {
    operator,
    withdraw: async (path) => {
      await writePolicies(bao, path);
    },
    giveBack: () => writePolicies(bao),
    ...createAgents({ bao, postgres, cluster }),
    ...createStuckLeases(bao, postgres),
  };
};

const mountSecrets = async (bao: Openbao, postgres: Postgres): Promise<void> => {
  const { user, password } = postgres.superuser;
  const database = async (): Promise<void> => {
    await bao.ask('POST', 'sys/mounts/database', { type: 'database' });
    await bao.ask('POST', 'database/config/postgres', {
      plugin_name: 'postgresql-database-plugin',
      allowed_roles: '*',
      connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${String(postgres.port)}/postgres?sslmode=disable&connect_timeout=2`,
      username: user,
      password,
      // A connection that was made before the database went down is not tried for long.
      max_connection_lifetime: '5s',
    });
  };
  const pki = async (): Promise<void> => {
    await bao.ask('POST', 'sys/mounts/pki', { type: 'pki' });
    await bao.ask('POST', 'pki/root/generate/internal', { common_name: 'example.com', key_type: 'ec' });
    await bao.ask('POST', 'pki/roles/ci', { allow_any_name: true, key_type: 'ec' });
  };
  await Promise.all([database(), pki(), bao.ask('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } })]);
};

/** The mount asks the API server about every token that it is shown, as a ServiceAccount that may. */
const mountKubernetes = async (bao: Openbao, cluster: ControlPlane): Promise<void> => {
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], {
    stdin: `
apiVersion: v1
kind: Namespace
metadata: {name: vault}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: vault, namespace: vault}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: vault-token-review}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:auth-delegator}
subjects: [{kind: ServiceAccount, name: vault, namespace: vault}]
`,
  });
  const reviewer = await cluster.kubectl(['create', 'token', 'vault', '-n', 'vault', '--duration=24h']);
  await bao.ask('POST', 'sys/auth/kubernetes', { type: 'kubernetes' });
  await bao.ask('POST', 'auth/kubernetes/config', {
    kubernetes_host: cluster.url,
    kubernetes_ca_cert: cluster.ca,
    token_reviewer_jwt: reviewer.trim(),
    disable_local_ca_jwt: true,
  });
};

const policies = (): readonly { readonly name: string; readonly policy: string }[] =>
  readdirSync(policyFolder)
    .filter((file) => file.endsWith('.hcl'))
    .map((file) => ({ name: `offboard-${file.replace('.hcl', '')}`, policy: readFileSync(join(policyFolder, file), 'utf8') }));

const writePolicies = async (bao: Openbao, without?: string): Promise<void> => {
  const written = policies().map(({ name, policy }) => ({ name, policy: without === undefined ? policy : withoutPath(policy, without) }));
  if (without !== undefined && written.every(({ policy }, index) => policy === policies()[index]?.policy)) throw new Error(`No policy names ${without}.`);
  await Promise.all(written.map(({ name, policy }) => bao.ask('PUT', `sys/policies/acl/${name}`, { policy })));
};

const withoutPath = (policy: string, path: string): string =>
  policy
    .split('\n')
    .filter((line) => !line.startsWith(`path "${path}"`))
    .join('\n');

const admitOperator = async (bao: Openbao, names: readonly string[], kubernetes: boolean): Promise<OperatorAccess> => {
  await bao.ask('POST', 'auth/approle/role/offboard', { token_policies: names, token_period: '1h' });
  const { data } = await bao.ask<{ readonly data: { readonly role_id: string } }>('GET', 'auth/approle/role/offboard/role-id');
  const role = {
    bound_service_account_names: 'offboard',
    bound_service_account_namespaces: 'offboard-system',
    audience: vaultAudience,
    token_policies: names,
    token_period: '1h',
  };
  if (kubernetes) await bao.ask('POST', 'auth/kubernetes/role/offboard', role);
  return {
    token: async () => {
      const made = await bao.ask<{ readonly auth: { readonly client_token: string } }>('POST', 'auth/token/create-orphan', { policies: names, period: '1h' });
      return made.auth.client_token;
    },
    appRole: {
      mount: 'approle',
      roleId: data.role_id,
      secretId: async () => (await bao.ask<{ readonly data: { readonly secret_id: string } }>('POST', 'auth/approle/role/offboard/secret-id')).data.secret_id,
    },
    kubernetes: { mount: 'kubernetes', role: 'offboard', audience: vaultAudience },
  };
};

/** Where one does not start, the other is not left running. */
const bothOrNone = async <A extends { readonly stop: () => Promise<void> }, B extends { readonly stop: () => Promise<void> }>(
  first: Promise<A>,
  second: Promise<B>,
): Promise<[A, B]> => {
  try {
    return await Promise.all([first, second]);
  } catch (error) {
    await Promise.allSettled([first.then(({ stop }) => stop()), second.then(({ stop }) => stop())]);
    throw error;
  }
};
