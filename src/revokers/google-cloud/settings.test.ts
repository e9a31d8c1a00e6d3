import { describe, expect, it } from 'vitest';

import { refusalOf } from '../../../test/builders/refusal.ts';
import type { ConnectorSpec, GoogleCloudConnectorSpec } from '../../api/v1alpha1/index.ts';
import { usable } from './settings.ts';

const audience = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/ci';
const googleCloud: GoogleCloudConnectorSpec = { auth: { workloadIdentityFederation: { audience } } };
const pool = 'projects/1/locations/global/workloadIdentityPools/acme.svc.id.goog';

const refusal = (spec: ConnectorSpec, allowLoopbackHttp = true): string => refusalOf(() => usable(spec, allowLoopbackHttp));

describe('a connector', () => {
  it('that says little means what is usual', () => {
    expect(usable({ googleCloud }, false)).toEqual({
      auth: { by: 'federation', audience, tokenAudience: `https:${audience}`, pool: { name: 'projects/1/locations/global/workloadIdentityPools/pool', subject: 'system:serviceaccount:{namespace}:{name}' } },
      endpoints: {}, pools: [], accessTokenLifetime: 3_600_000, settleTime: 420_000, timeout: 10_000, maxConcurrent: 8,
    });
  });

  it('is taken at its word', () => {
    const serviceAccount = 'offboard@acme-ops.iam.gserviceaccount.com';
    const spec: ConnectorSpec = {
      googleCloud: {
        auth: { workloadIdentityFederation: { audience, tokenAudience: 'google', serviceAccount } },
        quotaProject: 'acme-ops',
        endpoints: { iam: 'https://iam-acme.p.googleapis.com' },
        workloadIdentityPools: [{ name: pool, clusters: 'Shared', subject: 'k/{uid}', provider: { audience } }],
        assetSearch: { scope: 'organizations/1' },
        accessTokenLifetime: '12h',
      },
      timing: { settle: '10m', timeout: '2.5s', maxConcurrent: 2 },
    };
    expect(usable(spec, false)).toMatchObject({
      auth: { by: 'federation', audience, tokenAudience: 'google', serviceAccount },
      quotaProject: 'acme-ops', endpoints: { iam: 'https://iam-acme.p.googleapis.com' },
      pools: [{ name: pool, shared: true, subject: 'k/{uid}', provider: { audience, tokenAudience: `https:${audience}` } }],
      assetScope: 'organizations/1', accessTokenLifetime: 43_200_000, settleTime: 600_000, timeout: 2_500, maxConcurrent: 2,
    });
  });

  it.each([
    [{ attached: {} }, { by: 'attached' }],
    [{ keySecretRef: { name: 'google', key: 'key.json' } }, { by: 'key', secret: { name: 'google', key: 'key.json' } }],
  ])('logs in by %j', (auth, expected) => {
    expect(usable({ googleCloud: { auth } }, false).auth).toEqual(expected);
  });

  it('whose pool is one of Google\'s own clusters knows how it calls a ServiceAccount, and what its tokens are for', () => {
    const fleet = 'identitynamespace:acme.svc.id.goog:https://container.googleapis.com/v1/projects/acme/locations/x/clusters/c';
    const workloadIdentityPools = [{ name: pool, clusters: 'OnlyThis' as const, provider: { audience: fleet } }, { name: `${pool}-2`, clusters: 'OnlyThis' as const }];
    expect(usable({ googleCloud: { ...googleCloud, workloadIdentityPools } }, false).pools).toEqual([
      { name: pool, shared: false, subject: 'ns/{namespace}/sa/{name}', provider: { audience: fleet, tokenAudience: 'acme.svc.id.goog' } },
      { name: `${pool}-2`, shared: false, subject: 'system:serviceaccount:{namespace}:{name}' },
    ]);
  });
});

