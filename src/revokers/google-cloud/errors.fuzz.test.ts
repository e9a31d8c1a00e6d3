import fc from 'fast-check';
import { describe, it } from 'vitest';
import { answersLike } from '../../../test/fuzz/answers.ts';
import type { Answer } from '../../../test/fuzz/answers.ts';
import { holds } from '../../../test/fuzz/property.ts';
import {
  classifyAccount, classifyEnd, classifyHmacDelete, classifyHmacKey, classifyHmacKeys, classifyKey, classifyKeys, classifyPolicy, classifyPolicySearch, classifyProject,
  classifyResourceSearch, classifySet, classifyTested, failureOf,
} from './errors.ts';
import { parseResource } from './resources.ts';
import type { Resource } from './resources.ts';

const email = 'agent@acme.iam.gserviceaccount.com';
const error = (code: number, status: string, message: string, more: object = {}): Answer => ({ status: code, body: { error: { code, status, message, ...more } } });
const ok = (body: object): Answer => ({ status: 200, body });
const account = { name: `projects/acme/serviceAccounts/${email}`, email, uniqueId: '112', etag: 'e', disabled: true };
const hmac = { accessId: 'GOOG1', serviceAccountEmail: email, state: 'INACTIVE', etag: 'e' };

/** As Google documents its answers. */
const real: readonly Answer[] = [
  error(404, 'NOT_FOUND', `Unknown service account: ${email}`),
  error(404, 'NOT_FOUND', 'Service account key 1 does not exist.'),
  error(404, 'NOT_FOUND', 'The specified bucket does not exist.'),
  error(404, 'NOT_FOUND', 'Access ID not found in project acme.'),
  error(404, 'NOT_FOUND', 'Requested entity was not found: projects/acme'),
  error(404, 'NOT_FOUND', 'Method not found.'),
  error(403, 'PERMISSION_DENIED', "Permission 'iam.serviceAccounts.get' denied on resource (or it may not exist).", { details: [{ reason: 'IAM_PERMISSION_DENIED', metadata: { permission: 'iam.serviceAccounts.get' } }] }),
  error(409, 'ABORTED', 'There were concurrent policy changes.'),
  error(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded'),
  error(503, 'UNAVAILABLE', 'The service is currently unavailable.'),
  ok({}),
  ok(account),
  ok({ name: 'projects/acme/serviceAccounts/112/keys/abc' }),
  ok({ keys: [{ name: 'projects/acme/serviceAccounts/112/keys/abc', keyType: 'USER_MANAGED', validBeforeTime: '9999-12-31T23:59:59Z' }] }),
  ok(hmac),
  ok({ ...hmac, state: 'DELETED' }),
  ok({ items: [hmac], nextPageToken: 'next' }),
  ok({ version: 3, etag: 'e', bindings: [{ role: 'roles/viewer', members: [`serviceAccount:${email}`], condition: { title: 't', expression: 'true' } }] }),
  ok({ permissions: ['a.b.c'] }),
  ok({ name: 'projects/12', projectId: 'acme' }),
  ok({ results: [{ resource: '//x', name: '//x', assetType: 't' }] }),
  { status: 204, body: undefined },
];

const answers = answersLike(real);

const resource = (name: string): Resource => {
  const read = parseResource(name);
  if (read === undefined) throw new Error(name);
  return read;
};
const project = resource('projects/acme');
const textIn = (body: object | undefined): string => JSON.stringify(body ?? null);

const codeIn = (body: object | undefined): unknown => (body as { readonly error?: { readonly code?: unknown } } | undefined)?.error?.code;
const isGooglesOwn404 = (words: RegExp) => ({ status, body }: Answer): boolean => status === 404 && codeIn(body) === 404 && words.test(textIn(body));

interface Question {
  readonly name: string;
  readonly ask: (answer: Answer) => { readonly state: string };
  readonly gone: Readonly<Record<string, (answer: Answer) => boolean>>;
}

const is = (status: number) => (answer: Answer): boolean => answer.status === status;

/** Whatever is not listed here proves nothing. */
const questions: readonly Question[] = [
  { name: 'an account', ask: (answer) => classifyAccount(answer, { email }), gone: { Gone: isGooglesOwn404(/service account/i) } },
  { name: 'an account by its unique id', ask: (answer) => classifyAccount(answer, { uniqueId: '112' }), gone: { Gone: isGooglesOwn404(/service account/i) } },
  { name: 'a key', ask: (answer) => classifyKey(answer, 'abc'), gone: { Gone: isGooglesOwn404(/service account/i) } },
  { name: 'an HMAC key', ask: (answer) => classifyHmacKey(answer, 'GOOG1'), gone: { Gone: (answer) => isGooglesOwn404(/access id|hmac key/i)(answer) || (answer.status === 200 && textIn(answer.body).includes('"state":"DELETED"')) } },
  { name: 'the policy of a project', ask: (answer) => classifyPolicy(answer, project), gone: { NoResource: isGooglesOwn404(/acme/) } },
  { name: 'the policy of a bucket', ask: (answer) => classifyPolicy(answer, resource('//storage.googleapis.com/artifacts')), gone: { NoResource: isGooglesOwn404(/bucket does not exist|artifacts/) } },
  { name: 'a change of a policy', ask: classifySet, gone: { Accepted: ({ status, body }) => status === 200 && textIn(body).includes('"etag"') } },
  { name: 'the end of an account', ask: classifyEnd, gone: { Accepted: is(200), NothingThere: isGooglesOwn404(/service account/i) } },
  { name: 'the end of an HMAC key', ask: classifyHmacDelete, gone: { Accepted: is(204), NothingThere: isGooglesOwn404(/access id|hmac key/i) } },
];

describe.each(questions)('whatever Google answers about $name', ({ ask, gone }) => {
  it('nothing but what is known to say so says that it is gone or done', () => {
    holds(
      fc.property(answers, (answer) => {
        const { state } = ask(answer);
        if (gone[state]?.(answer) === false) throw new Error(`${state} by HTTP ${answer.status}: ${textIn(answer.body)}`);
      }),
      400,
    );
  });
});

describe('whatever Google answers', () => {
  it('a missing permission, a quota and any trouble of its own say of nothing that it is gone', () => {
    holds(
      fc.property(answers, fc.constantFrom(0, 400, 401, 403, 408, 409, 412, 429, 500, 502, 503, 504), ({ body }, status) => {
        for (const { ask, name } of questions) {
          const { state } = ask({ status, body });
          if (state !== 'Unknown' && state !== 'Conflict') throw new Error(`${name} is ${state} by HTTP ${status}`);
        }
      }),
    );
  });

  it('an account, a project or a key is the one that was asked for', () => {
    holds(
      fc.property(answers, (answer) => {
        const byEmail = classifyAccount(answer, { email });
        if (byEmail.state === 'Present' && byEmail.account.email !== email) throw new Error('another account');
        const byId = classifyAccount(answer, { uniqueId: '112' });
        if (byId.state === 'Present' && byId.account.uniqueId !== '112') throw new Error('another account');
        const key = classifyHmacKey(answer, 'GOOG1');
        if (key.state === 'Present' && key.key.accessId !== 'GOOG1') throw new Error('another key');
        if (classifyProject(answer, '12').state === 'Project' && !textIn(answer.body).includes('"projects/12"')) throw new Error('another project');
      }),
    );
  });

  it('a list is whole, or none', () => {
    const lists = [
      ['keys', classifyKeys],
      ['items', classifyHmacKeys],
      ['results', classifyPolicySearch],
      ['results', classifyResourceSearch],
    ] as const;
    const pages = answersLike(real.filter(({ body }) => /"(?:keys|items|results|permissions)"/.test(textIn(body))));
    holds(
      fc.property(pages, (answer) => {
        for (const [field, classify] of lists) {
          const verdict = classify(answer);
          if (verdict.state === 'Unknown') continue;
          const there = (answer.body as Readonly<Record<string, unknown>>)[field] ?? [];
          if (answer.status !== 200 || !Array.isArray(there) || there.length !== verdict.items.length) throw new Error(`${field}: it is not what was listed`);
          if (verdict.items.some((item: unknown) => item === undefined)) throw new Error(`${field}: one of them could not be read`);
          const next = (answer.body as { readonly nextPageToken?: unknown }).nextPageToken;
          if (typeof next === 'string' && next !== '' && verdict.next !== next) throw new Error('the next page is forgotten');
        }
        const tested = classifyTested(answer);
        if (tested.state === 'Held' && answer.status !== 200) throw new Error('permissions of a refusal');
      }),
      400,
    );
  });

  it('is told without a token in it, on one line, and sends nobody to a person for trouble of its own', () => {
    const token = 'ya29.a0AfH6SMBx1234567890';
    const question = { doing: 'looking', permission: 'a.b.c', on: 'projects/acme' };
    holds(
      fc.property(answers, fc.string({ unit: 'binary', maxLength: 60 }), ({ status, body }, around) => {
        const { message } = failureOf(error(status, 'X', `${around} ${token} ${around}`), question);
        if (message.includes(token) || /[\u0000-\u001f\u2028\u202e]/.test(message)) throw new Error(message);
        for (const trouble of [429, 500, 502, 503, 504]) if (failureOf({ status: trouble, body }, question).kind !== 'Retryable') throw new Error(`${trouble} is for a person`);
      }),
    );
  });
});
