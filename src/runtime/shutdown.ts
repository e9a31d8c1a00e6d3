/**
 * One signal for the end of the process. The first SIGTERM or SIGINT aborts it; a second one ends the process at once, and
 * so does `limit` passing before the work has ended.
 */
import { constants } from 'node:os';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';

/** What is needed of `process`. */
export interface Host {
  readonly on: (signal: 'SIGTERM' | 'SIGINT', listener: () => void) => unknown;
  readonly exit: (code: number) => void;
}

export interface ShutdownOptions {
  /** Milliseconds between the first signal and the end of the process, whatever still runs. */
  readonly limit: number;
  readonly onSignal: (signal: NodeJS.Signals) => void;
  /** The limit has passed; the process exits with 1 right after. */
  readonly onLate: () => void;
  readonly clock?: Clock;
  readonly host?: Host;
}

/** Whoever has ended in time must exit by itself: until then the limit holds. */
export const shutdownSignal = ({ limit, onSignal, onLate, clock = systemClock, host = process }: ShutdownOptions): AbortSignal => {
  const controller = new AbortController();
  const listen = (signal: 'SIGTERM' | 'SIGINT'): void => {
    host.on(signal, () => {
      if (controller.signal.aborted) {
        // As a shell tells the end by a signal: 130 for ^C, 143 for SIGTERM.
        host.exit(128 + constants.signals[signal]);
        return;
      }
      clock.schedule(limit, () => {
        try {
          onLate();
        } finally {
          host.exit(1);
        }
      });
      controller.abort(new Error(`stopped by ${signal}`));
      onSignal(signal);
    });
  };
  listen('SIGTERM');
  listen('SIGINT');
  return controller.signal;
};
