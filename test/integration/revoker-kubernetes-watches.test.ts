/** What the Kubernetes revoker knows from its watches, and when it wakes somebody up. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import type { Target } from '../../src/api/v1alpha1/index.ts';
import type { ChangedIdentity } from '../../src/revokers/kubernetes/identity.ts';
import { createKubernetesRevoker, type KubernetesRevoker } from '../../src/revokers/kubernetes/revoker.ts';
import type { Inventory } from '../../src/revokers/revoker.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { Logger } from '../../src/runtime/logger.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import {
  accountPath,
  accountSubject,
  type Admin,
  bind,
  bindingPath,
  createAccount,
  createAdmin,
  createClusterRole,
  createNamespace,
  createOperator,
  createTokenSecret,
  groupSubject,
  type Operator,
  operatorRules,
  secretRules,
  userSubject,
} from './rbac-world.ts';

const never = new AbortController().signal;
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

let cluster: ControlPlane;
let admin: Admin;
let operator: Operator;
let kubernetes: KubernetesRevoker;
let running: Promise<unknown>;
const stop = new AbortController();
const changed: ChangedIdentity[] = [];

beforeAll(async () => {
  cluster = await startControlPlane();
  admin = createAdmin(cluster);
  await createClusterRole(admin, 'read-configmaps', [
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] },
  ]);
  operator = await createOperator(cluster, admin, [...operatorRules, ...secretRules]);
  kubernetes = createKubernetesRevoker({
    client: operator.client,
    clock: systemClock,
    random: systemRandom,
    log: silent,
    settleTime: 15_000,
    tokenSecrets: true,
  });
  kubernetes.onIdentityChange((identity) => changed.push(identity));
}, 120_000);

afterAll(async () => {
  stop.abort(new Error('the test is over'));
  await running;
  await operator.close();
  await cluster.stop();
});

const wasTold = (identity: ChangedIdentity): Promise<unknown> =>
  waitFor(() => changed.some((one) => JSON.stringify(one) === JSON.stringify(identity)), {
    what: `news of ${JSON.stringify(identity)}`,
  });

const comparable = ({ credentials }: Inventory): readonly string[] => credentials.map((credential) => JSON.stringify(credential)).sort();

describe('the watches', () => {
  it('fail an inventory until they have listed', async () => {
    const target: Target = { serviceAccount: { namespace: 'default', name: 'bot' } };
    await expect(kubernetes.revoker.inventory(target, 'Cached', never)).rejects.toMatchObject({
      kind: 'Retryable',
      reason: 'NotSynced',
    });
    running = Promise.all(kubernetes.reflectors.map((reflector) => reflector.run(stop.signal)));
    await Promise.all(kubernetes.reflectors.map((reflector) => reflector.waitForSync(stop.signal)));
    await expect(kubernetes.revoker.inventory(target, 'Cached', never)).resolves.toBeDefined();
    expect(kubernetes.reflectors).toHaveLength(4);
  });

  it('tell the same as a fresh look, without a request', async () => {
    const namespace = await createNamespace(admin);
    const { metadata } = await createAccount(admin, namespace);
    const target: Target = {
      serviceAccount: { namespace, name: 'bot', uid: metadata.uid },
      certificates: [{ commonName: 'alice', notAfter: '2027-01-01T00:00:00Z' }],
    };
    await bind(admin, namespace, 'own', 'read-configmaps', [{ kind: 'ServiceAccount', name: 'bot' }]);
    await bind(admin, namespace, 'mine too', 'read-configmaps', [userSubject('alice'), accountSubject(namespace)]);
    await bind(admin, undefined, `wide-${namespace}`, 'read-configmaps', [accountSubject(namespace)]);
    const token = await createTokenSecret(admin, namespace, 'bot-token');
    await waitFor(async () => (await kubernetes.revoker.inventory(target, 'Cached', never)).credentials.length === 9, {
      what: 'the watches caught up',
    });

    const fresh = await kubernetes.revoker.inventory(target, 'Fresh', never);
    const cached = await kubernetes.revoker.inventory(target, 'Cached', never);
    expect(comparable(cached)).toEqual(comparable(fresh));
    const heard = operator.heard().length;
    await kubernetes.revoker.inventory(target, 'Cached', never);
    expect(operator.heard().length).toBe(heard);
    expect(operator.heard()).not.toContain(token);
    expect(operator.heard()).not.toContain(Buffer.from(token).toString('base64'));
    expect(kubernetes.serviceAccounts.get(namespace, 'bot')?.uid).toBe(metadata.uid);
    expect(kubernetes.serviceAccounts.get(namespace, 'nobody')).toBeUndefined();
  });

  it('tell whose credentials came, went or changed', async () => {
    const namespace = await createNamespace(admin);
    const bot = { namespace, name: 'bot' };
    const step = async (what: () => Promise<unknown>, whose: ChangedIdentity): Promise<void> => {
      changed.length = 0;
      await what();
      await wasTold(whose);
    };
    await step(() => createAccount(admin, namespace), bot);
    await step(() => bind(admin, namespace, 'own', 'read-configmaps', [accountSubject(namespace)]), bot);
    await step(
      () => admin.patch(bindingPath(namespace, 'own'), { subjects: [accountSubject(namespace), userSubject('bob')] }),
      { user: 'bob' },
    );
    await step(
      () => admin.patch(bindingPath(namespace, 'own'), { subjects: [groupSubject('devs'), userSubject('bob')] }),
      bot,
    );
    await step(() => admin.remove(bindingPath(namespace, 'own')), { user: 'bob' });
    await step(() => createTokenSecret(admin, namespace, 'bot-token'), bot);
    await step(() => admin.remove(accountPath(namespace, 'bot')), bot);
  });

  it('tell of the end of the very object that was deleted', async () => {
    const namespace = await createNamespace(admin);
    const { metadata } = await createAccount(admin, namespace);
    const target: Target = { serviceAccount: { namespace, name: 'bot', uid: metadata.uid } };
    await bind(admin, namespace, 'own', 'read-configmaps', [accountSubject(namespace)]);
    await waitFor(async () => (await kubernetes.revoker.inventory(target, 'Cached', never)).credentials.length === 4, {
      what: 'the watches caught up',
    });
    const { credentials } = await kubernetes.revoker.inventory(target, 'Cached', never);
    const told = (): readonly string[] => credentials.flatMap((one) => kubernetes.revoker.toldGone?.(one)?.method ?? []).sort();
    expect(told()).toEqual([]);
    const untilTold = async (expected: readonly string[], what: string): Promise<void> => {
      await waitFor(() => told().join() === expected.join(), { what: `${what}; told is ${told().join()}` });
    };
    await admin.remove(bindingPath(namespace, 'own'));
    await untilTold(['watch/bindings', 'watch/rolebindings'], 'news of the binding, and that none is left');
    await bind(admin, namespace, 'own', 'read-configmaps', [accountSubject(namespace)]);
    await untilTold(['watch/rolebindings'], 'news of access that is given anew, by another binding of the same name');
    await admin.remove(accountPath(namespace, 'bot'));
    await createAccount(admin, namespace);
    await untilTold(['watch/rolebindings', 'watch/serviceaccounts', 'watch/serviceaccounts'], 'news of the account, whose name another one has by now');
  });
});
