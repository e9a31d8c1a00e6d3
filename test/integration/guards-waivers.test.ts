/** Who may give a dependency up, who cancels, and that both are said truly. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane } from '../env/control-plane.ts';
import { installOffboard } from './install.ts';
import { type Fields, inline, offboarding, offboardingWaiver } from './manifests.ts';
import { admin, type Person, person, type Rule, writesOurKinds } from './people.ts';

const create = ['create', '-f', '-'];
const apply = ['apply', '--server-side', '-f', '-'];
const refusal = 'needs the verb "waive" on offboardings.offboard.dev "run" in namespace "ci"';
const waivers: Rule = { on: ['offboardingwaivers.offboard.dev', 'offboardingwaivers.offboard.dev/status'], verbs: ['get', 'list', 'create', 'update', 'patch', 'delete'] };
const waive = (...named: readonly string[]): Rule => ({ on: ['offboardings.offboard.dev'], verbs: ['waive'], named });

let cluster: ControlPlane;
/** Cluster administrator. */
let root: Person;
/** Owns everything in "ci", and may not waive. */
let owner: Person;
/** May waive one run. */
let approver: Person;

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: false });
  await installOffboard(cluster);
  root = admin(cluster);
  await cluster.kubectl(['create', 'namespace', 'ci']);
  owner = await person(cluster, 'owner', {
    in: { ci: [writesOurKinds, waivers, { on: ['serviceaccounts', 'workloadidentities.offboard.dev', 'offboardings.offboard.dev'], verbs: ['delete'] }] },
  });
  approver = await person(cluster, 'approver', { in: { ci: [waivers, waive('run')] } });
});
afterAll(async () => {
  await cluster.stop();
});

const get = async (resource: string, path: string): Promise<string> => root.kubectl(['get', ...resource.split(' '), '-n', 'ci', '-o', `jsonpath=${path}`]);

describe('a waiver', () => {
  it('takes more than the right to write it, in any form', async () => {
    const manifest = offboardingWaiver('ci', 'refused', 'run');
    await expect(owner.kubectl(create, manifest)).rejects.toThrow(`user "owner" ${refusal}`);
    await expect(owner.kubectl(apply, manifest)).rejects.toThrow(refusal);
    await expect(owner.kubectl([...create, '--dry-run=server'], manifest)).rejects.toThrow(refusal);
  });

  it('takes the verb "waive" on that run, and on no other', async () => {
    await approver.kubectl(create, offboardingWaiver('ci', 'named', 'run'));
    await expect(approver.kubectl(create, offboardingWaiver('ci', 'other', 'other'))).rejects.toThrow('offboardings.offboard.dev "other"');
    await root.kubectl(create, offboardingWaiver('ci', 'root', 'other'));
  });

  it('takes it in the namespace of the waiver', async () => {
    await expect(approver.kubectl(create, offboardingWaiver('default', 'elsewhere', 'run'))).rejects.toThrow('cannot create resource "offboardingwaivers"');
    const wide = await person(cluster, 'wide', { in: { ci: [waive('run')], default: [waivers] } });
    await expect(wide.kubectl(create, offboardingWaiver('default', 'elsewhere', 'run'))).rejects.toThrow('"run" in namespace "default"');
  });

  it('says who approved it, whatever the manifest claims, also when it is applied again', async () => {
    const claims = offboardingWaiver('ci', 'stamped', 'run', { approvedBy: { username: 'boss', groups: ['board'] } });
    const truth = { username: 'approver', groups: ['system:authenticated'] };
    await approver.kubectl(create, claims);
    expect(JSON.parse(await get('ofw stamped', '{.spec.approvedBy}'))).toEqual(truth);
    for (const form of [apply, apply, ['apply', '-f', '-'], ['apply', '-f', '-']]) await approver.kubectl(form, offboardingWaiver('ci', 'applied', 'run'));
    expect(JSON.parse(await get('ofw applied', '{.spec.approvedBy}'))).toEqual(truth);
  });

  it('may be taken back by whoever may delete it: then the run needs the proof again', async () => {
    await approver.kubectl(create, offboardingWaiver('ci', 'back', 'run'));
    await owner.kubectl(['delete', 'ofw', 'back', '-n', 'ci']);
  });

  it('does not say itself that it counts', async () => {
    await approver.kubectl(create, offboardingWaiver('ci', 'forged', 'run'));
    const ready = { type: 'Ready', status: 'True', reason: 'InForce', message: 'forged', lastTransitionTime: '2026-01-01T00:00:00Z' };
    const forge = ['patch', 'ofw', 'forged', '-n', 'ci', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status: { conditions: [ready] } })];
    await expect(approver.kubectl(forge)).rejects.toThrow('only Offboard writes the status');
    const operator = await person(cluster, 'system:serviceaccount:offboard-system:offboard', { everywhere: [waivers] });
    await operator.kubectl(forge);
  });
});

describe('a cancel', () => {
  const cancel = (cancelled: Fields): readonly string[] => ['patch', 'ofb', 'run', '-n', 'ci', '--type=merge', '-p', JSON.stringify({ spec: { cancel: cancelled } })];

  it('says who, whatever the patch claims, and stays so', async () => {
    const manifest = offboarding('ci', 'run', inline('agent'));
    await root.kubectl(apply, manifest);
    await owner.kubectl(cancel({ reason: 'wrong agent', requestedBy: { username: 'boss', groups: ['board'] } }));
    const truth = { username: 'owner', groups: ['system:authenticated'] };
    expect(JSON.parse(await get('ofb run', '{.spec.cancel.requestedBy}'))).toEqual(truth);
    await root.kubectl(['patch', 'ofb', 'run', '-n', 'ci', '--type=merge', '-p', '{"spec":{"suspend":true}}']);
    await root.kubectl(apply, { ...manifest, spec: { ...manifest.spec, cancel: { reason: 'wrong agent' } } });
    expect(JSON.parse(await get('ofb run', '{.spec.cancel.requestedBy}'))).toEqual(truth);
    await expect(root.kubectl(cancel({ requestedBy: { username: 'boss' } }))).rejects.toThrow('cancel cannot be changed or taken back');
  });

  it('in the manifest of a new run is by who creates that', async () => {
    await owner.kubectl(create, offboarding('ci', 'stillborn', { ...inline('agent'), cancel: { reason: 'x', requestedBy: { username: 'boss' } } }));
    expect(await get('ofb stillborn', '{.spec.cancel.requestedBy.username}')).toBe('owner');
  });
});
