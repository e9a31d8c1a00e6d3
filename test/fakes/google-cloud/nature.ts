/** Time, chance and key pairs: those of the machine, or those of a simulation. */
import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

/** In PEM. */
export interface KeyPair {
  readonly publicKey: string;
  readonly privateKey: string;
}

export interface Nature {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds from an arbitrary start, which never go backwards. */
  readonly monotonic: () => number;
  readonly bytes: (count: number) => Buffer;
  readonly keyPair: () => KeyPair | Promise<KeyPair>;
  /** Told of every change of what has a past: policies, accounts, keys. */
  readonly changed: () => void;
}

const makePair = promisify(generateKeyPair);

export const realNature: Nature = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  bytes: randomBytes,
  keyPair: async () => {
    const { publicKey, privateKey } = await makePair('rsa', { modulusLength: 2048 });
    return { publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(), privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  },
  changed: () => undefined,
};
