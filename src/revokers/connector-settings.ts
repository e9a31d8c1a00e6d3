/** What Connectors of every type say, checked and in the units of the code. The schema has checked most of it, but maybe that of another version. */
import { reasons } from '../api/v1alpha1/conditions.ts';
import type { ConnectorSpec } from '../api/v1alpha1/index.ts';
import { parseDuration } from '../runtime/duration.ts';
import { type OutcomeError, invalid } from '../runtime/outcome.ts';

/** In milliseconds. */
export interface Timing {
  readonly settleTime: number;
  /** For one request. */
  readonly timeout: number;
  readonly maxConcurrent: number;
}

const usual = { timeout: 10_000, maxConcurrent: 8 };
/** Below what a reconcile has in all, by far. */
const timeouts = { least: 100, most: 60_000 };
const longestSettle = 24 * 3_600_000;

export const wrong = (message: string): OutcomeError => invalid(reasons.invalidSpec, message);

export const timingOf = (timing: ConnectorSpec['timing'], usualSettle: number): Timing => ({
  settleTime: durationOf('spec.timing.settle', timing?.settle, usualSettle, { least: 0, most: longestSettle }),
  timeout: durationOf('spec.timing.timeout', timing?.timeout, usual.timeout, timeouts),
  maxConcurrent: timing?.maxConcurrent ?? usual.maxConcurrent,
});

export const durationOf = (field: string, text: string | undefined, otherwise: number, { least, most }: { readonly least: number; readonly most: number }): number => {
  if (text === undefined) return otherwise;
  let value: number;
  try {
    value = parseDuration(text);
  } catch (error) {
    throw wrong(`${field}: ${error instanceof Error ? error.message : 'is not a duration'}`);
  }
  if (value < least || value > most) throw wrong(`${field} must be from ${least} ms to ${most / 1_000} s`);
  return value;
};

const loopback: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** The origin of an address. The message names the field, and nothing of what is in it. */
export const addressOf = (field: string, address: string, example: string, allowLoopbackHttp: boolean): string => {
  const url = URL.parse(address);
  if (url === null) throw wrong(`${field} is not an address such as ${example}`);
  const bare = url.username === '' && url.password === '' && url.search === '' && url.hash === '' && url.pathname === '/';
  if (!bare) throw wrong(`${field} must be https://HOST[:PORT], without a path, user or query`);
  if (url.protocol === 'https:') return url.origin;
  if (url.protocol !== 'http:' || !loopback.has(url.hostname)) throw wrong(`${field} must begin with https://`);
  if (!allowLoopbackHttp) throw wrong(`${field}: plain http needs the operator to run with --allow-loopback-http`);
  return url.origin;
};
