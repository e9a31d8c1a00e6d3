/** The HTTP side: takes a call apart, finds out who calls, lets the fault of the moment happen, and answers. */
import { type IncomingMessage, createServer, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { accountRoutes } from './accounts.ts';
import { aborted, type Answer, notFound, quotaProjectDenied, storageFailure, unauthenticated } from './answers.ts';
import { assetRoutes } from './assets.ts';
import { createAuthorise } from './authorise.ts';
import { control } from './control.ts';
import { hmacCaller, hmacKeyRoutes } from './hmac-keys.ts';
import { type Fields, fields } from './json.ts';
import { keyRoutes } from './keys.ts';
import { createKnobs, type Fault } from './knobs.ts';
import { createLog, shownHeaders } from './log.ts';
import { loginRoutes } from './logins.ts';
import { principalName } from './members.ts';
import { elsewhere, policyRoutes, serviceOf } from './policy-routes.ts';
import { projectRoutes } from './projects.ts';
import { protectedRoutes } from './protected.ts';
import { type Call, findRoute, type Route, takeApart } from './router.ts';
import { setUpRoutes } from './set-up.ts';
import { createTokens } from './tokens.ts';
import { createWorld } from './world.ts';

export const createGoogleCloud = (url: string): Server => {
  const world = createWorld(url);
  const knobs = createKnobs();
  const log = createLog();
  const tokens = createTokens(world, knobs);
  const authorise = createAuthorise(world, knobs);
  const site = { world, knobs, tokens, authorise, log };
  const routes: readonly Route[] = [
    ...loginRoutes(site),
    ...projectRoutes(site),
    ...accountRoutes(site),
    ...keyRoutes(site),
    ...hmacKeyRoutes(site),
    ...protectedRoutes(site),
    ...assetRoutes(site),
    ...policyRoutes(site),
    ...setUpRoutes(site),
  ];

  const identify = (call: Omit<Call, 'caller'>): { readonly caller: Call['caller'] } | { readonly refused: Answer } => {
    const authorization = String(call.headers['authorization'] ?? '');
    if (authorization === '') return { caller: undefined };
    if (authorization.startsWith('GOOG1 ')) {
      const caller = hmacCaller(site, authorization, String(call.headers['x-date'] ?? call.headers['date'] ?? ''), `/${call.path.join('/')}`);
      return caller === undefined ? { refused: storageFailure(403, 'forbidden', 'Invalid HMAC key or signature.') } : { caller };
    }
    return tokens.check(authorization.replace(/^Bearer /i, ''));
  };

  const answer = async (request: IncomingMessage, body: string, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', url);
    if (pathname.startsWith('/_control/')) {
      send(response, await control(site, pathname.slice('/_control/'.length), parse(body, 'application/json')));
      return;
    }
    const asked = { method: request.method ?? '', ...takeApart(pathname), query: searchParams, headers: request.headers, body: parse(body, request.headers['content-type'] ?? '') };
    const found = findRoute(routes, hmacPath(asked));
    const service = found === undefined ? 'unknown' : found.route.service === 'other' ? serviceOf(elsewhere(world, found.parameters['name'] ?? '')) : found.route.service;
    const who = found?.route.open === true ? { caller: undefined } : identify(asked);
    const fault = knobs.take({ service, method: asked.method, path: request.url ?? '' });
    const caller = 'caller' in who ? who.caller : undefined;
    if (knobs.settings.latency > 0) await delay(knobs.settings.latency);
    if (fault?.kind === 'late') await delay(fault.milliseconds);
    const given = await decide(found, who, { ...asked, caller });
    const status = happen(response, given, fault, service);
    log.write({ at: Date.now(), service, method: asked.method, path: request.url ?? '', caller: principalName(world, caller), headers: shownHeaders(request.headers), status, ...(fault === undefined ? {} : { fault: fault.kind }) });
    const counted = status === 409 || status === 412 ? 'conflicts' : status !== 200 ? undefined : given.commit === undefined ? 'reads' : 'writes';
    if (given.policyOf !== undefined && counted !== undefined) log.count(given.policyOf, counted);
  };

  const decide = async (found: ReturnType<typeof findRoute>, who: ReturnType<typeof identify>, call: Call): Promise<Answer> => {
    if ('refused' in who) return who.refused;
    if (found === undefined) return notFound('The requested URL was not found on this server.');
    const quotaProject = call.headers['x-goog-user-project'];
    if (typeof quotaProject === 'string' && found.route.open !== true && !authorise({ caller: call.caller, permission: 'serviceusage.services.use', resource: `projects/${quotaProject}` })) return quotaProjectDenied(quotaProject);
    const given = await found.route.handle(call, found.parameters);
    // Who does not say who he is, is told to, before he is told that he may not.
    return given.status === 403 && call.caller === undefined && found.route.open !== true ? unauthenticated('CREDENTIALS_MISSING') : given;
  };

  return createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      answer(request, body, response).catch((error: unknown) => {
        process.stderr.write(`${request.method ?? ''} ${request.url ?? ''}: ${error instanceof Error ? String(error.stack) : String(error)}\n`);
        send(response, { status: 500, body: { error: { code: 500, message: error instanceof Error ? error.message : String(error), status: 'INTERNAL' } } });
      });
    });
  });
};

