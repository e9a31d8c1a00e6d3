/**
 * One signal for the end of the process. The first SIGTERM or SIGINT aborts it; a second one ends the process at once, and
 * so does `limit` passing before the work has ended.
 */
export interface ShutdownOptions {
  /** Milliseconds between the first signal and the end of the process, whatever still runs. */
  readonly limit: number;
  readonly onSignal: (signal: NodeJS.Signals) => void;
  readonly onLate: () => void;
}

export const shutdownSignal = ({ limit, onSignal, onLate }: ShutdownOptions): AbortSignal => {
  const controller = new AbortController();
  const onStop = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(130);
    onSignal(signal);
    setTimeout(() => {
      onLate();
      process.exit(1);
    }, limit).unref();
    controller.abort(new Error(`stopped by ${signal}`));
  };
  process.on('SIGTERM', onStop);
  process.on('SIGINT', onStop);
  return controller.signal;
};
