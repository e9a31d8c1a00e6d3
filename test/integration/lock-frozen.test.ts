/**
 * An API server on which no binding with a ConfigMap as its parameter was in force for a moment never again sees one of them change
 * (kubernetes/kubernetes#130887). It goes on denying what it denied, says that it is well, and what is locked from then on it admits.
 */
import { afterEach, expect, it } from 'vitest';

import type { Target } from '../../src/api/v1alpha1/index.ts';
import { startControlPlane, waitFor } from '../env/control-plane.ts';
import { createAccountCall, type LockWorld, never, openLockWorld, policiesSettled, untilDenied } from './lock-world.ts';

let world: LockWorld;
afterEach(() => world.stop());

const bot: Target = { serviceAccount: { namespace: 'default', name: 'bot' } };
const parts = ['identity', 'pods', 'secrets', 'bindings'];

/** Takes the lock away, until the API server knows, and installs it again. */
const reinstall = async (also: readonly string[]): Promise<void> => {
  const names = [...parts, ...also].map((part) => `offboard-lock-${part}`);
  await world.cluster.kubectl(['delete', 'validatingadmissionpolicybinding', ...names]);
  await world.cluster.kubectl(['delete', 'validatingadmissionpolicy', ...names]);
  // Two rounds of the API server: in the first it may still have been at the one before.
  for (const round of ['first', 'second']) await policiesSettled(world, `round-${also.length}-${round}`);
  await world.cluster.kubectl(['apply', '--server-side', '-f', 'config/policies/lock.yaml']);
};

it('is found out by the try where there is no pin, and cannot come about where there is', async () => {
  world = await openLockWorld(await startControlPlane({ controllerManager: false }));
  await world.write({ default: '\nold\n' });
  await untilDenied(world, 'default', 'old');

  await reinstall([]);
  await untilDenied(world, 'default', 'old');
  const { lock } = await world.start();
  await lock.lock(bot, never());
  expect(await lock.observeLock(bot, never()), 'the pin had stayed').toMatchObject({ state: 'Present' });
  await lock.unlock(bot, never());
  await waitFor(async () => (await world.ask(createAccountCall('default', 'bot'))) === 'allowed', { what: 'the end of the lock' });

  await reinstall(['pin']);
  await untilDenied(world, 'default', 'old');
  await waitFor(async () => (await lock.observeLock(bot, never())).method === 'get/configmaps', { what: 'the policies being seen' });
  await lock.lock(bot, never());
  const seen = await lock.observeLock(bot, never());
  expect(seen).toMatchObject({ state: 'Absent', method: 'dry-run/serviceaccounts' });
  expect(seen.message).toContain('must be restarted (kubernetes/kubernetes#130887)');
  expect(await world.ask(createAccountCall('default', 'bot'))).toBe('allowed');

  await world.cluster.restartApiServer();
  await waitFor(async () => (await lock.observeLock(bot, never())).state === 'Present', { timeout: 30_000, what: 'the lock being seen after a restart' });
}, 240_000);
