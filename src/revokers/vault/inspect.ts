/** One look at one Vault, for the status of its Connector. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { inWholeSeconds } from '../../runtime/clock.ts';
import type { ConnectorReport, InspectConnector } from '../connector.ts';
import { fieldOf, textOf } from '../fields.ts';
import { dataOf } from './answers.ts';
import type { KubernetesAuthMount, VaultClient } from './client.ts';
import type { VaultConnectorsOwner } from './connectors.ts';
import { failureOf } from './errors.ts';
import * as paths from './paths.ts';
import { connectorPermissions, missingPermissions } from './permissions.ts';

/** In the order in which a person would mend them: no login without a server, no rights without a login. */
export const createVaultInspection =
  (connectors: Pick<VaultConnectorsOwner, 'open'>): InspectConnector =>
  async (connector, signal) => {
    const { spec, connection } = connectors.open(connector);
    const { version, clusterId } = await connection.health(signal);
    const { token, expiresAt } = await connection.hold(signal);
    const missing = await missingPermissions(connection.client, connectorPermissions(spec.kubernetesAuthMounts), signal);
    if (missing.length === 0) await connection.client.watermark(signal);
    return {
      ...(version !== '' && { serverVersion: version }),
      clusterId,
      token: { renewable: token.renewable, ...(expiresAt !== undefined && { expiresAt: inWholeSeconds(expiresAt) }) },
      missingPermissions: missing.map(({ permission }) => permission),
      troubles: missing.length === 0 ? await lookAtMounts(connection.client, spec.kubernetesAuthMounts, signal) : [],
    };
  };


const lookAtMounts = async (client: VaultClient, mounts: readonly KubernetesAuthMount[], signal: AbortSignal): Promise<ConnectorReport['troubles']> => {
  if (mounts.length === 0) return [];
  const answer = await client.request({ method: 'GET', path: paths.authMounts }, signal);
  const there = dataOf(answer.body);
  if (answer.status !== 200 || typeof there !== 'object' || there === null) throw failureOf(answer, 'reading the auth mounts');
  return mounts.flatMap(({ path }) => {
    const mount = fieldOf(there, `${path}/`);
    const type = textOf(mount, 'type');
    if (type === 'kubernetes') return [];
    const what = mount === undefined ? 'is not there' : `is of type "${type ?? ''}", not "kubernetes"`;
    return [{ reason: reasons.mountNotFound, message: `spec.vault.kubernetesAuthMounts: auth/${path} ${what}` }];
  });
};
