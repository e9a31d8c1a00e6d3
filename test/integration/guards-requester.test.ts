/** Who may have what offboarded, tried by users who may and users who may not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { installOffboard } from './install.ts';
import { byReference, certificates, type Fields, inline, offboarding, workloadIdentity } from './manifests.ts';
import { admin, type Person, person, writesOurKinds } from './people.ts';

const create = ['create', '-f', '-'];
const apply = ['apply', '--server-side', '-f', '-'];
const patch = (resource: string, spec: Fields, ...more: readonly string[]): readonly string[] => [
  'patch', ...resource.split(' '), '-n', 'ci', '--type=merge', '-p', JSON.stringify({ spec }), ...more,
];
const needs = (verb: string, resource: string, namespace = 'ci'): string => `needs the verb "${verb}" on ${resource} in namespace "${namespace}"`;
/** The certificate users that Grace may act as. */
const graces = Array.from({ length: 16 }, (_, index) => `robot-${String(index)}`);

let cluster: ControlPlane;
/** Cluster administrator. */
let root: Person;
/** Owns the accounts of "ci": may delete them, and what describes them. */
let owner: Person;
/** Writes our kinds in "ci", and may end nothing. */
let writer: Person;
/** May delete one WorkloadIdentity of "ci" and one account, by name. */
let narrow: Person;
/** Owner of "ci" who may also act as the users robot-0 to robot-15. */
let grace: Person;

beforeAll(async () => {
  cluster = await startControlPlane();
  await installOffboard(cluster);
  root = admin(cluster);
  for (const namespace of ['ci', 'other']) await cluster.kubectl(['create', 'namespace', namespace]);
  for (const name of ['mine', 'yours']) await cluster.kubectl(['create', 'serviceaccount', name, '-n', 'ci']);
  for (const name of ['mine', 'yours']) await root.kubectl(create, workloadIdentity('ci', name, certificates('mallory')));
  const ends = [{ on: ['serviceaccounts', 'workloadidentities.offboard.dev'], verbs: ['delete'] }];
  const supersede = { on: ['offboardingrecords.offboard.dev'], verbs: ['supersede'] };
  owner = await person(cluster, 'owner', { in: { ci: [writesOurKinds, ...ends] }, everywhere: [supersede] });
  writer = await person(cluster, 'writer', { in: { ci: [writesOurKinds], 'offboard-system': [writesOurKinds] }, everywhere: [supersede] });
  narrow = await person(cluster, 'narrow', {
    in: {
      ci: [
        writesOurKinds,
        { on: ['workloadidentities.offboard.dev'], verbs: ['delete'], named: ['mine'] },
        { on: ['serviceaccounts'], verbs: ['delete'], named: ['mine'] },
      ],
    },
  });
  grace = await person(cluster, 'grace', {
    in: { ci: [writesOurKinds, ...ends] },
    everywhere: [{ on: ['users'], verbs: ['impersonate'], named: graces }],
  });
});
afterAll(async () => {
  await cluster.stop();
});

