/** The Connectors to Vault, as those who retire credentials use them. */
import type { Target, VaultDependency } from '../../api/v1alpha1/index.ts';
import { type ConnectorsOf, type ConnectorsOptions, createConnectorsOf } from '../connectors.ts';
import type { VaultConnection, VaultSettings } from './client.ts';
import { type Connection, type ConnectionOptions, createConnection } from './connection.ts';
import { anyMatches } from '../grants.ts';
import { coverCertificate, covers } from './grants.ts';
import { type UsableConnector, usable, usualSettings } from './settings.ts';

type Connectors = ConnectorsOf<VaultDependency, VaultSettings, UsableConnector, Connection>;

export interface VaultConnectors extends Pick<Connectors, 'settings'> {
  /** The connection that a dependency of the target may use. Rejects with `NotGranted` where it may use none. */
  readonly connect: (dependency: VaultDependency, target: Target, signal: AbortSignal) => Promise<VaultConnection>;
}

export interface VaultConnectorsOwner extends VaultConnectors, Pick<Connectors, 'open' | 'changed' | 'close'> {}

export interface VaultConnectorsOptions extends ConnectorsOptions, Omit<ConnectionOptions, 'name' | 'spec'> {
  readonly allowLoopbackHttp: boolean;
}

export const createVaultConnectors = (options: VaultConnectorsOptions): VaultConnectorsOwner => {
  const { use, ...rest } = createConnectorsOf<VaultDependency, VaultSettings, UsableConnector, Connection>(options, {
    part: ({ vault }) => vault,
    usable: (spec) => usable(spec, options.allowLoopbackHttp),
    usual: usualSettings,
    create: (name, spec) => createConnection({ ...options, name, spec }),
    covers,
  });
  return {
    ...rest,
    connect: async (dependency, target, signal) => {
      const { connection, spec, grants } = await use(dependency, target, signal);
      return {
        client: connection.client,
        settings: spec,
        grantsCertificate: (mount, commonName) => coverCertificate(grants, mount, commonName),
        grantsRole: (role) => grants.some(({ vault }) => anyMatches(vault?.authRoles, role)),
        leasePatterns: grants.flatMap(({ vault }) => vault?.leasePrefixes ?? []),
      };
    },
  };
};
