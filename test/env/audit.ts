/** What the API server wrote down of the requests that it answered. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

export interface AuditEvent {
  readonly auditID: string;
  /** As the API server names it: `patch`, `watch`, … */
  readonly verb: string;
  readonly stage: string;
  readonly user: { readonly username: string };
  readonly userAgent?: string;
  readonly requestURI: string;
  readonly requestReceivedTimestamp: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number; readonly message?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Each request of `username` once: a watch when it began, everything else when it was answered. */
export async function* requestsOf(auditLog: string, username: string): AsyncGenerator<AuditEvent, void, undefined> {
  for await (const line of createInterface({ input: createReadStream(auditLog) })) {
    if (!line.includes(`"username":"${username}"`)) continue;
    const event = JSON.parse(line) as AuditEvent;
    if (event.user.username !== username) continue;
    const refused = (event.responseStatus?.code ?? 0) >= 400;
    if (event.stage === (event.verb === 'watch' && !refused ? 'ResponseStarted' : 'ResponseComplete')) yield event;
  }
}

/** Not allowed by RBAC (the annotation), or by what comes after it. */
export const isDenied = ({ annotations, responseStatus }: AuditEvent): boolean =>
  annotations?.['authorization.k8s.io/decision'] === 'forbid' || responseStatus?.code === 403;

/** Nothing is created in a namespace that is being deleted: for the operator an answer like any other. */
export const isNamespaceTerminating = ({ responseStatus }: AuditEvent): boolean =>
  responseStatus?.message?.includes('because it is being terminated') === true;

/** What the lock denies when it is tried whether it does. */
export const isTryOfTheLock = ({ requestURI, objectRef, responseStatus }: AuditEvent): boolean =>
  objectRef?.resource === 'serviceaccounts' && requestURI.includes('dryRun=All') && responseStatus?.message?.includes("ValidatingAdmissionPolicy 'offboard-lock-identity'") === true;

export const describeRequest = ({ verb, objectRef, requestURI, responseStatus }: AuditEvent): string => {
  const { resource, subresource, namespace, name } = objectRef ?? {};
  const what = resource === undefined ? requestURI : [resource, subresource].filter((part) => part !== undefined).join('/');
  return `${[verb, what, namespace, name].filter((part) => part !== undefined).join(' ')}: ${String(responseStatus?.code)} ${responseStatus?.message ?? ''}`;
};
