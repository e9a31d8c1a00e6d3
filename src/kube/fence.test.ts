import { describe, expect, it } from 'vitest';
import type { KubeClient } from './client.ts';
import { toOutcome } from './errors.ts';
import { fenced } from './fence.ts';
import { serviceAccounts, subjectAccessReviews } from './resources.ts';

const recording = () => {
  const sent: string[] = [];
  const answer = (verb: string) => (): Promise<never> => {
    sent.push(verb);
    return Promise.resolve(undefined as never);
  };
  const client = { get: answer('get'), review: answer('review'), create: answer('create'), delete: answer('delete'), patch: answer('patch') };
  return { sent, client: client as unknown as KubeClient };
};

const useAll = (client: KubeClient) =>
  Promise.allSettled([
    client.get(serviceAccounts, { namespace: 'ci', name: 'agent' }),
    client.review(subjectAccessReviews, {}),
    client.create(serviceAccounts, 'ci', {}),
    client.delete(serviceAccounts, { namespace: 'ci', name: 'agent' }),
    client.patch(serviceAccounts, { namespace: 'ci', name: 'agent' }, { type: 'merge', body: {} }),
  ]);

describe('a fenced client', () => {
  it('sends everything while it may', async () => {
    const { sent, client } = recording();
    await useAll(fenced(client, () => true));
    expect(sent).toEqual(['get', 'review', 'create', 'delete', 'patch']);
  });

  it('goes on asking, and sends no write, from the moment at which it may not', async () => {
    const { sent, client } = recording();
    let leads = true;
    const guarded = fenced(client, () => leads);
    leads = false;
    const results = await useAll(guarded);
    expect(sent).toEqual(['get', 'review']);
    const refusals = results.flatMap((result) => (result.status === 'rejected' ? [toOutcome(result.reason)] : []));
    expect(refusals.map(({ kind }) => kind)).toEqual(['Retryable', 'Retryable', 'Retryable']);
    expect(refusals[0]?.message).toContain('does not lead any more');
  });
});
