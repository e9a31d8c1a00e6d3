/** One API server: what comes over the wire is known by its token, allowed or not, done, and answered in the API server's words. */
import type { ResourceAttributes, SubjectAccessReview } from '../../../src/kube/objects.ts';
import type { WireAnswer, WireRequest, WireServer, WireStream } from '../engine/wire.ts';
import { answerOf, badRequest, detailsOf, type Failure, forbidden, isFailure, notFound, unauthorized } from './failure.ts';
import { type Parsed, parsePath } from './kinds.ts';
import type { LockView } from './lock.ts';
import type { User } from './rbac.ts';
import type { Reads } from './reads.ts';
import { type Authorize, requestToken, reviewAccess, reviewSelf, reviewToken, userOfToken } from './reviews.ts';
import type { Entry, Store } from './store.ts';
import type { Authenticator, Tokens } from './tokens.ts';
import type { Watches } from './watches.ts';
import type { Author, Writes } from './writes.ts';

export interface ServerParts {
  readonly origin: string;
  readonly name: string;
  readonly store: Store;
  readonly reads: Reads;
  readonly writes: Writes;
  readonly watches: Watches;
  readonly lock: LockView;
  readonly tokens: Tokens;
  readonly authenticator: Authenticator;
  readonly authorize: Authorize;
  /** As whom the operator is known. */
  readonly operator: User;
  readonly operatorToken: string;
  /** Why the operator may not hand on the role of a binding. */
  readonly mayGrant: Author['mayGrant'];
}

const version = JSON.stringify({ major: '1', minor: '36', gitVersion: 'v1.36.3', platform: 'linux/amd64' });
const notServed: WireAnswer = { status: 404, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: '404 page not found\n' };

const ok = (body: string): WireAnswer => ({ status: 200, body });
const created = (body: string): WireAnswer => ({ status: 201, body });

export const createServer = (parts: ServerParts): WireServer => ({
  origin: parts.origin,
  name: parts.name,
  handle: (request) => {
    if (request.path === '/version') return ok(version);
    const user = userFor(parts, request);
    if (user === undefined) return answerOf(unauthorized);
    const parsed = parsePath(request.path);
    if (parsed === undefined) return notServed;
    const verb = verbOf(request.method, parsed);
    if (verb === undefined) return answerOf({ code: 405, reason: 'MethodNotAllowed', message: 'the server does not allow this method on the requested resource', details: detailsOf(parsed.kind, parsed.name) });
    return serve(parts, { request, parsed, verb, user });
  },
});

/** Without a token he comes with a certificate, as the operator does where it is not in the cluster. */
const userFor = ({ operator, operatorToken, authenticator }: ServerParts, { headers }: WireRequest): User | undefined => {
  const { authorization } = headers;
  if (typeof authorization !== 'string') return operator;
  const text = authorization.replace(/^Bearer /, '');
  if (text === operatorToken) return operator;
  const { why, token } = authenticator.take(text);
  return why === undefined && token !== undefined ? userOfToken(token) : undefined;
};

type Verb = 'get' | 'list' | 'watch' | 'create' | 'patch' | 'delete';

const verbOf = (method: string, { name, subresource, query }: Parsed): Verb | undefined => {
  switch (method) {
    case 'GET':
      return query.get('watch') === 'true' ? 'watch' : name === undefined ? 'list' : 'get';
    case 'POST':
      return name === undefined || subresource === 'token' ? 'create' : undefined;
    case 'PATCH':
      return name === undefined ? undefined : 'patch';
    case 'DELETE':
      return name === undefined ? undefined : 'delete';
    default:
      return undefined;
  }
};

interface Call {
  readonly request: WireRequest;
  readonly parsed: Parsed;
  readonly verb: Verb;
  readonly user: User;
}

/** Everybody may ask these of himself. */
const ofHimself: ReadonlySet<string> = new Set(['selfsubjectaccessreviews', 'selfsubjectreviews']);