describe('a WorkloadIdentity', () => {
  const refusal = needs('delete', 'serviceaccounts "yours"');

  it('is created only by somebody who may delete its ServiceAccount', async () => {
    for (const form of [create, apply, [...create, '--dry-run=server']]) {
      await expect(writer.kubectl(form, workloadIdentity('ci', 'new', { serviceAccount: { name: 'yours' } }))).rejects.toThrow(refusal);
    }
    await owner.kubectl(create, workloadIdentity('ci', 'by-owner', { serviceAccount: { name: 'yours' } }));
  });

  it('is created by a name-restricted user for that account and no other', async () => {
    await narrow.kubectl(create, workloadIdentity('ci', 'by-narrow', { serviceAccount: { name: 'mine' } }));
    await expect(narrow.kubectl(create, workloadIdentity('ci', 'not-hers', { serviceAccount: { name: 'yours' } }))).rejects.toThrow(refusal);
  });

  it("cannot be turned to somebody else's account, not even by replacing the whole of it", async () => {
    const turned = workloadIdentity('ci', 'by-narrow', { serviceAccount: { name: 'yours' } });
    for (const form of [[...apply, '--force-conflicts'], ['replace', '-f', '-']]) {
      await expect(narrow.kubectl(form, turned)).rejects.toThrow('serviceAccount.name is immutable');
    }
    await expect(owner.kubectl(patch('wid by-narrow', { serviceAccount: { name: 'yours' } }))).rejects.toThrow('serviceAccount.name is immutable');
  });

  const consequential: readonly (readonly [string, Fields])[] = [
    ['expiresAt', { lifecycle: { expiresAt: '2020-01-01T00:00:00Z' } }],
    ['onDelete', { lifecycle: { onDelete: 'Orphan' } }],
    ['mayBeAbsent', { serviceAccount: { name: 'yours', mayBeAbsent: true } }],
    ['kubernetes', { kubernetes: { certificates: [] } }],
    ['kubernetes, by removing it', { kubernetes: null }],
    ['dependencies', { dependencies: [] }],
    ['supersedes', { supersedes: { record: '0000000001' } }],
  ];
  it.each(consequential)('has its %s changed only by somebody who may delete its ServiceAccount', async (_, spec) => {
    for (const more of [[], ['--dry-run=server']]) await expect(writer.kubectl(patch('wid yours', spec, ...more))).rejects.toThrow(refusal);
    await owner.kubectl(patch('wid yours', spec, '--dry-run=server'));
  });

  it('has an early end refused in every form of update', async () => {
    const early = { lifecycle: { expiresAt: '2020-01-01T00:00:00Z' } };
    const whole = workloadIdentity('ci', 'yours', { ...certificates('mallory'), ...early });
    await expect(writer.kubectl([...apply, '--force-conflicts'], whole)).rejects.toThrow(refusal);
    await expect(writer.kubectl(['replace', '-f', '-'], whole)).rejects.toThrow(refusal);
    const operations = JSON.stringify([{ op: 'add', path: '/spec/lifecycle', value: early.lifecycle }]);
    await expect(writer.kubectl(['patch', 'wid', 'yours', '-n', 'ci', '--type=json', '-p', operations])).rejects.toThrow(refusal);
  });

  it('has its owner, labels and annotations changed by anybody who may update it', async () => {
    await writer.kubectl(patch('wid yours', { owner: { name: 'new team' } }));
    await writer.kubectl(['label', 'wid', 'yours', '-n', 'ci', 'team=new']);
    await writer.kubectl(patch('wid yours', { owner: null }));
  });

  it('guards every field of its spec but the owner, those that the API gains later too', async () => {
    const explained = await root.kubectl(['get', 'crd', 'workloadidentities.offboard.dev', '-o', 'json']);
    const crd = JSON.parse(explained) as { spec: { versions: { schema: { openAPIV3Schema: { properties: { spec: { properties: object } } } } }[] } };
    const fields = Object.keys(crd.spec.versions[0]?.schema.openAPIV3Schema.properties.spec.properties ?? {});
    const tried = consequential.flatMap(([, spec]) => Object.keys(spec));
    expect(fields.filter((field) => !tried.includes(field))).toEqual(['owner']);
  });
});

