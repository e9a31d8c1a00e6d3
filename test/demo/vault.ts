/** What the build agent has in Vault, and how the operator is told of it. */
import type { BuildAgent } from '../env/build-agent.ts';
import type { VaultWorld } from '../env/vault-world.ts';
import type { Way } from './way.ts';

/** It logs in by its ServiceAccount and leases a database user, as a pipeline does. */
export const liveInVault = async (world: VaultWorld, { namespace, name }: BuildAgent): Promise<readonly Way[]> => {
  const agent = await world.addAgent(name, { namespace });
  const token = await agent.login();
  const lease = await token.lease();
  return [
    { name: 'Vault token', request: 'GET /v1/auth/token/lookup-self', attempt: async () => String(await token.use()) },
    { name: 'leased PostgreSQL user', request: 'select 1', attempt: lease.login },
  ];
};

/** One server without standbys has nothing that could lag behind: the settle time is shorter than one would set it in life. */
export const connector = ({ bao, operator: { kubernetes } }: VaultWorld, namespace: string): string => `
apiVersion: offboard.dev/v1alpha1
kind: Connector
metadata: {name: vault}
spec:
  vault:
    address: ${bao.url}
    caBundle: ${JSON.stringify(bao.ca)}
    auth: {kubernetes: ${JSON.stringify(kubernetes)}}
    kubernetesAuthMounts: [{path: kubernetes}]
  grants:
  - namespaces: {names: [${namespace}]}
    vault: {authRoles: [ci-*], leasePrefixes: [database/creds/ci-*]}
  timing: {settle: 5s}
`;

/** The dependency, as a WorkloadIdentity declares it. */
export const dependency = (name: string): string => `
  - name: vault
    vault:
      connectorRef: {name: vault}
      roles: [ci-${name}]
      leases: [{prefix: database/creds/ci-${name}, exclusive: true}]`;
