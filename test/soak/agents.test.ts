import { describe, expect, it } from 'vitest';
import type { Answer, Api } from '../bench/api.ts';
import { insistent } from './agents.ts';

/** Answers in this order, and the last one again and again. */
const answering = (...answers: readonly Answer[]): { readonly api: Api; readonly asked: () => number } => {
  let asked = 0;
  const call: Api['call'] = () => {
    asked += 1;
    return Promise.resolve(answers[Math.min(asked, answers.length) - 1] ?? { status: 0, body: '' });
  };
  return { api: { call, lines: () => { throw new Error('no watch'); }, close: () => Promise.resolve() }, asked: () => asked };
};

const status = (code: number, rest: object): Answer => ({ status: code, body: JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', ...rest }) });
const notFound = status(404, { message: 'pods "p" not found', reason: 'NotFound', details: { name: 'p', kind: 'pods' }, code: 404 });

describe('a call that is insisted on', () => {
  it.each([
    ['is overloaded', status(503, { reason: 'ServiceUnavailable' })],
    ['has not loaded what it admits by', status(403, { message: 'pods "p" is forbidden: not yet ready to handle request', reason: 'Forbidden', details: { name: 'p', kind: 'pods' } })],
    ['knows no such resource yet', status(404, { message: 'the server could not find the requested resource', reason: 'NotFound', details: {} })],
    ['knows no such path yet', { status: 404, body: '404 page not found\n' }],
  ])('is made again when the API server %s', async (_, answer) => {
    const { api, asked } = answering(answer, { status: 200, body: '{}' });
    expect(await insistent(api)('DELETE', '/p')).toEqual({ status: 200, body: '{}' });
    expect(asked()).toBe(2);
  });

  it('is over where the object is gone, and fails where it is refused', async () => {
    expect(await insistent(answering(notFound).api)('DELETE', '/p')).toEqual(notFound);
    await expect(insistent(answering(status(403, { message: 'no' })).api)('DELETE', '/p')).rejects.toThrow('DELETE /p: 403');
  });
});
