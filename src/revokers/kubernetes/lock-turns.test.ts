/** How many who lock at once share the ConfigMap of the lock. */
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import type { KubeClient } from '../../kube/client.ts';
import { errorFromStatus } from '../../kube/errors.ts';
import { createTurns } from './lock-turns.ts';

const never = new AbortController().signal;
const named = (name: string) => ({ namespace: 'ci', name });

/** As much of a ConfigMap as is patched; it holds no more than so many names. */
const createLockMap = (most: number) => {
  let data: Record<string, string> = { ci: '\nagent\n' };
  let version = 1;
  const answer = () => ({ metadata: { name: 'offboard-lock', namespace: 'ops', uid: 'u', resourceVersion: String(version) }, data: { ...data } });
  const client: Partial<KubeClient> = {
    get: () => Promise.resolve(answer() as never),
    patch: (...[, , { body }]) => {
      const changes = (body as { readonly data: Readonly<Record<string, string | null>> }).data;
      const next = Object.fromEntries(Object.entries({ ...data, ...changes }).filter((entry): entry is [string, string] => entry[1] !== null));
      if ((next['ci'] ?? '').trim().split('\n').length > most) {
        throw errorFromStatus({ kind: 'Status', code: 422, reason: 'Invalid', message: 'may not be more than 1048576 bytes' }, 422);
      }
      data = next;
      version += 1;
      return Promise.resolve(answer() as never);
    },
  };
  return { client: client as KubeClient, names: () => (data['ci'] ?? '').trim().split('\n') };
};

describe('a ConfigMap that is full', () => {
  it('refuses who comes, and keeps nobody who is in it from being seen, or from going', async () => {
    const map = createLockMap(1);
    const clock = createFakeClock();
    const turn = createTurns({ client: map.client, clock, namespace: 'ops', trial: () => Promise.resolve({ state: 'Present', method: 'try' }), random: () => '0123456789abcdef' });
    const comes = expect(turn({ kind: 'Add', account: named('another') }, never)).rejects.toThrow('may not be more than 1048576 bytes');
    const seen = turn({ kind: 'Try', account: named('agent') }, never);
    await clock.advance(10);
    await comes;
    expect(await seen).toMatchObject({ seen: { state: 'Present' } });
    const gone = turn({ kind: 'Remove', account: named('agent') }, never);
    await clock.advance(10);
    await gone;
    expect(map.names()).toEqual(['']);
  });
});
