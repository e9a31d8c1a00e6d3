/** A run that is looked at until it is over, on a terminal and in a log; and who is asked whether it is meant. */
import { describe, expect, it } from 'vitest';
import { anOffboarding } from '../../../test/builders/offboarding.ts';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeKube } from '../../../test/fakes/kube.ts';
import type { OffboardingStatus } from '../../api/v1alpha1/index.ts';
import { ApiError } from '../../kube/errors.ts';
import { offboardings } from '../../kube/resources.ts';
import type { Io } from '../command.ts';
import { isMeant } from '../people.ts';
import type { RunObject } from '../runs.ts';
import { follow } from './follow.ts';

const status = (phase: NonNullable<OffboardingStatus['phase']>, change: OffboardingStatus = {}): OffboardingStatus => ({ identity: 'ci/agent', phase, ...change });
const over = status('Complete', { completedAt: '2026-11-23T10:00:03Z', conditions: [{ type: 'Ready', status: 'True', reason: 'Confirmed', message: '', lastTransitionTime: '' }] });
const many = Array.from({ length: 40 }, (_, index) => ({ name: `dependency-${String(index)}`, state: 'Pending' }) as const);

const aWatch = (columns: number | undefined, timeout?: number) => {
  const kube = createFakeKube();
  const clock = createFakeClock();
  const written: string[] = [];
  const complaints: string[] = [];
  const io: Io = {
    env: {}, stdin: () => Promise.resolve(''), ask: undefined, columns, rows: 10, clock, version: '0',
    out: (text) => { written.push(text); }, err: (text) => { complaints.push(text); }, signal: new AbortController().signal,
  };
  const put = (now: OffboardingStatus, uid = 'first'): RunObject => kube.put(offboardings, { ...anOffboarding({ metadata: { uid }, status: now }) }) as RunObject;
  const first = put(status('Revoking'));
  const trouble = { is: undefined as Error | undefined };
  kube.onRequest(() => {
    if (trouble.is !== undefined) throw trouble.is;
  });
  const cluster = { client: kube.client, namespace: 'ci', everywhere: false, server: 'https://x', signal: io.signal };
  const end = follow(cluster, first, io, { format: undefined, timeout }).then((run) => run?.status?.phase ?? 'not over', (error: unknown) => String(error));
  return { clock, written, complaints, put, trouble, end, drop: () => { kube.drop(offboardings, { namespace: 'ci', name: 'retire' }); } };
};

describe('a run that is watched on a terminal', () => {
  it('is drawn over each second, never higher than the terminal, and stays whole at its end', async () => {
    const { clock, written, put, end } = aWatch(80);
    await clock.advance(1_000);
    expect(written[0]).toMatch(/^agent \(ci\) {2}Retired, .* +Revoking\n\n$/);
    expect(written[1]).toMatch(/^\u001b\[2A\u001b\[0Jagent/);
    put(status('Verifying', { dependencies: many }));
    await clock.advance(2_000);
    expect(written[2]?.split('\n')).toHaveLength(10);
    expect(written[3]).toMatch(/^\u001b\[9A\u001b\[0J/);
    put({ ...over, dependencies: many });
    await clock.advance(1_000);
    expect(await end).toBe('Complete');
    expect(written.at(-1)?.split('\n').length).toBeGreaterThan(40);
  });

  it('says for how long nobody could be asked, and goes on when that is over', async () => {
    const { clock, written, put, trouble, end } = aWatch(80);
    trouble.is = new ApiError(0, 'Transport', 'no connection');
    await clock.advance(3_000);
    expect(written.at(-1)).toContain('cannot be asked for 2s, and is as it was then: no connection');
    trouble.is = undefined;
    put(over);
    await clock.advance(1_000);
    expect(await end).toBe('Complete');
    expect(written.at(-1)).not.toContain('cannot be asked');
  });
});

describe('a run that is watched elsewhere', () => {
  it('tells once what is new, with its time, and all of it at its end', async () => {
    const { clock, written, put, trouble, end } = aWatch(undefined);
    await clock.advance(20_000);
    trouble.is = new ApiError(503, 'ServiceUnavailable', 'away');
    await clock.advance(20_000);
    trouble.is = undefined;
    put(over);
    await clock.advance(2_000);
    expect(await end).toBe('Complete');
    const lines = written.join('').split('\n');
    expect(lines.slice(0, 2)).toEqual(['2026-11-23T10:00:00Z  agent (ci)  Revoking', '2026-11-23T10:00:22Z  cannot be asked: away']);
    expect(lines[2]).toBe('2026-11-23T10:00:42Z  agent (ci)  Complete');
    expect(written.join('')).toMatch(/\n\nagent \(ci\) {2}Retired, .* +Complete\n/);
    expect(written.join('')).not.toContain('\u001b');
  });

  it('is over for whoever waits long enough, or when it is gone, or may not be seen any more', async () => {
    const patient = aWatch(undefined, 5_000);
    await patient.clock.advance(5_000);
    expect(await patient.end).toBe('not over');
    expect(patient.complaints).toEqual(['not over after 5s: kubectl offboard why retire -n ci\n']);

    const gone = aWatch(undefined);
    gone.drop();
    await gone.clock.advance(2_000);
    expect(await gone.end).toContain('Offboarding "retire" is gone; where it had come to its end, its record says so: kubectl offboard records');

    const another = aWatch(undefined);
    another.put(status('Pending'), 'second');
    await another.clock.advance(2_000);
    expect(await another.end).toContain('Offboarding "retire" is gone');

    const forbidden = aWatch(undefined);
    forbidden.trouble.is = new ApiError(403, 'Forbidden', 'no');
    await forbidden.clock.advance(2_000);
    expect(await forbidden.end).toContain('no');
  });
});

describe('whether it is meant', () => {
  it('is asked on a terminal alone, and only yes is yes', async () => {
    const said: string[] = [];
    const answering = (answer: string | undefined): Io => ({
      env: {}, stdin: () => Promise.resolve(''), ask: answer === undefined ? undefined : () => Promise.resolve(answer), columns: 80, rows: 24, clock: createFakeClock(), version: '0',
      out: () => undefined, err: (text) => { said.push(text); }, signal: new AbortController().signal,
    });
    const answers = [];
    for (const answer of ['y', 'YES ', 'n', '', 'yesterday', undefined]) answers.push(await isMeant('Go on\u001b[2J?', false, answering(answer)));
    expect(answers).toEqual([true, true, false, false, false, true]);
    expect(await isMeant('Go on?', true, answering('n'))).toBe(true);
    expect(said.join('')).not.toContain('\u001b');
  });
});
