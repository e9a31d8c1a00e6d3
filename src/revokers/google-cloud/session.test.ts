import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { abortable } from '../../runtime/deadline.ts';
import { needsPerson, retryable } from '../../runtime/outcome.ts';
import type { GoogleToken } from './logins.ts';
import { createGoogleSession } from './session.ts';

const never = new AbortController().signal;
const hour = 3_600_000;

/** Logs in as often as it is asked, and can be told to fail, to wait, or that people replaced the key. */
const setup = ({ ttl = hour, replaceable = false } = {}) => {
  const clock = createFakeClock();
  const state: { logins: number; failing?: Error | undefined; waiting?: Promise<void> | undefined; replaced: boolean | Error } = { logins: 0, replaced: false };
  const obtain = async (signal: AbortSignal): Promise<GoogleToken> => {
    state.logins += 1;
    const value = `token-${String(state.logins)}`;
    await abortable(state.waiting ?? Promise.resolve(), signal);
    if (state.failing !== undefined) throw state.failing;
    return { value, ttl, self: { name: 'offboard' } };
  };
  const isReplaced = (): Promise<boolean> => (state.replaced instanceof Error ? Promise.reject(state.replaced) : Promise.resolve(state.replaced));
  const session = createGoogleSession({ login: { obtain, ...(replaceable && { isReplaced }) }, clock, random: () => 0 });
  const value = async (): Promise<string> => (await session.hold(never)).value;
  return { clock, state, session, value };
};

describe('a token', () => {
  it('is got once, for all who ask at the same time and until it is due', async () => {
    const { state, value, clock } = setup();
    expect(await Promise.all([value(), value(), value()])).toEqual(['token-1', 'token-1', 'token-1']);
    await clock.advance(hour * (2 / 3) - 1);
    expect(await value()).toBe('token-1');
    expect(state.logins).toBe(1);
  });

  it('is replaced behind those who use it, well before it ends', async () => {
    const { state, value, clock } = setup();
    await value();
    await clock.advance(hour * (2 / 3));
    expect(await value(), 'who asks goes on with what there is').toBe('token-1');
    await clock.settle();
    expect(await value()).toBe('token-2');
    expect(state.logins).toBe(2);
  });

  it('that cannot be replaced is used to its end, and no longer', async () => {
    const { state, value, clock } = setup();
    await value();
    state.failing = retryable('Transport', 'did not get through');
    await clock.advance(hour - 10_001);
    expect(await value()).toBe('token-1');
    await clock.settle();
    await clock.advance(1);
    await expect(value()).rejects.toMatchObject({ reason: 'Transport' });
  });

  it('that lives for seconds is used for most of them', async () => {
    const { value, clock } = setup({ ttl: 3_000 });
    await value();
    await clock.advance(1_900);
    expect(await value()).toBe('token-1');
    await clock.advance(800);
    expect(await value()).toBe('token-2');
  });

  it('is not lost for the others when one who waits gives up', async () => {
    const { state, session, value } = setup();
    const gate = Promise.withResolvers<undefined>();
    state.waiting = gate.promise;
    const controller = new AbortController();
    const [impatient, patient] = [expect(session.hold(controller.signal)).rejects.toThrow('enough'), value()];
    controller.abort(new Error('enough'));
    await impatient;
    gate.resolve(undefined);
    expect(await patient).toBe('token-1');
  });
});

describe('a login that fails', () => {
  it('is not tried again at once, for nobody, and then is', async () => {
    const { state, value, clock } = setup();
    state.failing = needsPerson('LoginRefused', 'refused');
    for (let count = 0; count < 3; count += 1) await expect(value()).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'LoginRefused' });
    expect(state.logins).toBe(1);
    state.failing = undefined;
    await clock.advance(1_000);
    expect(await value()).toBe('token-2');
  });

  it('is tried ever more rarely, to twice a minute', async () => {
    const { state, value, clock } = setup();
    state.failing = new Error('a bug that names ya29.a0AfH6SMBabcdefghij');
    for (let second = 0; second < 600; second += 1) {
      await expect(value()).rejects.toMatchObject({ kind: 'Retryable', reason: 'LoginFailed', message: 'a bug that names [redacted]' });
      await clock.advance(1_000);
    }
    expect(state.logins).toBeLessThanOrEqual(26);
  });
});

describe('a token that is refused', () => {
  it('is replaced once for all who hold it', async () => {
    const { session, value, state } = setup();
    const held = await session.hold(never);
    expect([session.refuse(held), session.refuse(held)]).toEqual([true, true]);
    expect(await value()).toBe('token-2');
    expect(session.refuse(held), 'another one is held by now').toBe(true);
    expect(await value()).toBe('token-2');
    expect(state.logins).toBe(2);
  });

  it('and whose successor is refused too is kept for a minute', async () => {
    const { session, clock, value } = setup();
    session.refuse(await session.hold(never));
    expect(session.refuse(await session.hold(never))).toBe(false);
    expect(await value()).toBe('token-2');
    await clock.advance(60_000);
    expect(session.refuse(await session.hold(never))).toBe(true);
    expect(await value()).toBe('token-3');
  });
});

describe('a key from a Secret', () => {
  it('is looked at about once a minute, and another one is used', async () => {
    const { state, value, clock } = setup({ replaceable: true });
    await value();
    state.replaced = true;
    await clock.advance(59_999);
    expect([await value(), state.logins]).toEqual(['token-1', 1]);
    await clock.advance(1);
    await value();
    await clock.settle();
    expect(await value()).toBe('token-2');
  });

  it('that is taken away is used no more', async () => {
    const { state, value, clock } = setup({ replaceable: true });
    await value();
    state.replaced = needsPerson('SecretMissing', 'it is not there');
    state.failing = state.replaced;
    await clock.advance(60_000);
    await value();
    await clock.settle();
    await expect(value()).rejects.toMatchObject({ reason: 'SecretMissing' });
  });

  it('that cannot be read just now is used on', async () => {
    const { state, value, clock } = setup({ replaceable: true });
    await value();
    state.replaced = retryable('Transport', 'the API server does not answer');
    await clock.advance(60_000);
    await value();
    await clock.settle();
    expect(await value()).toBe('token-1');
  });
});

it('a session that is closed serves nobody, and breaks what waits', async () => {
  const { session, state, value } = setup();
  state.waiting = new Promise(() => undefined);
  const waiting = expect(value()).rejects.toMatchObject({ kind: 'Retryable', reason: 'ConnectorChanged' });
  session.close();
  await waiting;
  await expect(value()).rejects.toMatchObject({ reason: 'ConnectorChanged' });
});
