/** Our own client on a real API server, and what tests of `src/kube` share. */
import { createKubeClient, type KubeClient } from '../../src/kube/client.ts';
import { loadKubeConfig } from '../../src/kube/config.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import type { Resource } from '../../src/kube/resources.ts';
import { createTransport } from '../../src/kube/transport.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { LogFields, Logger } from '../../src/runtime/logger.ts';

/** The operator has no use for them; they are the simplest objects there are. */
export const configMaps: Resource = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true };

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface Connection {
  readonly client: KubeClient;
  readonly close: () => Promise<void>;
}

export const connect = (kubeconfig: string): Connection => {
  const config = loadKubeConfig({ path: kubeconfig, clock: systemClock });
  const transport = createTransport({ config, clock: systemClock, version: 'test' });
  return { client: createKubeClient(transport), close: transport.close };
};

export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields | undefined;
}

export const recordingLogger = (lines: LoggedLine[]): Logger => {
  const at = (level: LoggedLine['level']) => (message: string, fields?: LogFields) => {
    lines.push({ level, message, fields });
  };
  const log: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  return log;
};
