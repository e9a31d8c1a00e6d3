import fc from 'fast-check';
import { describe, it } from 'vitest';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { answersLike } from '../../../test/fuzz/answers.ts';
import type { Answer } from '../../../test/fuzz/answers.ts';
import { holds, holdsInTime } from '../../../test/fuzz/property.ts';
import { ApiError, errorFromStatus } from '../../kube/errors.ts';
import type { Transport } from '../../kube/transport.ts';
import { OutcomeError } from '../../runtime/outcome.ts';
import { identityPolicy } from './lock-policies.ts';
import { classifyRefusal, createLockTrial } from './lock-trial.ts';

const words = (policy: string, binding = policy): string => `ValidatingAdmissionPolicy '${policy}' with binding '${binding}' denied request: serviceaccount ci/agent is offboarded`;
const forbidden = (message: string, causes?: readonly object[], code = 403, reason = 'Forbidden'): Answer => ({
  status: code,
  body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code, details: { name: 'agent', kind: 'serviceaccounts', ...(causes && { causes }) } },
});
const deniedBy = (policy: string): Answer => forbidden(`serviceaccounts "agent" is forbidden: ${words(policy)}`, [{ message: words(policy) }]);
const thrown = ({ status, body }: Answer): ApiError => errorFromStatus(body, status, { verb: 'create' });
const ours = deniedBy(identityPolicy);

/** Those whose names begin or end alike, are written alike, or hold ours. */
const otherPolicies = fc
  .oneof(
    fc.constantFrom('offboard-lock-pods', 'offboard-lock-identity-2', 'x-offboard-lock-identity', 'Offboard-Lock-Identity', 'offboard-lock-identit', 'оffboard-lock-identity', 'offboard-lock-identity\u200b', 'offboard lock identity', 'other'),
    fc.string({ minLength: 1, maxLength: 30 }).map((name) => name.replaceAll("'", '-')),
  )
  .filter((name) => name !== identityPolicy);

const quoted = words(identityPolicy);
const texts = fc.oneof(fc.constantFrom(quoted, ` ${quoted}`, `"${quoted}"`, `${quoted} ${quoted}`, ''), fc.string({ maxLength: 20 }).map((before) => `${before || '-'}${quoted}`));

/** Who else refuses to create a ServiceAccount, with our words wherever he may say what he likes. */
const others: fc.Arbitrary<Answer> = fc.oneof(
  otherPolicies.map(deniedBy),
  // The first alone is named; ours behind it says nothing of what it would have said alone.
  fc.tuple(otherPolicies, texts).map(([policy, text]) => forbidden(`serviceaccounts "agent" is forbidden: ${words(policy)}`, [{ message: `${words(policy)}: ${text}` }, { message: quoted }])),
  fc.tuple(texts, fc.constantFrom(400, 403, 409, 422)).map(([text, code]) => forbidden(`admission webhook "a.example.com" denied the request: ${text}`, [{ message: text }], code)),
  texts.map((text) => forbidden(`admission webhook "a.example.com" denied the request: ${text}`)),
  // An admission plug-in whose cause quotes it. Blanks around it are not told.
  texts.filter((text) => !text.trim().startsWith(quoted)).map((text) => forbidden(`serviceaccounts "agent" is forbidden: ${text}`, [{ message: text }])),
  texts.map((text) => forbidden(`serviceaccounts "agent" is forbidden: User "op" cannot create resource "serviceaccounts" in API group "" in the namespace "ci": ${text}`)),
  fc.constant(forbidden('serviceaccounts "agent" is forbidden: exceeded quota: accounts, requested: count/serviceaccounts=1, used: count/serviceaccounts=1, limited: count/serviceaccounts=1')),
  fc.constant(forbidden('serviceaccounts "agent" is forbidden: unable to create new content in namespace ci because it is being terminated', [{ reason: 'NamespaceTerminating', message: 'namespace ci is being terminated', field: 'metadata.namespace' }])),
  fc.tuple(fc.constantFrom(400, 401, 404, 409, 422, 429, 500, 503), fc.constantFrom('Forbidden', 'Invalid', 'AlreadyExists', 'TooManyRequests')).map(([code, reason]) => forbidden(quoted, [{ message: quoted }], code, reason)),
  fc.constantFrom('Invalid', 'Conflict', 'Unauthorized').map((reason) => forbidden(quoted, [{ message: quoted }], 403, reason)),
  texts.map((text) => ({ status: 403, body: { message: text, reason: 'Forbidden', code: 403 } })),
);

