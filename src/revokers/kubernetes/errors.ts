/** Where "gone" is told from "could not tell": what an answer to a read of one object proves. */
import { ApiError, errorFromStatus, isNotFound } from '../../kube/errors.ts';
import { redactText } from '../../runtime/redact.ts';
import type { Resource } from '../../kube/resources.ts';
import { OutcomeError } from '../../runtime/outcome.ts';

/** What was asked for. */
export interface Asked {
  readonly resource: Resource;
  readonly namespace?: string;
  readonly name: string;
}

export type Verdict =
  /** There is an object of that name, with this UID: whether it is the one we mean is for the caller to compare. */
  | { readonly state: 'Present'; readonly uid: string }
  | { readonly state: 'Absent' }
  | { readonly state: 'Unknown'; readonly message: string };

/**
 * Judges the answer to a GET of one object. Only the API server's own `Status`, naming this very object, says that it
 * is absent; only the object itself, by name, says that it is there. A proxy's page, an answer about something else,
 * our own missing permission and every failure prove nothing.
 */
export const classify = (status: number, body: unknown, asked: Asked): Verdict => {
  if (status < 200 || status >= 300) return classifyError(errorFromStatus(body, status, { verb: 'get' }), asked);
  return classifyObject(body, asked);
};

/** The same for an answer that was read already. */
export const classifyObject = (body: unknown, asked: Asked): Verdict => {
  const metadata = property(body, 'metadata');
  const uid = property(metadata, 'uid');
  const same = property(metadata, 'name') === asked.name && property(metadata, 'namespace') === asked.namespace;
  if (same && typeof uid === 'string' && uid !== '') return { state: 'Present', uid };
  return { state: 'Unknown', message: 'the answer is not the object that was asked for' };
};

/** The same for a read that failed. */
export const classifyError = (error: unknown, asked: Asked): Verdict =>
  // The error holds the name as it was cleaned for people.
  isNotFound(error, asked.resource, redactText(asked.name, 300))
    ? { state: 'Absent' }
    : { state: 'Unknown', message: describeFailure(error) };

/** Why something could not be told, on one line, without secrets. */
export const describeFailure = (error: unknown): string => {
  if (error instanceof ApiError) {
    const where = error.code === 0 ? error.reason : `HTTP ${String(error.code)} ${error.reason}`;
    return redactText(`could not be told (${where}): ${error.message}`);
  }
  if (error instanceof OutcomeError) return redactText(`could not be told (${error.reason}): ${error.message}`);
  return redactText(`could not be told: ${error instanceof Error ? error.message : String(error)}`);
};

const property = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
