import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import type { LogFields, Logger } from '../runtime/logger.ts';
import type { KubeClient } from './client.ts';
import { ApiError, errorFromStatus } from './errors.ts';
import { type RecordedEvent, createEventRecorder } from './events.ts';
import { type Resource, events } from './resources.ts';

interface Written {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly body: Readonly<Record<string, unknown>> & { readonly metadata: { readonly name: string } };
}

/** A recorder whose client answers as `answer` says: it throws, waits, or lets the event be written. */
const setup = (answer: (signal: AbortSignal | undefined) => Promise<void> = () => Promise.resolve()) => {
  const clock = createFakeClock();
  const written: Written[] = [];
  const warnings: { message: string; fields: LogFields | undefined }[] = [];
  const log: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message, fields) => warnings.push({ message, fields }),
    error: () => undefined,
    child: () => log,
  };
  const create = async (resource: Resource, namespace: string | undefined, body: unknown, options?: { signal?: AbortSignal }) => {
    await answer(options?.signal);
    written.push({ resource, namespace, body: body as Written['body'] });
    return body;
  };
  const client = { create } as unknown as KubeClient;
  const recorder = createEventRecorder({ client, clock, log, reportingController: 'offboard.dev/operator', reportingInstance: 'pod-1' });
  return { clock, recorder, warnings, written, notes: () => written.map(({ body }) => body['note']) };
};

const event = (note = 'The lock holds', more: Partial<RecordedEvent> = {}, name = 'run-1'): RecordedEvent => ({
  regarding: {
    apiVersion: 'offboard.dev/v1alpha1',
    kind: 'Offboarding',
    metadata: { namespace: 'ci', name, uid: `uid-${name}`, resourceVersion: '7', creationTimestamp: '2026-11-23T10:00:00Z' },
  },
  type: 'Normal',
  reason: 'Locked',
  action: 'Offboard',
  note,
  ...more,
});

const minute = 60_000;
const unavailable = new ApiError(503, 'ServiceUnavailable', 'down');

