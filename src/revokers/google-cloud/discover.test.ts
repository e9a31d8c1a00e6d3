/** The service accounts that an identity may act as and does not name. */
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { discover } from './discover.ts';
import type { Look } from './look.ts';
import { createMinting } from './minting.ts';

const pool = 'projects/1/locations/global/workloadIdentityPools/acme.svc.id.goog';
const me = `principal://iam.googleapis.com/${pool}/subject/ns/ci/sa/agent`;
const accountNamed = (id: string): string => `//iam.googleapis.com/projects/acme/serviceAccounts/${id}`;
const emailOf = (id: string): string => `a${id}@acme.iam.gserviceaccount.com`;
const user = 'roles/iam.workloadIdentityUser';

/** By the names of resources: who has which role there. */
type World = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

const lookAt = (world: World, { granted = (_: string): boolean => true, searches = true, gone = [] as readonly string[] } = {}): Look => {
  const clock = createFakeClock();
  const look = {
    target: { serviceAccount: { namespace: 'ci', name: 'agent' } },
    dependency: { connectorRef: { name: 'google' } },
    connection: {
      settings: { settleTime: 0, accessTokenLifetime: 0, maxConcurrent: 2, pools: [{ name: pool, shared: false, subject: 'ns/{namespace}/sa/{name}' }], ...(searches && { assetScope: 'organizations/1' }) },
      client: { self: () => Promise.resolve({}) },
      grantsResource: () => true,
      grantsAccount: granted,
    },
    memory: {
      account: (name: { readonly uniqueId: string }) => Promise.resolve(gone.includes(name.uniqueId) ? undefined : { email: emailOf(name.uniqueId), uniqueId: name.uniqueId, disabled: false }),
      policy: ({ name }: { readonly name: string }) => Promise.resolve({ document: {}, etag: 'x', bindings: Object.entries(world[name] ?? {}).map(([role, members]) => ({ role, members })) }),
      searchPolicies: () => Promise.resolve(Object.keys(world)),
      searchAttached: () => Promise.resolve([]),
      withProjectId: (name: string) => Promise.resolve(name),
      minting: createMinting(clock, 10),
      refusedControls: { has: () => false },
    },
    clock,
    signal: new AbortController().signal,
  };
  return look as unknown as Look;
};

describe('the service accounts of an identity', () => {
  it('are found by their own policies, with who else may act as them', async () => {
    const { undeclared, findings } = await discover(
      lookAt({ [accountNamed('2')]: { [user]: [me, 'user:bob@example.com'] }, [accountNamed('1')]: { [user]: [me] }, [accountNamed('3')]: { 'roles/viewer': [me] }, [accountNamed('4')]: { [user]: ['user:eve@example.com'] } }),
    );
    expect(undeclared).toEqual([
      { type: 'ServiceAccount', name: emailOf('1'), uniqueId: '1', message: 'the identity may act as it, and nobody else' },
      { type: 'ServiceAccount', name: emailOf('2'), uniqueId: '2', shared: true, message: expect.stringContaining('user:bob@example.com') as string },
    ]);
    expect(findings).toEqual([]);
  });

  it('are not named to a namespace that is not granted them, and counted', async () => {
    const { undeclared, findings } = await discover(lookAt({ [accountNamed('1')]: { [user]: [me] }, [accountNamed('2')]: { [user]: [me] } }, { granted: (email) => email === emailOf('1') }));
    expect(undeclared.map(({ name }) => name)).toEqual([emailOf('1')]);
    expect(findings.map(({ message }) => message)).toEqual([expect.stringMatching(/^there is another that the identity may act as/)]);
    expect(JSON.stringify(findings)).not.toContain(emailOf('2'));
  });

  it('are not told from others where a role on a project lets it act as all of them', async () => {
    const { undeclared, findings } = await discover(lookAt({ 'projects/acme': { 'roles/iam.serviceAccountTokenCreator': [me], 'roles/storage.admin': [me] } }));
    expect(undeclared).toEqual([]);
    expect(findings.map(({ message }) => message)).toEqual([expect.stringContaining('roles/iam.serviceAccountTokenCreator on projects/acme;')]);
  });

  it('that are gone, or that no search finds, are none here', async () => {
    const world = { [accountNamed('1')]: { [user]: [me] } };
    expect(await discover(lookAt(world, { gone: ['1'] }))).toEqual({ undeclared: [], findings: [] });
    expect((await discover(lookAt(world, { searches: false }))).undeclared).toEqual([]);
  });
});
