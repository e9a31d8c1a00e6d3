import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { describe, expect, it } from 'vitest';

import type { KubeClient } from '../../kube/client.ts';
import { secrets, roleBindings, type Resource } from '../../kube/resources.ts';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import { createClusterReader } from './client.ts';
import { userKey } from './identity.ts';
import { createWatches } from './watches.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};
const bindingCount = 30_000;
const secretCount = 20_000;
const pageSize = 500;

const uidOf = (index: number): string => `${index.toString(16).padStart(8, '0')}-3f1b-4c8e-9a57-2b6f0d9c1e44`;
const metadataOf = (index: number, name: string, more: object = {}): object => ({
  name,
  namespace: `team-${String(index % 300)}`,
  uid: uidOf(index),
  resourceVersion: String(100_000 + index),
  creationTimestamp: '2026-01-01T00:00:00Z',
  labels: { 'app.kubernetes.io/managed-by': 'Helm', 'app.kubernetes.io/instance': name },
  managedFields: [
    {
      manager: 'helm',
      operation: 'Update',
      apiVersion: 'v1',
      time: '2026-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:roleRef': {}, 'f:subjects': {} },
    },
  ],
  ...more,
});
const objectAt = (resource: Resource, index: number): object | undefined => {
  if (resource === roleBindings && index < bindingCount) {
    const subjects = [
      { kind: 'ServiceAccount', name: `builder-${String(index)}`, namespace: `team-${String(index % 300)}` },
      ...(index % 3 === 0
        ? [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: `person-${String(index % 900)}@example.com` }]
        : []),
    ];
    return {
      metadata: metadataOf(index, `builder-${String(index)}-edit`),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
      subjects,
    };
  }
  if (resource === secrets && index < secretCount) {
    const annotations = {
      'kubernetes.io/service-account.name': `builder-${String(index)}`,
      'kubernetes.io/service-account.uid': uidOf(index),
    };
    return { metadata: metadataOf(index, `builder-${String(index)}-token`, { annotations }) };
  }
  return undefined;
};

/** A cluster so large that only the pages of it exist, each parsed from text as an answer would be. */
const client = {
  async *listPages(resource: Resource) {
    for (let start = 0; start === 0 || objectAt(resource, start) !== undefined; start += pageSize) {
      const items = Array.from({ length: pageSize }, (_, offset) => objectAt(resource, start + offset)).filter(
        (item) => item !== undefined,
      );
      yield await Promise.resolve({ items: JSON.parse(JSON.stringify(items)) as never[], resourceVersion: '900000' });
    }
  },
  async *watch(_: Resource, __: unknown, signal: AbortSignal) {
    await new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(new Error('stopped'));
      });
    });
    yield* [];
  },
} as unknown as KubeClient;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const mebibytes = (): number => {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

describe('a big cluster', () => {
  it(`of ${String(bindingCount)} bindings and ${String(secretCount)} token Secrets is watched, and swept, in little memory`, async () => {
    const clock = createFakeClock();
    const stop = new AbortController();
    const before = mebibytes();
    const watches = createWatches({ client, clock, random: () => 0.5, log: silent, tokenSecrets: true });
    const running = watches.reflectors.map((reflector) => reflector.run(stop.signal));
    await Promise.all(watches.reflectors.map((reflector) => reflector.waitForSync(stop.signal)));
    const watched = mebibytes() - before;
    const sweep = await createClusterReader({ client, clock, tokenSecrets: true }).sweep(stop.signal);
    const swept = mebibytes() - before;
    console.info(`watched: ${watched.toFixed(1)} MiB; with a sweep in hand: ${swept.toFixed(1)} MiB`);
    expect(watched).toBeLessThan(30);
    expect(swept).toBeLessThan(60);

    const key = userKey('system:serviceaccount:team-7:builder-7');
    expect(watches.cached.view.bindingsOf(key).map(({ name }) => name)).toEqual(['builder-7-edit']);
    expect(sweep.bindingsOf(key).map(({ name }) => name)).toEqual(['builder-7-edit']);
    expect(
      watches.cached.view.tokenSecretsOf?.({ namespace: 'team-7', name: 'builder-7' }).map(({ name }) => name),
    ).toEqual(['builder-7-token']);
    stop.abort();
    await Promise.all(running);
  }, 60_000);
});