describe('a login by federation knows its pool', () => {
  const fleet = 'identitynamespace:acme.svc.id.goog:https://container.googleapis.com/v1/projects/acme/locations/x/clusters/c';
  const poolBy = (login: string, name: string) => {
    const workloadIdentityPools = [{ name, clusters: 'OnlyThis' as const, subject: 'k/{uid}' }];
    const { auth } = usable({ googleCloud: { auth: { workloadIdentityFederation: { audience: login } }, workloadIdentityPools } }, false);
    return auth.by === 'federation' ? auth.pool : undefined;
  };

  it('by its name, with what it calls a ServiceAccount', () => {
    expect(poolBy(audience, 'projects/1/locations/global/workloadIdentityPools/pool')).toMatchObject({ subject: 'k/{uid}' });
    expect(poolBy(fleet, pool)).toMatchObject({ name: pool, subject: 'k/{uid}' });
  });

  it('and as what is usual where it is not listed; of an identity namespace the number of the project is not known', () => {
    expect(poolBy(audience, pool)).toEqual({ name: 'projects/1/locations/global/workloadIdentityPools/pool', subject: 'system:serviceaccount:{namespace}:{name}' });
    expect(poolBy(fleet, `${pool}-2`)).toBeUndefined();
  });
});

describe('a connector is refused', () => {
  const wrong: readonly [string, Partial<GoogleCloudConnectorSpec>, string][] = [
    ['without a login', { auth: {} }, 'spec.googleCloud.auth: exactly one of'],
    ['by a provider that is none', { auth: { workloadIdentityFederation: { audience: 'https://example.com' } } }, 'spec.googleCloud.auth.workloadIdentityFederation.audience'],
    ['as an account that is none', { auth: { workloadIdentityFederation: { audience, serviceAccount: 'x/../y' } } }, 'spec.googleCloud.auth.workloadIdentityFederation.serviceAccount'],
    ['with a quota project that is none', { quotaProject: 'a\nb' }, 'spec.googleCloud.quotaProject'],
    ['with a pool that is none', { workloadIdentityPools: [{ name: 'pool', clusters: 'OnlyThis' }] }, 'spec.googleCloud.workloadIdentityPools'],
    ['with a provider of a pool that is none', { workloadIdentityPools: [{ name: pool, clusters: 'OnlyThis', provider: { audience: 'x' } }] }, 'spec.googleCloud.workloadIdentityPools.provider.audience'],
    ['with a scope that is none', { assetSearch: { scope: 'folders/x' } }, 'spec.googleCloud.assetSearch.scope'],
    ['with a lifetime that no organisation has', { accessTokenLifetime: '13h' }, 'spec.googleCloud.accessTokenLifetime'],
    ['with a lifetime that is none', { accessTokenLifetime: 'x' }, 'spec.googleCloud.accessTokenLifetime'],
    ['with a service that is none', { endpoints: { 'iam.example.com/': 'https://iam' } }, 'spec.googleCloud.endpoints'],
  ];
  it.each(wrong)('%s, by the name of the field', (_, spec, message) => {
    expect(refusal({ googleCloud: { ...googleCloud, ...spec } })).toContain(message);
  });

  it.each(['http://iam.googleapis.com', 'http://169.254.169.254', 'ftp://127.0.0.1', 'iam', '', 'https://user:password@iam', 'https://iam/path', 'https://iam?x=1'])(
    'with an endpoint at %j, and the message says nothing of what is in it',
    (address) => {
      const message = refusal({ googleCloud: { ...googleCloud, endpoints: { iam: address } } });
      expect(message).toMatch(/^spec\.googleCloud\.endpoints\.iam/);
      expect(message).not.toContain('password');
    },
  );

  it('with an endpoint on loopback without TLS, but for the flag', () => {
    const spec = { googleCloud: { ...googleCloud, endpoints: { iam: 'http://127.0.0.1:1' } } };
    expect(refusal(spec, false)).toContain('--allow-loopback-http');
    expect(usable(spec, true).endpoints).toEqual({ iam: 'http://127.0.0.1:1' });
  });

  it('of another type', () => {
    expect(refusal({})).toBe('spec.googleCloud must be set');
  });
});
