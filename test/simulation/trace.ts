/** What a traced run tells: a line for every request, write, incident and word of the operator. */
import type { KubeObject } from '../../src/kube/objects.ts';
import type { Logger } from '../../src/runtime/logger.ts';

/** What of a change is worth a line. */
export const said = ({ status }: KubeObject & { readonly status?: unknown }, previous: (KubeObject & { readonly status?: unknown }) | undefined): string => {
  const { conditions } = (status ?? {}) as { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message?: string }[] };
  if (conditions === undefined || status === previous?.status) return '';
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ` ${ready?.status === 'True' ? 'Ready' : ''} ${ready?.reason ?? ''}: ${ready?.message ?? ''}`;
};

export const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent };

export const traceLog = (name: string, trace: (line: string) => void): Logger => {
  const line = (level: string) => (message: string, fields: object = {}): void => { trace(`${name} ${level}: ${message} ${textOf(fields)}`); };
  return { debug: () => undefined, info: line('info'), warn: line('warn'), error: line('error'), child: () => traceLog(name, trace) };
};

const textOf = (fields: object): string =>
  JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.message : value));
