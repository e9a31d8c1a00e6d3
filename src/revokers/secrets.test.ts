import { describe, expect, it } from 'vitest';

import { createFakeKube } from '../../test/fakes/kube.ts';
import { secrets } from '../kube/resources.ts';
import { createSecretReader } from './secrets.ts';

const never = new AbortController().signal;

describe('a Secret', () => {
  const read = async (data: Record<string, string> | undefined): Promise<string> => {
    const kube = createFakeKube();
    if (data !== undefined) kube.put(secrets, { metadata: { namespace: 'offboard-system', name: 'vault' }, data });
    return createSecretReader(kube.client, 'offboard-system')('vault', 'token', never);
  };
  const encoded = (text: string): string => Buffer.from(text).toString('base64');

  it('gives its value, without the line end that files have', async () => {
    expect(await read({ token: encoded('s.token\n') })).toBe('s.token');
  });

  it.each([
    ['that is not there', undefined, 'Secret "vault" in namespace "offboard-system" is not there'],
    ['without the key', { other: encoded('x') }, 'Secret "vault" in namespace "offboard-system" has no key "token"'],
    ['that is empty', { token: '' }, 'key "token" of Secret "vault" in namespace "offboard-system" is empty'],
    ['of two lines', { token: encoded('s.one\ns.two') }, 'key "token" of Secret "vault" in namespace "offboard-system" is not one line of text'],
    ['of a key that every object has', { toString: encoded('x') }, 'has no key "token"'],
  ])('%s is for a person to mend', async (_, data, message) => {
    await expect(read(data)).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'SecretMissing', message: expect.stringContaining(message) as string });
  });
});
