/** What holds on a cluster that has no mutating admission policies (older than Kubernetes 1.36). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane } from '../env/control-plane.ts';
import { installOffboard } from './install.ts';
import { type Fields, inline, offboarding, offboardingWaiver, workloadIdentity } from './manifests.ts';
import { type Person, person, writesOurKinds } from './people.ts';

const create = ['create', '-f', '-', '-o', 'jsonpath={.spec.requestedBy}'];

let cluster: ControlPlane;
let owner: Person;

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: false });
  await installOffboard(cluster, { mutating: false });
  owner = await person(cluster, 'owner', { in: { default: [
      writesOurKinds,
      { on: ['serviceaccounts'], verbs: ['delete'] },
      { on: ['offboardingwaivers.offboard.dev'], verbs: ['create'] },
      { on: ['offboardings.offboard.dev'], verbs: ['waive'] },
    ] }, everywhere: [{ on: ['offboardingrecords.offboard.dev'], verbs: ['supersede'] }] });
});
afterAll(async () => {
  await cluster.stop();
});

const claim = (name: string, requestedBy: object): Promise<string> =>
  owner.kubectl(create, offboarding('default', name, { ...inline('agent'), requestedBy }));

describe('on a cluster that cannot stamp, who asked', () => {
  it('may be left out', async () => {
    expect(await owner.kubectl(create, offboarding('default', 'silent', inline('agent')))).toBe('');
  });

  it('may be claimed truly', async () => {
    const truth = { username: 'owner', groups: ['system:authenticated'] };
    expect(JSON.parse(await claim('true', truth))).toEqual(truth);
  });

  it('may not be another user', async () => {
    await expect(claim('false', { username: 'boss' })).rejects.toThrow('spec.requestedBy.username: it says who asked, and that is "owner"; leave it out');
    await expect(claim('empty', { username: '' })).rejects.toThrow('that is "owner"');
  });

  it('may not be in a group that the user is not in', async () => {
    await expect(claim('group', { username: 'owner', groups: ['system:authenticated', 'board'] })).rejects.toThrow('it names a group that you are not in');
    await expect(claim('group-only', { groups: ['board'] })).rejects.toThrow('it names a group that you are not in');
  });

  it('may not be claimed afterwards', async () => {
    const patch = JSON.stringify({ spec: { requestedBy: { username: 'owner' } } });
    await expect(owner.kubectl(['patch', 'ofb', 'silent', '--type=merge', '-p', patch])).rejects.toThrow('requestedBy is stamped by the API server and immutable');
  });
});

describe('on a cluster that cannot stamp, who cancels', () => {
  const cancel = (cancelled: Fields): readonly string[] => ['patch', 'ofb', 'cancelled', '-n', 'default', '--type=merge', '-p', JSON.stringify({ spec: { cancel: cancelled } })];

  it('may not be another user, may be left out, and may not be claimed afterwards', async () => {
    await owner.kubectl(create, offboarding('default', 'cancelled', inline('agent')));
    await expect(owner.kubectl(cancel({ reason: 'x', requestedBy: { username: 'boss' } }))).rejects.toThrow('spec.cancel.requestedBy.username: it says who cancels, and that is "owner"; leave it out');
    await expect(owner.kubectl(cancel({ reason: 'x', requestedBy: { groups: ['board'] } }))).rejects.toThrow('it names a group that you are not in');
    await owner.kubectl(cancel({ reason: 'x' }));
    await expect(owner.kubectl(cancel({ requestedBy: { username: 'owner' } }))).rejects.toThrow('cancel cannot be changed or taken back');
  });
});

describe('on a cluster that cannot stamp, who approves a waiver', () => {
  const waiver = (name: string, spec: Fields): Promise<string> => owner.kubectl(['create', '-f', '-'], offboardingWaiver('default', name, 'run', spec));

  it('must be said, and truly', async () => {
    const own = 'spec.approvedBy.username: it says who approves, and that is "owner"';
    await expect(waiver('silent', {})).rejects.toThrow(own);
    await expect(waiver('false', { approvedBy: { username: 'boss' } })).rejects.toThrow(own);
    await expect(waiver('group', { approvedBy: { username: 'owner', groups: ['board'] } })).rejects.toThrow('it names a group that you are not in');
    await waiver('true', { approvedBy: { username: 'owner' } });
  });
});

describe('on a cluster that cannot stamp, who enforces', () => {
  const truth = { username: 'owner', groups: ['system:authenticated'] };
  const enforce = (name: string, spec: Fields = {}): Promise<string> =>
    owner.kubectl(['patch', 'ofb', name, '-n', 'default', '--type=merge', '-p', JSON.stringify({ spec: { mode: 'Enforce', ...spec } }), '-o', 'jsonpath={.spec.enforcedBy}']);

  it('may be said truly, or left out, when mode becomes Enforce', async () => {
    await owner.kubectl(create, offboarding('default', 'enforced', inline('agent')));
    await expect(enforce('enforced', { enforcedBy: { username: 'boss' } })).rejects.toThrow('spec.enforcedBy.username: it says who enforces, and that is "owner"; leave it out');
    await expect(enforce('enforced', { enforcedBy: { groups: ['board'] } })).rejects.toThrow('it names a group that you are not in');
    expect(JSON.parse(await enforce('enforced', { enforcedBy: truth }))).toEqual(truth);
    await owner.kubectl(create, offboarding('default', 'unsaid', inline('agent')));
    expect(await enforce('unsaid')).toBe('');
  });

  it('may be said neither of a Plan nor afterwards', async () => {
    const once = 'spec.enforcedBy: it is said only when mode becomes Enforce';
    await expect(owner.kubectl(create, offboarding('default', 'planned', { ...inline('agent'), enforcedBy: truth }))).rejects.toThrow(once);
    await owner.kubectl(create, offboarding('default', 'late', { ...inline('agent'), mode: 'Enforce' }));
    await expect(enforce('late', { enforcedBy: truth })).rejects.toThrow(once);
  });
});

describe('on a cluster that cannot stamp, who uses a retired name again', () => {
  const again = (name: string, supersedes: Fields): Promise<string> =>
    owner.kubectl(['create', '-f', '-'], workloadIdentity('default', name, { supersedes: { record: '0000000001', ...supersedes } }));

  it('may be left out, and may not be another user', async () => {
    await expect(again('false', { requestedBy: { username: 'boss' } })).rejects.toThrow('spec.supersedes.requestedBy.username: it says who asked, and that is "owner"; leave it out');
    await expect(again('group', { requestedBy: { groups: ['board'] } })).rejects.toThrow('it names a group that you are not in');
    await again('true', { requestedBy: { username: 'owner' } });
    await again('silent', {});
  });
});