describe('an event recorder', () => {
  it('writes what kubectl describe shows', async () => {
    const { recorder, written } = setup();
    recorder.record(event());
    await recorder.flush();
    expect(written).toEqual([
      {
        resource: events,
        namespace: 'ci',
        body: {
          metadata: { namespace: 'ci', name: expect.stringMatching(/^run-1\.[0-9a-f]{16}$/) as string },
          eventTime: '2026-11-23T10:00:00.000000Z',
          type: 'Normal',
          reason: 'Locked',
          action: 'Offboard',
          note: 'The lock holds',
          reportingController: 'offboard.dev/operator',
          reportingInstance: 'pod-1',
          regarding: { apiVersion: 'offboard.dev/v1alpha1', kind: 'Offboarding', namespace: 'ci', name: 'run-1', uid: 'uid-run-1', resourceVersion: '7' },
        },
      },
    ]);
  });

  it('does not repeat within ten minutes what it said of the same object', async () => {
    const { clock, notes, recorder } = setup();
    recorder.record(event());
    await clock.advance(9 * minute);
    recorder.record(event());
    recorder.record(event('Something else'));
    recorder.record(event('The lock holds', {}, 'run-2'));
    recorder.record(event('The lock holds', { reason: 'Relocked' }));
    await clock.advance(minute);
    expect(notes()).toEqual(['The lock holds', 'Something else', 'The lock holds', 'The lock holds']);
    recorder.record(event());
    await recorder.flush();
    expect(notes()).toHaveLength(5);
  });

  it('tells no more than ten things of one object for one reason within ten minutes, and other things all the same', async () => {
    const { clock, recorder, notes } = setup();
    for (let i = 0; i < 50; i += 1) recorder.record(event(`recreated as ${i}`, { reason: 'IdentityRecreated' }));
    recorder.record(event('recreated', { reason: 'IdentityRecreated' }, 'run-2'));
    recorder.record(event('done', { reason: 'Completed' }));
    await recorder.flush();
    expect(notes()).toEqual([...Array.from({ length: 10 }, (_, i) => `recreated as ${i}`), 'recreated', 'done']);
    await clock.advance(10 * minute);
    recorder.record(event('recreated once more', { reason: 'IdentityRecreated' }));
    await recorder.flush();
    expect(notes().at(-1)).toBe('recreated once more');
  });

  it('keeps bearer secrets, line breaks and all beyond a kilobyte out of a note', async () => {
    const { notes, recorder } = setup();
    recorder.record(event('refused:\nBearer abcdefghijklmnop'));
    recorder.record(event('ü'.repeat(2_000)));
    await recorder.flush();
    const [first, second] = notes() as [string, string];
    expect(first).not.toContain('abcdefghijklmnop');
    expect(first).not.toContain('\n');
    expect(Buffer.byteLength(second)).toBeLessThanOrEqual(1_024);
    expect(Buffer.byteLength(second)).toBeGreaterThan(1_000);
    expect(second).toMatch(/^ü+…$/);
  });

  it.each([
    ['system:masters@Prod', /^system-masters-prod\.[0-9a-f]{16}$/],
    ['-a.-b-.c', /^a\.b\.c\.[0-9a-f]{16}$/],
    [':::', /^object\.[0-9a-f]{16}$/],
    ['x'.repeat(253), /^x{230}\.[0-9a-f]{16}$/],
  ])('gives the event about %s a name that the API server takes', async (name, expected) => {
    const { recorder, written } = setup();
    recorder.record(event('note', {}, name));
    await recorder.flush();
    expect(written[0]?.body.metadata.name).toMatch(expected);
  });

  it('keeps events about what has no namespace in default', async () => {
    const { recorder, written } = setup();
    const { namespace: _, ...metadata } = event().regarding.metadata;
    recorder.record(event('note', { regarding: { kind: 'ClusterRoleBinding', metadata } }));
    await recorder.flush();
    expect(written[0]?.namespace).toBe('default');
    expect(written[0]?.body['regarding']).not.toHaveProperty('namespace');
  });

  it('tries again when the server is in trouble, under the same name', async () => {
    const failures = [unavailable, unavailable];
    const { clock, recorder, warnings, written } = setup(() => {
      const failure = failures.shift();
      return failure ? Promise.reject(failure) : Promise.resolve();
    });
    recorder.record(event());
    await clock.advance(5_000);
    expect(written).toHaveLength(1);
    expect(warnings).toEqual([]);
  });

  it('takes an event that is there already for its own, written by an attempt whose answer was lost', async () => {
    const answers = [unavailable, new ApiError(409, 'AlreadyExists', 'it is there')];
    const { clock, recorder, warnings } = setup(() => Promise.reject(answers.shift() ?? unavailable));
    recorder.record(event());
    await clock.advance(60_000);
    expect(answers).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('gives up after three attempts, says so, and may say the same again', async () => {
    let attempts = 0;
    const { clock, recorder, warnings } = setup(() => {
      attempts += 1;
      return Promise.reject(unavailable);
    });
    recorder.record(event());
    await clock.advance(minute);
    expect(attempts).toBe(3);
    expect(warnings).toMatchObject([{ message: 'An event could not be written', fields: { reason: 'Locked', regarding: 'run-1' } }]);
    recorder.record(event());
    await clock.advance(minute);
    expect(attempts).toBe(6);
  });

  it('does not insist where it may not write', async () => {
    let attempts = 0;
    const { clock, recorder, warnings } = setup(() => {
      attempts += 1;
      return Promise.reject(new ApiError(403, 'Forbidden', 'cannot create resource "events"'));
    });
    recorder.record(event());
    await clock.advance(minute);
    expect(attempts).toBe(1);
    expect(warnings).toHaveLength(1);
  });

  it('drops quietly what no longer can be written because the namespace is ending', async () => {
    const terminating = errorFromStatus(
      { kind: 'Status', code: 403, reason: 'Forbidden', message: 'no', details: { causes: [{ reason: 'NamespaceTerminating' }] } },
      403,
    );
    const { recorder, warnings, written } = setup(() => Promise.reject(terminating));
    recorder.record(event());
    await recorder.flush();
    expect(written).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('is flushed within three seconds, whatever the server does, and works on', async () => {
    let hanging = true;
    const hang = (signal: AbortSignal | undefined): Promise<never> =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => { reject(signal.reason as Error); });
      });
    const { clock, notes, recorder, warnings } = setup((signal) => (hanging ? hang(signal) : Promise.resolve()));
    recorder.record(event('one'));
    recorder.record(event('two'));
    let flushed = false;
    void recorder.flush().then(() => { flushed = true; });
    await clock.advance(2_900);
    expect(flushed).toBe(false);
    await clock.advance(100);
    expect(flushed).toBe(true);
    expect(warnings).toHaveLength(1);
    hanging = false;
    recorder.record(event('three'));
    await recorder.flush();
    expect(notes()).toEqual(['three']);
    expect(clock.pending()).toBe(0);
  });

  it('has nothing to flush when nothing was recorded', async () => {
    await expect(setup().recorder.flush()).resolves.toBeUndefined();
  });

  it('drops what is too much at once, and tells how much', async () => {
    const gate = Promise.withResolvers<undefined>();
    const { recorder, warnings, written } = setup(async () => { await gate.promise; });
    for (let index = 0; index < 600; index += 1) recorder.record(event(`note ${String(index)}`, {}, `run-${String(index)}`));
    gate.resolve(undefined);
    await recorder.flush();
    expect(written).toHaveLength(501);
    expect(warnings).toEqual([{ message: 'Too many events at once; some were dropped', fields: { dropped: 99 } }]);
  });

  it('remembers a bounded number of events, the latest', async () => {
    const { notes, recorder } = setup();
    for (let index = 0; index < 2_400; index += 1) {
      recorder.record(event(`note ${String(index)}`, {}, `run-${String(index)}`));
      if (index % 100 === 0) await recorder.flush();
    }
    recorder.record(event('note 2399', {}, 'run-2399'));
    await recorder.flush();
    expect(notes()).toHaveLength(2_400);
    recorder.record(event('note 0', {}, 'run-0'));
    await recorder.flush();
    expect(notes()).toHaveLength(2_401);
  });
});
