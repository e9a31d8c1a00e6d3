/**
 * A stage with the fake of Google Cloud, which enforces, a Connector to it by which the operator logs in as its own
 * ServiceAccount, and build agents whose every way into Google Cloud can be tried.
 *
 *     const stage = await startGoogleCloudStage();
 *     const agent = await stage.addAgent('seven');             // alive: an account, tokens, keys, bindings in every form
 *     await stage.apply(retire(agent));
 *     await stage.oracle.judged(agent);                        // Ready=True was said, and nothing of it opened anything any more
 *     await stage.expectNeighbours(agent);                     // what others have in the same policies is as it was, byte for byte
 */
import { expect } from 'vitest';

import { createBuildAgent } from '../env/build-agent.ts';
import type { AccessPath, BuildAgent } from '../env/build-agent.ts';
import type { Account, GoogleCloud, Pool, Protected, ShownPolicy } from '../env/google-cloud.ts';
import { accountName, member, project, projectId, startGoogleCloudWorld } from '../env/google-cloud-world.ts';
import type { GoogleCloudWorld } from '../env/google-cloud-world.ts';
import { waitFor } from '../env/wait-for.ts';
import { startOracle } from './oracle.ts';
import type { Oracle } from './oracle.ts';
import { changeRun, retiring } from './runs.ts';
import { startStage } from './stage.ts';
import type { Stage, StageOptions } from './stage.ts';

export interface GoogleCloudStage extends Stage, Omit<GoogleCloudWorld, 'stop'> {
  readonly oracle: Oracle;
  /** A build agent that is alive in the cluster and in Google Cloud, and guarded by the oracle. Its namespace is named like it. */
  readonly addAgent: (name: string, options?: AgentOptions) => Promise<GoogleAgent>;
  /** What others have in the policies of the agent's resources is as it was when the agent was made, byte for byte. */
  readonly expectNeighbours: (agent: GoogleAgent) => Promise<void>;
  /** The Connector `google` anew, with another spec where one is told; or another one. */
  readonly connect: (change?: ConnectorChange) => Promise<void>;
}

export interface ConnectorChange {
  readonly name?: string;
  /** Of `spec.googleCloud`. */
  readonly spec?: object;
  readonly settle?: string;
  /** Patterns of accounts that it grants. */
  readonly serviceAccounts?: readonly string[];
}

export interface AgentOptions {
  /** Who else may act as the agent's account. */
  readonly sharedWith?: readonly string[];
  /** Seconds that its access tokens live; an hour unless told. */
  readonly seconds?: number;
  /** No key and no HMAC key, whose holder nobody knows where the account is shared. */
  readonly withoutKeys?: boolean;
}

/** A build agent with all that it was given in Google Cloud. */
export interface GoogleAgent extends BuildAgent {
  readonly account: Account;
  /** Its bucket, its secret, its account: the resources that hold its bindings, besides the project. */
  readonly bucket: string;
  readonly secret: string;
  /** Ways into Google Cloud, by which the end is judged. */
  readonly ways: readonly AccessPath[];
  /** Acts as the account by the ServiceAccount, from the beginning: the status of opening the bucket. */
  readonly enter: () => Promise<number>;
  readonly opens: (token: string) => Promise<number>;
  /** A token of the account, as it got one. */
  readonly token: string;
}

const content = 'artifact.tar';

export interface GoogleCloudStageOptions {
  readonly stage?: StageOptions;
}

