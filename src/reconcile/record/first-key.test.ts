import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { readSigningKey } from '../../evidence/signing.ts';
import type { Logger } from '../../runtime/logger.ts';
import { prepareKey } from './first-key.ts';
import type { Keys } from './keys.ts';

const key = readSigningKey(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());

const aStage = (failures: readonly string[]) => {
  const said: string[] = [];
  const left = [...failures];
  const published: string[] = [];
  const say = (message: string): void => {
    said.push(message);
  };
  const log: Logger = { debug: say, info: say, warn: say, error: say, child: () => log };
  const keys: Keys = {
    current: () => {
      const why = left.shift();
      return why === undefined ? Promise.resolve(key) : Promise.reject(new Error(why));
    },
    publish: ({ keyid }) => {
      published.push(keyid);
      return Promise.resolve();
    },
    published: () => Promise.resolve([]),
  };
  const clock = createFakeClock();
  return { said, published, clock, options: { clock, random: () => 0.5, log, keys } };
};

it('makes the key known before anything is signed', async () => {
  const { said, published, options } = aStage([]);
  await prepareKey(options, new AbortController().signal);
  expect(published).toEqual([key.keyid]);
  expect(said).toEqual(['Records are signed']);
});

it('tries until there is one, and tells why there is none when that changes', async () => {
  const { said, published, clock, options } = aStage(['no server', 'no key', 'no key', 'no key']);
  const done = prepareKey(options, new AbortController().signal);
  await clock.advance(60_000);
  await done;
  expect(said).toEqual(['There is no key to sign records with yet', 'There is no key to sign records with yet', 'Records are signed']);
  expect(published).toHaveLength(1);
});

it('ends with the process', async () => {
  const { published, clock, options } = aStage(Array.from({ length: 100 }, () => 'no key'));
  const stopping = new AbortController();
  const done = prepareKey(options, stopping.signal);
  await clock.advance(10_000);
  stopping.abort(new Error('stopped'));
  await done;
  expect(published).toEqual([]);
});
