/**
 * The fake of Google Cloud beside a real cluster: its pool takes the tokens that this cluster signs, and the operator logs in as its
 * own ServiceAccount, with the roles that we publish.
 *
 *     const world = await startGoogleCloudWorld(cluster);
 *     world.connection                                            // of `Connector.spec.googleCloud`
 *     const login = await world.federate({ namespace, name });    // by a token of that ServiceAccount
 *     await world.google.impersonate(await login(), account.email);
 *     await world.stop();
 */
import type { GoogleCloudConnectorSpec } from '../../src/api/v1alpha1/index.ts';
import type { ControlPlane } from './control-plane.ts';
import { type GoogleCloud, type Pool, startGoogleCloud } from './google-cloud.ts';
import { publishedPermissions } from './google-roles.ts';

export interface GoogleCloudWorld {
  readonly google: GoogleCloud;
  readonly pool: Pool;
  /** The operator's own account. */
  readonly operatorEmail: string;
  /** How a Connector logs in, where, and whose pool it is. */
  readonly connection: GoogleCloudConnectorSpec;
  /** A login at the token service by a token of the ServiceAccount, which is made now and good for an hour. Rejects when it is refused. */
  readonly federate: (account: { readonly namespace: string; readonly name: string }) => Promise<() => Promise<string>>;
  readonly stop: () => Promise<void>;
}

export const projectId = 'acme-ci';
export const project = `projects/${projectId}`;

/** The resource that is the account's own policy. */
export const accountName = (email: string): string => `//iam.googleapis.com/${project}/serviceAccounts/${email}`;
/** As GKE names a ServiceAccount. */
export const member = (namespace: string, name: string): string => `serviceAccount:${projectId}.svc.id.goog[${namespace}/${name}]`;

export const startGoogleCloudWorld = async (cluster: ControlPlane): Promise<GoogleCloudWorld> => {
  const google = await startGoogleCloud();
  try {
    await google.addOrganization('1');
    await google.addProject(projectId, 'organizations/1');
    const pool = await trustCluster(cluster, google);
    const { email } = await google.addOperator(projectId, publishedPermissions, ['organizations/1']);
    await google.grant(accountName(email), 'roles/iam.workloadIdentityUser', member('offboard-system', 'offboard'));
    const [tokenAudience = ''] = pool.tokenAudiences;
    return {
      google,
      pool,
      operatorEmail: email,
      connection: {
        auth: { workloadIdentityFederation: { audience: pool.audience, tokenAudience, serviceAccount: email } },
        endpoints: google.endpoints,
        workloadIdentityPools: [{ name: pool.name, clusters: 'OnlyThis', provider: { audience: pool.audience, tokenAudience } }],
      },
      federate: async ({ namespace, name }) => {
        const jwt = (await cluster.kubectl(['create', 'token', name, '-n', namespace, `--audience=${tokenAudience}`, '--duration=1h'])).trim();
        return () => google.exchange(jwt, pool.audience);
      },
      stop: google.stop,
    };
  } catch (error) {
    await google.stop();
    throw error;
  }
};

/** By the keys with which the cluster signs. */
const trustCluster = async (cluster: ControlPlane, google: GoogleCloud): Promise<Pool> => {
  const { issuer } = JSON.parse(await cluster.kubectl(['get', '--raw', '/.well-known/openid-configuration'])) as { readonly issuer: string };
  const jwks = JSON.parse(await cluster.kubectl(['get', '--raw', '/openid/v1/jwks'])) as { readonly keys: readonly object[] };
  return google.addPool({ project: projectId, pool: `${projectId}.svc.id.goog`, issuer, jwks });
};
