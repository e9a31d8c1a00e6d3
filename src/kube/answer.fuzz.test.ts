import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answersLike, statuses } from '../../test/fuzz/answers.ts';
import type { Answer } from '../../test/fuzz/answers.ts';
import { holds, holdsInTime } from '../../test/fuzz/property.ts';
import type { HttpHead } from '../runtime/http-pool.ts';
import { OutcomeError } from '../runtime/outcome.ts';
import { redactText } from '../runtime/redact.ts';
import { denyingPolicy } from './admission.ts';
import { interpret } from './answer.ts';
import { checkList, checkObject } from './check.ts';
import { ApiError, errorFromStatus, isAdmissionDenied, isAlreadyExists, isConflict, isDeniedByLock, isForbidden, isNotFound, isRbacForbidden, toOutcome } from './errors.ts';
import type { ApiRequest, Verb } from './request.ts';
import { clusterRoles, roleBindings, secrets, selfSubjectReviews, serviceAccounts, tokenReviews } from './resources.ts';
import type { Resource } from './resources.ts';
import { reviewToken, tryToken } from './token-review.ts';
import type { TokenVerdict } from './token-review.ts';

interface Asked {
  readonly resource: Resource;
  readonly name: string;
  readonly verb: Verb;
}

const asked: fc.Arbitrary<Asked> = fc.record({
  resource: fc.constantFrom(serviceAccounts, secrets, roleBindings),
  name: fc.constantFrom('agent', 'agent-7', 'a:b', '…', '__proto__'),
  verb: fc.constantFrom('get' as const, 'delete' as const, 'patch' as const, 'create' as const),
});

const failure = (code: number, reason: string, message: string, details: object = {}): Answer => ({
  status: code,
  body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code },
});

/** As an API server words them: of this very object, and of others that a request may mention. */
const realAnswers = ({ resource: { group, plural, kind }, name }: Asked): readonly Answer[] => [
  failure(404, 'NotFound', `${plural} "${name}" not found`, { name, group, kind: plural }),
  failure(404, 'NotFound', `${plural} "agent-7" not found`, { name: 'agent-7', group, kind: plural }),
  failure(404, 'NotFound', `clusterroles "${name}" not found`, { name, group: clusterRoles.group, kind: clusterRoles.plural }),
  failure(404, 'NotFound', 'the server could not find the requested resource'),
  failure(409, 'Conflict', 'the UID in the precondition (a) does not match the UID in record (b)', { name, group, kind }),
  failure(409, 'AlreadyExists', `${plural} "${name}" already exists`, { name, group, kind: plural }),
  failure(403, 'Forbidden', `${plural} "${name}" is forbidden: User "op" cannot get resource "${plural}" in API group "${group}"`, { name, kind: plural }),
  failure(403, 'Forbidden', 'denied', { name, causes: [{ message: "ValidatingAdmissionPolicy 'offboard-lock-accounts' with binding 'b' denied request: no" }] }),
  failure(410, 'Expired', 'too old resource version: 1 (2322)'),
  { status: 200, body: { kind, apiVersion: 'v1', metadata: { name, namespace: 'ci', uid: 'uid-1', resourceVersion: '7' } } },
  // None that is stored has an empty one.
  { status: 200, body: { kind, apiVersion: 'v1', metadata: { name, namespace: 'ci', uid: '', resourceVersion: '7' } } },
  { status: 200, body: { kind: `${kind}List`, apiVersion: 'v1', metadata: { resourceVersion: '7' }, items: [{ metadata: { name, uid: 'uid-1', resourceVersion: '7' } }] } },
  { status: 200, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { name, kind: plural, uid: 'uid-1' } } },
];

/** Content types, as text of which the answer is read or is not. */
const types = fc.oneof({ weight: 5, arbitrary: fc.constant<string | undefined>('application/json') }, fc.constantFrom(undefined, 'application/json; charset=utf-8', 'text/plain', 'text/html', 'application/jsonp'));
const cut = fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 30 }));
const cases = asked.chain((question) => fc.record({ question: fc.constant(question), answer: answersLike(realAnswers(question)), type: types, cut }));

interface Case {
  readonly question: Asked;
  readonly answer: Answer;
  readonly type: string | undefined;
  readonly cut: number;
}

