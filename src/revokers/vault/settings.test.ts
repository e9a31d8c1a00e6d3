import { describe, expect, it } from 'vitest';

import { refusalOf } from '../../../test/builders/refusal.ts';
import { createAuthority } from '../../../test/env/x509.ts';
import type { ConnectorSpec, VaultConnectorSpec } from '../../api/v1alpha1/index.ts';
import { usable } from './settings.ts';

const vault: VaultConnectorSpec = { address: 'https://vault.vault.svc:8200', auth: { tokenSecretRef: { name: 'a', key: 'b' } } };
const ca = createAuthority('test').certificate;

const refusal = (spec: ConnectorSpec, allowLoopbackHttp = true): string => refusalOf(() => usable(spec, allowLoopbackHttp));

describe('a connector', () => {
  it('that says little means what is usual', () => {
    expect(usable({ vault }, false)).toEqual({
      address: 'https://vault.vault.svc:8200', namespace: '', ca: undefined, auth: vault.auth,
      kubernetesAuthMounts: [], settleTime: 30_000, timeout: 10_000, maxConcurrent: 8,
    });
  });

  it('is taken at its word', () => {
    const spec: ConnectorSpec = {
      vault: { ...vault, namespace: 'team', caBundle: `# ours\n${ca}${ca}`, kubernetesAuthMounts: [{ path: 'k8s' }, { path: 'old', aliasSource: 'serviceaccount_name' }] },
      timing: { settle: '1m', timeout: '2.5s', maxConcurrent: 2 },
    };
    expect(usable(spec, false)).toMatchObject({
      namespace: 'team', ca: `# ours\n${ca}${ca}`, settleTime: 60_000, timeout: 2_500, maxConcurrent: 2,
      kubernetesAuthMounts: [{ path: 'k8s', aliasSource: 'serviceaccount_uid' }, { path: 'old', aliasSource: 'serviceaccount_name' }],
    });
  });

  it.each(['http://127.0.0.1:8200', 'http://localhost:8200', 'http://[::1]:8200'])('at %s is one for tests, and needs the flag', (address) => {
    expect(usable({ vault: { ...vault, address } }, true).address).toBe(address);
    expect(refusal({ vault: { ...vault, address } }, false)).toContain('--allow-loopback-http');
  });

  it.each([
    'http://vault.vault.svc:8200', 'http://127.0.0.1.example.com', 'http://10.0.0.1:8200', 'ftp://127.0.0.1', 'unix:///run/vault', 'vault:8200', '',
    'https://user:password@vault', 'https://vault/path', 'https://vault?x=1', 'https://vault#x', 'https://', 'javascript:alert(1)',
  ])('at %j is refused, and the message names the field and not what is in it', (address) => {
    expect(refusal({ vault: { ...vault, address } })).toMatch(/^spec\.vault\.address/);
    expect(refusal({ vault: { ...vault, address } })).not.toContain('password');
  });

  it.each([['nothing', ''], ['text', 'x'], ['half of one', ca.slice(0, 100)], ['one and half of one', ca + ca.slice(0, 100)], ['one that is broken', ca.replace(/[A-Z]/g, 'A')]])(
    'with %s for its authorities is refused',
    (_, caBundle) => {
      expect(refusal({ vault: { ...vault, caBundle } })).toMatch(/^spec\.vault\.caBundle/);
    },
  );

  it('with a private key among its authorities is refused', () => {
    expect(refusal({ vault: { ...vault, caBundle: `${ca}-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----` } })).toContain('something else');
  });

  it.each([{ timeout: '0s' }, { timeout: '2m' }, { timeout: 'x' }, { settle: '1000h' }, { settle: 'x' }])('with %j is refused', (timing) => {
    expect(refusal({ vault, timing })).toMatch(/^spec\.timing\.(timeout|settle)/);
  });

  it('of no type that this version knows is refused', () => {
    expect(refusal({})).toBe('spec.vault must be set');
  });
});
