/** Whether a reflector hears its API server, and how long it waits before it tries again. */
import { createBackoff } from '../runtime/backoff.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Random } from '../runtime/random.ts';
import { ApiError, isExpired } from './errors.ts';

export interface Contact {
  readonly connected: boolean;
  readonly failures: number;
  /** What failed last, until the server is heard again. */
  readonly lastError: unknown;
  /** A list was answered: it counts for nothing while the watches fail. */
  listed(): void;
  /** A watch told something, or ended in good order. */
  watched(): void;
  /** A watch has stood for a while: as good as a word, unless the last one stood as well and never said any. */
  stood(): void;
  /** A watch that the server had agreed to outlived its time. Beside {@link failed}. */
  fellSilent(): void;
  failed(operation: 'list' | 'watch', error: unknown): Retry;
  stopped(): void;
}

export interface Retry {
  /** Milliseconds. */
  readonly wait: number;
  /** The version that was reached is no longer good, or suspected. */
  readonly listAgain: boolean;
}

/** After so many failures in a row the version may be what is wrong. */
const suspiciousFailures = 3;

interface ContactOptions {
  readonly log: Logger;
  readonly random: Random;
  /** On change only; the first time, whatever it is. */
  readonly onConnected: (connected: boolean) => void;
}

export const createContact = ({ log, random, onConnected }: ContactOptions): Contact => {
  const backoff = createBackoff({ base: 500, factor: 2, max: 10_000, jitter: 0.5, random });
  let failures = 0;
  let lastError: unknown;
  let connected: boolean | undefined;
  let expiredBefore = false;
  let wasSilent = false;

  const become = (next: boolean): void => {
    if (next === connected) return;
    connected = next;
    onConnected(next);
  };

  const watched = (): void => {
    if (failures > 0) log.info('The API server is heard again', { failures });
    failures = 0;
    lastError = undefined;
    become(true);
    expiredBefore = false;
    wasSilent = false;
  };

  return {
    get connected() {
      return connected ?? false;
    },
    get failures() {
      return failures;
    },
    get lastError() {
      return lastError;
    },
    listed: () => {
      if (failures === 0) become(true);
    },
    watched,
    stood: () => {
      if (!wasSilent) watched();
    },
    fellSilent: () => {
      wasSilent = true;
    },
    failed: (operation, error) => {
      // The answer of a server that is well: we were away for too long. A second one in a row is something else.
      if (isExpired(error) && !expiredBefore) {
        expiredBefore = true;
        return { wait: 0, listAgain: true };
      }
      failures += 1;
      lastError = error;
      become(false);
      if (isPowerOfTwo(failures)) log.warn('The API server is not heard; trying again', { operation, failures, error });
      return {
        wait: Math.max(backoff.next(failures - 1), retryAfterOf(error)),
        listAgain: !isTheServersTrouble(error) || failures >= suspiciousFailures,
      };
    },
    stopped: () => {
      become(false);
    },
  };
};

/** True when only the connection or the server failed, so that a watch can go on from where it was. */
const isTheServersTrouble = (error: unknown): boolean =>
  error instanceof ApiError &&
  !isExpired(error) &&
  error.reason !== 'Garbage' &&
  (error.code === 0 || error.code === 429 || error.code >= 500);

const retryAfterOf = (error: unknown): number => (error instanceof ApiError ? (error.retryAfter ?? 0) : 0);

const isPowerOfTwo = (count: number): boolean => (count & (count - 1)) === 0;