describe('a certificate', () => {
  const refusal = (...users: readonly string[]): string => `needs the verb "impersonate" on each of users "${users.join('", "')}"`;

  it('is named in a new WorkloadIdentity only by somebody who may act as its user', async () => {
    await expect(owner.kubectl(create, workloadIdentity('ci', 'c', { serviceAccount: { name: 'mine' }, ...certificates('boss') }))).rejects.toThrow(refusal('boss'));
    await grace.kubectl(create, workloadIdentity('ci', 'c', { serviceAccount: { name: 'mine' }, ...certificates('robot-0') }));
  });

  it('is added to a WorkloadIdentity only by somebody who may act as its user; those already there may stay', async () => {
    await expect(owner.kubectl(patch('wid mine', certificates('mallory', 'boss')))).rejects.toThrow(refusal('boss'));
    await grace.kubectl(patch('wid mine', certificates('mallory', 'robot-1')));
    await owner.kubectl(patch('wid mine', certificates('mallory')));
  });

  it.each([1, 2, 3, 15, 16])('is judged when it is number %i in the list', async (place) => {
    const named = graces.map((user, index) => (index === place - 1 ? 'boss' : user));
    await expect(grace.kubectl([...create, '--dry-run=server'], workloadIdentity('ci', 'd', { serviceAccount: { name: 'mine' }, ...certificates(...named) }))).rejects.toThrow(refusal(...named));
  });

  it('fits sixteen times into a list of which all may be acted as', async () => {
    await grace.kubectl([...create, '--dry-run=server'], workloadIdentity('ci', 'd', { serviceAccount: { name: 'mine' }, ...certificates(...graces) }));
    await grace.kubectl([...create, '--dry-run=server'], offboarding('ci', 'd', inline('mine', ...graces)));
  });

  it('is named in an inline identity only by somebody who may act as its user', async () => {
    await expect(owner.kubectl(create, offboarding('ci', 'c', inline('mine', 'boss')))).rejects.toThrow(refusal('boss'));
    await grace.kubectl(create, offboarding('ci', 'c', inline('mine', 'robot-0')));
  });

  it('planned by one user is not enforced by another who may not act as its user', async () => {
    await expect(owner.kubectl(patch('ofb c', { mode: 'Enforce' }))).rejects.toThrow(refusal('robot-0'));
    await grace.kubectl(patch('ofb c', { mode: 'Enforce' }));
  });
});

describe('an Offboarding', () => {
  it('by reference is created only by somebody who may delete the WorkloadIdentity', async () => {
    for (const form of [create, apply, [...create, '--dry-run=server']]) {
      await expect(writer.kubectl(form, offboarding('ci', 'a', byReference('yours')))).rejects.toThrow(needs('delete', 'workloadidentities.offboard.dev "yours"'));
    }
    await expect(narrow.kubectl(create, offboarding('ci', 'a', byReference('yours')))).rejects.toThrow(needs('delete', 'workloadidentities.offboard.dev "yours"'));
    await narrow.kubectl(create, offboarding('ci', 'narrow', byReference('mine')));
    await owner.kubectl(create, offboarding('ci', 'planned', byReference('yours')));
  });

  it('with an inline identity is created only by somebody who may delete the ServiceAccount', async () => {
    await expect(writer.kubectl(create, offboarding('ci', 'b', inline('yours')))).rejects.toThrow(needs('delete', 'serviceaccounts "yours"'));
    await narrow.kubectl(create, offboarding('ci', 'b', inline('mine')));
  });

  it('of an identity that is deleted already is judged by the name', async () => {
    await expect(writer.kubectl(create, offboarding('ci', 'gone', inline('gone')))).rejects.toThrow(needs('delete', 'serviceaccounts "gone"'));
    await owner.kubectl([...create, '--dry-run=server'], offboarding('ci', 'gone', inline('gone')));
  });

  it.each<readonly [string, Fields]>([
    ['turned from Plan into Enforce', { mode: 'Enforce' }],
    ['made an Emergency', { urgency: 'Emergency' }],
    ['suspended', { suspend: true }],
    ['cancelled', { cancel: { reason: 'no' } }],
    ['given a deadline', { deadline: '1s' }],
  ])('is %s only by somebody who may delete the WorkloadIdentity', async (_, spec) => {
    for (const more of [[], ['--dry-run=server']]) {
      await expect(writer.kubectl(patch('ofb planned', spec, ...more))).rejects.toThrow(needs('delete', 'workloadidentities.offboard.dev "yours"'));
    }
    await owner.kubectl(patch('ofb planned', spec, '--dry-run=server'));
  });

  it('has its soak shortened only by somebody who may delete the WorkloadIdentity', async () => {
    await owner.kubectl(create, offboarding('ci', 'soaking', { ...byReference('yours'), soak: '24h' }));
    await expect(writer.kubectl(patch('ofb soaking', { soak: '0s' }))).rejects.toThrow(needs('delete', 'workloadidentities.offboard.dev "yours"'));
    await owner.kubectl(patch('ofb soaking', { soak: '1h' }));
  });

  it('is not enforced by a replacement or a forced apply of somebody who may not', async () => {
    const enforced = offboarding('ci', 'planned', { ...byReference('yours'), mode: 'Enforce' });
    for (const form of [[...apply, '--force-conflicts'], ['apply', '-f', '-']]) {
      await expect(writer.kubectl(form, enforced)).rejects.toThrow(needs('delete', 'workloadidentities.offboard.dev "yours"'));
    }
  });

  it('is labelled by anybody who may update it', async () => {
    await writer.kubectl(['label', 'ofb', 'planned', '-n', 'ci', 'ticket=42']);
  });

  it('is applied again unchanged by the same user: the stamp stays and nothing is refused', async () => {
    const manifest = offboarding('ci', 'again', { ...byReference('yours'), mode: 'Enforce' });
    for (const form of [apply, apply, ['apply', '-f', '-'], ['apply', '-f', '-']]) await owner.kubectl(form, manifest);
    expect(await root.kubectl(['get', 'ofb', 'again', '-n', 'ci', '-o', 'jsonpath={.spec.requestedBy.username}'])).toBe('owner');
  });
});

