import { describe, expect, it } from 'vitest';
import { aPredicate, aRecordedCredential } from '../builders/predicate.ts';
import type { AuditEvent } from '../env/audit.ts';
import type { Exchange } from '../env/proxy.ts';
import { doubledRecords, places, settledTooEarly, unannounced, untold } from './judge-records.ts';
import { doubled, hitAgain, judgeSent, twice } from './judge.ts';
import type { Victim } from './ways.ts';

const rolebindings = '/apis/rbac.authorization.k8s.io/v1/namespaces/kill-0/rolebindings';
const made = (path: string, uid: string) => ({ path, uid, version: '1' });
const account = made('/api/v1/namespaces/kill-0/serviceaccounts/agent-0', 'account');
const agent = {
  namespace: 'kill-0', name: 'agent-0', uid: 'account', tokens: { requested: '', legacy: '' }, paths: [],
  objects: [account, made(`${rolebindings}/agent-0`, 'binding')],
};
const victim: Victim = { way: 'an Offboarding', agent, shared: made(`${rolebindings}/shared-agent-0`, 'shared'), again: undefined, run: 'agent-0' };

const deleted = (path: string, requestReceivedTimestamp: string): AuditEvent => ({
  auditID: 'a', verb: 'delete', stage: 'ResponseComplete', user: { username: 'offboard' }, requestURI: path, requestReceivedTimestamp,
});

describe('what the replicas sent', () => {
  const judged = (method: string, path: string, body: object): number => {
    const sent: readonly Exchange[] = [{ method, path, body: JSON.stringify(body) }];
    return judgeSent({ sent }, [victim]).wrong.length;
  };
  const neighbour = { kind: 'ServiceAccount', name: 'neighbour-of-kill-0', namespace: 'kill-0' };

  it.each([
    ['a delete of our object by its UID', 0, 'DELETE', account.path, { preconditions: { uid: 'account' } }],
    ['a delete of the account that somebody made again', 1, 'DELETE', account.path, { preconditions: { uid: 'another' } }],
    ['a delete of whatever has the name', 1, 'DELETE', account.path, {}],
    ['a delete of a binding that is shared', 1, 'DELETE', victim.shared.path, { preconditions: { uid: 'shared' } }],
    ['our leaving a binding that is shared', 0, 'PATCH', victim.shared.path, { metadata: { resourceVersion: '7' }, subjects: [neighbour] }],
    ['our leaving it, whatever somebody else changes meanwhile', 1, 'PATCH', victim.shared.path, { subjects: [neighbour] }],
    ['everybody leaving it', 1, 'PATCH', victim.shared.path, { metadata: { resourceVersion: '7' }, subjects: [] }],
    ['a change of a binding that is a neighbour\'s', 1, 'PATCH', `${rolebindings}/neighbour-of-kill-0`, { metadata: { resourceVersion: '7' }, subjects: [neighbour] }],
  ])('%s is wrong %i times', (_, wrong, method, path, body) => {
    expect(judged(method, path, body)).toBe(wrong);
  });
});

describe('what was done', () => {
  it('is done once', () => {
    const once = deleted(account.path, '2026-12-01T10:00:00.000000Z');
    expect(twice(new Map([[account.path, [once]]]), 'deleted')).toEqual([]);
    expect(twice(new Map([[account.path, [once, once]]]), 'deleted')).toHaveLength(1);
    expect(doubled('an Offboarding for', ['ci/a', 'ci/b'])).toEqual([]);
    expect(doubled('an Offboarding for', ['ci/a', 'ci/a'])).toEqual(['2 times an Offboarding for ci/a']);
  });

  it('is not done to the account that somebody made again', () => {
    const deletes = new Map([[account.path, [deleted(account.path, '2026-12-01T10:00:00.000000Z')]]]);
    expect(hitAgain([victim], deletes)).toEqual([]);
    expect(hitAgain([{ ...victim, again: made(account.path, 'another') }], deletes)).toHaveLength(1);
  });
});

describe('records', () => {
  it('are one for each run, in places that leave none out', () => {
    const { run } = aPredicate();
    expect(doubledRecords([aPredicate(), aPredicate({ run: { ...run, uid: 'other' } })])).toEqual([]);
    expect(doubledRecords([aPredicate(), aPredicate()])).toHaveLength(1);
    const chain = (...names: readonly string[]) => places(names.map((name) => ({ metadata: { name, uid: name, resourceVersion: '1' }, spec: {} }) as never));
    expect(chain('0000000002', '0000000001')).toEqual([]);
    expect(chain('0000000001', '0000000003')).toHaveLength(1);
  });

  const absent = aRecordedCredential({ id: 'serviceaccounts/kill-0/agent-0', absentSince: '2026-12-01T10:00:00.000Z', confirmedAt: '2026-12-01T10:00:02.000Z' });
  const death = (at: string, led = true) => ({ replica: 0, from: Date.parse(at), until: Date.parse(at) + 5, led });

  it('tell of absences that one process believed after the settle time', () => {
    expect(settledTooEarly(absent, [death('2026-12-01T09:59:59.000Z'), death('2026-12-01T10:00:03.000Z'), death('2026-12-01T10:00:01.000Z', false)], 1_000)).toEqual([]);
    expect(settledTooEarly(absent, [death('2026-12-01T10:00:01.000Z')], 1_000)).toHaveLength(1);
    expect(settledTooEarly(absent, [], 3_000)).toHaveLength(1);
    expect(settledTooEarly({ ...absent, confirmedAt: '' }, [], 1_000)).toHaveLength(1);
  });

  it('tell of intents that were stored before anything was deleted', () => {
    const at = (time: string) => new Map([[account.path, [deleted(account.path, time)]]]);
    const asked = { ...absent, revokeRequestedAt: '2026-12-01T09:59:59.000Z' };
    expect(unannounced(asked, at('2026-12-01T09:59:59.000500Z'))).toEqual([]);
    expect(unannounced(asked, at('2026-12-01T09:59:58.999000Z'))).toHaveLength(1);
    const { revokeRequestedAt: _, ...never } = asked;
    expect(unannounced(never, at('2026-12-01T10:00:00.000000Z'))).toHaveLength(1);
    expect(unannounced(never, new Map())).toEqual([]);
    expect(untold([asked], at('2026-12-01T10:00:00.000000Z'))).toEqual([]);
    expect(untold([never], at('2026-12-01T10:00:00.000000Z'))).toHaveLength(1);
    expect(untold([], at('2026-12-01T10:00:00.000000Z'))).toHaveLength(1);
  });
});
