/** The last check: asks the API server's own authorizers whether the identity, of itself, may still do anything. */
import type { KubeClient } from '../../kube/client.ts';
import { toOutcome } from '../../kube/errors.ts';
import type { AccessReviewStatus, PolicyRule, SubjectAccessReview } from '../../kube/objects.ts';
import { apiVersionOf, subjectAccessReviews } from '../../kube/resources.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import type { Clock } from '../../runtime/clock.ts';
import { retryable } from '../../runtime/outcome.ts';
import { createTimedMemory } from '../../runtime/timed-memory.ts';
import type { Observation } from '../revoker.ts';
import { type ClusterReader, presentOrThrow } from './client.ts';
import { describeFailure } from './errors.ts';
import { groupsOfUser } from './identity.ts';
import { type Grant, grantText, parseGrant } from './ids.ts';
import { printable } from '../text.ts';

/** One thing to try. */
export type Question = Pick<SubjectAccessReview['spec'], 'resourceAttributes' | 'nonResourceAttributes'>;

/** Not all that could be asked: an authorizer that is none of RBAC, such as a webhook, may allow what nobody asks about. */
const method = 'create/subjectaccessreviews (a sample)';
/** Questions for one identity at one look: one for each grant, as far as that goes, and more of each where there are few. */
const maxQuestions = 8;
const enoughQuestions = 4;
const concurrency = 4;
/** Milliseconds for which a role's rules are remembered: they only say what is worth asking. */
const trustRole = 30_000;
const maxRoles = 1_000;

/** Asked of everybody: may it read what is worth most, everywhere. */
const always: readonly Question[] = [
  { resourceAttributes: { verb: 'list', group: '', version: 'v1', resource: 'secrets' } },
];

export type AccessReview = (user: string, grants: readonly string[], signal: AbortSignal) => Promise<Observation>;

interface Options {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly reader: ClusterReader;
}

export const createAccessReview = (options: Options): AccessReview => {
  const rulesOf = createRoleMemory(options);
  return async (user, grants, signal) => {
    try {
      const questions = [...always, ...(await sample(rulesOf, grants, signal))];
      const answers = await mapBounded(
        questions,
        concurrency,
        (question) => answer(options.client, user, question, signal),
        signal,
      );
      const granted = answers.find(({ allowed }) => allowed);
      if (granted === undefined) return { state: 'Absent', method };
      return {
        state: 'Present',
        method,
        message: printable(`the API server still allows ${granted.what}: ${granted.reason}`, 1000),
      };
    } catch (error) {
      return { state: 'Unknown', method, message: describeFailure(error) };
    }
  };
};

type RulesOf = (grant: Grant, signal: AbortSignal) => Promise<readonly PolicyRule[]>;

/** A thousand runs lose the same few roles. */
const createRoleMemory = ({ clock, reader }: Options): RulesOf => {
  const known = createTimedMemory<readonly PolicyRule[]>(clock, maxRoles);
  return async (grant, signal) => {
    const key = grant.roleKind === 'Role' ? grantText(grant) : grant.roleName;
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered;
    const rules = presentOrThrow(await reader.role(grant, signal))?.rules ?? [];
    known.set(key, rules, clock.monotonic() + trustRole);
    return rules;
  };
};

interface Answer {
  readonly allowed: boolean;
  readonly what: string;
  readonly reason: string;
}

/**
 * What is allowed through a group alone is inherited, and stays: with the groups an allowance is looked for, without
 * them it is told whose it is.
 */
const answer = async (client: KubeClient, user: string, question: Question, signal: AbortSignal): Promise<Answer> => {
  const what = describeQuestion(question);
  const withGroups = await review(client, { user, groups: groupsOfUser(user), ...question }, signal);
  if (!withGroups.allowed) return { allowed: false, what, reason: '' };
  const alone = await review(client, { user, ...question }, signal);
  return { allowed: alone.allowed, what, reason: alone.reason ?? 'no reason given' };
};

const review = async (
  client: KubeClient,
  spec: SubjectAccessReview['spec'],
  signal: AbortSignal,
): Promise<AccessReviewStatus> => {
  const { status } = await client
    .review<SubjectAccessReview>(
      subjectAccessReviews,
      { apiVersion: apiVersionOf(subjectAccessReviews), kind: subjectAccessReviews.kind, spec },
      { signal },
    )
    .catch((error: unknown) => {
      throw toOutcome(error);
    });
  if (typeof status?.allowed !== 'boolean')
    throw retryable('AccessReview', 'the API server did not answer an access review');
  // An authorizer that failed may be the one that would have allowed it.
  if (!status.allowed && status.evaluationError) {
    throw retryable('AccessReview', `an access review could not be evaluated: ${status.evaluationError}`);
  }
  return status;
};

/**
 * What the roles that the identity had allow: the first rule of each, then, where that makes only few, the second of each.
 */
const sample = async (rulesOf: RulesOf, grants: readonly string[], signal: AbortSignal): Promise<readonly Question[]> => {
  const parsed = grants.flatMap((text) => parseGrant(text) ?? []).slice(0, maxQuestions - always.length);
  const perGrant = await mapBounded(
    parsed,
    concurrency,
    async (grant) => questionsOf(await rulesOf(grant, signal), grant),
    signal,
  );
  const first = perGrant.flatMap((questions) => questions.slice(0, 1));
  const turns = Math.max(0, ...perGrant.map((questions) => questions.length));
  const more = Array.from({ length: turns }).flatMap((_, turn) =>
    turn === 0 ? [] : perGrant.flatMap((questions) => questions[turn] ?? []),
  );
  return [...first, ...more.slice(0, Math.max(0, enoughQuestions - always.length - first.length))];
};

/** One question for each rule. */
export const questionsOf = (rules: readonly PolicyRule[], grant: Pick<Grant, 'namespace'>): readonly Question[] =>
  rules.flatMap((rule) => questionOf(rule, grant.namespace) ?? []).slice(0, maxQuestions);

const questionOf = (rule: PolicyRule, namespace: string | undefined): Question | undefined => {
  const verb = rule.verbs[0];
  if (verb === undefined) return undefined;
  const [resource, subresource] = rule.resources?.[0]?.split('/', 2) ?? [];
  const name = rule.resourceNames?.[0];
  if (resource !== undefined) {
    return {
      resourceAttributes: {
        verb,
        group: rule.apiGroups?.[0] ?? '',
        resource,
        ...(subresource !== undefined && { subresource }),
        ...(namespace !== undefined && { namespace }),
        ...(name !== undefined && { name }),
      },
    };
  }
  const path = rule.nonResourceURLs?.[0];
  // Paths are granted by ClusterRoleBindings only.
  return path === undefined || namespace !== undefined ? undefined : { nonResourceAttributes: { verb, path } };
};

const describeQuestion = ({ resourceAttributes: of, nonResourceAttributes: path }: Question): string => {
  if (of === undefined) return `${path?.verb ?? ''} ${path?.path ?? ''}`;
  const resource = [of.resource, of.subresource].filter((part) => part !== undefined).join('/');
  const where = of.namespace === undefined ? 'in all namespaces' : `in ${of.namespace}`;
  return `${of.verb ?? ''} ${resource}${of.group ? `.${of.group}` : ''}${of.name === undefined ? '' : ` "${of.name}"`} ${where}`;
};