describe('an owner reference, by which the garbage collector deletes', () => {
  /** No such object exists: whatever it owns is collected. */
  const gone = { apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: '00000000-0000-0000-0000-000000000000' };
  const owned = (resource: string, ownerReferences: readonly object[], ...more: readonly string[]): readonly string[] => [
    'patch', ...resource.split(' '), '-n', 'ci', '--type=merge', '-p', JSON.stringify({ metadata: { ownerReferences } }), ...more,
  ];
  const kinds = [
    ['wid', needs('delete', 'serviceaccounts "mine"'), workloadIdentity('ci', 'kept')],
    ['ofb', needs('delete', 'workloadidentities.offboard.dev "mine"'), offboarding('ci', 'kept', byReference('mine'))],
  ] as const;
  /** Of an object that exists, and that nobody deletes here. */
  let living: typeof gone;

  beforeAll(async () => {
    await root.kubectl(['create', 'configmap', 'living', '-n', 'ci']);
    const uid = await root.kubectl(['get', 'configmap', 'living', '-n', 'ci', '-o', 'jsonpath={.metadata.uid}']);
    living = { ...gone, name: 'living', uid };
    for (const [, , manifest] of kinds) {
      const spec = manifest.kind === 'WorkloadIdentity' ? { serviceAccount: { name: 'mine' } } : manifest.spec;
      await root.kubectl(create, { ...manifest, spec, metadata: { ...manifest.metadata, ownerReferences: [living] } });
    }
  });

  it.each(kinds)('is not given to a %s by somebody who may only update it, dead or alive', async (kind, refusal) => {
    const another = { ...living, apiVersion: 'v1', kind: 'Secret' };
    for (const references of [[gone], [living, gone], [{ ...living, name: 'renamed' }], [another]]) {
      await expect(writer.kubectl(owned(`${kind} kept`, references))).rejects.toThrow(refusal);
      await expect(writer.kubectl(owned(`${kind} kept`, references, '--dry-run=server'))).rejects.toThrow(refusal);
    }
    expect(await root.kubectl(['get', kind, 'kept', '-n', 'ci', '-o', 'jsonpath={.metadata.deletionTimestamp}'])).toBe('');
  });

  it.each(kinds)('is given to a %s by somebody who may end it', async (kind) => {
    await owner.kubectl(owned(`${kind} kept`, [living, gone], '--dry-run=server'));
  });

  it.each(kinds)('of a %s stays, changes its flags and goes without any right to end it', async (kind) => {
    await writer.kubectl(['label', kind, 'kept', '-n', 'ci', 'ticket=42']);
    await writer.kubectl(owned(`${kind} kept`, [{ ...living, blockOwnerDeletion: false }]));
    await writer.kubectl(owned(`${kind} kept`, []));
  });

  it('that is dead is taken off by the garbage collector, which may end nothing of ours', async () => {
    await root.kubectl(['create', 'configmap', 'dying', '-n', 'ci']);
    const uid = await root.kubectl(['get', 'configmap', 'dying', '-n', 'ci', '-o', 'jsonpath={.metadata.uid}']);
    const dying = { ...gone, name: 'dying', uid };
    for (const [kind] of kinds) await root.kubectl(owned(`${kind} kept`, [living, dying]));
    await root.kubectl(['delete', 'configmap', 'dying', '-n', 'ci']);
    for (const [kind] of kinds) {
      const names = ['get', kind, 'kept', '-n', 'ci', '-o', 'jsonpath={.metadata.ownerReferences[*].name}'];
      // The garbage collector learns of new kinds every 30 s.
      await waitFor(async () => (await root.kubectl(names)) === 'living', { timeout: 60_000, what: 'the garbage collector letting go of the dead owner' });
    }
  });
});