const requestOf = ({ resource, verb }: Asked): ApiRequest => ({ verb, resource: resource.plural, method: 'GET', path: `/api/v1/${resource.plural}` });

const nothing: AsyncIterable<Buffer> = { [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }) };

/** What becomes of an answer: what it says, or the error that it is. */
const read = ({ question, answer: { status, body }, type, cut: away }: Case): { readonly said: unknown } | { readonly error: unknown } => {
  const head: HttpHead = { status, headers: type === undefined ? {} : { 'content-type': type }, body: nothing };
  const text = body === undefined ? '' : JSON.stringify(body);
  try {
    return { said: interpret(requestOf(question), head, away === 0 ? text : text.slice(0, -away)) };
  } catch (error) {
    return { error };
  }
};

const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((so, key) => (typeof so === 'object' && so !== null && Object.hasOwn(so, key) ? (so as Readonly<Record<string, unknown>>)[key] : undefined), value);

/** A text as errors hold it. */
const shown = (value: unknown): unknown => (typeof value === 'string' && value !== '' ? redactText(value, 300) : undefined);

describe('whatever the API server, or something before it, answers', () => {
  it('only its own 404 about this very object says that there is none', () => {
    holds(
      fc.property(cases, (each) => {
        const { question: { resource, name, verb }, answer: { status, body }, type, cut: away } = each;
        const result = read(each);
        if (!('error' in result) || !isNotFound(result.error, resource, name)) return;
        if (status !== 404 || away !== 0 || type?.startsWith('application/json') !== true) throw new Error(`by HTTP ${status}, of type ${type ?? 'none'}`);
        if (at(body, 'kind') !== 'Status' || at(body, 'reason') !== 'NotFound' || at(body, 'status') === 'Success') throw new Error('by something that is not a Status of NotFound');
        const details = at(body, 'details');
        if (shown(at(details, 'name')) !== name) throw new Error('about another name');
        if (shown(at(details, 'kind')) !== resource.plural && shown(at(details, 'kind')) !== resource.kind) throw new Error('about another kind');
        if ((shown(at(details, 'group')) ?? '') !== resource.group) throw new Error('about another group');
        if (resource === roleBindings && (verb === 'patch' || verb === 'create')) throw new Error('of a write that may mean the role');
      }),
      1_500,
    );
  });

  it('it is what was asked for, or an error that can be told: on one line, never a 2xx that counts as nothing', () => {
    holds(
      fc.property(cases, (each) => {
        const { answer: { status, body } } = each;
        const result = read(each);
        if ('said' in result) {
          if (status < 200 || status > 299) throw new Error(`by HTTP ${status}`);
          if (at(body, 'kind') === 'Status' && at(body, 'status') === 'Failure') throw new Error('it is a failure');
          expect(result.said).toEqual(JSON.parse(JSON.stringify(body)));
          return;
        }
        const { error } = result;
        if (!(error instanceof ApiError)) throw error;
        if (error.code !== status) throw new Error(`HTTP ${status} became ${error.code}`);
        if (error.message.length > 500 || /[\u0000-\u001f\u2028\u2029\u202e]/.test(error.message)) throw new Error(JSON.stringify(error.message));
      }),
      600,
    );
  });

  it('each failure is retried or told to a person, by what the API server itself said', () => {
    holds(
      fc.property(cases, (each) => {
        const result = read(each);
        if (!('error' in result)) return;
        const { error } = result;
        const { status, body } = each.answer;
        const { kind, reason } = toOutcome(error);
        if (kind !== 'Retryable' && kind !== 'NeedsPerson') throw new Error(kind);
        if (kind === 'NeedsPerson' && ![400, 403, 422].includes(status)) throw new Error(`a person, for HTTP ${status}`);
        if (kind === 'NeedsPerson' && at(body, 'kind') !== 'Status') throw new Error('a person, by something that is no Status');
        if (reason === 'PermissionMissing' && isAdmissionDenied(error)) throw new Error('more rights would not help');
        const [rbac, admission] = [isRbacForbidden(error), isAdmissionDenied(error)];
        if ((rbac || admission) && (status !== 403 || !isForbidden(error) || rbac === admission)) throw new Error('it is forbidden by one of two');
        if (isDeniedByLock(error) && !admission) throw new Error('by the lock, and not by an admission policy');
        if (denyingPolicy(error) !== undefined && (status !== 403 || at(body, 'reason') !== 'Forbidden' || rbac)) throw new Error('no policy said so');
        if ((isConflict(error) || isAlreadyExists(error)) && status !== 409) throw new Error(`a conflict, by HTTP ${status}`);
      }),
      600,
    );
  });

  it('only an object of that kind, name and UID is one, and only a whole list is a list', () => {
    holds(
      fc.property(cases, fc.boolean(), (each, metadataOnly) => {
        const { question: { resource, name, verb } } = each;
        const result = read(each);
        if (!('said' in result)) return;
        try {
          const { metadata } = checkObject(result.said, resource, { verb, metadataOnly, name });
          if (at(result.said, 'kind') !== (metadataOnly ? 'PartialObjectMetadata' : resource.kind)) throw new Error('another kind');
          if (metadata.name !== name || typeof metadata.uid !== 'string' || metadata.uid === '' || typeof metadata.resourceVersion !== 'string' || metadata.resourceVersion === '') throw new Error('another object');
        } catch (error) {
          if (!(error instanceof ApiError) || error.reason !== 'Garbage') throw error;
        }
        try {
          const { items, resourceVersion } = checkList(result.said, resource, metadataOnly);
          const raw = at(result.said, 'items');
          if (resourceVersion === '' || items.length !== (Array.isArray(raw) ? raw.length : 0)) throw new Error('an item is left out');
          if (raw !== null && !Array.isArray(raw)) throw new Error('it has no items');
        } catch (error) {
          if (!(error instanceof ApiError) || error.reason !== 'Garbage') throw error;
        }
      }),
      600,
    );
  });

  it('the real answers are believed', () => {
    holds(
      fc.property(asked, (question) => {
        const [gone = failure(500, '', '')] = realAnswers(question);
        const result = read({ question, answer: gone, type: 'application/json', cut: 0 });
        const isWriteOfBinding = question.resource === roleBindings && (question.verb === 'patch' || question.verb === 'create');
        return 'error' in result && isNotFound(result.error, question.resource, question.name) === !isWriteOfBinding;
      }),
      50,
    );
  });
});

