/** What Google Cloud does with a call, whoever brings it: takes it apart, finds out who calls, decides, and lets happen what a test wants instead. */
import { accountRoutes } from './accounts.ts';
import { aborted, type Answer, notFound, quotaProjectDenied, storageFailure, unauthenticated } from './answers.ts';
import { assetRoutes } from './assets.ts';
import { type Authorise, createAuthorise } from './authorise.ts';
import { hmacCaller, hmacKeyRoutes } from './hmac-keys.ts';
import { type Fields, fields } from './json.ts';
import { keyRoutes } from './keys.ts';
import { createKnobs, type Fault, type Knobs } from './knobs.ts';
import { loginRoutes } from './logins.ts';
import type { Nature } from './nature.ts';
import { elsewhere, policyRoutes, serviceOf } from './policy-routes.ts';
import { projectRoutes } from './projects.ts';
import { protectedRoutes } from './protected.ts';
import { type Address, type Call, createFinder, type Found, takeApart } from './router.ts';
import { setUpRoutes } from './set-up.ts';
import { createTokens, type Tokens } from './tokens.ts';
import { createWorld, type World } from './world.ts';

/** A request as it came over some wire. */
export interface Asked {
  readonly method: string;
  /** As it was sent, with the query. */
  readonly url: string;
  readonly headers: Call['headers'];
  readonly body: string;
}

/** A call that has arrived, and on which nothing was decided yet. */
export interface Arrived {
  readonly service: string;
  readonly caller: Call['caller'];
  /** Which it meets; it is used up. */
  readonly fault: Fault | undefined;
  /** By what holds when this is called. Changes nothing: the answer's commit does. */
  readonly decide: () => Answer | Promise<Answer>;
}

export interface Core {
  readonly world: World;
  readonly knobs: Knobs;
  readonly tokens: Tokens;
  readonly authorise: Authorise;
  readonly arrive: (asked: Asked) => Arrived;
}

const mostAddresses = 1_000;

export const createCore = (url: string, nature: Nature): Core => {
  const world = createWorld(url, nature);
  const knobs = createKnobs(nature);
  const tokens = createTokens(world, knobs);
  const authorise = createAuthorise(world, knobs);
  const site = { world, knobs, tokens, authorise };
  const findRoute = createFinder([
    ...loginRoutes(site),
    ...projectRoutes(site),
    ...accountRoutes(site),
    ...keyRoutes(site),
    ...hmacKeyRoutes(site),
    ...protectedRoutes(site),
    ...assetRoutes(site),
    ...policyRoutes(site),
    ...setUpRoutes(site),
  ]);

  const addresses = new Map<string, Address>();
  /** The same is asked again and again. */
  const addressOf = (sent: string): Address => {
    const known = addresses.get(sent);
    if (known !== undefined) return known;
    if (addresses.size >= mostAddresses) addresses.clear();
    const address = takeApart(sent);
    addresses.set(sent, address);
    return address;
  };

  const identify = (call: Omit<Call, 'caller'>): { readonly caller: Call['caller'] } | { readonly refused: Answer } => {
    const authorization = String(call.headers['authorization'] ?? '');
    if (authorization === '') return { caller: undefined };
    if (authorization.startsWith('GOOG1 ')) {
      const caller = hmacCaller(site, authorization, String(call.headers['x-date'] ?? call.headers['date'] ?? ''), `/${call.path.join('/')}`);
      return caller === undefined ? { refused: storageFailure(403, 'forbidden', 'Invalid HMAC key or signature.') } : { caller };
    }
    return tokens.check(authorization.replace(/^Bearer /i, ''));
  };

  const decide = (found: Found | undefined, who: ReturnType<typeof identify>, asked: Omit<Call, 'caller'>): Answer | Promise<Answer> => {
    if ('refused' in who) return who.refused;
    const call = { ...asked, caller: who.caller };
    if (found === undefined) return notFound('The requested URL was not found on this server.');
    const { route, parameters } = found;
    const quotaProject = call.headers['x-goog-user-project'];
    if (typeof quotaProject === 'string' && route.open !== true && !authorise({ caller: call.caller, permission: 'serviceusage.services.use', resource: `projects/${quotaProject}` })) return quotaProjectDenied(quotaProject);
    const given = route.handle(call, parameters);
    // Who does not say who he is, is told to, before he is told that he may not.
    const told = (answer: Answer): Answer => (answer.status === 403 && call.caller === undefined && route.open !== true ? unauthenticated('CREDENTIALS_MISSING') : answer);
    return given instanceof Promise ? given.then(told) : told(given);
  };

  return {
    ...site,
    arrive: ({ method, url: sent, headers, body }) => {
      const asked = { method, ...addressOf(sent), headers, body: parse(body, String(headers['content-type'] ?? '')) };
      const found = findRoute(hmacPath(asked));
      const service = found === undefined ? 'unknown' : found.route.service === 'other' ? serviceOf(elsewhere(world, found.parameters['name'] ?? '')) : found.route.service;
      const who = found?.route.open === true ? { caller: undefined } : identify(asked);
      return { service, caller: 'caller' in who ? who.caller : undefined, fault: knobs.take({ service, method, path: sent }), decide: () => decide(found, who, asked) };
    },
  };
};

