/** The Connectors to Google Cloud, as those who retire credentials use them. */
import type { GoogleCloudDependency, Target } from '../../api/v1alpha1/index.ts';
import { type ConnectorsOf, type ConnectorsOptions, createConnectorsOf } from '../connectors.ts';
import type { GoogleConnection, GoogleSettings } from './api.ts';
import { type ClientOptions, type Connection, createConnection } from './client.ts';
import { covers, coversAccount, coversResource } from './grants.ts';
import { type UsableConnector, usable, usualSettings } from './settings.ts';

type Connectors = ConnectorsOf<GoogleCloudDependency, GoogleSettings, UsableConnector, Connection>;

export interface GoogleConnectors extends Pick<Connectors, 'settings'> {
  /** The connection that a dependency of the target may use. Rejects with `NotGranted` where it may use none. */
  readonly connect: (dependency: GoogleCloudDependency, target: Target, signal: AbortSignal) => Promise<GoogleConnection>;
}

export interface GoogleConnectorsOwner extends GoogleConnectors, Pick<Connectors, 'open' | 'changed' | 'close'> {}

export interface GoogleConnectorsOptions extends ConnectorsOptions, Omit<ClientOptions, 'name' | 'spec'> {
  readonly allowLoopbackHttp: boolean;
}

export const createGoogleConnectors = (options: GoogleConnectorsOptions): GoogleConnectorsOwner => {
  const { use, ...rest } = createConnectorsOf<GoogleCloudDependency, GoogleSettings, UsableConnector, Connection>(options, {
    part: ({ googleCloud }) => googleCloud,
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
        grantsResource: (resource) => grants.some((grant) => coversResource(grant, resource)),
        grantsAccount: (email) => grants.some((grant) => coversAccount(grant, email)),
      };
    },
  };
};