describe('whatever an API server says of a token', () => {
  const account = { namespace: 'ci', name: 'agent', uid: 'uid-1' };
  const user = { username: 'system:serviceaccount:ci:agent', uid: 'uid-1', groups: [] };
  const review = (status: object): Answer => ({ status: 201, body: { kind: tokenReviews.kind, apiVersion: 'authentication.k8s.io/v1', metadata: {}, status } });
  const refusal = (error: string): Answer => review({ user: {}, error });
  const own = [
    'service account token has expired', 'serviceaccounts "agent" not found', 'service account UID (uid-1) does not match claim (uid-2)',
    'service account ci/agent has been deleted', 'service account token has been invalidated', 'secret UID (a) does not match service account secret ref claim (b)',
  ];
  const others = ['serviceaccounts "agent-7" not found', 'service account ci/agent-7 has been deleted', 'etcdserver: request timed out', 'serviceaccounts "age" not found', 'unknown', ''];
  const taken = review({ authenticated: true, user, audiences: ['x'] });
  const reviews = answersLike([taken, review({ authenticated: true, user: { ...user, uid: 'uid-2' } }), ...[...own, ...others].map(refusal), failure(401, 'Unauthorized', 'Unauthorized')]);
  const tries = answersLike([
    { status: 201, body: { kind: selfSubjectReviews.kind, metadata: {}, status: { userInfo: user } } }, { status: 201, body: { kind: selfSubjectReviews.kind, metadata: {}, status: { userInfo: { ...user, uid: 'uid-2' } } } },
    failure(401, 'Unauthorized', 'Unauthorized'), failure(403, 'Forbidden', 'User "system:serviceaccount:ci:agent" cannot create resource'), failure(403, 'Forbidden', 'User "system:serviceaccount:ci:agent-7" cannot create resource'),
  ]);
  const never = new AbortController().signal;

  /** An API server that gives this answer; rejections are of those who may not ask. */
  const serverOf = (answer: Answer, type: string | undefined) => {
    const respond = (request: ApiRequest): Promise<unknown> => {
      const head: HttpHead = { status: answer.status, headers: type === undefined ? {} : { 'content-type': type }, body: nothing };
      return Promise.resolve().then(() => interpret(request, head, answer.body === undefined ? '' : JSON.stringify(answer.body)));
    };
    const transport = { request: respond, stream: () => nothing, close: () => Promise.resolve() };
    return { transport, withToken: () => transport };
  };

  const isOwn = (value: unknown): boolean => at(value, 'username') === user.username && at(value, 'uid') === user.uid;

  it('it is taken only as that of this very account, and refused only in words about its end', async () => {
    await holdsInTime(
      fc.asyncProperty(reviews, types, async (answer, type) => {
        const { status, body } = answer;
        let verdict: TokenVerdict;
        try {
          verdict = await reviewToken(serverOf(answer, type), account, 'token', undefined, never);
        } catch (error) {
          if (isRbacForbidden(error) && status === 403) return;
          throw error;
        }
        if (verdict.said === 'Unknown') return;
        if (status < 200 || status > 299 || type?.startsWith('application/json') !== true || at(body, 'kind') !== 'TokenReview') throw new Error(`${verdict.said} by HTTP ${status}`);
        const [authenticated, error] = [at(body, 'status', 'authenticated'), at(body, 'status', 'error')];
        if (verdict.said === 'Taken') {
          if (authenticated !== true || !isOwn(at(body, 'status', 'user'))) throw new Error('it was not taken as that of the account');
          return;
        }
        if (authenticated === true || typeof error !== 'string') throw new Error('it was not refused');
        if (!own.some((words) => error.includes(words.replace(/\(.*$/, '').trim()))) throw new Error(`refused by ${error}`);
      }),
      600,
    );
  });

  it('by the token alone, it is refused by the 401 of an API server, and taken where that knows the account', async () => {
    await holdsInTime(
      fc.asyncProperty(tries, types, async (answer, type) => {
        const { status, body } = answer;
        const verdict = await tryToken(serverOf(answer, type), account, 'token', never);
        if (verdict.said === 'Unknown') return;
        if (type?.startsWith('application/json') !== true) throw new Error('by a page');
        if (verdict.said === 'Refused' && (status !== 401 || at(body, 'kind') !== 'Status' || at(body, 'reason') !== 'Unauthorized')) throw new Error(`refused by HTTP ${status}`);
        if (verdict.said === 'Refused') return;
        const knows = status === 403 ? String(at(body, 'message')).includes(`"${user.username}"`) : status < 300 && isOwn(at(body, 'status', 'userInfo'));
        if (!knows) throw new Error(`taken by HTTP ${status}`);
      }),
      600,
    );
  });

  it('the real answers are believed', async () => {
    const said = async (answer: Answer): Promise<string> => {
      const verdict = await reviewToken(serverOf(answer, 'application/json'), account, 'token', undefined, never);
      return verdict.said === 'Refused' ? verdict.cause : verdict.said;
    };
    expect(await Promise.all([taken, ...own.map(refusal)].map(said))).toEqual(['Taken', 'Expired', 'Account', 'Account', 'Account', 'Secret', 'Secret']);
    expect(await Promise.all(others.map(refusal).map(said))).toEqual(others.map(() => 'Unknown'));
  });
});

describe('an error within a stream', () => {
  it('is read from any event, and says that an object is gone for no object', () => {
    holds(
      fc.property(asked.chain((question) => fc.tuple(fc.constant(question), answersLike(realAnswers(question)))), statuses, ([{ resource }, { body }], code) => {
        const error = errorFromStatus(body, undefined);
        if (!(toOutcome(error) instanceof OutcomeError)) throw new Error('it is no outcome');
        if (at(body, 'kind') !== 'Status' && error.reason !== 'Garbage') throw new Error('it is no Status');
        if (isNotFound(errorFromStatus(body, code === 404 ? 500 : code), resource, 'agent')) throw new Error(`by HTTP ${code}`);
      }),
      300,
    );
  });
});