/** Requests that are signed with an HMAC key come by the other API of Cloud Storage: `/BUCKET/OBJECT`. */
const hmacPath = (call: Omit<Call, 'caller'>): Pick<Call, 'method' | 'path' | 'verb'> => {
  if (!String(call.headers['authorization'] ?? '').startsWith('GOOG1 ')) return call;
  const [bucket = '', ...object] = call.path;
  return { method: call.method, path: ['storage', 'v1', 'b', bucket, 'o', ...object], verb: '' };
};

export const parse = (body: string, type: string): Fields => {
  if (body === '') return {};
  if (type.startsWith('application/x-www-form-urlencoded')) return Object.fromEntries(new URLSearchParams(body));
  try {
    return fields(JSON.parse(body));
  } catch {
    return {};
  }
};

/** What goes out. */
export type Outcome =
  | { readonly kind: 'Answer'; readonly answer: Answer }
  /** The answer breaks off in the middle. */
  | { readonly kind: 'Cut'; readonly answer: Answer }
  | { readonly kind: 'Hang' }
  | { readonly kind: 'Reset' };

/** Does what the call does, or what a test wants in its place. */
export const happen = (given: Answer, fault: Fault | undefined, service: string): Outcome => {
  const plain = (answer: Answer): Outcome => ({ kind: 'Answer', answer });
  if (fault === undefined || fault.kind === 'late') {
    given.commit?.();
    return plain(given);
  }
  if (fault.kind === 'nothing') return plain(given);
  if (fault.kind === 'conflict') return plain(service === 'storage' ? storageFailure(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.') : aborted());
  if (fault.applied === true) given.commit?.();
  switch (fault.kind) {
    case 'status':
      return plain({
        status: fault.status,
        body: fault.body ?? { error: { code: fault.status, message: 'As the test wishes.', status: statusNames[fault.status] ?? 'UNKNOWN' } },
        ...(fault.retryAfter === undefined ? {} : { headers: { 'retry-after': fault.retryAfter } }),
      });
    case 'hang':
      return { kind: 'Hang' };
    case 'reset':
      return { kind: 'Reset' };
    case 'html':
      return plain({ status: 200, body: '<!doctype html><title>Sign in</title>', headers: { 'content-type': 'text/html; charset=utf-8' } });
    case 'empty':
      return plain({ status: 200 });
    case 'cut':
      return { kind: 'Cut', answer: given };
  }
};

const statusNames: Readonly<Record<number, string>> = { 400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 409: 'ABORTED', 429: 'RESOURCE_EXHAUSTED', 500: 'INTERNAL', 503: 'UNAVAILABLE' };

/** As bytes of the wire. Nothing, and text, are no JSON. */
export const written = ({ body, headers = {} }: Answer): { readonly text: string; readonly headers: Readonly<Record<string, string>> } => {
  const plain = body === undefined || typeof body === 'string';
  return { text: body === undefined ? '' : plain ? body : JSON.stringify(body), headers: { 'content-type': plain ? 'text/plain; charset=utf-8' : 'application/json; charset=UTF-8', ...headers } };
};
