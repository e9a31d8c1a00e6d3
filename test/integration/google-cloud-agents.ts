/** One project for each test, with an operator of its own, and identities that have access there. */
import type { Account, GoogleCloud, Operator, Pool } from '../env/google-cloud.ts';
import type { GoogleCloudDependency } from '../../src/api/v1alpha1/index.ts';
import type { GoogleSettings } from '../../src/revokers/google-cloud/api.ts';
import type { GoogleConnectors } from '../../src/revokers/google-cloud/connectors.ts';
import { type Case, type CaseOptions, connectorsTo, createTestClient, openCase, type TestClient, type TestClientOptions, testSettings } from './google-cloud-connection.ts';

export interface Agent {
  readonly identity: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly account: Account;
  /** The resource that is the account's own policy. */
  readonly own: string;
  /** As a member of policies. */
  readonly byEmail: string;
  readonly legacy: string;
  readonly bySubject: string;
  readonly byUid: string;
  /** Acts as the account, as a workload does; rejects when it is refused. */
  readonly actAs: () => Promise<string>;
  /** With a token of the workload itself. */
  readonly federated: () => Promise<string>;
}

export interface Project {
  readonly id: string;
  readonly number: string;
  readonly name: string;
  readonly pool: Pool;
  readonly operator: Operator;
  readonly addAgent: (name: string) => Promise<Agent>;
  readonly connectors: (options?: OpenOptions) => GoogleConnectors;
  /** Of an agent that names its account, the project and what else it is given. */
  readonly open: (agent: Agent, named?: Partial<GoogleCloudDependency>, options?: OpenOptions) => Case;
}

export interface OpenOptions extends CaseOptions, TestClientOptions {
  readonly settings?: Partial<GoogleSettings>;
  readonly grants?: (resource: string) => boolean;
}

let projects = 0;

export const addProject = async (google: GoogleCloud, opened: TestClient[]): Promise<Project> => {
  projects += 1;
  const id = `acme-${String(projects)}`;
  const { number } = await google.addProject(id, 'organizations/1');
  const pool = await google.addPool({ project: id, pool: `${id}.svc.id.goog` });
  const operator = await google.addOperator(id, ['*'], [`projects/${id}`]);
  const client = (options?: TestClientOptions): TestClient => {
    const made = createTestClient(google, operator, options);
    opened.push(made);
    return made;
  };
  const shared = client();
  const connectors = ({ settings, grants, ...options }: OpenOptions = {}): GoogleConnectors => {
    const used = options.onRequest === undefined ? shared : client(options);
    const pools = [{ name: pool.name, shared: false, subject: 'ns/{namespace}/sa/{name}' }];
    return connectorsTo(used.client, { ...testSettings, pools, ...settings }, grants);
  };
  return {
    id,
    number,
    name: `projects/${id}`,
    pool,
    operator,
    connectors,
    addAgent: (name) => addAgent(google, id, pool, name),
    open: (agent, named = {}, options = {}) => {
      const { email, uniqueId } = agent.account;
      return openCase(connectors(options), agent.identity, { serviceAccount: { email, uniqueId }, resources: [`projects/${id}`], ...named }, options);
    },
  };
};

const addAgent = async (google: GoogleCloud, project: string, pool: Pool, name: string): Promise<Agent> => {
  const identity = { namespace: 'ci', name, uid: `uid-of-${name}-in-${project}` };
  const account = await google.addServiceAccount(project, name, { description: `The robot called ${name}` });
  const own = `//iam.googleapis.com/projects/${project}/serviceAccounts/${account.uniqueId}`;
  const legacy = `serviceAccount:${project}.svc.id.goog[ci/${name}]`;
  await google.grant(own, 'roles/iam.workloadIdentityUser', legacy);
  const federated = (): Promise<string> => google.exchange(google.signIdentityToken(pool, identity), pool.audience);
  return {
    identity,
    account,
    own,
    byEmail: `serviceAccount:${account.email}`,
    legacy,
    bySubject: `principal://iam.googleapis.com/${pool.name}/subject/ns/ci/sa/${name}`,
    byUid: `principal://iam.googleapis.com/${pool.name}/kubernetes.serviceaccount.uid/${identity.uid}`,
    federated,
    actAs: async () => google.impersonate(await federated(), account.email),
  };
};