export const startGoogleCloudStage = async (options: GoogleCloudStageOptions = {}): Promise<GoogleCloudStage> => {
  const stage = await startStage(options.stage ?? { args: ['--kubernetes-settle=1s', '--leader-election=false', '--allow-loopback-http'] });
  const world = await startGoogleCloudWorld(stage.cluster);
  const { google } = world;
  const oracle = await startOracle(stage.cluster);
  const connect = async (change: ConnectorChange = {}): Promise<void> => {
    const { name = 'google' } = change;
    await stage.apply(connectorOf(world, change));
    await waitFor(async () => (await readyOf(name)).startsWith('True '), { what: `connector ${name} to be Ready`, timeout: 30_000 }).catch(async (error: unknown) => {
      throw new Error(`${String(error)}; it is ${await readyOf(name)}`);
    });
  };
  const readyOf = (name: string): Promise<string> =>
    stage.cluster.kubectl(['get', 'connector', name, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].reason} {.status.conditions[?(@.type=="Ready")].message}']);
  await connect();
  const planted = new Map<string, ReadonlyMap<string, string>>();
  return {
    ...stage,
    ...world,
    oracle,
    connect,
    addAgent: async (name, agentOptions = {}) => {
      const others = await plantNeighbours(google, name);
      const agent = await createAgent(stage, world, name, agentOptions);
      planted.set(name, others);
      await oracle.guard(agent);
      return agent;
    },
    expectNeighbours: async ({ name }) => {
      for (const [resource, before] of planted.get(name) ?? []) expect(bindingsIn(await google.policy(resource)), resource).toBe(before);
    },
    stop: async () => {
      try {
        await oracle.stop();
      } finally {
        await stage.stop().finally(google.stop);
      }
    },
  };
};

const byName = (pool: Pool, namespace: string, name: string): string => `principal://iam.googleapis.com/${pool.name}/subject/ns/${namespace}/sa/${name}`;
export const byUid = (pool: Pool, uid: string): string => `principal://iam.googleapis.com/${pool.name}/kubernetes.serviceaccount.uid/${uid}`;

/** Long before the test ends, and nobody's own: a condition that is lost would be seen. */
const condition = { title: 'until later', expression: 'request.time < timestamp("2099-01-01T00:00:00Z")' };

/** Others in the policies that the agent will be in. What is there of them, by resource. */
const plantNeighbours = async (google: GoogleCloud, name: string): Promise<ReadonlyMap<string, string>> => {
  const bucket = await google.addBucket(projectId, `acme-${name}`, { [content]: 'hello' });
  const secret = await google.addSecret(projectId, `${name}-deploy`, 's3cr3t');
  const neighbour = await google.addServiceAccount(projectId, `by-${name}`);
  for (const resource of [bucket, secret]) {
    await google.grant(resource, 'roles/viewer', 'user:ann@example.com', condition);
    await google.grant(resource, 'roles/storage.objectViewer', 'group:readers@example.com');
    await google.grant(resource, 'roles/storage.objectViewer', `serviceAccount:${neighbour.email}`);
  }
  await google.grant(bucket, 'roles/storage.objectViewer', `user:${name}-look-alike@example.com`);
  return new Map(await Promise.all([bucket, secret].map(async (resource) => [resource, bindingsIn(await google.policy(resource))] as const)));
};

/** All that a policy holds, but for its etag and version. */
const bindingsIn = ({ bindings = [] }: ShownPolicy): string => JSON.stringify(bindings);

const createAgent = async (stage: Stage, { google, pool, federate }: GoogleCloudWorld, name: string, { sharedWith = [], seconds = 3_600, withoutKeys = false }: AgentOptions): Promise<GoogleAgent> => {
  const agent = await createBuildAgent(stage.cluster, name, name);
  await stage.cluster.kubectl(['label', 'namespace', name, 'example.com/google=ci']);
  const account = await google.addServiceAccount(projectId, `ci-${name}`, { description: 'builds' });
  const self = `serviceAccount:${account.email}`;
  const bucket = `//storage.googleapis.com/acme-${name}`;
  const secret = `//secretmanager.googleapis.com/${project}/secrets/${name}-deploy`;
  await google.grant(bucket, 'roles/storage.objectViewer', self);
  await google.grant(bucket, 'roles/storage.objectAdmin', self, condition);
  await google.grant(secret, 'roles/secretmanager.secretAccessor', byName(pool, name, name));
  await google.grant(secret, 'roles/secretmanager.secretAccessor', byUid(pool, agent.uid));
  for (const other of [member(name, name), ...sharedWith]) await google.grant(accountName(account.email), 'roles/iam.workloadIdentityUser', other);

  const login = await federate(agent);
  const object = { bucket: `acme-${name}`, object: content };
  const opens = (token: string): Promise<number> => google.open(token, object);
  const federated = await login();
  const token = await google.impersonate(federated, account.email, seconds);
  const enter = async (): Promise<number> => opens(await google.impersonate(await login(), account.email)).catch(refused);
  const ways: readonly AccessPath[] = [
    way('access token of the service account', 'GET object', () => opens(token)),
    ...(withoutKeys ? [] : await waysByKeys(google, account, object)),
    way('login by the ServiceAccount', 'POST generateAccessToken', enter),
    way('federated token', 'GET secret', () => google.open(federated, { project: projectId, secret: `${name}-deploy` })),
    way('federated login', 'POST token', async () => google.open(await login(), { project: projectId, secret: `${name}-deploy` })),
  ];
  return { ...agent, account, bucket, secret, ways, enter, opens, token, paths: [...agent.paths, ...ways] };
};