describe('the refusal of a try of the lock', () => {
  it('counts when the policy of the lock gives it', () => {
    holds(fc.property(fc.string({ maxLength: 60 }), (text) => classifyRefusal(thrown(forbidden(`serviceaccounts "agent" is forbidden: ${quoted}`, [{ message: `${quoted}${text}` }, { message: text }]))).kind === 'Denied'));
  });

  it('does not by anybody else, whatever he says', () => {
    holds(fc.property(others, (answer) => classifyRefusal(thrown(answer)).kind === 'Other'), 1_000);
  });

  it('does not by an answer in which what tells the policy is another', () => {
    holds(
      fc.property(answersLike([ours]), (answer) => {
        if (classifyRefusal(thrown(answer)).kind !== 'Denied') return;
        const { kind, reason, status, details } = answer.body as { readonly kind?: unknown; readonly reason?: unknown; readonly status?: unknown; readonly details?: { readonly causes?: readonly { readonly message?: string }[] } };
        if (answer.status !== 403 || kind !== 'Status' || reason !== 'Forbidden' || status === 'Success') throw new Error('by another answer than a refusal');
        if (details?.causes?.[0]?.message?.startsWith(`ValidatingAdmissionPolicy '${identityPolicy}' with binding '`) !== true) throw new Error('by another cause');
      }),
      600,
    );
  });

  it('is told from silence: only a server that gives no answer at all is out of reach', () => {
    const errors = fc.oneof(
      fc.tuple(fc.constantFrom(0, 0, 0, 403, 500), fc.constantFrom('Transport', 'Timeout', 'Credentials', 'Garbage', 'Forbidden'), texts).map(([code, reason, message]) => new ApiError(code, reason, message)),
      fc.anything(),
      texts.map((text) => new TypeError(text)),
      texts.map((text) => new OutcomeError('Retryable', 'Transport', text)),
    );
    holds(
      fc.property(errors, (error) => {
        const { kind } = classifyRefusal(error);
        const isSilent = error instanceof ApiError && error.code === 0 && (error.reason === 'Transport' || error.reason === 'Timeout');
        return kind === (isSilent ? 'Unreachable' : 'Other');
      }),
      400,
    );
  });
});

type Behaviour = 'denies' | 'admits' | 'admits at first' | 'is silent' | 'refuses otherwise' | 'says something else';

const transportOf = (behaviour: Behaviour, answer: Answer): Transport => {
  let asked = 0;
  const isThat = (name: string): object => ({ kind: 'ServiceAccount', apiVersion: 'v1', metadata: { name, namespace: 'ci' } });
  return {
    request: async ({ body }) => {
      asked += 1;
      const { name } = (body as { readonly metadata: { readonly name: string } }).metadata;
      await Promise.resolve();
      switch (behaviour) {
        case 'denies':
          throw thrown(ours);
        case 'admits':
          return isThat(name);
        case 'admits at first':
          if (asked < 3) return isThat(name);
          throw thrown(ours);
        case 'is silent':
          throw new ApiError(0, 'Transport', 'connect ECONNREFUSED');
        case 'refuses otherwise':
          throw thrown(answer);
        case 'says something else':
          return { ...isThat(`${name}-2`) };
      }
    },
    stream: () => {
      throw new Error('nothing is watched');
    },
    close: () => Promise.resolve(),
  };
};

describe('a try of the lock on all API servers', () => {
  const behaviours = fc.constantFrom<Behaviour>('denies', 'denies', 'denies', 'admits', 'admits at first', 'is silent', 'refuses otherwise', 'says something else');

  it('shows that it holds only where one denies by it, none admits, and none of those that can be reached says anything else', async () => {
    await holdsInTime(
      fc.asyncProperty(fc.array(behaviours, { maxLength: 5 }), others, fc.boolean(), async (all, answer, hasAnswered) => {
        const clock = createFakeClock();
        let now: readonly Behaviour[] = hasAnswered ? all.map(() => 'denies') : all;
        const servers = { all: () => Promise.resolve(now.map((behaviour, index) => ({ name: String(index), transport: transportOf(behaviour, answer), withToken: () => transportOf(behaviour, answer) }))), discovers: true, close: () => Promise.resolve() };
        const trial = createLockTrial({ clock, servers });
        const tried = async (): Promise<string> => {
          let state: string | undefined;
          const trying = trial({ namespace: 'ci', name: 'nonce' }, new AbortController().signal).then((observation) => (state = observation.state));
          await clock.advanceUntil(() => state !== undefined, 10_000);
          return trying;
        };
        if (hasAnswered) await tried();
        now = all;
        const state = await tried();
        const has = (...some: readonly Behaviour[]): boolean => all.some((each) => some.includes(each));
        const isOpen = has('refuses otherwise', 'says something else') || (hasAnswered && has('is silent'));
        const expected = has('admits') ? 'Absent' : isOpen || !has('denies', 'admits at first') ? 'Unknown' : 'Present';
        if (state !== expected) throw new Error(`${state}, and not ${expected}`);
      }),
    );
  });
});
