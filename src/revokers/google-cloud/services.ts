/** The services of Google Cloud, each asked on its own: one that does not answer slows nobody who asks another. */
import { createBackoff } from '../../runtime/backoff.ts';
import { createBreaker } from '../../runtime/breaker.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Connect } from '../../runtime/http-pool.ts';
import { createHttpClient } from '../../runtime/http.ts';
import { invalid } from '../../runtime/outcome.ts';
import type { Random } from '../../runtime/random.ts';
import { readRetryAfter } from '../../runtime/retry-after.ts';
import { createJsonWire, type JsonAnswer, type JsonQuestion, type JsonWire, type JsonWireOptions, type Patience } from '../json-wire.ts';
import { describeAnswer } from './answers.ts';
import { isService, type UsableConnector } from './settings.ts';

export interface GoogleServices {
  /** Rejects with a Retryable `OutcomeError` when there is no whole answer, and when the service asks for more patience than there is. */
  readonly ask: (service: string, question: JsonQuestion, signal: AbortSignal) => Promise<JsonAnswer>;
  readonly close: () => Promise<void>;
}

export interface ServicesOptions extends Pick<JsonWireOptions, 'mayAct' | 'onRequest'> {
  readonly spec: Pick<UsableConnector, 'endpoints' | 'timeout' | 'maxConcurrent'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly userAgent: string;
  readonly connect?: Connect | undefined;
}

/** Milliseconds for pauses that a service asks for, beyond the time of one request. */
const patienceLimit = 15_000;
/** Connections are not kept to more services than this; whoever names others had better be slow than keep ours open. */
const mostServices = 48;

/** What is asked for is in the answer to one resource: only these say that there is no service behind the address. */
const inTrouble: ReadonlySet<number> = new Set([502, 503, 504]);

interface Service {
  readonly wire: JsonWire;
  readonly close: () => Promise<void>;
}

export const createServices = (options: ServicesOptions): GoogleServices => {
  const { clock, random, spec: { timeout } } = options;
  const backoff = createBackoff({ base: 1_000, factor: 2, max: 16_000, jitter: 0.5, random });
  const patience: Patience = {
    asked: (status) => status === 429,
    repeats: 6,
    pause: (headers, repeats) => Math.max(100, readRetryAfter(headers['retry-after']) ?? backoff.next(repeats)),
  };
  const services = new Map<string, Service>();
  let closed = false;

  const drop = async (name: string): Promise<void> => {
    const service = services.get(name);
    services.delete(name);
    await service?.close();
  };

  /** The one that was used the longest ago is the first in the map. */
  const find = (name: string): Service => {
    const service = services.get(name) ?? createService(name, patience, options);
    services.delete(name);
    services.set(name, service);
    const [oldest] = services.keys();
    if (services.size > mostServices && oldest !== undefined) drop(oldest).catch(() => undefined);
    if (closed) drop(name).catch(() => undefined);
    return service;
  };

  return {
    ask: async (name, question, signal) => {
      if (!isService(name)) throw invalid('InvalidPath', `${JSON.stringify(name.slice(0, 60))} is no service of Google Cloud`);
      return find(name).wire.ask(question, clock.monotonic() + timeout + patienceLimit, signal);
    },
    close: async () => {
      closed = true;
      await Promise.all([...services.keys()].map(drop));
    },
  };
};

/** The metadata server has no certificate: it is the machine's own, and is asked only where the connector says `attached`. */
const addressOf = (name: string, endpoints: Readonly<Record<string, string>>): string =>
  (Object.hasOwn(endpoints, name) ? endpoints[name] : undefined) ?? (name === 'metadata' ? 'http://metadata.google.internal' : `https://${name}.googleapis.com`);

const createService = (name: string, patience: Patience, { spec, clock, random, userAgent, connect, mayAct, onRequest }: ServicesOptions): Service => {
  const { timeout, maxConcurrent } = spec;
  const address = addressOf(name, spec.endpoints);
  const http = createHttpClient({ base: address, connections: maxConcurrent, clock, userAgent, timeout, connect });
  const breaker = createBreaker({ clock, random, limit: maxConcurrent });
  return {
    wire: createJsonWire({ http, breaker, clock, address, system: 'Google Cloud', patience, inTrouble, describe: describeAnswer, timeout, mayAct, onRequest }),
    close: http.close,
  };
};
