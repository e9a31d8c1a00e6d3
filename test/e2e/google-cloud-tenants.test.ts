/**
 * A tenant who may use every connector, and whose namespace is granted what is its own in a project that others use as well, reaches
 * for what is another's: by each way of naming it that the API server takes. Nothing of the other's ends, and what is his own goes.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ConnectorSpec } from '../../src/api/v1alpha1/index.ts';
import type { ShownPolicy } from '../env/google-cloud.ts';
import { member, projectId } from '../env/google-cloud-world.ts';
import { inGoogle, offboarding, type Fields } from '../integration/manifests.ts';
import { type Person, person, writesOurKinds } from '../integration/people.ts';
import { byUid, type GoogleAgent, type GoogleCloudStage, startGoogleCloudStage } from './google-cloud-stage.ts';
import { done } from './runs.ts';
import { expectAlive, readyOf } from './stage.ts';

const project = `projects/${projectId}`;
const other = 'acme-ops';

let stage: GoogleCloudStage;
/** Owns the namespace "mallory"; may use connectors of any name. */
let mallory: Person;
let mine: GoogleAgent;
let theirs: GoogleAgent;
let numberOfProject = '';
/** The unique id of an account that had my e-mail before me. */
let predecessor = '';
/** What is in the policy of the project besides what is mine. */
let inProject: ShownPolicy;
/** Of the bucket, the secret and the account of the other. */
let ofTheirs: readonly ShownPolicy[];

const emailOf = (name: string, place = projectId): string => `ci-${name}@${place}.iam.gserviceaccount.com`;

const grantTo = (namespace: string): NonNullable<ConnectorSpec['grants']>[number] => ({
  namespaces: { names: [namespace] },
  googleCloud: { projects: [projectId], serviceAccounts: [emailOf(namespace)], resources: [`//storage.googleapis.com/acme-${namespace}`] },
});

/** Members that look like mine, and are not. */
const lookAlikes = (): readonly string[] => [
  `serviceAccount:${emailOf('mallory', other)}`,
  `serviceAccount:${emailOf('mallory-2')}`,
  `deleted:serviceAccount:${emailOf('mallory')}?uid=${predecessor}`,
  member('victim', 'mallory'),
  member('mallory', 'mallory-2'),
  `serviceAccount:${other}.svc.id.goog[mallory/mallory]`,
  `principal://iam.googleapis.com/${stage.pool.name.replace(projectId, other)}/subject/ns/mallory/sa/mallory`,
  `principal://iam.googleapis.com/${stage.pool.name}/subject/ns/mallory/sa/mallory/x`,
  byUid(stage.pool, theirs.uid),
  byUid(stage.pool, `${mine.uid}0`),
  `serviceAccount:${theirs.account.email}`,
];

beforeAll(async () => {
  stage = await startGoogleCloudStage();
  const { google, cluster } = stage;
  await google.addProject(other, 'organizations/1');
  for (const [place, name] of [[other, 'ci-mallory'], [projectId, 'ci-mallory-2']] as const) await google.addServiceAccount(place, name);
  predecessor = (await google.addServiceAccount(projectId, 'ci-mallory')).uniqueId;
  await google.changeAccount(predecessor, { deleted: true });
  [mine, theirs] = [await stage.addAgent('mallory'), await stage.addAgent('victim')];
  const before = await google.policy(project);
  const condition = { title: 'for now', expression: 'request.time < timestamp("2099-01-01T00:00:00Z")' };
  await google.writePolicy(project, {
    bindings: [...(before.bindings ?? []), { role: 'roles/browser', members: lookAlikes() }, { role: 'roles/browser', members: lookAlikes(), condition }],
  });
  inProject = await google.policy(project);
  ofTheirs = await policiesOfTheirs();
  await google.grant(project, 'roles/browser', `serviceAccount:${mine.account.email}`);
  await google.grant(project, 'roles/browser', `serviceAccount:${mine.account.email}`, condition);
  const { apiVersion, kind, spec } = JSON.parse(await cluster.kubectl(['get', 'connector', 'google', '-o', 'json'])) as { readonly apiVersion: string; readonly kind: string; readonly spec: ConnectorSpec };
  numberOfProject = /^projects\/(\d+)/.exec(stage.pool.name)?.[1] ?? '';
  for (const [name, grants] of [['google', [grantTo('mallory'), grantTo('victim')]], ['not-for-mallory', [grantTo('victim')]]] as const) {
    await stage.apply(JSON.stringify({ apiVersion, kind, metadata: { name }, spec: { ...spec, grants } }));
    await cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=60s', `connector/${name}`]);
  }
  mallory = await person(cluster, 'mallory', {
    in: { mallory: [writesOurKinds, { on: ['serviceaccounts'], verbs: ['create', 'delete'] }] },
    everywhere: [{ on: ['connectors.offboard.dev'], verbs: ['use'] }],
  });
});
afterAll(async () => {
  await stage.stop();
});

const policiesOfTheirs = (): Promise<readonly ShownPolicy[]> =>
  Promise.all([theirs.bucket, theirs.secret, `//iam.googleapis.com/${project}/serviceAccounts/${theirs.account.email}`].map((name) => stage.google.policy(name)));

