/** Our kinds as manifests, with everything but the point of the test filled in. */
import { apiVersion } from '../../src/api/v1alpha1/index.ts';

/** Anything that a manifest may claim, right or wrong. */
export type Fields = Readonly<Record<string, unknown>>;

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string } & Fields;
  readonly spec: Fields;
}

const manifest = (kind: string, namespace: string, name: string, spec: Fields, metadata: Fields = {}): Manifest => ({
  apiVersion,
  kind,
  metadata: { name, namespace, ...metadata },
  spec,
});

/** For the ServiceAccount of the same name. */
export const workloadIdentity = (namespace: string, name: string, spec: Fields = {}, metadata?: Fields): Manifest =>
  manifest('WorkloadIdentity', namespace, name, { serviceAccount: { name }, ...spec }, metadata);

/** A Plan; the spec names the identity. */
export const offboarding = (namespace: string, name: string, spec: Fields, metadata?: Fields): Manifest =>
  manifest('Offboarding', namespace, name, { reason: 'Retired', mode: 'Plan', ...spec }, metadata);

/** For the cluster, until far from now. */
export const offboardingWaiver = (namespace: string, name: string, run: string, spec: Fields = {}): Manifest =>
  manifest('OffboardingWaiver', namespace, name, {
    offboardingRef: { name: run, uid: 'u-1' },
    dependency: 'kubernetes',
    reason: 'its owner is away',
    expiresAt: '2099-01-01T00:00:00Z',
    ...spec,
  });

export const inline = (serviceAccount: string, ...commonNames: readonly string[]): Fields => ({
  identity: { serviceAccount: { name: serviceAccount }, ...(commonNames.length === 0 ? {} : certificates(...commonNames)) },
});

export const byReference = (name: string, namespace?: string): Fields => ({
  workloadIdentityRef: { name, ...(namespace === undefined ? {} : { namespace }) },
});

export const certificates = (...commonNames: readonly string[]): Fields => ({
  kubernetes: { certificates: commonNames.map((commonName) => ({ commonName, notAfter: '2030-01-01T00:00:00Z' })) },
});

/** Of a server that nobody asks in these tests. It grants nothing. */
export const connectorSpec = {
  vault: { address: 'https://vault.example.com:8200', auth: { kubernetes: { role: 'offboard', audience: 'vault' } } },
} as const;

export const connector = (name: string, spec: Fields = connectorSpec): Manifest => ({ apiVersion, kind: 'Connector', metadata: { name }, spec });

/** The part of a dependency that says what is in a Vault. */
export const inVault = (connectorName: string, what: Fields = {}): Fields => ({ vault: { connectorRef: { name: connectorName }, ...what } });

/** The part of a dependency that says what is in Google Cloud. */
export const inGoogle = (connectorName: string, what: Fields = {}): Fields => ({ googleCloud: { connectorRef: { name: connectorName }, ...what } });
