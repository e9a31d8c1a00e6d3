import { describe, expect, it } from 'vitest';

import type { KubeClient, ObjectKey, Patch } from './client.ts';
import { ApiError } from './errors.ts';
import { addFinalizer, removeFinalizer } from './finalizers.ts';
import type { KubeObject, ObjectMeta } from './objects.ts';
import { offboardings } from './resources.ts';

const ours = 'offboard.dev/hold';

const object = (more: Partial<ObjectMeta> = {}): KubeObject => ({
  metadata: { namespace: 'ci', name: 'run', uid: 'uid-1', resourceVersion: '7', creationTimestamp: '2026-11-23T10:00:00Z', ...more },
});

interface Answers {
  readonly patch?: KubeObject | Error;
  readonly get?: KubeObject | Error;
}

const setup = (answers: Answers = {}) => {
  const patches: { key: ObjectKey; patch: Patch }[] = [];
  const reads: ObjectKey[] = [];
  const settle = (answer: KubeObject | Error | undefined): Promise<KubeObject> =>
    answer instanceof Error || answer === undefined ? Promise.reject(answer ?? new Error('not expected')) : Promise.resolve(answer);
  const client = {
    patch: (_: unknown, key: ObjectKey, patch: Patch) => {
      patches.push({ key, patch });
      return settle(answers.patch);
    },
    get: (_: unknown, key: ObjectKey) => {
      reads.push(key);
      return settle(answers.get);
    },
  } as unknown as KubeClient;
  return { client, patches, reads };
};

const guard = { op: 'replace', path: '/metadata/resourceVersion', value: '7' };
const key = { namespace: 'ci', name: 'run' };
const notFound = (name = 'run'): ApiError =>
  new ApiError(404, 'NotFound', 'not found', { details: { name, group: 'offboard.dev', kind: 'offboardings' }, verb: 'patch' });
const conflict = new ApiError(409, 'Conflict', 'the object has been modified');

describe('addFinalizer', () => {
  it('asks nothing when it is there already', async () => {
    const { client, patches } = setup();
    const held = object({ finalizers: [ours] });
    expect(await addFinalizer(client, offboardings, held, ours)).toBe(held);
    expect(patches).toEqual([]);
  });

  it('puts the first one on, for the version that was read only', async () => {
    const answer = object({ resourceVersion: '8', finalizers: [ours] });
    const { client, patches } = setup({ patch: answer });
    expect(await addFinalizer(client, offboardings, object(), ours)).toBe(answer);
    expect(patches).toEqual([{ key, patch: { type: 'json', body: [guard, { op: 'add', path: '/metadata/finalizers', value: [ours] }] } }]);
  });

  it('comes after those of others', async () => {
    const { client, patches } = setup({ patch: object() });
    await addFinalizer(client, offboardings, object({ finalizers: ['theirs'] }), ours);
    expect(patches[0]?.patch.body).toEqual([guard, { op: 'add', path: '/metadata/finalizers/-', value: ours }]);
  });

  it('tells that somebody else was first', async () => {
    const { client } = setup({ patch: conflict });
    await expect(addFinalizer(client, offboardings, object(), ours)).rejects.toBe(conflict);
  });
});

describe('removeFinalizer', () => {
  const held = object({ finalizers: ['theirs', ours] });

  it('asks nothing when it is not there', async () => {
    const { client, patches } = setup();
    const free = object({ finalizers: ['theirs'] });
    expect(await removeFinalizer(client, offboardings, free, ours)).toBe(free);
    expect(patches).toEqual([]);
  });

  it('leaves those of others, for the version that was read only', async () => {
    const answer = object({ resourceVersion: '8', finalizers: ['theirs'] });
    const { client, patches } = setup({ patch: answer });
    expect(await removeFinalizer(client, offboardings, held, ours)).toBe(answer);
    expect(patches[0]?.patch.body).toEqual([guard, { op: 'replace', path: '/metadata/finalizers', value: ['theirs'] }]);
  });

  it('leaves no empty list behind', async () => {
    const { client, patches } = setup({ patch: object() });
    expect(await removeFinalizer(client, offboardings, object({ finalizers: [ours] }), ours)).toBeDefined();
    expect(patches[0]?.patch.body).toEqual([guard, { op: 'remove', path: '/metadata/finalizers' }]);
  });

  it('tells that taking off the last one ended the object', async () => {
    const deletionTimestamp = '2026-11-23T11:00:00Z';
    const { client } = setup({ patch: object({ deletionTimestamp, deletionGracePeriodSeconds: 0 }) });
    expect(await removeFinalizer(client, offboardings, object({ deletionTimestamp, finalizers: [ours] }), ours)).toBeUndefined();
  });

  it.each([
    ['by the finalizer of another', { deletionTimestamp: '2026-11-23T11:00:00Z', finalizers: ['theirs'] }],
    ['by a grace period', { deletionTimestamp: '2026-11-23T11:00:00Z', deletionGracePeriodSeconds: 30 }],
  ])('gives the object that is still held %s', async (_, metadata) => {
    const answer = object(metadata);
    const { client } = setup({ patch: answer });
    expect(await removeFinalizer(client, offboardings, held, ours)).toBe(answer);
  });

  it('tells that the object is gone', async () => {
    const { client } = setup({ patch: notFound() });
    expect(await removeFinalizer(client, offboardings, held, ours)).toBeUndefined();
  });

  it('does not take a 404 about something else for that', async () => {
    const error = notFound('ci');
    const { client } = setup({ patch: error });
    await expect(removeFinalizer(client, offboardings, held, ours)).rejects.toBe(error);
  });

  it('tells a conflict when the object was only changed', async () => {
    const { client, reads } = setup({ patch: conflict, get: object({ resourceVersion: '9' }) });
    await expect(removeFinalizer(client, offboardings, held, ours)).rejects.toBe(conflict);
    expect(reads).toEqual([key]);
  });

  it('takes a conflict with another object of that name for the end of ours', async () => {
    const { client } = setup({ patch: conflict, get: object({ uid: 'uid-2' }) });
    expect(await removeFinalizer(client, offboardings, held, ours)).toBeUndefined();
  });

  it('takes a conflict for the end of ours when nothing of that name is left', async () => {
    const { client } = setup({ patch: conflict, get: notFound() });
    expect(await removeFinalizer(client, offboardings, held, ours)).toBeUndefined();
  });

  it('does not guess when it cannot look', async () => {
    const { client } = setup({ patch: conflict, get: new ApiError(503, 'ServiceUnavailable', 'down') });
    await expect(removeFinalizer(client, offboardings, held, ours)).rejects.toMatchObject({ code: 503 });
  });
});
