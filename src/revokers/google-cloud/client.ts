/** Google Cloud, logged in to: what `GoogleClient` promises, made of its services and a session. */
import type { Clock } from '../../runtime/clock.ts';
import { OutcomeError, invalid, retryable } from '../../runtime/outcome.ts';
import type { Random } from '../../runtime/random.ts';
import { withDeadline } from '../../runtime/with-deadline.ts';
import { notReady } from '../connectors.ts';
import { type JsonAnswer, pathSegment } from '../json-wire.ts';
import { describeAnswer } from './answers.ts';
import type { GoogleClient, GoogleRequest } from './api.ts';
import { createLogin, type LoginOptions } from './logins.ts';
import { createServices, type GoogleServices, type ServicesOptions } from './services.ts';
import { createGoogleSession, type GoogleSession, type Held } from './session.ts';
import type { UsableConnector } from './settings.ts';

export interface ClientOptions extends Pick<LoginOptions, 'readSecret' | 'ownToken'>, Pick<ServicesOptions, 'mayAct' | 'onRequest' | 'userAgent' | 'connect'> {
  /** Of the Connector, for messages. */
  readonly name: string;
  readonly spec: UsableConnector;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Connection {
  /** For those who retire credentials: why it cannot log in is not theirs to know. */
  readonly client: GoogleClient;
  /** For the connector's own status, which tells it. */
  readonly hold: GoogleSession['hold'];
  /** Breaks what is under way, and whatever is asked from now on. */
  readonly close: () => Promise<void>;
}

interface Parts {
  readonly services: GoogleServices;
  readonly session: GoogleSession;
  readonly options: ClientOptions;
}

export const createConnection = (options: ClientOptions): Connection => {
  const services = createServices(options);
  const login = createLogin(options.spec.auth, { ...options, ask: services.ask });
  const session = createGoogleSession({ ...options, login });
  const parts: Parts = { services, session, options };
  return {
    client: {
      request: (request, signal) => whileLoggedIn(parts, request, signal),
      self: async (signal) => (await holdForOthers(parts, signal)).self,
    },
    hold: session.hold,
    close: () => {
      session.close();
      return services.close();
    },
  };
};

/** A login is up to three requests, one after another. */
const requestsOfLogin = 3;

const holdForOthers = async ({ session, options: { clock, name, spec } }: Parts, signal: AbortSignal): Promise<Held> => {
  try {
    return await withDeadline(clock, requestsOfLogin * spec.timeout, 'the login to Google Cloud', signal, session.hold);
  } catch (error) {
    if (error instanceof OutcomeError && error.kind !== 'Retryable') throw notReady(name);
    throw error;
  }
};

/** With one more try where it was the token that was refused. */
const whileLoggedIn: (parts: Parts, ...asked: Parameters<GoogleClient['request']>) => ReturnType<GoogleClient['request']> = async (parts, request, signal) => {
  const { services, session } = parts;
  const { method, service, path, verb, body: sent } = request;
  // Before a login is begun for what is never sent.
  const where = pathOf(request);
  const attempt = async (): Promise<{ readonly held: Held; readonly answer: JsonAnswer }> => {
    const held = await holdForOthers(parts, signal);
    const question = { method, path: where, headers: headersOf(held, parts.options.spec), ...(sent !== undefined && { body: sent }) };
    return { held, answer: await services.ask(service, question, signal) };
  };
  let { held, answer } = await attempt();
  if (answer.status === 401 && session.refuse(held)) ({ held, answer } = await attempt());
  if (answer.status === 401) {
    throw retryable('Unauthenticated', `the service ${service} does not take the token of ${held.self.name}: ${describeAnswer(answer)}`);
  }
  return { status: answer.status, body: answer.body, asked: { method, service, path, ...(verb !== undefined && { verb }) } };
};

const headersOf = ({ value }: Held, { quotaProject }: UsableConnector): Record<string, string> => ({
  authorization: `Bearer ${value}`,
  ...(quotaProject !== undefined && { 'x-goog-user-project': quotaProject }),
});

/** These are how one logs in. Whoever names a resource of theirs must not have our token sent there. */
const noServices: ReadonlySet<string> = new Set(['metadata', 'oauth2', 'sts']);

const pathOf = ({ service, path, verb, query = {} }: GoogleRequest): string => {
  if (noServices.has(service)) throw invalid('InvalidPath', `${service} is no service that has resources`);
  if (path.length === 0) throw invalid('InvalidPath', 'a path to Google Cloud has no part');
  if (verb !== undefined && !/^[a-zA-Z]{1,64}$/.test(verb)) throw invalid('InvalidPath', `${JSON.stringify(verb.slice(0, 60))} is no method of Google Cloud`);
  const parameters = Object.entries(query).map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
  return `/${path.map(segment).join('/')}${verb === undefined ? '' : `:${verb}`}${parameters.length === 0 ? '' : `?${parameters.join('&')}`}`;
};

/** All but the unreserved characters is encoded (google/api/http.proto), also what a colon would make a method of. */
const segment = (value: string): string =>
  pathSegment(value, 'Google Cloud').replace(/[!'()*]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`);