const retire = async (name: string, serviceAccount: Fields, ...dependencies: readonly Fields[]): Promise<void> => {
  await mallory.kubectl(['create', '-f', '-'], offboarding('mallory', name, { identity: { serviceAccount, dependencies }, mode: 'Enforce' }));
};

/** With a ServiceAccount that is good for nothing else. */
const reach = async (title: string, ...dependencies: readonly Fields[]): Promise<string> => {
  const name = title.toLowerCase().replaceAll(/[^a-z]+/g, '-');
  await mallory.kubectl(['create', 'serviceaccount', name, '-n', 'mallory']);
  await retire(name, { name }, ...dependencies);
  return name;
};

const googleOf = (what: Fields, connectorName = 'google'): Fields => ({ name: 'google', ...inGoogle(connectorName, what) });
const account = (email: string, more: Fields = {}): Fields => ({ serviceAccount: { email, ...more } });
const resource = (...resources: readonly string[]): Fields => ({ resources });

describe("what is another's", () => {
  it.concurrent.each<readonly [string, () => readonly Fields[]]>([
    ['an account', () => [googleOf(account(theirs.account.email))]],
    ['an account with the unique id of mine', () => [googleOf(account(theirs.account.email, { uniqueId: mine.account.uniqueId }))]],
    ['an account of my name in another project', () => [googleOf(account(emailOf('mallory', other)))]],
    ['an account whose name begins like mine', () => [googleOf(account(emailOf('mallory-two')))]],
    ['a bucket', () => [googleOf(resource(theirs.bucket))]],
    ['a bucket by its long name', () => [googleOf(resource('//storage.googleapis.com/projects/_/buckets/acme-victim'))]],
    ['another project', () => [googleOf(resource(`projects/${other}`))]],
    ['a secret in another project', () => [googleOf(resource(`//secretmanager.googleapis.com/projects/${other}/secrets/s`))]],
    ['a project by its number', () => [googleOf(resource(`projects/${numberOfProject}`))]],
    ['the organization', () => [googleOf(resource('organizations/1'))]],
    ['some of it beside my own', () => [googleOf({ ...account(mine.account.email), ...resource(mine.bucket, theirs.bucket) })]],
    ['some of it before my own', () => [{ ...googleOf(account(mine.account.email)), after: ['more'] }, { ...googleOf(resource(theirs.bucket)), name: 'more' }]],
    ['a connector that grants me nothing', () => [googleOf(resource(project), 'not-for-mallory')]],
  ])('is not had ended by naming it: %s', async (title, dependencies) => {
    const name = await reach(title, ...dependencies());
    const { conditions = [], revokeStartedAt } = await stage.reason('mallory', name, 'NotGranted');
    expect(conditions.find(({ type }) => type === 'Stalled')?.status).toBe('True');
    expect(revokeStartedAt).toBeUndefined();
  });

  it.concurrent('is not told by a bucket that claims to be in my project', async () => {
    const name = await reach('claimed', googleOf(resource(`//storage.googleapis.com/${project}/buckets/acme-victim`)));
    const status = await stage.reason('mallory', name, 'InvalidSpec');
    expect(status.revokeStartedAt).toBeUndefined();
    expect(JSON.stringify(status)).not.toContain('readers@example.com');
  });

  it.concurrent('is not had ended by its unique id under my own e-mail, nor told', async () => {
    const name = await reach('by-unique-id', googleOf(account(mine.account.email, { uniqueId: theirs.account.uniqueId })));
    const status = await stage.reason('mallory', name, 'UIDMismatch');
    expect(status.revokeStartedAt).toBeUndefined();
    expect(JSON.stringify(status)).not.toContain(theirs.account.email);
  });

  it.concurrent('is not had ended by the UID of its ServiceAccount', async () => {
    await retire('by-uid', { name: 'by-uid', uid: theirs.uid }, googleOf(resource(project, theirs.secret)));
    const status = await stage.reason('mallory', 'by-uid', 'UIDMismatch');
    expect(readyOf(status)?.message).not.toContain('victim');
  });

  it.concurrent('does not go with a ServiceAccount of the same name, where both have roles', async () => {
    await mallory.kubectl(['create', 'serviceaccount', 'victim', '-n', 'mallory']);
    await retire('namesake', { name: 'victim' }, googleOf(resource(project, theirs.secret)));
    await stage.reason('mallory', 'namesake', done);
  });
});

describe('after all of that', () => {
  it("what is another's is alive, and so is my own", async () => {
    await expectAlive(theirs);
    await expectAlive(mine);
    expect(await policiesOfTheirs()).toEqual(ofTheirs);
  });
});

describe('what is mine', () => {
  it('goes, all of it, and of all who look alike nobody does', async () => {
    const { email, uniqueId } = mine.account;
    await retire('mine', { name: mine.name }, googleOf({ ...account(email, { uniqueId }), ...resource(project, mine.bucket, mine.secret, theirs.secret) }));
    await stage.reason('mallory', 'mine', done);
    await stage.oracle.judged(mine);
    await stage.expectNeighbours(mine);
    expect((await stage.google.policy(project)).bindings).toEqual(inProject.bindings);
    await expectAlive(theirs);
    expect(await policiesOfTheirs()).toEqual(ofTheirs);
  });
});
