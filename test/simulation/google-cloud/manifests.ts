/** What points the operator at the simulated Google Cloud. */
import type { ConnectorSpec, Dependency } from '../../../src/api/v1alpha1/index.ts';
import { apiVersion } from '../../../src/api/v1alpha1/index.ts';
import { emailOf, type Ground, organization, projectId } from './ground.ts';
import type { Planted } from './people.ts';

export interface ConnectorOptions {
  readonly name?: string;
  /** Of the identities. */
  readonly namespaces: readonly string[];
  /** As the API has durations. An honest one is no shorter than what the server takes to make changes felt, and to show them. */
  readonly settle?: string;
  readonly timeout?: string;
  readonly accessTokenLifetime?: string;
  /** Whether policies are searched beneath the organisation. */
  readonly assetSearch?: boolean;
}

export interface ConnectorManifest {
  readonly apiVersion: string;
  readonly kind: 'Connector';
  readonly metadata: { readonly name: string };
  readonly spec: ConnectorSpec;
}

export interface DependencyOptions {
  readonly name?: string;
  readonly connector?: string;
  readonly onRetire?: 'KeepDisabled' | 'Delete';
  /** As who declares an identity may pin it. */
  readonly pinned?: boolean;
  readonly probe?: boolean;
}

export interface Manifests {
  readonly connectorManifest: (options: ConnectorOptions) => ConnectorManifest;
  /** An entry of `spec.dependencies`. */
  readonly dependencyFor: (planted: Planted, options?: DependencyOptions) => Dependency;
}

const services = ['iam', 'iamcredentials', 'cloudresourcemanager', 'storage', 'sts', 'cloudasset', 'secretmanager', 'cloudkms', 'artifactregistry', 'metadata'];

export const createManifests = ({ pool }: Ground, origin: string): Manifests => ({
  connectorManifest: ({ name = 'google', namespaces, settle = '7m', timeout = '10s', accessTokenLifetime = '1h', assetSearch = false }) => ({
    apiVersion,
    kind: 'Connector',
    metadata: { name },
    spec: {
      googleCloud: {
        // By the metadata server, as on a machine of Google's own: the one login for which nothing is signed.
        auth: { attached: {} },
        endpoints: Object.fromEntries(services.map((service) => [service, origin])),
        workloadIdentityPools: [{ name: pool.name, clusters: 'OnlyThis', provider: { audience: pool.audience, tokenAudience: `https:${pool.audience}` } }],
        ...(assetSearch && { assetSearch: { scope: organization } }),
        accessTokenLifetime,
      },
      grants: [{ namespaces: { names: [...namespaces] }, googleCloud: { projects: [projectId], serviceAccounts: [emailOf('*')], resources: [organization, '//storage.googleapis.com/*'] } }],
      timing: { settle, timeout },
    },
  }),
  dependencyFor: ({ email, account, resources }, { name = 'google', connector = 'google', onRetire, pinned = false, probe } = {}) => ({
    name,
    googleCloud: {
      connectorRef: { name: connector },
      ...(email !== undefined && account !== undefined && { serviceAccount: { email, ...(pinned && { uniqueId: account }), ...(onRetire && { onRetire }) } }),
      ...(resources.length > 0 && { resources: [...resources] }),
      ...(probe !== undefined && { probe }),
    },
  }),
});