/** Requests that are signed with an HMAC key come by the other API of Cloud Storage: `/BUCKET/OBJECT`. */
const hmacPath = (call: Omit<Call, 'caller'>): Pick<Call, 'method' | 'path' | 'verb'> => {
  if (!String(call.headers['authorization'] ?? '').startsWith('GOOG1 ')) return call;
  const [bucket = '', ...object] = call.path;
  return { method: call.method, path: ['storage', 'v1', 'b', bucket, 'o', ...object], verb: '' };
};

const parse = (body: string, type: string): Fields => {
  if (body === '') return {};
  if (type.startsWith('application/x-www-form-urlencoded')) return Object.fromEntries(new URLSearchParams(body));
  try {
    return fields(JSON.parse(body));
  } catch {
    return {};
  }
};

/** Lets the answer go out, or what a test wants in its place; tells the status that went out. */
const happen = (response: ServerResponse, given: Answer, fault: Fault | undefined, service: string): number => {
  if (fault === undefined || fault.kind === 'late') {
    given.commit?.();
    return send(response, given);
  }
  if (fault.kind === 'nothing') return send(response, given);
  if (fault.kind === 'conflict') return send(response, service === 'storage' ? storageFailure(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.') : aborted());
  if (fault.applied === true) given.commit?.();
  switch (fault.kind) {
    case 'status':
      return send(response, {
        status: fault.status,
        body: fault.body ?? { error: { code: fault.status, message: 'As the test wishes.', status: statusNames[fault.status] ?? 'UNKNOWN' } },
        ...(fault.retryAfter === undefined ? {} : { headers: { 'retry-after': fault.retryAfter } }),
      });
    case 'hang':
      return 0;
    case 'reset':
      response.socket?.destroy();
      return 0;
    case 'html':
      return send(response, { status: 200, body: '<!doctype html><title>Sign in</title>', headers: { 'content-type': 'text/html; charset=utf-8' } });
    case 'empty':
      return send(response, { status: 200 });
    case 'cut': {
      const whole = Buffer.from(JSON.stringify(given.body ?? {}));
      response.writeHead(given.status, { 'content-type': 'application/json; charset=UTF-8', 'content-length': whole.length });
      response.write(whole.subarray(0, Math.floor(whole.length / 2)), () => response.socket?.destroy());
      return given.status;
    }
  }
};

const statusNames: Readonly<Record<number, string>> = { 400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 409: 'ABORTED', 429: 'RESOURCE_EXHAUSTED', 500: 'INTERNAL', 503: 'UNAVAILABLE' };

const send = (response: ServerResponse, { status, body, headers = {} }: Answer): number => {
  const plain = body === undefined || typeof body === 'string';
  response.writeHead(status, { 'content-type': plain ? 'text/plain; charset=utf-8' : 'application/json; charset=UTF-8', ...headers });
  response.end(body === undefined ? '' : plain ? body : JSON.stringify(body));
  return status;
};
