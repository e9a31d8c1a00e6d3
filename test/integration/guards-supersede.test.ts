/** Who may have a retired name used again, who enforces a run, and that both are said truly. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane } from '../env/control-plane.ts';
import { installOffboard } from './install.ts';
import { type Fields, inline, offboarding, workloadIdentity } from './manifests.ts';
import { admin, type Person, person, writesOurKinds } from './people.ts';

const create = ['create', '-f', '-'];
const apply = ['apply', '--server-side', '-f', '-'];
const refusal = (who: string, record = '0000000007'): string => `user "${who}" needs the verb "supersede" on offboardingrecords.offboard.dev "${record}"`;
const supersedes = (claims: Fields = {}, record = '0000000007'): Fields => ({ supersedes: { record, ...claims } });
const boss = { requestedBy: { username: 'boss', groups: ['board'] } };

let cluster: ControlPlane;
/** Cluster administrator. */
let root: Person;
/** Owns everything in "ci", and may supersede nothing. */
let owner: Person;
/** Owns everything in "ci" as well, and may supersede one record. */
let keeper: Person;

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: false });
  await installOffboard(cluster);
  root = admin(cluster);
  await cluster.kubectl(['create', 'namespace', 'ci']);
  const owns = { ci: [writesOurKinds, { on: ['serviceaccounts', 'workloadidentities.offboard.dev', 'offboardings.offboard.dev'], verbs: ['delete'] }] };
  owner = await person(cluster, 'owner', { in: owns });
  keeper = await person(cluster, 'keeper', {
    in: owns,
    everywhere: [{ on: ['offboardingrecords.offboard.dev'], verbs: ['supersede'], named: ['0000000007'] }],
  });
});
afterAll(async () => {
  await cluster.stop();
});

const get = async (resource: string, path: string): Promise<string> => root.kubectl(['get', ...resource.split(' '), '-n', 'ci', '-o', `jsonpath=${path}`]);
const patch = (resource: string, spec: Fields): readonly string[] => ['patch', ...resource.split(' '), '-n', 'ci', '--type=merge', '-p', JSON.stringify({ spec })];

describe('a WorkloadIdentity that uses a retired name again', () => {
  it('takes the verb "supersede" on that record, in any form, whether there is such a record or not', async () => {
    const manifest = workloadIdentity('ci', 'refused', supersedes());
    await expect(owner.kubectl(create, manifest)).rejects.toThrow(refusal('owner'));
    await expect(owner.kubectl(apply, manifest)).rejects.toThrow(refusal('owner'));
    await expect(owner.kubectl([...create, '--dry-run=server'], manifest)).rejects.toThrow(refusal('owner'));
    await owner.kubectl(create, workloadIdentity('ci', 'plain'));
    await expect(owner.kubectl(patch('wid plain', supersedes()))).rejects.toThrow(refusal('owner'));
  });

  it('takes it by name', async () => {
    await expect(keeper.kubectl(create, workloadIdentity('ci', 'other', supersedes({}, '0000000008')))).rejects.toThrow(refusal('keeper', '0000000008'));
    await keeper.kubectl(create, workloadIdentity('ci', 'named', supersedes()));
    await root.kubectl(create, workloadIdentity('ci', 'root', supersedes({}, '0000000008')));
  });

  it('says who asked, whatever the manifest claims, also when it is applied again', async () => {
    const truth = { username: 'keeper', groups: ['system:authenticated'] };
    await keeper.kubectl(create, workloadIdentity('ci', 'stamped', supersedes(boss)));
    expect(JSON.parse(await get('wid stamped', '{.spec.supersedes.requestedBy}'))).toEqual(truth);
    for (const form of [apply, apply, ['apply', '-f', '-'], ['apply', '-f', '-']]) await keeper.kubectl(form, workloadIdentity('ci', 'applied', supersedes()));
    expect(JSON.parse(await get('wid applied', '{.spec.supersedes.requestedBy}'))).toEqual(truth);
    await keeper.kubectl(create, workloadIdentity('ci', 'later'));
    await keeper.kubectl(patch('wid later', supersedes(boss)));
    expect(JSON.parse(await get('wid later', '{.spec.supersedes.requestedBy}'))).toEqual(truth);
  });

  it('cannot be made to say otherwise, and is changed in all else as before', async () => {
    await keeper.kubectl(create, workloadIdentity('ci', 'kept', supersedes()));
    for (const spec of [supersedes(boss), supersedes({}, '0000000008'), { supersedes: null }]) {
      await expect(root.kubectl(patch('wid kept', spec))).rejects.toThrow('supersedes cannot be changed or taken back');
    }
    await owner.kubectl(patch('wid kept', { owner: { name: 'new team' } }));
  });
});

describe('who enforces', () => {
  const truth = (username: string): object => ({ username, groups: ['system:authenticated'] });
  const claim = { enforcedBy: { username: 'boss', groups: ['board'] } };

  it('is said of a run that is created so, whatever the manifest claims', async () => {
    const manifest = offboarding('ci', 'at-once', { ...inline('agent'), mode: 'Enforce', ...claim });
    await owner.kubectl(create, manifest);
    expect(JSON.parse(await get('ofb at-once', '{.spec.enforcedBy}'))).toEqual(truth('owner'));
  });

  it('is not who planned it', async () => {
    await owner.kubectl(create, offboarding('ci', 'planned', { ...inline('agent'), ...claim }));
    expect(await get('ofb planned', '{.spec.enforcedBy}')).toBe('');
    await owner.kubectl(patch('ofb planned', claim));
    expect(await get('ofb planned', '{.spec.enforcedBy}')).toBe('');
    await keeper.kubectl(patch('ofb planned', { mode: 'Enforce', ...claim }));
    expect(JSON.parse(await get('ofb planned', '{.spec}'))).toMatchObject({ requestedBy: truth('owner'), enforcedBy: truth('keeper') });
  });

  it('stays as it is, whoever changes the run, also when it is applied again', async () => {
    const manifest = offboarding('ci', 'applied', { ...inline('agent'), mode: 'Enforce' });
    for (const form of [apply, apply, ['apply', '-f', '-'], ['apply', '-f', '-']]) await owner.kubectl(form, manifest);
    await keeper.kubectl(patch('ofb applied', { suspend: true }));
    expect(JSON.parse(await get('ofb applied', '{.spec.enforcedBy}'))).toEqual(truth('owner'));
    for (const spec of [claim, { enforcedBy: null }]) {
      await expect(root.kubectl(patch('ofb applied', spec))).rejects.toThrow('enforcedBy is stamped by the API server and immutable');
    }
  });

  it("is Offboard where it makes a run itself", async () => {
    const user = 'system:serviceaccount:offboard-system:offboard';
    const operator = await person(cluster, user, { everywhere: [writesOurKinds] });
    await operator.kubectl(create, offboarding('ci', 'by-offboard', { ...inline('agent'), mode: 'Enforce' }));
    expect(await get('ofb by-offboard', '{.spec.enforcedBy.username}')).toBe(user);
  });
});