const serve = (parts: ServerParts, call: Call): WireAnswer | WireStream => {
  const { parsed: { kind, namespace, name, subresource }, verb, user } = call;
  if (!ofHimself.has(kind.plural)) {
    const attributes: ResourceAttributes = {
      verb, group: kind.group, resource: kind.plural, ...(subresource !== undefined && { subresource }), ...(namespace !== undefined && { namespace }), ...(name !== undefined && { name }),
    };
    if (parts.authorize(user, { resourceAttributes: attributes }) === undefined) return answerOf(forbidden(user.name, verb, { kind, subresource, namespace, name }));
  }
  switch (verb) {
    case 'get':
      return get(parts, call);
    case 'list': {
      const list = parts.reads.list(call.parsed, wantsMetadata(call.request));
      return typeof list === 'string' ? ok(list) : answerOf(list);
    }
    case 'watch': {
      const stream = parts.watches.open(call.parsed, wantsMetadata(call.request));
      return typeof stream === 'string' ? answerOf(badRequest(stream)) : stream;
    }
    case 'create':
      return create(parts, call);
    case 'patch':
      return patch(parts, call);
    case 'delete':
      return remove(parts, call);
  }
};

const wantsMetadata = ({ headers: { accept } }: WireRequest): boolean => typeof accept === 'string' && accept.includes('as=PartialObjectMetadata');

const textOf = (entry: Entry, request: WireRequest): string => entry.text(wantsMetadata(request) ? 'Metadata' : 'Whole');

const answered = (result: Entry | Failure, request: WireRequest, how: (body: string) => WireAnswer): WireAnswer =>
  isFailure(result) ? answerOf(result) : how(textOf(result, request));

const get = ({ store }: ServerParts, { request, parsed: { kind, namespace, name = '' } }: Call): WireAnswer =>
  answered(store.find(kind, namespace, name) ?? notFound(kind, name), request, ok);

const authorOf = ({ lock, operator, mayGrant }: ServerParts, { user, request }: Call): Author => ({
  by: { user: user.name, from: request.from },
  user,
  denies: lock.denies,
  mayGrant: user === operator ? mayGrant : () => undefined,
});

/** Undefined for what is no JSON. */
const bodyOf = ({ body }: WireRequest): object | undefined => {
  if (body === undefined || body === '') return undefined;
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
};

const noBody = badRequest('the body of the request was in an unknown format');

const create = (parts: ServerParts, call: Call): WireAnswer => {
  const { request, parsed: { kind, namespace, name, query, subresource }, user } = call;
  const body = bodyOf(request);
  if (body === undefined) return answerOf(noBody);
  const { authorize, authenticator } = parts;
  switch (kind.plural) {
    case 'selfsubjectaccessreviews':
      return created(JSON.stringify(reviewAccess(body as SubjectAccessReview, user, authorize)));
    case 'subjectaccessreviews':
      return created(JSON.stringify(reviewAccess(body as SubjectAccessReview, undefined, authorize)));
    case 'selfsubjectreviews':
      return created(JSON.stringify(reviewSelf(user)));
    case 'tokenreviews':
      return created(JSON.stringify(reviewToken(body, authenticator)));
    default:
  }
  if (subresource === 'token' && kind.plural === 'serviceaccounts') {
    const token = requestToken(parts, namespace ?? '', name ?? '', body);
    if (isFailure(token)) return answerOf(token);
    return created(JSON.stringify({ ...body, kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', status: { token: token.text, expirationTimestamp: token.expiry } }));
  }
  if (subresource !== undefined) return notServed;
  return answered(parts.writes.create(kind, namespace, body, authorOf(parts, call), query.get('dryRun') === 'All'), request, created);
};

const patch = (parts: ServerParts, call: Call): WireAnswer => {
  const { request, parsed: { kind, namespace, name = '', subresource } } = call;
  const body = bodyOf(request);
  if (body === undefined) return answerOf(noBody);
  const contentType = request.headers['content-type'];
  const type = contentType === 'application/json-patch+json' ? 'json' : contentType === 'application/merge-patch+json' ? 'merge' : undefined;
  if (type === undefined || (subresource !== undefined && subresource !== 'status')) {
    return answerOf({ code: 415, reason: 'UnsupportedMediaType', message: 'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json' });
  }
  return answered(parts.writes.patch(kind, namespace, name, { type, body, status: subresource === 'status' }, authorOf(parts, call)), request, ok);
};

const remove = (parts: ServerParts, call: Call): WireAnswer => {
  const { request, parsed: { kind, namespace, name = '' } } = call;
  const { preconditions = {} } = (bodyOf(request) ?? {}) as { readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string } };
  const removed = parts.writes.remove(kind, namespace, name, preconditions, authorOf(parts, call));
  if (isFailure(removed)) return answerOf(removed);
  const { entry, gone } = removed;
  if (!gone || kind.plural === 'serviceaccounts') return ok(textOf(entry, request));
  return ok(JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { ...detailsOf(kind, name), uid: entry.object.metadata.uid } }));
};
