/** What the build agent has in Google Cloud, which is a fake that enforces, and how the operator is told of it. */
import type { BuildAgent } from '../env/build-agent.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { type GoogleCloud, type Operator, type Pool, startGoogleCloud } from '../env/google-cloud.ts';
import { publishedPermissions } from '../env/google-roles.ts';
import type { Way } from './way.ts';

export interface GoogleWorld {
  readonly google: GoogleCloud;
  readonly operator: Operator;
  /** Trusts the tokens of the cluster. */
  readonly pool: Pool;
}

const project = 'acme-ci';
const bucket = 'acme-ci-artifacts';
const object = { bucket, object: 'build.tar' };
const bucketResource = `//storage.googleapis.com/${bucket}`;

export const startGoogleWorld = async (cluster: ControlPlane): Promise<GoogleWorld> => {
  const google = await startGoogleCloud();
  try {
    await google.addProject(project);
    await google.addBucket(project, bucket, { [object.object]: 'hello' });
    const raw = async (path: string): Promise<unknown> => JSON.parse(await cluster.kubectl(['get', '--raw', path]));
    const { issuer } = (await raw('/.well-known/openid-configuration')) as { readonly issuer: string };
    const jwks = (await raw('/openid/v1/jwks')) as { readonly keys: readonly object[] };
    const pool = await google.addPool({ project, pool: `${project}.svc.id.goog`, issuer, jwks });
    const operator = await google.addOperator(project, publishedPermissions, [`projects/${project}`]);
    await google.grant(accountResource(operator.email), workloadIdentityUser, memberOf('offboard-system', 'offboard'));
    return { google, operator, pool };
  } catch (error) {
    await google.stop();
    throw error;
  }
};

const workloadIdentityUser = 'roles/iam.workloadIdentityUser';
const accountResource = (email: string): string => `//iam.googleapis.com/projects/${project}/serviceAccounts/${email}`;
/** As GKE names a ServiceAccount. */
const memberOf = (namespace: string, name: string): string => `serviceAccount:${project}.svc.id.goog[${namespace}/${name}]`;

/** It acts as a service account by its own ServiceAccount, and there is a key of that, as there too often is. */
export const liveInGoogleCloud = async (cluster: ControlPlane, { google, pool }: GoogleWorld, { namespace, name }: BuildAgent): Promise<readonly Way[]> => {
  const { email } = await google.addServiceAccount(project, `ci-${name}`);
  await google.grant(bucketResource, 'roles/storage.objectViewer', `serviceAccount:${email}`);
  await google.grant(accountResource(email), workloadIdentityUser, memberOf(namespace, name));
  const own = (await cluster.kubectl(['create', 'token', name, '-n', namespace, `--audience=${pool.tokenAudiences[0] ?? ''}`, '--duration=1h'])).trim();
  const act = async (): Promise<string> => google.impersonate(await google.exchange(own, pool.audience), email);
  const [token, key] = [await act(), await google.addKey(email)];
  const open = (how: () => Promise<string>) => (): Promise<string> => how().then(async (opener) => String(await google.open(opener, object))).catch(refused);
  return [
    { name: 'Google access token', request: 'GET /storage/v1/b/…/o/build.tar', attempt: open(() => Promise.resolve(token)) },
    { name: 'Google login by the cluster', request: 'POST …:generateAccessToken', attempt: open(act) },
    { name: 'Google account key', request: 'POST /token', attempt: open(() => google.keyLogin(key)) },
  ];
};

/** A login that is refused is an answer; whatever else goes wrong is none. */
const refused = (error: unknown): string => {
  const status = /: (40[0134]) /.exec(String(error))?.[1];
  if (status === undefined) throw error;
  return status;
};

/** The fake is in one place, and shows a change at once: the settle time is shorter than the 7 minutes that one leaves it at in life. */
export const googleConnector = ({ google, operator, pool }: GoogleWorld, namespace: string): string => `
apiVersion: offboard.dev/v1alpha1
kind: Connector
metadata: {name: google}
spec:
  googleCloud:
    auth: {workloadIdentityFederation: ${JSON.stringify({ audience: pool.audience, tokenAudience: pool.tokenAudiences[0], serviceAccount: operator.email })}}
    endpoints: ${JSON.stringify(google.endpoints)}
    workloadIdentityPools: [{name: ${pool.name}, clusters: OnlyThis}]
  grants:
  - namespaces: {names: [${namespace}]}
    googleCloud: {projects: [${project}], serviceAccounts: ["ci-*@${project}.iam.gserviceaccount.com"], resources: ["${bucketResource}"]}
  timing: {settle: 5s}
`;

/** The dependency, as a WorkloadIdentity declares it. */
export const googleDependency = (name: string): string => `
  - name: google
    googleCloud:
      connectorRef: {name: google}
      serviceAccount: {email: ci-${name}@${project}.iam.gserviceaccount.com}
      resources: ["${bucketResource}"]`;
