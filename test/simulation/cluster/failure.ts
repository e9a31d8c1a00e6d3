/** How the API server refuses, in its own words. */
import { type ApiError, errorFromStatus } from '../../../src/kube/errors.ts';
import type { StatusCause } from '../../../src/kube/objects.ts';
import type { WireAnswer } from '../engine/wire.ts';
import type { Kind } from './kinds.ts';

export interface Failure {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: FailureDetails | undefined;
}

interface FailureDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly causes?: readonly StatusCause[];
}

export const isFailure = (value: object): value is Failure => 'reason' in value && 'code' in value;

/** As `Status.details` names an object. */
export const detailsOf = ({ group, plural }: Pick<Kind, 'group' | 'plural'>, name: string | undefined): FailureDetails => ({
  ...(name !== undefined && { name }), ...(group !== '' && { group }), kind: plural,
});

const ofKind = (kind: Kind, name: string): FailureDetails => ({ ...detailsOf(kind, name === '' ? undefined : name), kind: kind.kind });

export const notFound = (kind: Kind, name: string): Failure => ({
  code: 404, reason: 'NotFound', message: `${kind.qualified} "${name}" not found`, details: detailsOf(kind, name),
});

export const alreadyExists = (kind: Kind, name: string, isDeleting: boolean): Failure => ({
  code: 409, reason: 'AlreadyExists', message: `${isDeleting ? 'object is being deleted: ' : ''}${kind.qualified} "${name}" already exists`, details: detailsOf(kind, name),
});

/** A refused version names the resource, a refused precondition the kind. */
export const modified = (kind: Kind, name: string): Failure => ({
  code: 409, reason: 'Conflict', details: detailsOf(kind, name),
  message: `Operation cannot be fulfilled on ${kind.qualified} "${name}": the object has been modified; please apply your changes to the latest version and try again`,
});

export const wrongPrecondition = (kind: Kind, name: string, why: string): Failure => ({
  code: 409, reason: 'Conflict', details: ofKind(kind, name), message: `Operation cannot be fulfilled on ${kind.kind}${kind.group === '' ? '' : `.${kind.group}`} "${name}": ${why}`,
});

export const invalid = (kind: Kind, name: string, why: string, { field, reason }: { readonly field: string; readonly reason: string }): Failure => ({
  code: 422, reason: 'Invalid', details: { ...ofKind(kind, name), causes: [{ reason, message: why, field }] }, message: `${kind.kind}${kind.group === '' ? '' : `.${kind.group}`} "${name}" is invalid: ${field}: ${why}`,
});

/** Says no more than that: of a patch whose test failed, or whose path is not there. */
export const unprocessable: Failure = {
  code: 422, reason: 'Invalid', message: 'the server rejected our request due to an error in our request', details: {},
};

export const badRequest = (message: string): Failure => ({ code: 400, reason: 'BadRequest', message });

export const unauthorized: Failure = { code: 401, reason: 'Unauthorized', message: 'Unauthorized' };

export const expired = (message: string): Failure => ({ code: 410, reason: 'Expired', message });

/** Somebody lacks a right. There are no causes. */
export const forbidden = (
  user: string, verb: string, { kind, subresource, namespace, name }: { readonly kind: Kind; readonly subresource?: string | undefined; readonly namespace?: string | undefined; readonly name?: string | undefined },
): Failure => {
  const resource = subresource === undefined ? kind.plural : `${kind.plural}/${subresource}`;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const what = name === undefined ? kind.qualified : `${kind.qualified} "${name}"`;
  return {
    code: 403, reason: 'Forbidden', details: detailsOf(kind, name),
    message: `${what} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "${kind.group}" ${where}`,
  };
};

/** A policy says no. */
export const deniedBy = (policy: string, kind: Kind, name: string, words: string): Failure => {
  const message = `ValidatingAdmissionPolicy '${policy}' with binding '${policy}' denied request: ${words}`;
  return { code: 403, reason: 'Forbidden', message: `${kind.qualified} "${name}" is forbidden: ${message}`, details: { ...detailsOf(kind, name), causes: [{ message }] } };
};

export const terminating = (kind: Kind, name: string, namespace: string): Failure => {
  const message = `namespace ${namespace} is being terminated`;
  return {
    code: 403, reason: 'Forbidden', message: `${kind.qualified} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    details: { ...detailsOf(kind, name), causes: [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }] },
  };
};

export const statusOf = ({ code, reason, message, details }: Failure): object => ({
  kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, ...(details !== undefined && { details }), code,
});

export const answerOf = (failure: Failure): WireAnswer => ({ status: failure.code, body: JSON.stringify(statusOf(failure)) });

/** As somebody's client tells it. */
export const errorOf = (failure: Failure, verb: string): ApiError => errorFromStatus(statusOf(failure), failure.code, { verb });
