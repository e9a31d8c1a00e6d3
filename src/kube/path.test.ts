import { describe, expect, it } from 'vitest';

import { pathTo } from './path.ts';
import { clusterRoles, namespaces, offboardings, pods, secrets } from './resources.ts';

describe('pathTo', () => {
  it('addresses objects, collections and subresources', () => {
    expect(pathTo(secrets, { namespace: 'ci', name: 'x' })).toBe('/api/v1/namespaces/ci/secrets/x');
    expect(pathTo(pods, {})).toBe('/api/v1/pods');
    expect(pathTo(namespaces, { name: 'ci' })).toBe('/api/v1/namespaces/ci');
    expect(pathTo(offboardings, { namespace: 'ci', name: 'x', subresource: 'status' })).toBe(
      '/apis/offboard.dev/v1alpha1/namespaces/ci/offboardings/x/status',
    );
  });

  it('encodes what is legal in a name and special in an address', () => {
    expect(pathTo(clusterRoles, { name: 'system:a?b=1#c é' })).toBe(
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aa%3Fb%3D1%23c%20%C3%A9',
    );
    expect(pathTo(pods, {}, { fieldSelector: 'spec.serviceAccountName=a&b', limit: 5, continue: undefined })).toBe(
      '/api/v1/pods?fieldSelector=spec.serviceAccountName%3Da%26b&limit=5',
    );
  });

  it.each(['', '.', '..', 'a/b', '..%2f', '\ud800'])('refuses the name %j, which no object can have', (name) => {
    expect(() => pathTo(secrets, { namespace: 'ci', name })).toThrow(expect.objectContaining({ kind: 'Invalid' }));
    expect(() => pathTo(secrets, { namespace: name, name: 'x' })).toThrow(expect.objectContaining({ kind: 'Invalid' }));
  });

  it('addresses objects of RBAC by names of any length', () => {
    const name = 'é'.repeat(1_024);
    expect(pathTo(clusterRoles, { name })).toBe(`/apis/rbac.authorization.k8s.io/v1/clusterroles/${'%C3%A9'.repeat(1_024)}`);
  });

  it('finds a forgotten namespace, and one too many', () => {
    expect(() => pathTo(secrets, { name: 'x' })).toThrow('secrets need a namespace');
    expect(() => pathTo(clusterRoles, { namespace: 'ci', name: 'x' })).toThrow('clusterroles have no namespace');
  });
});
