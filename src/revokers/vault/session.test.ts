import { describe, expect, it, vi } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { needsPerson, retryable } from '../../runtime/outcome.ts';
import type { VaultAnswer } from './client.ts';
import type { Ask, Login, VaultToken } from './logins.ts';
import { createVaultSession } from './session.ts';

const never = new AbortController().signal;
const answer = (status: number, body: object = {}): VaultAnswer => ({ status, body });

const setup = ({ ttl, renewable = false, secret = false }: { readonly ttl?: number; readonly renewable?: boolean; readonly secret?: boolean } = {}) => {
  const clock = createFakeClock();
  let serial = 0;
  const obtain = vi.fn((): Promise<VaultToken> => {
    serial += 1;
    return Promise.resolve({ value: `token-${serial}`, accessor: `accessor-${serial}`, entityId: 'e', renewable, ttl });
  });
  const isReplaced = vi.fn((): Promise<boolean> => Promise.resolve(false));
  const ask = vi.fn<Ask>(() => Promise.resolve(answer(200, { auth: { lease_duration: (ttl ?? 0) / 1_000 } })));
  const login: Login = { by: 'a test', obtain, ...(secret && { isReplaced }) };
  const session = createVaultSession({ login, ask, clock, random: () => 0 });
  const value = async (): Promise<string> => (await session.hold(never)).token.value;
  const asked = (): readonly string[] => ask.mock.calls.map(([{ path }]) => path.join('/'));
  return { clock, session, obtain, isReplaced, ask, asked, value };
};

describe('a token', () => {
  it('is come by when it is first needed, once for all who wait', async () => {
    const { obtain, value } = setup();
    expect(obtain).not.toHaveBeenCalled();
    expect(await Promise.all([value(), value(), value()])).toEqual(['token-1', 'token-1', 'token-1']);
    expect(await value()).toBe('token-1');
    expect(obtain).toHaveBeenCalledOnce();
  });

  it('is not lost for the others when one who waits gives up', async () => {
    const { session, value, obtain, clock } = setup();
    const { promise, resolve } = Promise.withResolvers<VaultToken>();
    obtain.mockReturnValueOnce(promise);
    const controller = new AbortController();
    const gone = expect(session.hold(controller.signal)).rejects.toThrow('enough');
    const stays = value();
    controller.abort(new Error('enough'));
    await gone;
    resolve({ value: 'late', accessor: 'a', entityId: '', renewable: false, ttl: undefined });
    await clock.settle();
    expect(await stays).toBe('late');
  });

  it('that cannot be renewed is replaced by another login after two thirds of its life, while it still serves', async () => {
    const { clock, value, obtain } = setup({ ttl: 3_600_000 });
    await value();
    await clock.advance(2_399_999);
    expect(await value()).toBe('token-1');
    expect(obtain).toHaveBeenCalledOnce();
    await clock.advance(1);
    expect(await value()).toBe('token-1');
    await clock.settle();
    expect(await value()).toBe('token-2');
  });

  it('that can be renewed is, and stays the same', async () => {
    const { clock, value, obtain, asked, session } = setup({ ttl: 3_600_000, renewable: true });
    for (let hour = 0; hour < 10; hour += 1) {
      expect(await value()).toBe('token-1');
      await clock.advance(2_400_000);
    }
    expect(obtain).toHaveBeenCalledOnce();
    expect(asked()).toEqual(Array.from({ length: 9 }, () => 'auth/token/renew-self'));
    expect((await session.hold(never)).expiresAt?.getTime()).toBe(clock.now().getTime() + 1_200_000);
  });

  it('that is given less and less is replaced by another login', async () => {
    const { clock, value, ask } = setup({ ttl: 3_600_000, renewable: true });
    ask.mockResolvedValue(answer(200, { auth: { lease_duration: 1_700 } }));
    await value();
    await clock.advance(2_400_000);
    await value();
    await clock.settle();
    expect(await value()).toBe('token-2');
  });

  it.each([400, 403])('whose renewal is refused with %i is replaced by another login', async (status) => {
    const { clock, value, ask } = setup({ ttl: 3_600_000, renewable: true });
    ask.mockResolvedValue(answer(status));
    await value();
    await clock.advance(2_400_000);
    await value();
    await clock.settle();
    expect(await value()).toBe('token-2');
  });

  it('that ended is not used', async () => {
    const { clock, value } = setup({ ttl: 60_000 });
    await value();
    await clock.advance(60_000);
    expect(await value()).toBe('token-2');
  });

  it('serves to its end when no other can be had', async () => {
    const { clock, value, obtain } = setup({ ttl: 60_000 });
    await value();
    obtain.mockRejectedValue(retryable('Transport', 'no connection'));
    await clock.advance(59_999);
    expect(await value()).toBe('token-1');
    await clock.advance(1);
    await expect(value()).rejects.toThrow('no connection');
  });
});

