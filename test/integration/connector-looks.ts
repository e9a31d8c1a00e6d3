/** Short words for what tests do with Connectors: write one, look at it as the operator does, and read what that left. */
import { expect } from 'vitest';

import type { Connectors } from '../../src/connectors.ts';
import type { ConnectorSpec } from '../../src/api/v1alpha1/index.ts';
import type { ConnectorObject } from '../../src/revokers/connector.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { kstatusViolations } from '../env/kstatus.ts';
import { waitFor } from '../env/wait-for.ts';

export interface ConnectorLooks {
  /** Resolves when the operator has seen it. */
  readonly write: (name: string, spec: ConnectorSpec) => Promise<void>;
  readonly read: (name: string) => Promise<ConnectorObject>;
  /** One look, and what it left: the conditions, and what Ready says. */
  readonly look: (name: string) => Promise<{ readonly conditions: string; readonly message: string; readonly object: ConnectorObject }>;
}

/** `now` tells what there is once the tests have begun. */
export const connectorLooks = (now: () => { readonly cluster: ControlPlane; readonly connectors: Connectors }): ConnectorLooks => {
  const read = async (name: string): Promise<ConnectorObject> =>
    JSON.parse(await now().cluster.kubectl(['get', 'connector', name, '-o', 'json'])) as ConnectorObject;
  return {
    read,
    write: async (name, spec) => {
      const { cluster, connectors } = now();
      const object = { apiVersion: 'offboard.dev/v1alpha1', kind: 'Connector', metadata: { name }, spec };
      await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: JSON.stringify(object) });
      const { metadata } = await read(name);
      await waitFor(() => connectors.reflector.store.get(undefined, name)?.metadata.generation === metadata.generation, { what: 'the watch' });
    },
    look: async (name) => {
      await now().connectors.reconcile(`/${name}`, new AbortController().signal);
      const object = await read(name);
      expect(kstatusViolations(object)).toEqual([]);
      const conditions = object.status?.conditions ?? [];
      return { object, message: conditions[0]?.message ?? '', conditions: conditions.map(({ type, status, reason }) => `${type}=${status}/${reason}`).join(' ') };
    },
  };
};
