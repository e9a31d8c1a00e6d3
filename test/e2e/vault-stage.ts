/**
 * A stage with a real OpenBao in front of a real PostgreSQL, a Connector to it, and build agents whose every way into both
 * can be tried.
 *
 *     const stage = await startVaultStage();
 *     const agent = await stage.addAgent('seven');             // alive: a token, its children, a leased database user
 *     await stage.apply(retire(agent));
 *     await stage.oracle.judged(agent);                        // Ready=True was said, and nothing of it worked any more
 */
import type { DependencyStatus } from '../../src/api/v1alpha1/index.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import type { AccessPath, BuildAgent } from '../env/build-agent.ts';
import { startVaultWorld } from '../env/vault-world.ts';
import type { Agent, Lease, VaultToken, VaultWorld, VaultWorldOptions } from '../env/vault-world.ts';
import { startOracle } from './oracle.ts';
import type { Oracle } from './oracle.ts';
import { dependencyOfRun, retiring } from './runs.ts';
import { startStage } from './stage.ts';
import type { Stage, StageOptions } from './stage.ts';

export interface VaultStage extends Stage {
  readonly world: VaultWorld;
  readonly oracle: Oracle;
  /** A build agent that is alive in the cluster and in Vault, and guarded by the oracle. Its namespace is named like it. */
  readonly addAgent: (name: string, options?: Parameters<VaultWorld['addAgent']>[1]) => Promise<VaultAgent>;
  /** The Connector `vault` anew, with another spec where one is told. */
  readonly connect: (change?: ConnectorChange) => Promise<void>;
}

export interface ConnectorChange {
  readonly address?: string;
  readonly ca?: string;
  readonly namespace?: string;
  readonly mount?: string;
}

/** A build agent with all that it was given in Vault. */
export interface VaultAgent extends BuildAgent {
  readonly vault: Agent;
  readonly token: VaultToken;
  readonly lease: Lease;
}

export interface VaultStageOptions {
  readonly world?: Omit<VaultWorldOptions, 'cluster'>;
  readonly stage?: StageOptions;
}

export const startVaultStage = async ({ world: options = {}, stage: stageOptions }: VaultStageOptions = {}): Promise<VaultStage> => {
  const stage = await startStage(stageOptions ?? { args: ['--kubernetes-settle=1s', '--leader-election=false'] });
  const world = await startVaultWorld({ ...options, cluster: stage.cluster });
  const oracle = await startOracle(stage.cluster);
  const connect = (change: ConnectorChange = {}): Promise<void> => stage.apply(connectorOf(world, change));
  await connect();
  return {
    ...stage,
    world,
    oracle,
    connect,
    addAgent: async (name, agentOptions = {}) => {
      const agent = await createBuildAgent(stage.cluster, name, name);
      await stage.cluster.kubectl(['label', 'namespace', name, 'example.com/vault=ci']);
      const vault = await world.addAgent(name, { ...agentOptions, namespace: name });
      const token = await vault.login();
      const lease = await token.lease();
      const paths = [...agent.paths, ...(await waysIn(vault, token, lease))];
      const alive: VaultAgent = { ...agent, paths, vault, token, lease };
      await oracle.guard(alive);
      return alive;
    },
    stop: async () => {
      try {
        await oracle.stop();
      } finally {
        await stage.stop().finally(world.stop);
      }
    },
  };
};

/** What an agent was given, and what it made of that: each is tried for real. */
const waysIn = async (vault: Agent, token: VaultToken, lease: Lease): Promise<readonly AccessPath[]> => {
  const child = await token.child();
  const batch = await token.child('batch');
  const ofChild = await child.lease();
  const jwt = await vault.serviceAccountToken();
  return [
    leasedUser('leased PostgreSQL user', lease),
    leasedUser('PostgreSQL user of a child token', ofChild),
    vaultToken('Vault token', token),
    vaultToken('child token', child),
    vaultToken('batch token', batch),
    {
      name: 'login to Vault',
      request: 'POST auth/kubernetes/login',
      // Without the role, which may have been deleted, the answer is 400.
      attempt: () => vault.tryLogin(jwt).then(({ status }) => (status === 400 ? 403 : status), () => 503),
    },
  ];
};

export const leasedUser = (name: string, lease: Lease): AccessPath => ({
  name,
  request: 'login to PostgreSQL',
  // A database that is down says neither yes nor no.
  attempt: () => lease.login().then((answer) => (answer === 'ok' ? 200 : 403), () => 503),
});

export const vaultToken = (name: string, token: VaultToken): AccessPath => ({ name, request: 'GET auth/token/lookup-self', attempt: () => token.use().catch(() => 503) });

/** The dependency as an identity declares it. */
export const dependencyOf = ({ vault }: Pick<VaultAgent, 'vault'>, more = ''): string =>
  `{name: vault, ${more}vault: {connectorRef: {name: vault}, roles: [${vault.role}], leases: [{prefix: ${vault.prefix}, exclusive: true}]}}`;

export const retire = (agent: VaultAgent, spec = '', dependency = dependencyOf(agent)): string => retiring(agent, dependency, spec);

/** With a run that is past its lock and waits before the first revoke, so that what comes meets the revokes. */
export const addSoakingAgent = async (stage: VaultStage, name: string): Promise<VaultAgent> => {
  const agent = await stage.addAgent(name);
  await stage.apply(retire(agent, 'soak: 1h'));
  await stage.reason(agent.namespace, 'retire', 'Soaking');
  return agent;
};

/** What the run `retire` of an agent says of Vault. */
export const vaultOf = (stage: Pick<Stage, 'run'>, agent: Pick<VaultAgent, 'namespace'>): Promise<DependencyStatus | undefined> => dependencyOfRun(stage, agent, 'vault');

const connectorOf = ({ bao, operator }: VaultWorld, { address = bao.url, ca = bao.ca, namespace = '', mount = 'kubernetes' }: ConnectorChange): string =>
  JSON.stringify({
    apiVersion: 'offboard.dev/v1alpha1',
    kind: 'Connector',
    metadata: { name: 'vault' },
    spec: {
      vault: {
        address,
        namespace,
        ...(ca === '' ? {} : { caBundle: ca }),
        auth: { kubernetes: operator.kubernetes },
        kubernetesAuthMounts: [{ path: mount }],
      },
      grants: [
        {
          namespaces: { selector: { matchLabels: { 'example.com/vault': 'ci' } } },
          vault: { authRoles: ['ci-*'], leasePrefixes: ['database/creds/ci-*'], appRoles: ['approle/ci-*'], certificates: ['pki/ci-*'] },
        },
      ],
      timing: { settle: '1s', timeout: '4s' },
    },
  });
