/** The last check: asks the API server's own authorizers whether the identity, of itself, may still do anything. */
import type { KubeClient } from '../../kube/client.ts';
import { toOutcome } from '../../kube/errors.ts';
import type { AccessReviewStatus, PolicyRule, SubjectAccessReview } from '../../kube/objects.ts';
import { apiVersionOf, subjectAccessReviews } from '../../kube/resources.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { retryable } from '../../runtime/outcome.ts';
import type { Observation } from '../revoker.ts';
import { type ClusterReader, presentOrThrow } from './client.ts';
import { describeFailure } from './errors.ts';
import { groupsOfUser } from './identity.ts';
import { type Grant, parseGrant } from './ids.ts';
import { printable } from './text.ts';

/** One thing to try. */
export type Question = Pick<SubjectAccessReview['spec'], 'resourceAttributes' | 'nonResourceAttributes'>;

const method = 'create/subjectaccessreviews';
/** Questions for one identity at one look. */
const maxQuestions = 8;
const concurrency = 4;

/** Asked of everybody: may it do anything at all everywhere, and may it read what is worth most. */
const always: readonly Question[] = [
  { resourceAttributes: { verb: '*', group: '*', resource: '*' } },
  { resourceAttributes: { verb: 'list', group: '', version: 'v1', resource: 'secrets' } },
];

export type AccessReview = (user: string, grants: readonly string[], signal: AbortSignal) => Promise<Observation>;

export const createAccessReview =
  (options: { readonly client: KubeClient; readonly reader: ClusterReader }): AccessReview =>
  async (user, grants, signal) => {
    try {
      const questions = [...always, ...(await sample(options.reader, grants, signal))].slice(0, maxQuestions);
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
 * What the roles that the identity had allow: the first rule of each, then the second of each, as many as are asked.
 */
const sample = async (
  reader: ClusterReader,
  grants: readonly string[],
  signal: AbortSignal,
): Promise<readonly Question[]> => {
  const parsed = grants.flatMap((text) => parseGrant(text) ?? []).slice(0, maxQuestions - always.length);
  const perGrant = await mapBounded(
    parsed,
    concurrency,
    async (grant) => questionsOf(presentOrThrow(await reader.role(grant, signal))?.rules ?? [], grant),
    signal,
  );
  const turns = Math.max(0, ...perGrant.map((questions) => questions.length));
  return Array.from({ length: turns }).flatMap((_, turn) => perGrant.flatMap((questions) => questions[turn] ?? []));
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