const way = (name: string, request: string, attempt: () => Promise<number>): AccessPath => ({ name, request, attempt: () => attempt().catch(refused) });

const waysByKeys = async (google: GoogleCloud, { email }: Account, object: Extract<Protected, { readonly bucket: string }>): Promise<readonly AccessPath[]> => {
  const key = await google.addKey(email);
  const hmac = await google.addHmacKey(email);
  const token = await google.keyLogin(key);
  return [
    way('access token of the key', 'GET object', () => google.open(token, object)),
    way('login by the key', 'POST token', async () => google.open(await google.keyLogin(key), object)),
    way('HMAC key', 'GET object', () => google.openWithHmacKey(hmac, object)),
  ];
};

/** A login that is refused is a refusal; whatever else goes wrong says neither yes nor no. */
const refused = (error: unknown): number => (/: 40[0134] /.test(String(error)) ? 403 : 503);

/** The dependency as an identity declares it. */
export const dependencyOf = ({ account, bucket, secret }: Pick<GoogleAgent, 'account' | 'bucket' | 'secret'>, more = '', ofAccount = ''): string =>
  `{name: google, googleCloud: {connectorRef: {name: google}, serviceAccount: {email: ${account.email}, uniqueId: "${account.uniqueId}"${ofAccount}}, resources: [${project}, "${bucket}", "${secret}"]${more}}}`;

export const retire = (agent: GoogleAgent, spec = '', dependency = dependencyOf(agent)): string => retiring(agent, dependency, spec);

/** With a run that is past its lock and waits before the first revoke, so that what comes meets the revokes. */
export const addSoakingAgent = async (stage: GoogleCloudStage, name: string, options?: AgentOptions): Promise<GoogleAgent> => {
  const agent = await stage.addAgent(name, options);
  await stage.apply(retire(agent, 'soak: 1h'));
  await stage.reason(agent.namespace, 'retire', 'Soaking');
  return agent;
};

export const goOn = (stage: GoogleCloudStage, agent: GoogleAgent): Promise<string> => changeRun(stage, agent, { soak: '0s' });

const connectorOf = ({ connection }: GoogleCloudWorld, change: ConnectorChange): string => {
  const { name = 'google', spec = {}, settle = '1s', serviceAccounts = [`ci-*@${projectId}.iam.gserviceaccount.com`] } = change;
  return JSON.stringify({
    apiVersion: 'offboard.dev/v1alpha1',
    kind: 'Connector',
    metadata: { name },
    spec: {
      googleCloud: {
        ...connection,
        accessTokenLifetime: '3s',
        ...spec,
      },
      grants: [
        {
          namespaces: { selector: { matchLabels: { 'example.com/google': 'ci' } } },
          googleCloud: { projects: ['acme-*'], serviceAccounts, resources: ['//storage.googleapis.com/acme-*', 'organizations/1'] },
        },
      ],
      timing: { settle, timeout: '4s' },
    },
  });
};
