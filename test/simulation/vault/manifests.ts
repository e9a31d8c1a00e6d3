/** What the cluster holds of the simulated Vault: its Connector, the operator's Secret, and what an identity says of it. */
import type { ConnectorSpec, Dependency } from '../../../src/api/v1alpha1/index.ts';
import { apiVersion } from '../../../src/api/v1alpha1/index.ts';
import { vaultOrigin } from './server.ts';

export interface ConnectorManifestOptions {
  readonly name?: string;
  /** Who may use it; `ci` unless told. */
  readonly namespaces?: string[];
  readonly timing?: NonNullable<ConnectorSpec['timing']>;
}

export interface ConnectorManifest {
  readonly apiVersion: string;
  readonly kind: 'Connector';
  readonly metadata: { readonly name: string };
  readonly spec: ConnectorSpec;
}

export const vaultSecret = { name: 'vault-token', key: 'token' } as const;

export const connectorManifest = ({ name = 'vault-sim', namespaces = ['ci'], timing }: ConnectorManifestOptions = {}): ConnectorManifest => ({
  apiVersion,
  kind: 'Connector',
  metadata: { name },
  spec: {
    vault: { address: vaultOrigin, auth: { tokenSecretRef: vaultSecret }, kubernetesAuthMounts: [{ path: 'kubernetes', aliasSource: 'serviceaccount_uid' }] },
    grants: [{ namespaces: { names: namespaces }, vault: { authRoles: ['ci-*'], leasePrefixes: ['database/creds/ci-*'], appRoles: ['approle/ci-*'], certificates: ['pki/ci-*'] } }],
    ...(timing !== undefined && { timing }),
  },
});

export interface SecretManifest {
  readonly apiVersion: 'v1';
  readonly kind: 'Secret';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly type: 'Opaque';
  readonly data: Readonly<Record<string, string>>;
}

/** In the operator's namespace, where the Connector looks for it. */
export const secretManifest = (namespace: string, token: string): SecretManifest => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: vaultSecret.name, namespace },
  type: 'Opaque',
  data: { [vaultSecret.key]: btoa(token) },
});

export interface DependencyOptions {
  readonly exclusive?: boolean;
  /** The name of one that is its own. */
  readonly appRole?: string;
  /** Of a certificate that was issued to it. */
  readonly serialNumber?: string;
}

/** The entry of `spec.dependencies` for an identity whose auth role and database role have this name, which are its own; unless `exclusive` is told to be false. */
export const dependencyFor = (role: string, { exclusive = true, appRole, serialNumber }: DependencyOptions = {}): Dependency => ({
  name: 'vault',
  vault: {
    connectorRef: { name: 'vault-sim' },
    roles: [role],
    leases: [{ prefix: `database/creds/${role}`, exclusive }],
    ...(appRole !== undefined && { appRoles: [{ mount: 'approle', name: appRole, exclusive: true }] }),
    ...(serialNumber !== undefined && { certificates: [{ mount: 'pki', serialNumber }] }),
  },
});
