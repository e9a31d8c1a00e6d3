/** What the operator changed of access, as the API server wrote it down: without what was refused, or came too late. */
import { requestsOf } from '../env/audit.ts';
import type { AuditEvent } from '../env/audit.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { operatorUser } from '../env/operator-account.ts';

/** By path. */
export type Writes = ReadonlyMap<string, readonly AuditEvent[]>;

export const writesOf = async ({ auditLog = '' }: ControlPlane): Promise<{ readonly deletes: Writes; readonly shrinks: Writes }> => {
  const deletes = new Map<string, AuditEvent[]>();
  const shrinks = new Map<string, AuditEvent[]>();
  for await (const event of requestsOf(auditLog, operatorUser)) {
    if ((event.responseStatus?.code ?? 500) >= 300) continue;
    const path = event.requestURI.split('?')[0] ?? '';
    if (event.verb === 'delete') add(deletes, path, event);
    if (event.verb === 'patch' && path.startsWith('/apis/rbac.authorization.k8s.io/')) add(shrinks, path, event);
  }
  return { deletes, shrinks };
};

const add = (writes: Map<string, AuditEvent[]>, path: string, event: AuditEvent): void => {
  writes.set(path, [...(writes.get(path) ?? []), event]);
};
