/** A plan is there for as long as it is read, and no longer. */
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/fakes/clock.ts';
import type { OffboardingStatus } from '../api/v1alpha1/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import type { Cluster } from './cluster.ts';
import type { Io } from './command.ts';
import { planned, readTimeout, standing } from './plans.ts';

const condition = (type: string) => ({ type, status: 'True', message: 'm', reason: 'R', lastTransitionTime: '' }) as const;
const said = (...types: readonly string[]): OffboardingStatus => ({ observedGeneration: 1, conditions: types.map(condition) });
const is = (status: OffboardingStatus | undefined) => standing({ metadata: { name: 'p', uid: 'u', resourceVersion: '1', creationTimestamp: '', generation: 1 }, ...(status && { status }) });

describe('where a plan stands', () => {
  it.each([
    ['unseen without a word', undefined, 'Unseen'],
    ['unseen where the word is of another spec', { ...said('Planned'), observedGeneration: 0 }, 'Unseen'],
    ['waiting while something is asked', said('Reconciling'), 'Waiting'],
    ['waiting while one has failed once', { ...said('Reconciling'), dependencies: [{ name: 'v', state: 'Unknown', attempts: 1 }] }, 'Waiting'],
    ['held where one goes on failing', { ...said('Reconciling'), dependencies: [{ name: 'v', state: 'Unknown', attempts: 4 }] }, 'Held'],
    ['held by what a person must do', said('Stalled'), 'Held'],
    ['complete when all was asked', said('Planned', 'Stalled'), 'Complete'],
  ] as const)('is %s', (_, status, stands) => {
    expect(is(status)).toBe(stands);
  });
});

/** An API server that knows one plan, and says of it what `answers` say, the last one again and again. */
const world = ({ answers = [said('Planned')] as readonly (OffboardingStatus | undefined)[], create = undefined as Error | undefined, remove = undefined as Error | undefined } = {}) => {
  const clock = createFakeClock();
  const stopping = new AbortController();
  const calls: string[] = [];
  const errors: string[] = [];
  let asked = 0;
  const client: Partial<KubeClient> = {
    create: (_, namespace, body) => {
      const { metadata: { name }, spec } = body as { readonly metadata: { readonly name: string }; readonly spec: object };
      calls.push(`create ${namespace ?? ''}/${name} ${JSON.stringify(spec)}`);
      return create === undefined ? Promise.resolve(body as never) : Promise.reject(create);
    },
    get: (_, { name }) => {
      const status = answers[Math.min(asked, answers.length - 1)];
      asked += 1;
      return Promise.resolve({ metadata: { name, generation: 1 }, ...(status && { status }) } as never);
    },
    delete: (_, { name }, __, { signal } = {}) => {
      calls.push(`delete ${name}`);
      if (signal?.aborted === true) return Promise.reject(new Error('aborted'));
      return remove === undefined ? Promise.resolve() : Promise.reject(remove);
    },
  };
  const io = { clock, signal: stopping.signal, err: (text: string) => errors.push(text) } as unknown as Io;
  const cluster = { client: client as KubeClient, namespace: 'ci', everywhere: false, server: 's', signal: stopping.signal } satisfies Cluster;
  const made = (keep = false) => planned(cluster, { name: `${'a'.repeat(250)}-plan`, spec: { reason: 'Retired', workloadIdentityRef: { name: 'a' } }, timeout: 60_000, keep }, io, () => 0);
  return { clock, calls, errors, made, stopping };
};
const name = `${'a'.repeat(200)}-bbbbbbbb`;

describe('a plan', () => {
  it('is made in mode Plan by a name that its API takes, read when it is complete, and removed', async () => {
    const { made, calls, clock } = world({ answers: [undefined, said('Reconciling'), said('Planned')] });
    const plan = made();
    await clock.advance(1_000);
    expect((await plan).status).toEqual(said('Planned'));
    expect(calls).toEqual([`create ci/${name} {"reason":"Retired","workloadIdentityRef":{"name":"a"},"mode":"Plan"}`, `delete ${name}`]);
  });

  it('is read as far as it is when its time is over', async () => {
    const { made, clock, calls } = world({ answers: [said('Reconciling')] });
    const plan = made();
    await clock.advance(61_000);
    expect((await plan).status).toEqual(said('Reconciling'));
    expect(calls.at(-1)).toBe(`delete ${name}`);
  });

  it('that nobody answers ends with a question, and is removed', async () => {
    const { made, clock, calls } = world({ answers: [undefined] });
    const plan = expect(made()).rejects.toThrow(/nobody has answered the plan within 20 s: is Offboard running\?/);
    await clock.advance(21_000);
    await plan;
    expect(calls.at(-1)).toBe(`delete ${name}`);
  });

  it('is removed by whoever interrupts it', async () => {
    const { made, clock, stopping, calls } = world({ answers: [said('Reconciling')] });
    const plan = expect(made()).rejects.toThrow();
    await clock.advance(1_000);
    stopping.abort();
    await plan;
    expect(calls.at(-1)).toBe(`delete ${name}`);
  });

  it('is removed where nobody knows whether it was made, and left alone where it was refused', async () => {
    const unsure = world({ create: new ApiError(0, 'Timeout', 'too late', { verb: 'create' }), remove: new ApiError(404, 'NotFound', 'no', { verb: 'delete' }) });
    await expect(unsure.made()).rejects.toThrow('too late');
    expect(unsure.calls.at(-1)).toBe(`delete ${name}`);
    const refused = world({ create: new ApiError(403, 'Forbidden', 'you may not', { verb: 'create' }) });
    await expect(refused.made()).rejects.toThrow('you may not');
    expect(refused.calls).toHaveLength(1);
  });

  it('that could not be removed is named, with the command', async () => {
    const { made, errors } = world({ remove: new ApiError(500, 'InternalError', 'no luck', { verb: 'delete' }) });
    await made();
    expect(errors).toEqual([`The plan was left behind, which changes nothing: no luck. Remove it: kubectl delete offboarding ${name} -n ci\n`]);
  });

  it('stays where it is kept, and is named', async () => {
    const { made, calls, errors } = world();
    await made(true);
    expect(calls).toHaveLength(1);
    expect(errors).toEqual([`kept: Offboarding ${name} in namespace ci\n`]);
  });
});

describe('the time to wait', () => {
  it('is told in seconds or minutes', () => {
    expect([readTimeout({}), readTimeout({ timeout: '90s' }), readTimeout({ timeout: '3m' })]).toEqual([120_000, 90_000, 180_000]);
    expect(() => readTimeout({ timeout: '1h' })).toThrow('--timeout must be a time such as 90s or 2m, not "1h"');
  });
});
