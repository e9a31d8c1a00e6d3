/** What a Connector says, checked and in the units of the code. The schema has checked most of it, but maybe that of another version. */
import { X509Certificate } from 'node:crypto';

import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { ConnectorSpec, VaultConnectorSpec } from '../../api/v1alpha1/index.ts';
import { parseDuration } from '../../runtime/duration.ts';
import { type OutcomeError, invalid } from '../../runtime/outcome.ts';
import type { VaultSettings } from './client.ts';

/** All that a connection is made from. */
export interface UsableConnector extends VaultSettings {
  /** Scheme, host and port. */
  readonly address: string;
  /** Empty for the root. */
  readonly namespace: string;
  /** PEM; the system's own authorities when absent. */
  readonly ca: string | undefined;
  readonly auth: VaultConnectorSpec['auth'];
  /** Milliseconds for one request. */
  readonly timeout: number;
}

export const usualSettings: VaultSettings = { settleTime: 30_000, maxConcurrent: 8, kubernetesAuthMounts: [] };

const usualTimeout = 10_000;
/** Below what a reconcile has in all, by far. */
const timeouts = { least: 100, most: 60_000 };
const longestSettle = 24 * 3_600_000;

/** Throws an `Invalid` error that names the field. */
export const usable = ({ vault, timing = {} }: ConnectorSpec, allowLoopbackHttp: boolean): UsableConnector => {
  if (vault === undefined) throw wrong('spec.vault must be set');
  const { address, namespace = '', caBundle, auth, kubernetesAuthMounts = [] } = vault;
  return {
    address: checkAddress(address, allowLoopbackHttp),
    namespace,
    ca: caBundle === undefined ? undefined : checkBundle(caBundle),
    auth,
    kubernetesAuthMounts: kubernetesAuthMounts.map(({ path, aliasSource = 'serviceaccount_uid' }) => ({ path, aliasSource })),
    settleTime: duration('settle', timing.settle, usualSettings.settleTime, { least: 0, most: longestSettle }),
    timeout: duration('timeout', timing.timeout, usualTimeout, timeouts),
    maxConcurrent: timing.maxConcurrent ?? usualSettings.maxConcurrent,
  };
};

const wrong = (message: string): OutcomeError => invalid(reasons.invalidSpec, message);

const loopback: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

const checkAddress = (address: string, allowLoopbackHttp: boolean): string => {
  const url = URL.parse(address);
  if (url === null) throw wrong('spec.vault.address is not an address such as https://vault.vault.svc:8200');
  const bare = url.username === '' && url.password === '' && url.search === '' && url.hash === '' && url.pathname === '/';
  if (!bare) throw wrong('spec.vault.address must be https://HOST[:PORT], without a path, user or query');
  if (url.protocol === 'https:') return url.origin;
  if (url.protocol !== 'http:' || !loopback.has(url.hostname)) throw wrong('spec.vault.address must begin with https://');
  if (!allowLoopbackHttp) throw wrong('spec.vault.address: plain http needs the operator to run with --allow-loopback-http');
  return url.origin;
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

const duration = (field: string, text: string | undefined, usual: number, { least, most }: { readonly least: number; readonly most: number }): number => {
  if (text === undefined) return usual;
  let value: number;
  try {
    value = parseDuration(text);
  } catch (error) {
    throw wrong(`spec.timing.${field}: ${error instanceof Error ? error.message : 'is not a duration'}`);
  }
  if (value < least || value > most) throw wrong(`spec.timing.${field} must be from ${least} ms to ${most / 1_000} s`);
  return value;
};
