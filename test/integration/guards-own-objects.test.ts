/** Who writes what in Offboard's own objects: status, finalizers, and who asked. */
import { readFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { offboardingFinalizer, workloadIdentityFinalizer } from '../../src/api/v1alpha1/index.ts';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { issueCertificate } from '../env/x509.ts';
import { installOffboard } from './install.ts';
import { byReference, type Fields, inline, offboarding, workloadIdentity } from './manifests.ts';
import { account, admin, type Person, person, writesOurKinds } from './people.ts';

const create = ['create', '-f', '-'];
const apply = ['apply', '--server-side', '-f', '-'];
const enforce = { ...inline('agent'), mode: 'Enforce' };
const merge = (resource: string, body: Fields, ...more: readonly string[]): readonly string[] => [
  'patch', ...resource.split(' '), '-n', 'ci', '--type=merge', '-p', JSON.stringify(body), ...more,
];
const withFinalizers = (...finalizers: readonly string[]): Fields => ({ metadata: { finalizers } });

let cluster: ControlPlane;
/** Cluster administrator. */
let root: Person;
/** Owns everything in "ci", status of our kinds included. */
let owner: Person;
/** The account of the operator in the cluster. */
let operator: Person;

beforeAll(async () => {
  cluster = await startControlPlane({ audit: true });
  await installOffboard(cluster);
  root = admin(cluster);
  await cluster.kubectl(['create', 'namespace', 'ci']);
  await cluster.kubectl(['create', 'serviceaccount', 'offboard', '-n', 'offboard-system']);
  owner = await person(cluster, 'owner', {
    in: { ci: [writesOurKinds, { on: ['serviceaccounts', 'workloadidentities.offboard.dev', 'offboardings.offboard.dev'], verbs: ['delete'] }] },
  });
  operator = await account(cluster, 'offboard-system', 'offboard', { everywhere: [writesOurKinds] });
});
afterAll(async () => {
  await cluster.stop();
});

const get = async (resource: string, path: string): Promise<string> =>
  root.kubectl(['get', ...resource.split(' '), '-n', 'ci', '-o', `jsonpath=${path}`]);

describe('the status', () => {
  const refusal = 'only Offboard writes the status';
  const ready = { type: 'Ready', status: 'True', reason: 'Confirmed', message: 'forged', lastTransitionTime: '2026-01-01T00:00:00Z' };

  beforeAll(async () => {
    await owner.kubectl(create, workloadIdentity('ci', 'status'));
    await owner.kubectl(create, offboarding('ci', 'status', inline('status')));
  });

  /** What the schema gives to an object that nobody has looked at yet. */
  const unseen = '{"observedGeneration":-1}';

  it.each(['ofb', 'wid'])('of a %s is not written by a tenant, in any form', async (kind) => {
    const forged = { status: { conditions: [ready] } };
    const whole = kind === 'ofb' ? offboarding('ci', 'status', inline('status')) : workloadIdentity('ci', 'status');
    const on = `${kind} status --subresource=status`;
    await expect(owner.kubectl(merge(on, forged))).rejects.toThrow(refusal);
    await expect(owner.kubectl(merge(on, forged, '--dry-run=server'))).rejects.toThrow(refusal);
    await expect(owner.kubectl([...apply, '--subresource=status', '--force-conflicts'], { ...whole, ...forged })).rejects.toThrow(refusal);
    await expect(owner.kubectl(['replace', '-f', '-', '--subresource=status'], { ...whole, ...forged })).rejects.toThrow(refusal);
    expect(await get(`${kind} status`, '{.status}')).toBe(unseen);
  });

  it('in a manifest is dropped', async () => {
    await owner.kubectl(apply, { ...offboarding('ci', 'claims', inline('status')), status: { conditions: [ready], phase: 'Complete' } });
    expect(await get('ofb claims', '{.status}')).toBe(unseen);
  });

  it('is written by the operator, and by an administrator who runs it outside of the cluster', async () => {
    await operator.kubectl(merge('ofb status --subresource=status', { status: { phase: 'Pending' } }));
    await root.kubectl(merge('wid status --subresource=status', { status: { lifecycleState: 'Active' } }));
    const operating = await person(cluster, 'operating', { everywhere: [writesOurKinds, { on: ['offboardings.offboard.dev'], verbs: ['operate'] }] });
    await operating.kubectl(merge('ofb status --subresource=status', { status: { phase: 'Planned' } }));
  });

  it('is not written by the verb "breakglass": who gives the proof up does not get to forge it', async () => {
    const breaker = await person(cluster, 'forger', { in: { ci: [writesOurKinds, { on: ['offboardings.offboard.dev'], verbs: ['breakglass'] }] } });
    await expect(breaker.kubectl(merge('ofb status --subresource=status', { status: { conditions: [ready] } }))).rejects.toThrow(refusal);
  });
});

describe('a finalizer of Offboard', () => {
  const kinds = [
    { kind: 'ofb', plural: 'offboardings', finalizer: offboardingFinalizer, manifest: (name: string) => offboarding('ci', name, enforce) },
    { kind: 'wid', plural: 'workloadidentities', finalizer: workloadIdentityFinalizer, manifest: (name: string) => workloadIdentity('ci', name) },
  ] as const;

  it.each(kinds)('on a $kind is not taken off by a tenant, in any form', async ({ kind, plural, finalizer, manifest }) => {
    const name = `held-${kind}`;
    const held = { ...manifest(name), metadata: { name, namespace: 'ci', finalizers: [finalizer] } };
    await operator.kubectl(create, held);
    const refusal = `only Offboard removes "${finalizer}", once all access is proven gone. To give that proof up, user "owner" needs the verb "breakglass" on ${plural}.offboard.dev "${name}" in namespace "ci"`;
    const remove = JSON.stringify([{ op: 'remove', path: '/metadata/finalizers' }]);
    await expect(owner.kubectl(merge(`${kind} ${name}`, { metadata: { finalizers: null } }))).rejects.toThrow(refusal);
    await expect(owner.kubectl(merge(`${kind} ${name}`, withFinalizers(), '--dry-run=server'))).rejects.toThrow(refusal);
    await expect(owner.kubectl(['patch', kind, name, '-n', 'ci', '--type=json', '-p', remove])).rejects.toThrow(refusal);
    const read = JSON.parse(await root.kubectl(['get', kind, name, '-n', 'ci', '-o', 'json'])) as object;
    await expect(owner.kubectl(['replace', '-f', '-'], { ...read, metadata: { name, namespace: 'ci' } })).rejects.toThrow(refusal);
    await owner.kubectl(['delete', kind, name, '-n', 'ci', '--wait=false']);
    await expect(owner.kubectl(merge(`${kind} ${name}`, { metadata: { finalizers: null } }))).rejects.toThrow(refusal);
    expect(await get(`${kind} ${name}`, '{.metadata.finalizers}')).toBe(`["${finalizer}"]`);
  });

  it.each(kinds)('on a $kind does not fall to its swap for another', async ({ kind, finalizer, manifest }) => {
    const name = `swapped-${kind}`;
    await operator.kubectl(create, { ...manifest(name), metadata: { name, namespace: 'ci', finalizers: [finalizer] } });
    await expect(owner.kubectl(merge(`${kind} ${name}`, withFinalizers('example.com/mine')))).rejects.toThrow('only Offboard removes');
    await owner.kubectl(merge(`${kind} ${name}`, withFinalizers(finalizer, 'example.com/mine')));
    await owner.kubectl(merge(`${kind} ${name}`, withFinalizers(finalizer)));
  });

  it.each(kinds)('on a $kind is taken off by "breakglass" on that object and no other, and the audit log names who', async ({ kind, plural, finalizer, manifest }) => {
    for (const name of [`broken-${kind}`, `whole-${kind}`]) {
      await operator.kubectl(create, { ...manifest(name), metadata: { name, namespace: 'ci', finalizers: [finalizer] } });
    }
    const breaker = await person(cluster, `breaker-${kind}`, {
      in: { ci: [writesOurKinds, { on: [`${plural}.offboard.dev`], verbs: ['breakglass'], named: [`broken-${kind}`] }] },
    });
    await expect(breaker.kubectl(merge(`${kind} whole-${kind}`, { metadata: { finalizers: null } }))).rejects.toThrow('only Offboard removes');
    await breaker.kubectl(merge(`${kind} broken-${kind}`, { metadata: { finalizers: null } }));
    const said = `${breaker.name} takes off ${finalizer}`;
    await waitFor(() => answers(said).length === 2, { what: 'the audit log naming who broke the glass' });
    expect(answers(said)).toEqual([403, 200]);
  });

  it.each(kinds)('on a $kind is taken off by the operator and by an administrator', async ({ kind, finalizer, manifest }) => {
    for (const [index, who] of [operator, root].entries()) {
      const name = `let-go-${String(index)}`;
      await operator.kubectl(create, { ...manifest(name), metadata: { name, namespace: 'ci', finalizers: [finalizer] } });
      await who.kubectl(merge(`${kind} ${name}`, { metadata: { finalizers: null } }));
    }
  });
});

describe('who asked', () => {
  const forged = { requestedBy: { username: 'boss', groups: ['board'] } };
  const requestedBy = async (name: string): Promise<unknown> => JSON.parse(await get(`ofb ${name}`, '{.spec.requestedBy}'));

  it('is stamped over whatever the manifest claims', async () => {
    await owner.kubectl(create, offboarding('ci', 'stamped', { ...inline('agent'), ...forged }));
    expect(await requestedBy('stamped')).toEqual({ username: 'owner', groups: ['system:authenticated'] });
    await owner.kubectl(apply, offboarding('ci', 'stamped-applied', { ...inline('agent'), ...forged }));
    expect(await requestedBy('stamped-applied')).toEqual({ username: 'owner', groups: ['system:authenticated'] });
  });

  it('is shown by a dry run', async () => {
    const shown = await owner.kubectl([...create, '--dry-run=server', '-o', 'jsonpath={.spec.requestedBy.username}'], offboarding('ci', 'dry', { ...inline('agent'), ...forged }));
    expect(shown).toBe('owner');
  });

  it('is stamped on a run with a generated name', async () => {
    const { metadata: _, ...rest } = offboarding('ci', '', inline('agent'));
    const name = await owner.kubectl([...create, '-o', 'jsonpath={.metadata.name}'], { ...rest, metadata: { namespace: 'ci', generateName: 'agent-' } });
    expect(await requestedBy(name)).toMatchObject({ username: 'owner' });
  });

  it('is the ServiceAccount with its groups where a pipeline asks', async () => {
    await operator.kubectl(create, offboarding('ci', 'stamped-operator', inline('agent')));
    expect(await requestedBy('stamped-operator')).toEqual({
      username: 'system:serviceaccount:offboard-system:offboard',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:offboard-system', 'system:authenticated'],
    });
  });

  it('is the user of a client certificate without groups', async () => {
    const kubeconfig = cluster.kubeconfigFor(issueCertificate(cluster.authority, { commonName: 'owner' }));
    await cluster.kubectl(create, { kubeconfig, stdin: JSON.stringify(offboarding('ci', 'stamped-certificate', inline('agent'))) });
    expect(await requestedBy('stamped-certificate')).toEqual({ username: 'owner', groups: ['system:authenticated'] });
  });

  it('stays whoever changes the run later, and cannot be changed by anybody', async () => {
    await root.kubectl(merge('ofb stamped', { spec: { suspend: true } }));
    await owner.kubectl([...apply, '--field-manager=another'], offboarding('ci', 'stamped', inline('agent')));
    for (const change of [forged, { requestedBy: null }, { requestedBy: { groups: ['board'] } }]) {
      await expect(root.kubectl(merge('ofb stamped', { spec: change }))).rejects.toThrow('requestedBy is stamped by the API server and immutable');
    }
    expect(await requestedBy('stamped')).toEqual({ username: 'owner', groups: ['system:authenticated'] });
  });

  it('survives a replacement by what was read, and refuses one that leaves it out', async () => {
    await owner.kubectl(['replace', '-f', '-'], JSON.parse(await owner.kubectl(['get', 'ofb', 'stamped', '-n', 'ci', '-o', 'json'])) as object);
    await expect(owner.kubectl(['replace', '-f', '-'], offboarding('ci', 'stamped', inline('agent')))).rejects.toThrow('requestedBy is stamped by the API server and immutable');
  });

  it('gets an object without a spec the words of the schema', async () => {
    const { spec: _, ...bare } = offboarding('ci', 'bare', {});
    await expect(owner.kubectl([...create, '--validate=false'], bare)).rejects.toThrow('spec: Required value');
  });
});

describe('a new run', () => {
  const finalizers = (name: string): Promise<string> => get(`ofb ${name}`, '{.metadata.finalizers}');
  const ours = `["${offboardingFinalizer}"]`;

  it('that may act is held from its first moment: deleted unseen, it stays', async () => {
    await owner.kubectl(create, offboarding('ci', 'enforce', enforce));
    expect(await finalizers('enforce')).toBe(ours);
    await owner.kubectl(['delete', 'ofb', 'enforce', '-n', 'ci', '--wait=false']);
    expect(await get('ofb enforce', '{.metadata.deletionTimestamp}')).not.toBe('');
  });

  it('that only plans is not held, until it is turned into one that acts', async () => {
    await owner.kubectl(create, offboarding('ci', 'plan', inline('agent')));
    expect(await finalizers('plan')).toBe('');
    await owner.kubectl(merge('ofb plan', { spec: { mode: 'Enforce' } }));
    expect(await finalizers('plan')).toBe(ours);
  });

  it('keeps the finalizers of others and has ours once', async () => {
    await owner.kubectl(create, offboarding('ci', 'others', enforce, { finalizers: ['example.com/mine', offboardingFinalizer] }));
    expect(JSON.parse(await finalizers('others'))).toEqual(['example.com/mine', offboardingFinalizer]);
    await owner.kubectl(create, offboarding('ci', 'another', enforce, { finalizers: ['example.com/mine'] }));
    expect((JSON.parse(await finalizers('another')) as string[]).toSorted()).toEqual(['example.com/mine', offboardingFinalizer]);
  });

  it('is not held anew when the operator has let go and its manifest is applied again', async () => {
    const manifest = offboarding('ci', 'ended', enforce);
    await owner.kubectl(apply, manifest);
    await operator.kubectl(merge('ofb ended', { metadata: { finalizers: null } }));
    for (const form of [apply, ['apply', '-f', '-']]) await owner.kubectl(form, manifest);
    expect(await finalizers('ended')).toBe('');
  });

  it('stays held when its manifest, which does not name the finalizer, is applied again', async () => {
    const manifest = offboarding('ci', 'applied', enforce);
    for (const form of [apply, apply, ['apply', '-f', '-'], ['apply', '-f', '-']]) await owner.kubectl(form, manifest);
    expect(await finalizers('applied')).toBe(ours);
  });
});

describe('the controllers of the cluster', () => {
  // It learns of new kinds every 30 s.
  it('take off their own finalizers', async () => {
    await owner.kubectl(create, offboarding('ci', 'foreground', enforce));
    await owner.kubectl(['delete', 'ofb', 'foreground', '-n', 'ci', '--cascade=foreground', '--wait=false']);
    await waitFor(async () => (await get('ofb foreground', '{.metadata.finalizers}')) === `["${offboardingFinalizer}"]`, { timeout: 60_000, what: 'the garbage collector letting go' });
    await operator.kubectl(merge('ofb foreground', { metadata: { finalizers: null } }));
    await waitFor(() => root.kubectl(['get', 'ofb', 'foreground', '-n', 'ci']).then(() => false, () => true));
  });

  it('delete a namespace without held objects, and keep one with them', async () => {
    for (const namespace of ['leaves', 'stays']) {
      await root.kubectl(['create', 'namespace', namespace]);
      await root.kubectl(create, workloadIdentity(namespace, 'agent'));
      await root.kubectl(create, offboarding(namespace, 'agent', { ...byReference('agent'), mode: namespace === 'leaves' ? 'Plan' : 'Enforce' }));
      await root.kubectl(['delete', 'namespace', namespace, '--wait=false']);
    }
    await waitFor(() => root.kubectl(['get', 'namespace', 'leaves']).then(() => false, () => true), { timeout: 30_000, what: 'the namespace going' });
    await waitFor(async () => (await root.kubectl(['get', 'wid', '-n', 'stays', '-o', 'name'])) === '', { timeout: 30_000, what: 'the rest of the other going' });
    expect(await root.kubectl(['get', 'ofb', '-n', 'stays', '-o', 'name'])).toBe('offboarding.offboard.dev/agent\n');
  });
});

/** The response codes of the requests that the audit log marks so, in order. */
const answers = (mark: string): readonly (number | undefined)[] =>
  readFileSync(cluster.auditLog ?? '', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly annotations?: Readonly<Record<string, string>>; readonly responseStatus?: { readonly code: number } })
    .filter(({ annotations }) => annotations?.['offboard-finalizers/without-proof'] === mark)
    .map(({ responseStatus }) => responseStatus?.code);
