/**
 * What happens next after something did not work. Every expected failure is one of these four, so one handler can turn
 * each into a log line, an event and a condition.
 *
 * - `Invalid`: wrong until the spec changes; never retried by itself.
 * - `NeedsPerson`: somebody must act (a permission, a shared binding, a running pod); looked at again every few minutes.
 * - `Waiting`: nothing is wrong, a time must pass; looked at again at `until`.
 * - `Retryable`: our trouble or the provider's; retried with back-off, for ever.
 */
export type OutcomeKind = 'Invalid' | 'NeedsPerson' | 'Waiting' | 'Retryable';

export interface OutcomeOptions {
  /** For `Waiting`: when to look again. */
  readonly until?: Date;
  /** For `Retryable`: the provider's own `Retry-After`, in milliseconds. */
  readonly retryAfter?: number;
  readonly cause?: unknown;
}

/** An expected failure. `reason` is CamelCase and becomes a condition's reason; `message` is for people, without secrets. */
export class OutcomeError extends Error {
  readonly kind: OutcomeKind;
  readonly reason: string;
  readonly until: Date | undefined;
  readonly retryAfter: number | undefined;

  constructor(kind: OutcomeKind, reason: string, message: string, options: OutcomeOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OutcomeError';
    this.kind = kind;
    this.reason = reason;
    this.until = options.until;
    this.retryAfter = options.retryAfter;
  }
}

export const invalid = (reason: string, message: string): OutcomeError => new OutcomeError('Invalid', reason, message);

export const needsPerson = (reason: string, message: string, options?: OutcomeOptions): OutcomeError =>
  new OutcomeError('NeedsPerson', reason, message, options);

export const retryable = (reason: string, message: string, options?: OutcomeOptions): OutcomeError =>
  new OutcomeError('Retryable', reason, message, options);
