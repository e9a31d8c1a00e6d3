import { expect, it } from 'vitest';
import type { Observation } from '../revoker.ts';
import { impersonationId } from './ids.ts';
import type { Look } from './look.ts';
import { observe } from './observe.ts';

const email = 'agent@my-project.iam.gserviceaccount.com';
const tried = { controlAt: new Date('2026-11-23T09:59:00Z'), refusals: 0, servers: 1 };
const works: Observation = { state: 'Present', method: 'probe/generateAccessToken', message: 'a login still gets an access token', tried };

/** As much of a look as it takes: whether the account is disabled, and what a try says. */
const lookWith = (disabled: boolean, answer: Observation | undefined): Look => {
  const account = { email, uniqueId: '1', disabled };
  const subject = 'principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/my-project.svc.id.goog/subject/ns/ci/sa/agent';
  const bindings = [{ role: 'roles/iam.workloadIdentityUser', members: [subject] }];
  const look = {
    target: { serviceAccount: { namespace: 'ci', name: 'agent' } },
    dependency: { serviceAccount: { email } },
    connection: { settings: { pools: [{ name: 'projects/1/locations/global/workloadIdentityPools/my-project.svc.id.goog', shared: false, subject: 'ns/{namespace}/sa/{name}' }] }, client: { self: () => Promise.resolve({}) } },
    memory: { account: () => Promise.resolve(account), policy: () => Promise.resolve({ bindings }) },
    probe: { attempt: () => Promise.resolve(answer) },
    signal: new AbortController().signal,
  };
  return look as unknown as Look;
};

const observed = (look: Look): Promise<Observation> =>
  observe(look, { id: impersonationId(email), class: 'Impersonation', end: { by: 'Others' }, seen: true });

it('tells a login that works although nothing would let it in from one that is just there', async () => {
  expect((await observed(lookWith(true, works))).tried).toEqual(tried);
  expect((await observed(lookWith(false, works))).tried, 'its role is still there').toBeUndefined();
  expect(await observed(lookWith(true, undefined))).toMatchObject({ state: 'Absent', method: 'getIamPolicy (no positive control)' });
  expect(await observed(lookWith(true, { ...works, state: 'Absent' }))).toMatchObject({ state: 'Absent', tried });
});
