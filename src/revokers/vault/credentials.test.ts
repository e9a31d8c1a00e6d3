import { describe, expect, it } from 'vitest';
import { type Facts, toInventory } from './credentials.ts';

const facts: Facts = {
  origin: 'cluster root https://vault',
  target: { serviceAccount: { namespace: 'ci', name: 'agent' } },
  dependency: { connectorRef: { name: 'vault' } },
  mounts: [{ path: 'kubernetes', aliasSource: 'serviceaccount_uid' }],
  logins: [],
  tokens: [],
  danglingAccessors: 0,
  prefixes: [],
  roles: [],
  appRoles: [],
  certificates: [],
};

describe('what is found in a Vault', () => {
  it('is nothing where there is nothing', () => {
    expect(toInventory(facts)).toEqual({ credentials: [], findings: [] });
  });

  it('leaves logins out where the connector names no mount for them, and says so', () => {
    expect(toInventory({ ...facts, mounts: [] }).findings).toMatchObject([{ type: 'NotProvable', object: 'logins of the ServiceAccount' }]);
  });
});
