import { OutcomeError, needsPerson, retryable } from '../runtime/outcome.ts';
import type { StatusCause, StatusDetails } from './objects.ts';
import { redactText } from '../runtime/redact.ts';
import { readRetryAfter } from '../runtime/retry-after.ts';
import type { Resource } from './resources.ts';

export interface ApiErrorOptions {
  readonly details?: StatusDetails;
  /** Milliseconds the server asked us to wait, as {@link readRetryAfter} has them. */
  readonly retryAfter?: number;
  /** The verb of the request: `get`, `list`, `watch`, `create`, `delete`, `patch`. */
  readonly verb?: string;
  readonly cause?: unknown;
}

/**
 * A request that did not work, told once and for all from the server's `Status`.
 *
 * `code` is the HTTP status, 0 when there was no answer. `reason` is the server's (`NotFound`, `Conflict`, `Forbidden`,
 * …) or one of ours: `Timeout` (also the server's), `Transport` (no connection, or it broke), `Garbage` (an answer that
 * is not the API server's, say a proxy's page), `Credentials` (our own token or certificate could not be read).
 * `message` is on one line, without secrets, at most 500 characters.
 */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  readonly retryAfter: number | undefined;
  readonly verb: string | undefined;

  constructor(code: number, reason: string, message: string, options: ApiErrorOptions = {}) {
    super(redactText(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ApiError';
    this.code = code;
    this.reason = reason;
    this.details = options.details;
    this.retryAfter = options.retryAfter;
    this.verb = options.verb;
  }
}

const maxCauses = 16;

/**
 * The error that a `Status` body tells, or a `Garbage` one when `body` is no `Status`. `code` is that of the answer; an
 * in-stream error has only the one in the body, so there it is left out.
 */
export const errorFromStatus = (
  body: unknown, code: number | undefined, options: { readonly retryAfter?: number; readonly verb?: string } = {},
): ApiError => {
  const status = asRecord(body);
  const answered = code ?? (typeof status?.['code'] === 'number' ? status['code'] : 0);
  if (status?.['kind'] !== 'Status' || status['status'] === 'Success') {
    return new ApiError(
      answered, 'Garbage', `the answer (HTTP ${String(answered)}) is not one of a Kubernetes API server`, options,
    );
  }
  const details = readDetails(status['details']);
  const retryAfter = options.retryAfter ?? readRetryAfter(details?.retryAfterSeconds);
  return new ApiError(answered, text(status['reason'], 100) ?? reasonOf(answered), text(status['message']) ?? '', {
    ...(details && { details }),
    ...(retryAfter !== undefined && { retryAfter }),
    ...(options.verb !== undefined && { verb: options.verb }),
  });
};

/** Some failures (`etcdserver: request is too large`) come without a reason. */
const reasonOf = (code: number): string => (code >= 500 ? 'InternalError' : 'Unknown');

const asRecord = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;

const text = (value: unknown, limit?: number): string | undefined =>
  typeof value === 'string' && value !== '' ? redactText(value, limit) : undefined;

const readDetails = (value: unknown): StatusDetails | undefined => {
  const details = asRecord(value);
  if (!details) return undefined;
  const name = text(details['name'], 300);
  const group = text(details['group'], 300);
  const kind = text(details['kind'], 300);
  const uid = text(details['uid'], 100);
  const seconds = details['retryAfterSeconds'];
  const causes = Array.isArray(details['causes']) ? details['causes'].slice(0, maxCauses).map(readCause) : undefined;
  return {
    ...(name !== undefined && { name }),
    ...(group !== undefined && { group }),
    ...(kind !== undefined && { kind }),
    ...(uid !== undefined && { uid }),
    ...(typeof seconds === 'number' && { retryAfterSeconds: seconds }),
    ...(causes && causes.length > 0 && { causes }),
  };
};

const readCause = (value: unknown): StatusCause => {
  const cause = asRecord(value);
  const reason = text(cause?.['reason'], 100);
  const message = text(cause?.['message']);
  const field = text(cause?.['field'], 300);
  return {
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
    ...(field !== undefined && { field }),
  };
};

const isApiError = (error: unknown): error is ApiError => error instanceof ApiError;

/**
 * True only when the API server itself said that this very object is not there. A proxy's 404 page, an unknown resource
 * type, or another object that the request mentions (the role of a binding that is patched) are not that.
 */
export const isNotFound = (error: unknown, resource: Resource, name: string): boolean =>
  isApiError(error) &&
  error.code === 404 &&
  error.reason === 'NotFound' &&
  error.details?.name === name &&
  (error.details.group ?? '') === resource.group &&
  (error.details.kind === resource.plural || error.details.kind === resource.kind) &&
  !blamesRole(error, resource);

/**
 * A patch of a binding whose role is gone is answered with a 404 in the binding's resource and the role's name, and
 * both often have the same name. So a 404 on a write of a binding proves nothing; ask again with a read.
 */
const blamesRole = (error: ApiError, resource: Resource): boolean =>
  resource.group === 'rbac.authorization.k8s.io' && (error.verb === 'patch' || error.verb === 'create');

/** Somebody else was first: another resource version, or another UID than the precondition's. */
export const isConflict = (error: unknown): boolean => isApiError(error) && error.code === 409 && error.reason === 'Conflict';

export const isAlreadyExists = (error: unknown): boolean =>
  isApiError(error) && error.code === 409 && error.reason === 'AlreadyExists';

export const isForbidden = (error: unknown): boolean => isApiError(error) && error.code === 403;

/** Our own permissions are not enough. The message names the missing one. */
export const isRbacForbidden = (error: unknown): boolean =>
  isApiError(error) &&
  error.code === 403 &&
  error.reason === 'Forbidden' &&
  error.details?.causes === undefined &&
  /\bcannot \S+ (?:resource|path)\b|attempting to grant RBAC permissions/.test(error.message);

/** An admission policy, webhook or quota said no: more permissions would not help. */
export const isAdmissionDenied = (error: unknown): boolean =>
  isForbidden(error) && !isRbacForbidden(error) && !isNamespaceTerminating(error);

/** Denied by a policy of our own lock (config/policies/lock.yaml). */
export const isDeniedByLock = (error: unknown): boolean => isAdmissionDenied(error) && isApiError(error) && error.message.includes("'offboard-lock-");

/** Nothing can be created in this namespace any more. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  isApiError(error) &&
  error.code === 403 &&
  (error.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating') ?? false);

/** The resource version or continue token is too old: list again. */
export const isExpired = (error: unknown): boolean =>
  isApiError(error) && (error.code === 410 || error.reason === 'Expired' || error.reason === 'Gone');

/** True when asking again later may help without anybody doing anything. */
export const isRetryable = (error: unknown): boolean => toOutcome(error).kind === 'Retryable';

/** What a failed request means for the one who needed it. Keeps an outcome that is already told. */
export const toOutcome = (error: unknown): OutcomeError => {
  if (error instanceof OutcomeError) return error;
  if (!isApiError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    return retryable('Unexpected', redactText(message), { cause: error });
  }
  const again = { cause: error, ...(error.retryAfter !== undefined && { retryAfter: error.retryAfter }) };
  if (error.reason === 'Garbage') return retryable('Garbage', error.message, again);
  switch (error.code) {
    case 0:
      return retryable(error.reason, error.message, again);
    case 400:
    case 422:
      return needsPerson('Rejected', error.message, { cause: error });
    case 401:
      return retryable('Unauthorized', `the API server refuses our credentials: ${error.message}`, again);
    case 403:
      return forbidden(error);
    case 409:
      return retryable(error.reason === 'AlreadyExists' ? 'AlreadyExists' : 'Conflict', error.message, again);
    case 404:
    case 408:
    case 410:
    case 429:
      return retryable(error.reason, error.message, again);
    default:
      return retryable(error.code >= 500 ? error.reason : 'Unexpected', error.message, again);
  }
};

const forbidden = (error: ApiError): OutcomeError => {
  if (isNamespaceTerminating(error)) return retryable('NamespaceTerminating', error.message, { cause: error });
  return needsPerson(isAdmissionDenied(error) ? 'AdmissionDenied' : 'PermissionMissing', error.message, { cause: error });
};
