/** What a Connector says, checked and in the units of the code. The schema has checked most of it, but maybe that of another version. */
import { X509Certificate } from 'node:crypto';

import type { ConnectorSpec, VaultConnectorSpec } from '../../api/v1alpha1/index.ts';
import { addressOf, type Timing, timingOf, wrong } from '../connector-settings.ts';
import type { VaultSettings } from './client.ts';

/** All that a connection is made from. */
export interface UsableConnector extends VaultSettings, Timing {
  /** Scheme, host and port. */
  readonly address: string;
  /** Empty for the root. */
  readonly namespace: string;
  /** PEM; the system's own authorities when absent. */
  readonly ca: string | undefined;
  readonly auth: VaultConnectorSpec['auth'];
}

export const usualSettings: VaultSettings = { settleTime: 30_000, maxConcurrent: 8, kubernetesAuthMounts: [] };

/** Throws an `Invalid` error that names the field. */
export const usable = ({ vault, timing }: ConnectorSpec, allowLoopbackHttp: boolean): UsableConnector => {
  if (vault === undefined) throw wrong('spec.vault must be set');
  const { address, namespace = '', caBundle, auth, kubernetesAuthMounts = [] } = vault;
  return {
    address: addressOf('spec.vault.address', address, 'https://vault.vault.svc:8200', allowLoopbackHttp),
    namespace,
    ca: caBundle === undefined ? undefined : checkBundle(caBundle),
    auth,
    kubernetesAuthMounts: kubernetesAuthMounts.map(({ path, aliasSource = 'serviceaccount_uid' }) => ({ path, aliasSource })),
    ...timingOf(timing, usualSettings.settleTime),
  };
};

/** A bundle of which a part cannot be read would leave out an authority, and nobody would know which. */
const checkBundle = (bundle: string): string => {
  const certificates = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const begun = bundle.match(/-----BEGIN /g) ?? [];
  if (certificates.length === 0 || certificates.length !== begun.length) throw wrong('spec.vault.caBundle holds something else than PEM certificates');
  certificates.forEach((pem, index) => {
    try {
      new X509Certificate(pem);
    } catch {
      throw wrong(`spec.vault.caBundle: certificate ${index + 1} cannot be read`);
    }
  });
  return bundle;
};
