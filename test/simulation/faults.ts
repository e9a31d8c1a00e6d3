/** What requests meet while a fault of the wire lasts: each that matches one meets it with a probability. */
import type { Random } from '../../src/runtime/random.ts';
import type { FaultsOf, WireFault } from './engine/network.ts';
import { between, chance, pick } from './engine/random.ts';
import type { WireAnswer, WireRequest } from './engine/wire.ts';
import type { Incident, WireFaultName } from './plan.ts';
import { shortened } from './short-lists.ts';

export type WireIncident = Extract<Incident, { readonly kind: 'Wire' }>;

export interface Faults {
  readonly of: FaultsOf;
  /** Returns what ends it. */
  readonly begin: (incident: WireIncident) => () => void;
}

export const createFaults = (random: Random): Faults => {
  const active = new Map<WireIncident, RegExp>();
  return {
    of: (request, server) => {
      for (const [incident, path] of active) {
        if (incident.server !== server.name || !isMeant(incident, request) || !path.test(request.path)) continue;
        if (random() < incident.share) return faultOf(incident.fault, server.name, random);
      }
      return undefined;
    },
    begin: (incident) => {
      active.set(incident, new RegExp(incident.path ?? ''));
      return () => {
        active.delete(incident);
      };
    },
  };
};

/** Reviews are questions, whatever their method. */
const isRead = ({ method, path }: WireRequest): boolean => method === 'GET' || method === 'LIST' || path.includes('reviews');

const isMeant = ({ calls }: WireIncident, request: WireRequest): boolean => calls === 'All' || (calls === 'Reads') === isRead(request);

const html: Pick<WireAnswer, 'headers'> = { headers: { 'content-type': 'text/html' } };

const faultOf = (fault: WireFaultName, server: string, random: Random): WireFault => {
  switch (fault) {
    case 'LostBefore':
    case 'LostAfter':
    case 'BrokenBefore':
    case 'BrokenAfter':
    case 'Stalled':
      return { kind: fault };
    case 'Slow':
      return { kind: 'Slow', delay: between(random, 100, 15_000) };
    case 'Truncated':
      return { kind: 'Garbled', garble: (answer) => ({ ...answer, body: answer.body.slice(0, Math.floor(answer.body.length / 2)) }) };
    case 'Nonsense':
      return { kind: 'Garbled', garble: () => ({ status: 200, body: '{}\n' }) };
    case 'ShortLists':
      return { kind: 'Garbled', garble: shortened(random) };
    case 'HtmlPage':
      return { kind: 'Instead', answer: { status: 200, ...html, body: '<html>sign in</html>' } };
    case 'NotFoundPage':
      return { kind: 'Instead', answer: { status: 404, ...html, body: '<html>not found</html>' } };
    case 'NotFound':
      return { kind: 'Instead', answer: { status: 404, body: JSON.stringify(aboutSomethingElse(server, random)) } };
    case 'BadGateway':
      return { kind: 'Instead', answer: { status: 502, ...html, body: '<html>bad gateway</html>' } };
    case 'BadRequest':
      return refusal(server, 400, 'BadRequest');
    case 'Unauthorized':
      return refusal(server, 401, 'Unauthorized');
    case 'Forbidden':
      return refusal(server, 403, 'Forbidden');
    case 'Conflict':
      return refusal(server, 409, 'Conflict');
    case 'TooManyRequests':
      return askingForPatience(server, 429, 'TooManyRequests', random);
    case 'InternalError':
      return refusal(server, 500, 'InternalError');
    case 'Unavailable':
      return askingForPatience(server, 503, 'ServiceUnavailable', random);
  }
};

/** As something between us and the server says it, in the form of the server. */
const refusal = (server: string, status: number, reason: string, headers: Readonly<Record<string, string>> = {}, details: object = {}): WireFault => ({
  kind: 'Instead',
  answer: { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(bodyOf(server, status, reason, details)) },
});

/** Seconds, some of which would be days or years; and what is no number of them. */
export const wishes = ['0', '1', '20', '999999', '1000000000', '-1', 'soon', 'Wed, 21 Oct 2015 07:28:00 GMT', 'Wed, 21 Oct 2115 07:28:00 GMT'] as const;

/** Half of all say nothing of when to come back; others say it in the header, in the body, or something else in each. */
const askingForPatience = (server: string, status: number, reason: string, random: Random): WireFault =>
  refusal(
    server, status, reason,
    chance(random, 0.5) ? { 'retry-after': pick(random, wishes) } : {},
    chance(random, 0.3) ? { retryAfterSeconds: pick(random, [1, 20, 999_999, 1e300]) } : {},
  );

/** As the server, or another one of its kind, says it of a path that it does not know, or of a thing that was not asked about. */
const aboutSomethingElse = (server: string, random: Random): object => {
  if (server === 'vault') return { errors: ['no handler for route "auth/elsewhere". route entry not found.'] };
  if (server === 'google') return { error: { code: 404, message: 'Requested entity was not found.', status: 'NOT_FOUND' } };
  const [message, details] = chance(random, 0.5) ? ['the server could not find the requested resource', {}] : ['namespaces "elsewhere" not found', { name: 'elsewhere', kind: 'namespaces' }];
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason: 'NotFound', details, code: 404 };
};

const bodyOf = (server: string, code: number, reason: string, details: object): object => {
  if (server === 'vault') return { errors: [reason] };
  if (server === 'google') return { error: { code, message: reason, status: reason } };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: `${reason} on the way`, reason, details, code };
};