describe('a login that fails', () => {
  it('is not tried again at once, whoever asks, but with growing pauses', async () => {
    const { clock, value, obtain } = setup();
    obtain.mockRejectedValue(needsPerson('LoginRefused', 'invalid role'));
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 7; attempt += 1) {
      const start = clock.monotonic();
      for (;;) {
        await expect(value()).rejects.toThrow('invalid role');
        if (obtain.mock.calls.length === attempt) break;
        await clock.advance(1_000);
      }
      pauses.push(clock.monotonic() - start);
    }
    expect(pauses).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
  });

  it('is forgotten after one that worked', async () => {
    const { clock, value, obtain } = setup();
    obtain.mockRejectedValueOnce(retryable('Transport', 'no connection'));
    await expect(value()).rejects.toThrow('no connection');
    await clock.advance(1_000);
    expect(await value()).toBe('token-1');
  });
});

describe('after a 403', () => {
  const refusing = async (options: Parameters<typeof setup>[0] = {}) => {
    const parts = setup(options);
    const held = await parts.session.hold(never);
    await parts.clock.advance(5_000);
    parts.ask.mockResolvedValue(answer(403));
    return { ...parts, held };
  };

  it('a token that the server does not know any more is replaced, after one question for all', async () => {
    const { session, held, value, asked } = await refusing();
    expect(await Promise.all([session.isInvalid(held, never), session.isInvalid(held, never)])).toEqual([true, true]);
    expect(asked()[0]).toBe('auth/token/lookup-self');
    expect(await value()).toBe('token-2');
  });

  it('a token that the server knows is kept', async () => {
    const { session, held, ask, value } = await refusing();
    ask.mockResolvedValue(answer(200));
    expect(await session.isInvalid(held, never)).toBe(false);
    ask.mockResolvedValue(answer(503));
    expect(await session.isInvalid(held, never)).toBe(false);
    expect(await value()).toBe('token-1');
  });

  it('nobody is asked where there is another token by now', async () => {
    const { session, held, value, ask } = await refusing({ ttl: 10_000 });
    await value();
    await session.isInvalid(held, never);
    await value();
    const calls = ask.mock.calls.length;
    expect(await session.isInvalid(held, never)).toBe(true);
    expect(ask.mock.calls.length).toBe(calls);
  });

  it('a token that has just been given is not doubted, or each refusal would be another login', async () => {
    const { session, ask } = setup();
    ask.mockResolvedValue(answer(403));
    const held = await session.hold(never);
    expect(await session.isInvalid(held, never)).toBe(false);
    expect(ask).not.toHaveBeenCalled();
  });
});

describe('a token from a Secret', () => {
  it('is compared with it once a minute, and not more often', async () => {
    const { clock, value, isReplaced, obtain } = setup({ secret: true });
    for (let second = 0; second < 180; second += 1) {
      await value();
      await clock.advance(1_000);
    }
    expect(isReplaced).toHaveBeenCalledTimes(2);
    expect(obtain).toHaveBeenCalledOnce();
  });

  it('is replaced when another is there', async () => {
    const { clock, value, isReplaced } = setup({ secret: true });
    await value();
    isReplaced.mockResolvedValue(true);
    await clock.advance(60_000);
    await value();
    await clock.settle();
    expect(await value()).toBe('token-2');
  });

  it('is not used any more when people took the Secret away', async () => {
    const { clock, value, isReplaced, obtain } = setup({ secret: true });
    await value();
    isReplaced.mockRejectedValue(needsPerson('SecretMissing', 'Secret "x" is not there'));
    obtain.mockRejectedValue(needsPerson('SecretMissing', 'Secret "x" is not there'));
    await clock.advance(60_000);
    await value();
    await clock.settle();
    await expect(value()).rejects.toThrow('is not there');
  });

  it('is used on while the Secret cannot be read', async () => {
    const { clock, value, isReplaced } = setup({ secret: true });
    await value();
    isReplaced.mockRejectedValue(retryable('Timeout', 'no answer'));
    for (let minute = 0; minute < 5; minute += 1) {
      await clock.advance(60_000);
      expect(await value()).toBe('token-1');
    }
  });

  it('is used to its end when nobody can renew it', async () => {
    const { clock, value, obtain, ask } = setup({ secret: true, ttl: 600_000, renewable: true });
    ask.mockResolvedValue(answer(403));
    for (let second = 0; second < 599; second += 1) {
      expect(await value()).toBe('token-1');
      await clock.advance(1_000);
    }
    expect(obtain).toHaveBeenCalledOnce();
    await clock.advance(1_000);
    expect(await value()).toBe('token-2');
  });
});

it('a closed session logs in no more, and breaks off a login under way', async () => {
  const { session, value, obtain } = setup();
  obtain.mockImplementation((...args: unknown[]) => new Promise((_, reject) => {
    const [signal] = args as [AbortSignal];
    signal.addEventListener('abort', () => { reject(signal.reason as Error); });
  }));
  const call = expect(value()).rejects.toMatchObject({ kind: 'Retryable', reason: 'ConnectorChanged' });
  session.close();
  await call;
  await expect(value()).rejects.toMatchObject({ reason: 'ConnectorChanged' });
});
