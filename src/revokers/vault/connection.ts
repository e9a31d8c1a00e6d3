/** One server, logged in to: what `VaultClient` promises, made of a wire and a session. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { createBreaker } from '../../runtime/breaker.ts';
import type { Clock } from '../../runtime/clock.ts';
import { createCoalescer } from '../../runtime/coalesce.ts';
import type { Connect } from '../../runtime/http-pool.ts';
import { createHttpClient } from '../../runtime/http.ts';
import { OutcomeError, needsPerson, retryable } from '../../runtime/outcome.ts';
import type { Random } from '../../runtime/random.ts';
import { withDeadline } from '../../runtime/with-deadline.ts';
import { notReady } from '../connectors.ts';
import { fieldOf, textOf } from '../fields.ts';
import type { VaultClient, VaultRequest, Watermark } from './client.ts';
import { describeAnswer } from './errors.ts';
import type { Ask, LoginOptions } from './logins.ts';
import { createLogin } from './logins.ts';
import type { Held, VaultSession } from './session.ts';
import { createVaultSession } from './session.ts';
import type { UsableConnector } from './settings.ts';
import type { Wire, WireAnswer, WireOptions } from './wire.ts';
import { createWire } from './wire.ts';

export interface ConnectionOptions extends Pick<LoginOptions, 'readSecret' | 'ownToken'>, Pick<WireOptions, 'mayAct' | 'onRequest'> {
  /** Of the Connector, for messages. */
  readonly name: string;
  readonly spec: UsableConnector;
  readonly clock: Clock;
  readonly random: Random;
  readonly userAgent: string;
  readonly connect?: Connect | undefined;
}

export interface Connection {
  /** For those who retire credentials: why it cannot log in is not theirs to know. */
  readonly client: VaultClient;
  /** For the connector's own status, which tells it. */
  readonly hold: VaultSession['hold'];
  readonly health: (signal: AbortSignal) => Promise<Health>;
  /** Breaks what is under way, and whatever is asked from now on. */
  readonly close: () => Promise<void>;
}

interface Parts {
  readonly wire: Wire;
  readonly session: VaultSession;
  readonly ask: Ask;
  readonly options: ConnectionOptions;
}

export const createConnection = (options: ConnectionOptions): Connection => {
  const { spec, clock, random, userAgent, connect, mayAct, onRequest } = options;
  const { address, namespace, timeout, maxConcurrent } = spec;
  const http = createHttpClient({
    base: address,
    ...(spec.ca !== undefined && { tls: { ca: spec.ca } }),
    connections: maxConcurrent,
    clock,
    userAgent,
    timeout,
    connect,
  });
  const breaker = createBreaker({ clock, random, limit: maxConcurrent });
  const wire = createWire({ http, breaker, clock, address, namespace, mayAct, onRequest });
  const ask: Ask = (request, token, signal) => wire.ask(request, token, clock.monotonic() + timeout, signal);
  const login = createLogin(spec.auth, { ...options, ask });
  const session = createVaultSession({ login, ask, clock, random });
  const parts: Parts = { wire, session, ask, options };
  const watermarks = createCoalescer((signal) => takeWatermark(parts, signal));
  return {
    client: {
      request: async (request, signal) => {
        const { answer: { status, body } } = await whileLoggedIn(parts, request, signal);
        return { status, body, asked: { method: request.method, path: request.path } };
      },
      watermark: watermarks.read,
      self: async (signal) => {
        const { token } = await holdForOthers(parts, clock.monotonic() + timeout, signal);
        return { accessor: token.accessor, entityId: token.entityId };
      },
    },
    hold: session.hold,
    health: (signal) => readHealth(ask, address, signal),
    close: () => {
      session.close();
      return http.close();
    },
  };
};

