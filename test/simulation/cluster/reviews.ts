/** Questions that are asked by POST and stored nowhere. */
import type { ResourceAttributes, SubjectAccessReview } from '../../../src/kube/objects.ts';
import { pods, secrets, serviceAccounts, tokenRequests } from '../../../src/kube/resources.ts';
import { badRequest, type Failure, invalid, notFound, wrongPrecondition } from './failure.ts';
import { kindFor } from './kinds.ts';
import type { LockView } from './lock.ts';
import { groupsOf, type User, userOf, whyAllowed } from './rbac.ts';
import type { Store } from './store.ts';
import type { Authenticator, Bound, Token, Tokens } from './tokens.ts';

/** Undefined: nobody allows it. */
export type Authorize = (user: User, question: Pick<SubjectAccessReview['spec'], 'resourceAttributes' | 'nonResourceAttributes'>) => string | undefined;

/** What the operator has is told by a list of what was taken; everybody else has what is bound to him. */
export const createAuthorize = (store: Store, operator: string, mayOperator: (attributes: ResourceAttributes) => boolean): Authorize => (user, question) => {
  if (user.name !== operator) return whyAllowed(store, user, question);
  return question.resourceAttributes === undefined || mayOperator(question.resourceAttributes) ? 'RBAC: allowed by ClusterRoleBinding "offboard" of ClusterRole "offboard"' : undefined;
};

const accessOf = (reason: string | undefined): object => ({ allowed: reason !== undefined, ...(reason !== undefined && { reason }) });

export const reviewAccess = (body: SubjectAccessReview, asked: User | undefined, authorize: Authorize): object => {
  const { user = '', groups = [] } = body.spec;
  return { ...body, metadata: {}, status: accessOf(authorize(asked ?? { name: user, groups }, body.spec)) };
};

export const userOfToken = ({ namespace, name, uid }: Token): User => ({ name: userOf({ namespace, name }), uid, groups: groupsOf(namespace) });

const toUserInfo = ({ name, uid, groups }: User): object => ({ username: name, ...(uid !== undefined && { uid }), groups });

export const reviewSelf = (user: User): object => ({
  kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1', metadata: {}, status: { userInfo: toUserInfo(user) },
});

interface TokenReview {
  readonly spec?: { readonly token?: string; readonly audiences?: readonly string[] };
}

/** That it is not authenticated is left out, and not said. */
export const reviewToken = (body: TokenReview, authenticator: Authenticator): object => {
  const { token: text = '', audiences } = body.spec ?? {};
  const { why, token, audiences: taken } = authenticator.take(text, audiences !== undefined && audiences.length > 0 ? audiences : undefined);
  const status = why === undefined && token !== undefined
    ? { authenticated: true, user: toUserInfo(userOfToken(token)), audiences: taken }
    : { user: {}, error: token === undefined ? 'invalid bearer token' : `[invalid bearer token, ${why ?? ''}]` };
  return { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', metadata: {}, spec: body.spec, status };
};

interface TokenRequest {
  readonly metadata?: { readonly uid?: string };
  readonly spec?: {
    readonly audiences?: readonly string[];
    readonly expirationSeconds?: number;
    readonly boundObjectRef?: { readonly kind?: string; readonly name?: string; readonly uid?: string };
  };
}

const accounts = kindFor(serviceAccounts);
const requests = kindFor(tokenRequests);
const boundKinds = { Secret: kindFor(secrets), Pod: kindFor(pods) } as const;
const leastSeconds = 600;

interface TokenContext {
  readonly store: Store;
  readonly tokens: Tokens;
  readonly lock: Pick<LockView, 'denies'>;
}

/** An account that is being deleted still gets one. */
export const requestToken = ({ store, tokens, lock }: TokenContext, namespace: string, name: string, body: TokenRequest): Token | Failure => {
  const account = store.find(accounts, namespace, name);
  if (account === undefined) return notFound(accounts, name);
  const denial = lock.denies({ operation: 'CREATE', kind: accounts, subresource: 'token', namespace, name, object: account.object, before: undefined });
  if (denial !== undefined) return denial;
  const { audiences, expirationSeconds: seconds = 3_600, boundObjectRef } = body.spec ?? {};
  const { uid } = account.object.metadata;
  const asked = body.metadata?.uid;
  if (asked !== undefined && asked !== '' && asked !== uid) return conflict(name, `the UID in the token request (${asked}) does not match the UID of the service account (${uid})`);
  if (seconds < leastSeconds) {
    return invalid(requests, '', `Invalid value: ${String(seconds)}: may not specify a duration less than 10 minutes`, { field: 'spec.expirationSeconds', reason: 'FieldValueInvalid' });
  }
  const bound = boundObjectRef === undefined ? undefined : boundTo(store, namespace, name, boundObjectRef);
  if (bound !== undefined && 'code' in bound) return bound;
  return tokens.issue(account, { audiences: audiences !== undefined && audiences.length > 0 ? audiences : undefined, bound, seconds });
};

const conflict = (name: string, why: string): Failure => wrongPrecondition(requests, name, why);

const boundTo = (store: Store, namespace: string, account: string, { kind, name = '', uid }: NonNullable<NonNullable<TokenRequest['spec']>['boundObjectRef']>): Bound | Failure => {
  if (kind !== 'Secret' && kind !== 'Pod') return badRequest(`cannot bind token for serviceaccount "${account}" to object of type "${kind ?? ''}"`);
  const found = store.find(boundKinds[kind], namespace, name)?.object;
  if (found === undefined) return notFound(boundKinds[kind], name);
  if (uid !== undefined && uid !== '' && uid !== found.metadata.uid) {
    return conflict(account, `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`);
  }
  const runsAs = (found as { readonly spec?: { readonly serviceAccountName?: string } }).spec?.serviceAccountName;
  if (kind === 'Pod' && runsAs !== account) return badRequest(`cannot bind token for serviceaccount "${account}" to pod running with different serviceaccount name.`);
  return { kind, name, uid: found.metadata.uid };
};
