import { describe, expect, it } from 'vitest';
import type { KubeClient, Patch } from '../kube/client.ts';
import type { KubeObject } from '../kube/objects.ts';
import { offboardings } from '../kube/resources.ts';
import { writeStatus } from './status.ts';

interface Status {
  readonly phase?: string | undefined;
  readonly reasons?: readonly (string | null)[];
  readonly ref?: { readonly name: string; readonly uid?: string | undefined };
}

/** What is written where `status` is to be and `stored` is; undefined when nothing is. */
const written = async (stored: Status | undefined, status: Status): Promise<unknown> => {
  const object: KubeObject & { readonly status?: Status } = {
    apiVersion: 'offboard.dev/v1alpha1', kind: 'Offboarding',
    metadata: { namespace: 'ci', name: 'one', uid: '1', resourceVersion: '7', creationTimestamp: '2026-01-01T00:00:00Z' }, ...(stored && { status: stored }),
  };
  let body: unknown;
  const patch = (_resource: unknown, _key: unknown, asked: Patch): Promise<KubeObject> => {
    ({ body } = asked);
    return Promise.resolve(object);
  };
  await writeStatus({ patch } as unknown as KubeClient, offboardings, object, status, new AbortController().signal);
  return body;
};

describe('a status', () => {
  it.each<readonly [string, Status, Status]>([
    ['in another order', { ref: { name: 'a', uid: 'b' }, phase: 'One' }, { phase: 'One', ref: { uid: 'b', name: 'a' } }],
    ['with fields that are not there', { ref: { name: 'a' } }, { phase: undefined, ref: { name: 'a', uid: undefined } }],
    ['of nothing', {}, {}],
  ])('is not written where it is stored already, %s', async (_, stored, status) => {
    expect(await written(stored, status)).toBeUndefined();
  });

  it.each<readonly [string, Status | undefined, Status]>([
    ['where there is none', undefined, {}],
    ['for one value', { phase: 'One' }, { phase: 'Two' }],
    ['for one field more', { phase: 'One' }, { phase: 'One', reasons: [] }],
    ['for one field less', { phase: 'One', reasons: [] }, { phase: 'One' }],
    ['for another field in its place', { phase: 'One' }, { reasons: [] }],
    ['for a field deep inside', { ref: { name: 'a', uid: 'b' } }, { ref: { name: 'a', uid: 'c' } }],
    ['for an order that means something', { reasons: ['a', 'b'] }, { reasons: ['b', 'a'] }],
    ['for one entry more', { reasons: ['a'] }, { reasons: ['a', null] }],
    ['for nothing where something was', { reasons: [null] }, { reasons: [''] }],
  ])('is written %s, on the condition that the object is the one that was read', async (_, stored, status) => {
    expect(await written(stored, status)).toEqual([
      { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
      { op: 'add', path: '/status', value: status },
    ]);
  });
});