const holdForOthers = async ({ session, options: { clock, name, spec } }: Parts, until: number, signal: AbortSignal): Promise<Held> => {
  try {
    return await withDeadline(clock, until - clock.monotonic(), late(spec.address), signal, session.hold);
  } catch (error) {
    if (error instanceof OutcomeError && error.kind !== 'Retryable') throw notReady(name);
    throw error;
  }
};

const late = (address: string) => (): OutcomeError => retryable('Timeout', `the login to ${address} did not end in time`);

interface Exchanged {
  readonly answer: WireAnswer;
  /** With which it was asked. */
  readonly held: Held;
}

/** With one more try where it was the token that was refused. */
const whileLoggedIn = async (parts: Parts, request: VaultRequest, signal: AbortSignal): Promise<Exchanged> => {
  const { wire, session, options: { clock, spec } } = parts;
  const until = clock.monotonic() + spec.timeout;
  const attempt = async (): Promise<Exchanged> => {
    const held = await holdForOthers(parts, until, signal);
    requireSameToken(request, held);
    return { held, answer: await wire.ask(request, held.token.value, until, signal) };
  };
  const first = await attempt();
  if (first.answer.status !== 403) return first;
  const isInvalid = await withDeadline(clock, until - clock.monotonic(), late(spec.address), signal, (waiting) => session.isInvalid(first.held, waiting));
  return isInvalid ? attempt() : first;
};

/** With which token each watermark was taken. */
const takenWith = new WeakMap<Watermark, string>();

/**
 * A token lives in the server's storage, and is lost with it. So an answer to the token of the watermark comes from where the
 * watermark came from; with another token it may be from anywhere.
 */
const requireSameToken = ({ notBefore }: VaultRequest, { token }: Held): void => {
  const before = notBefore === undefined ? undefined : takenWith.get(notBefore);
  if (before === undefined || before === token.value) return;
  throw retryable('LoggedInAnew', 'the connector logged in anew meanwhile, so it is not known that it is the same server; asked again');
};

/**
 * A write that only the active node does, and that any token may do which has the policy `default`: what it tells of the
 * storage is not older than the call. After it, the name of that storage.
 */
const takeWatermark = async (parts: Parts, signal: AbortSignal): Promise<Watermark> => {
  const { ask, options: { spec: { address, namespace } } } = parts;
  const write: VaultRequest = { method: 'PUT', path: ['cubbyhole', 'offboard'], body: { watermark: 'offboard' } };
  const { answer, held } = await whileLoggedIn(parts, write, signal);
  if (answer.status === 403) throw needsPerson(reasons.permissionMissing, 'update on cubbyhole/offboard, which the policy "default" gives');
  if (answer.status !== 204 && answer.status !== 200) {
    throw retryable('NoWatermark', `${address} did not take the write by which a read is known to be current: ${describeAnswer(answer)}`);
  }
  const { clusterId } = await readHealth(ask, address, signal);
  const watermark: Watermark = { origin: { address, namespace, clusterId }, ...(answer.index !== undefined && { index: answer.index }) };
  takenWith.set(watermark, held.token.value);
  return watermark;
};

export interface Health {
  readonly clusterId: string;
  readonly version: string;
}

/** A standby is as healthy as the active node here: both know the name of their storage. */
const readHealth = async (ask: Ask, address: string, signal: AbortSignal): Promise<Health> => {
  const answer = await ask({ method: 'GET', path: ['sys', 'health'], query: { standbyok: 'true', perfstandbyok: 'true' } }, undefined, signal);
  const { status, body } = answer;
  if (fieldOf(body, 'sealed') === true) throw retryable('Sealed', `${address} is sealed`);
  if (fieldOf(body, 'initialized') === false) throw retryable('NotInitialized', `${address} is not initialized`);
  const clusterId = textOf(body, 'cluster_id') ?? '';
  if (status !== 200 || clusterId === '') throw retryable('Unhealthy', `${address} does not tell its cluster id: ${describeAnswer(answer)}`);
  return { clusterId, version: textOf(body, 'version') ?? '' };
};
