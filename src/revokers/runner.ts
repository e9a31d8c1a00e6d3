/** What every revoker does around a call of the contract: a deadline, one kind of error, and one report. */
import { ApiError, toOutcome } from '../kube/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { OutcomeError, type OutcomeKind } from '../runtime/outcome.ts';
import { redactText } from '../runtime/redact.ts';
import { withDeadline } from '../runtime/with-deadline.ts';
import type { Observation, RevokeAnswer } from './revoker.ts';

/** The calls of the contract. */
export type Operation = 'inventory' | 'usage' | 'preflight' | 'discover' | 'takeControls' | 'dropControls' | 'lock' | 'unlock' | 'observeLock' | 'revoke' | 'observe';

/** How a call ended: what it answered, or the kind of its failure. A closed set, fit for a metric's label. */
export type OperationOutcome = 'Success' | 'Accepted' | 'NothingThere' | 'Refused' | Observation['state'] | OutcomeKind;

export interface ReportedOperation {
  readonly operation: Operation;
  readonly outcome: OperationOutcome;
}

export interface RunnerOptions<Supported extends Operation> {
  readonly clock: Clock;
  /** Milliseconds in which each call ends, one way or another. */
  readonly deadlines: Readonly<Record<Supported, number>>;
  /** Told after each call. */
  readonly onOperation?: (operation: ReportedOperation) => void;
}

/** Whatever `work` throws comes out as an `OutcomeError`. `outcomeOf` is for the report; `Success` when absent. */
export type Runner<Supported extends Operation> = <T>(
  operation: Supported,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  outcomeOf?: (result: T) => OperationOutcome,
) => Promise<T>;

export const createRunner =
  <Supported extends Operation>({ clock, deadlines, onOperation = () => undefined }: RunnerOptions<Supported>): Runner<Supported> =>
  async (operation, signal, work, outcomeOf = () => 'Success') => {
    try {
      const result = await withDeadline(clock, deadlines[operation], operation, signal, work);
      onOperation({ operation, outcome: outcomeOf(result) });
      return result;
    } catch (error) {
      const outcome = tellable(error);
      onOperation({ operation, outcome: operation === 'observe' || operation === 'observeLock' ? 'Unknown' : outcome.kind });
      throw outcome;
    }
  };

/** An observation never rejects: what came instead of one is told, and is `Unknown`. */
export const observing = <Supported extends Operation>(
  run: Runner<Supported>,
  operation: Supported & ('observe' | 'observeLock'),
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Observation>,
): Promise<Observation> =>
  run(operation, signal, work, ({ state }) => state).catch((error: unknown) => ({ state: 'Unknown', method: 'none', message: describeFailure(error) }));

/** Why something could not be told, on one line, without secrets. */
export const describeFailure = (error: unknown): string =>
  redactText(
    error instanceof OutcomeError ? `could not be told (${error.reason}): ${error.message}` : `could not be told: ${error instanceof Error ? error.message : String(error)}`,
  );

export const outcomeOfRevoke = (answer: RevokeAnswer): OperationOutcome => (typeof answer === 'string' ? answer : 'Refused');

/** What was thrown and nobody expected may hold anything in its text, and causes are logged, too. */
const tellable = (error: unknown): OutcomeError => {
  const outcome = toOutcome(error);
  const { kind, reason, message, cause, until, retryAfter } = outcome;
  if (!(cause instanceof Error) || cause instanceof ApiError || cause instanceof OutcomeError) return outcome;
  const clean = new Error(redactText(cause.message));
  clean.stack = redactText(cause.stack ?? '', 4_000);
  return new OutcomeError(kind, reason, message, {
    cause: clean,
    ...(until !== undefined && { until }),
    ...(retryAfter !== undefined && { retryAfter }),
  });
};