describe('what nobody may have offboarded', () => {
  it('is another namespace, but from the namespace of Offboard itself', async () => {
    const reaching = offboarding('other', 'reach', byReference('mine', 'ci'));
    const refusal = 'a namespace can only offboard what is its own; create this Offboarding in namespace "ci"';
    await expect(root.kubectl(create, reaching)).rejects.toThrow(refusal);
    const everywhere = await person(cluster, 'everywhere', { everywhere: [writesOurKinds, { on: ['workloadidentities.offboard.dev'], verbs: ['delete'] }] });
    await expect(everywhere.kubectl(create, reaching)).rejects.toThrow(refusal);
    await everywhere.kubectl(create, offboarding('offboard-system', 'reach', byReference('mine', 'ci')));
    await everywhere.kubectl(create, offboarding('ci', 'own', byReference('mine', 'ci')));
  });

  it('is reached from the namespace of Offboard only by somebody who may delete it where it is', async () => {
    const reaching = offboarding('offboard-system', 'reach-again', byReference('mine', 'ci'));
    await expect(writer.kubectl(create, reaching)).rejects.toThrow(needs('delete', 'workloadidentities.offboard.dev "mine"'));
  });

  it('is an account of kube-system', async () => {
    const refusal = 'the accounts of namespace "kube-system" run the cluster itself and cannot be offboarded';
    await expect(root.kubectl(create, workloadIdentity('kube-system', 'generic-garbage-collector'))).rejects.toThrow(refusal);
    await expect(root.kubectl(create, offboarding('kube-system', 'x', inline('generic-garbage-collector')))).rejects.toThrow(refusal);
    await expect(root.kubectl(create, offboarding('kube-system', 'x', byReference('x')))).rejects.toThrow(refusal);
    await expect(root.kubectl(create, offboarding('offboard-system', 'x', byReference('x', 'kube-system')))).rejects.toThrow(refusal);
  });

  it("is Offboard's own account", async () => {
    const refusal = 'is the one Offboard itself runs as and cannot be offboarded';
    await expect(root.kubectl(create, workloadIdentity('offboard-system', 'offboard'))).rejects.toThrow(refusal);
    await expect(root.kubectl(create, offboarding('offboard-system', 'self', inline('offboard')))).rejects.toThrow(refusal);
    await root.kubectl([...create, '--dry-run=server'], offboarding('offboard-system', 'x', inline('something-else')));
    await root.kubectl([...create, '--dry-run=server'], offboarding('ci', 'x', inline('offboard')));
  });

  it('leaves the operator free to create a run for any other identity', async () => {
    await cluster.kubectl(['create', 'serviceaccount', 'offboard', '-n', 'offboard-system']);
    const operator = await person(cluster, 'system:serviceaccount:offboard-system:offboard', { everywhere: [writesOurKinds] });
    await operator.kubectl(create, offboarding('ci', 'by-operator', { ...byReference('yours'), mode: 'Enforce' }));
    await operator.kubectl(create, offboarding('offboard-system', 'by-operator', { ...byReference('yours', 'ci'), mode: 'Enforce' }));
    const operating = await person(cluster, 'out-of-cluster', { everywhere: [writesOurKinds, { on: ['offboardings.offboard.dev'], verbs: ['operate'] }] });
    await operating.kubectl(create, offboarding('ci', 'by-operate', { ...byReference('yours'), mode: 'Enforce' }));
  });

  it('is not opened by the verb "operate" held in one namespace only', async () => {
    const tenant = await person(cluster, 'tenant-admin', { in: { ci: [{ on: ['offboardings.offboard.dev'], verbs: ['*'] }] } });
    await expect(tenant.kubectl(create, offboarding('ci', 'no', inline('yours')))).rejects.toThrow(needs('delete', 'serviceaccounts "yours"'));
  });
});
