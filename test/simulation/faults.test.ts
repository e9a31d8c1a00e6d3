import { describe, expect, it } from 'vitest';
import { errorFromStatus, isNotFound } from '../../src/kube/errors.ts';
import { namespaces, serviceAccounts } from '../../src/kube/resources.ts';
import { streamOf } from './engine/random.ts';
import type { WireRequest, WireServer } from './engine/wire.ts';
import type { WireIncident } from './faults.ts';
import { createFaults, wishes } from './faults.ts';

const server = (name: string): WireServer => ({ name, origin: `https://${name}.sim`, handle: () => ({ status: 200, body: '{}' }) });
const get = (path: string): WireRequest => ({ from: 'operator-0.0', method: 'GET', path, headers: {}, body: undefined });
const account = '/api/v1/namespaces/ci/serviceaccounts/agent-0';
const incident: WireIncident = { at: 0, kind: 'Wire', server: 'apiserver-a', fault: 'NotFound', calls: 'Reads', share: 1, for: 1_000 };

describe('a fault of the wire', () => {
  it('meets what it is told to, until it ends', () => {
    const faults = createFaults(streamOf(1, 'wire'));
    const end = faults.begin(incident);
    expect(faults.of(get(account), server('apiserver-a'))).toMatchObject({ kind: 'Instead' });
    expect(faults.of({ ...get(account), method: 'DELETE' }, server('apiserver-a'))).toBeUndefined();
    expect(faults.of(get(account), server('apiserver-b'))).toBeUndefined();
    end();
    expect(faults.of(get(account), server('apiserver-a'))).toBeUndefined();
  });

  it('that goes by the path leaves every other one alone', () => {
    const faults = createFaults(streamOf(1, 'wire'));
    faults.begin({ ...incident, path: '/serviceaccounts/agent-0$' });
    expect(faults.of(get(account), server('apiserver-a'))).toMatchObject({ kind: 'Instead' });
    expect(faults.of(get(`${account}1`), server('apiserver-a'))).toBeUndefined();
  });

  it.each(['TooManyRequests', 'Unavailable'] as const)('that is %s asks for every kind of patience, in every place, and for none', (fault) => {
    const faults = createFaults(streamOf(1, 'wire'));
    faults.begin({ ...incident, fault });
    const answers = Array.from({ length: 300 }, () => faults.of(get(account), server('apiserver-a'))).flatMap((met) => (met?.kind === 'Instead' ? [met.answer] : []));
    const inHeader = new Set(answers.map(({ headers }) => headers?.['retry-after']));
    expect(inHeader).toEqual(new Set([undefined, ...wishes]));
    const inBody = answers.map(({ status, body, headers }) => ({ error: errorFromStatus(JSON.parse(body), status), header: headers?.['retry-after'] }));
    expect(inBody.some(({ error }) => error.retryAfter === 60_000)).toBe(true);
    expect(inBody.some(({ error, header }) => error.retryAfter === undefined && header === undefined)).toBe(true);
  });

  // A world in which it did would be none: whoever believes it then is right.
  it('never says of what was asked for that it is not there', () => {
    const faults = createFaults(streamOf(1, 'wire'));
    faults.begin(incident);
    for (let time = 0; time < 20; time += 1) {
      const met = faults.of(get(account), server('apiserver-a'));
      const { status, body } = met?.kind === 'Instead' ? met.answer : { status: 0, body: '{}' };
      const error = errorFromStatus(JSON.parse(body), status, { verb: 'get' });
      expect(error).toMatchObject({ code: 404, reason: 'NotFound' });
      expect([isNotFound(error, serviceAccounts, 'agent-0'), isNotFound(error, namespaces, 'ci')]).toEqual([false, false]);
    }
  });
});
