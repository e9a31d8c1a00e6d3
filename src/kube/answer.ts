import { type HttpHead, failureOf } from '../runtime/http-pool.ts';
import { readRetryAfter } from '../runtime/retry-after.ts';
import { ApiError, errorFromStatus } from './errors.ts';
import { type ApiRequest, nameOf } from './request.ts';

export const tooLarge = (request: ApiRequest, answer: HttpHead, limit: number): ApiError =>
  new ApiError(
    answer.status, 'TooLarge',
    `the answer to ${nameOf(request)} is larger than ${Math.round(limit / 2 ** 20)} MiB`, { verb: request.verb },
  );

/** What a whole answer says: the parsed body of a 2xx, else an {@link ApiError} is thrown. */
export const interpret = (request: ApiRequest, answer: HttpHead, body: string): unknown => {
  const { status: code } = answer;
  const parsed = isJson(answer) ? parse(body) : undefined;
  if (code >= 200 && code < 300) {
    if (parsed === undefined) throw garbage(request, code);
    // No API server says both. By the code in the body it could be a 404, and end something.
    if (isFailure(parsed)) throw errorFromStatus(parsed, code, { verb: request.verb });
    return parsed;
  }
  throw errorOf(request, answer, parsed);
};

const errorOf = (request: ApiRequest, answer: HttpHead, parsed: unknown): ApiError => {
  const { status: code } = answer;
  const retryAfter = readRetryAfter(answer.headers['retry-after']);
  const options = { verb: request.verb, ...(retryAfter !== undefined && { retryAfter }) };
  if (code >= 300 && code < 400) {
    return new ApiError(code, 'Garbage', `${nameOf(request)} was redirected (HTTP ${code}), which is never followed`, options);
  }
  const isStatus = typeof parsed === 'object' && parsed !== null && 'kind' in parsed && parsed.kind === 'Status';
  if (isStatus) return errorFromStatus(parsed, code, options);
  // The API server itself says these in plain text when it sheds load, before it has a Status to give.
  if (code === 429) return new ApiError(code, 'TooManyRequests', `the server has too many requests for ${nameOf(request)}`, options);
  if (code === 503) return new ApiError(code, 'ServiceUnavailable', `the server is unavailable for ${nameOf(request)}`, options);
  if (code === 404) return notServed(request, options);
  return garbage(request, code, options);
};

/** The API server says so in plain text when a resource type (a CRD, mostly) is not there. A proxy may say it as well. */
const notServed = (request: ApiRequest, options: { readonly retryAfter?: number; readonly verb: string }): ApiError =>
  new ApiError(
    404, 'NotServed',
    `the server does not know ${request.path.split('?')[0] ?? ''}: are the CRDs installed, and is this the API server?`, options,
  );

const garbage = (request: ApiRequest, code: number, options: { readonly retryAfter?: number } = {}): ApiError =>
  new ApiError(
    code, 'Garbage',
    `the answer to ${nameOf(request)} (HTTP ${code}) is not one of a Kubernetes API server: is there a proxy in between?`,
    { ...options, verb: request.verb },
  );

const isJson = (answer: HttpHead): boolean => {
  const type = answer.headers['content-type'];
  return typeof type === 'string' && /^application\/json\b/i.test(type);
};

const parse = (body: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

const isFailure = (value: object): boolean =>
  'kind' in value && value.kind === 'Status' && 'status' in value && value.status === 'Failure';

export const timedOut = (request: ApiRequest, limit: number): ApiError =>
  new ApiError(0, 'Timeout', `no answer to ${nameOf(request)} within ${limit / 1000} s`, { verb: request.verb });

/** What broke on the way, as an {@link ApiError}. The caller's own abort stays what it is. */
export const toApiError = (error: unknown, request: ApiRequest, server: string): Error => {
  if (error instanceof ApiError || (request.signal?.aborted && error === request.signal.reason)) return error as Error;
  const { timedOut: late, text } = failureOf(error);
  if (late) return new ApiError(0, 'Timeout', `no answer to ${nameOf(request)} in time`, { verb: request.verb });
  return new ApiError(0, 'Transport', `${nameOf(request)} did not get through to ${server}: ${text}`, { verb: request.verb });
};
