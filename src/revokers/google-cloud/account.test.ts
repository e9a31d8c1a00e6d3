import { expect, it } from 'vitest';

import { nameOf } from './account.ts';

it.each([
  ['build@acme.iam.gserviceaccount.com', 'acme'],
  ['Build@acme.iam.gserviceaccount.com', 'acme'],
  ['build@acme.example.com.iam.gserviceaccount.com', 'example.com:acme'],
])('%s lies in the project %s', (email, project) => {
  expect(nameOf(email)).toEqual({ project, email: email.toLowerCase() });
});

it.each(['build@acme.com', '42-compute@developer.gserviceaccount.com', 'a/b@acme.iam.gserviceaccount.com', 'build@.iam.gserviceaccount.com', 'build@a/b.iam.gserviceaccount.com', ''])(
  'does not take %j for a service account that people made',
  (email) => {
    expect(() => nameOf(email)).toThrow('is not the e-mail of a user-managed service account');
  },
);
