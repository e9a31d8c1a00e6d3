/** Counts the operator's requests in the API server's audit log: what it really asked for, not what it believes. */
import { createReadStream, statSync } from 'node:fs';
import { createInterface } from 'node:readline';

export interface RequestCount {
  /** As the API server names it: `patch`, `watch`, … */
  readonly verb: string;
  /** With its subresource: `offboardings/status`. */
  readonly resource: string;
  readonly count: number;
  /** Those of them that were answered with a status of 400 or above; a 404 is how an absence is told. */
  readonly errors: number;
}

export interface Requests {
  readonly total: number;
  /** Of accounts, token Secrets and bindings: what an offboarding is there to do. */
  readonly deletions: number;
  /** Whatever else is stored: status, finalizers, events, leases. */
  readonly otherWrites: number;
  /** Asks whether something is allowed: sent as a create, and stores nothing. */
  readonly reviews: number;
  readonly reads: number;
  readonly byVerbAndResource: readonly RequestCount[];
}

interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly userAgent?: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestURI: string;
}

/** Bytes of the log so far, as the place from which {@link countRequests} begins. */
export const endOf = (auditLog: string): number => statSync(auditLog).size;

export const countRequests = async (auditLog: string, from: number, userAgent: string): Promise<Requests> => {
  const counts = new Map<string, RequestCount>();
  for await (const line of createInterface({ input: createReadStream(auditLog, { start: from }) })) {
    if (!line.includes(`"userAgent":"${userAgent}`)) continue;
    const event = JSON.parse(line) as AuditEvent;
    // A watch is counted when it begins, everything else when it is answered: so each is counted once.
    if (event.verb === 'watch' ? event.stage !== 'ResponseStarted' : event.stage !== 'ResponseComplete') continue;
    const { resource = event.requestURI, subresource } = event.objectRef ?? {};
    const name = subresource === undefined ? resource : `${resource}/${subresource}`;
    const key = `${event.verb} ${name}`;
    const { count, errors } = counts.get(key) ?? { count: 0, errors: 0 };
    const isError = (event.responseStatus?.code ?? 0) >= 400;
    counts.set(key, { verb: event.verb, resource: name, count: count + 1, errors: errors + (isError ? 1 : 0) });
  }
  return summed([...counts.values()].toSorted((a, b) => b.count - a.count || a.resource.localeCompare(b.resource)));
};

const deleted = ['serviceaccounts', 'secrets', 'rolebindings', 'clusterrolebindings'];

const kindOf = ({ verb, resource }: RequestCount): 'deletions' | 'otherWrites' | 'reviews' | 'reads' => {
  if (['get', 'list', 'watch'].includes(verb)) return 'reads';
  if (resource.endsWith('reviews')) return 'reviews';
  return verb === 'delete' && deleted.includes(resource) ? 'deletions' : 'otherWrites';
};

const summed = (byVerbAndResource: readonly RequestCount[]): Requests => {
  const sum = (which?: ReturnType<typeof kindOf>): number =>
    byVerbAndResource.filter((row) => which === undefined || kindOf(row) === which).reduce((total, { count }) => total + count, 0);
  return {
    total: sum(),
    deletions: sum('deletions'),
    otherWrites: sum('otherWrites'),
    reviews: sum('reviews'),
    reads: sum('reads'),
    byVerbAndResource,
  };
};
