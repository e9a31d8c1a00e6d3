import { expect, it } from 'vitest';

import { createFakeGoogleClient } from '../../../test/fakes/google-client.ts';
import type { Credential } from '../revoker.ts';
import type { GoogleAnswer } from './api.ts';
import { bindingId } from './ids.ts';
import type { Look } from './look.ts';
import { missingPermissions } from './permissions.ts';

const email = 'build@acme.iam.gserviceaccount.com';
const binding: Credential = {
  id: bindingId('projects/acme', { role: 'roles/viewer', member: 'user:x', condition: '' }), class: 'Binding', end: { by: 'Revoke' }, seen: true,
};

const missing = (answer: GoogleAnswer, credentials: readonly Credential[] = [binding]) => {
  const client = createFakeGoogleClient(() => answer);
  const look = {
    connection: { client, settings: { maxConcurrent: 4 } },
    dependency: { connectorRef: { name: 'google' }, serviceAccount: { email }, resources: ['projects/acme'] },
    signal: new AbortController().signal,
  };
  return missingPermissions(look as unknown as Look, credentials);
};

it('what Google says no to is missing, and a right to write only where there is something to end', async () => {
  const told = async (credentials?: readonly Credential[]) => (await missing({ status: 200, body: {} }, credentials)).map(({ permission, message }) => [permission, message.endsWith(' on projects/acme')]);
  expect(await told()).toContainEqual(['resourcemanager.projects.setIamPolicy', true]);
  expect(await told([])).not.toContainEqual(['resourcemanager.projects.setIamPolicy', true]);
  expect(await told([])).toContainEqual(['resourcemanager.projects.getIamPolicy', true]);
});

it('what cannot be tested is not said to be missing', async () => {
  const body = { error: { code: 400, message: 'Permission x is not valid for this resource.', status: 'INVALID_ARGUMENT' } };
  expect(await missing({ status: 400, body })).toEqual([]);
});

it.each([401, 403, 404, 429, 500, 503])('an answer of %i says neither yes nor no', async (status) => {
  await expect(missing({ status, body: { error: { code: status, message: 'no' } } })).rejects.toThrow('asking what Offboard may do on');
});
