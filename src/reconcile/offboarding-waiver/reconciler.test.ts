import { beforeEach, expect, it } from 'vitest';
import { aWaiver, anOffboarding } from '../../../test/builders/offboarding.ts';
import { kstatusViolations } from '../../../test/env/kstatus.ts';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeRevoker } from '../../../test/fakes/revoker.ts';
import type { OffboardingWaiverStatus } from '../../api/v1alpha1/index.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { createRegistry } from '../../revokers/registry.ts';
import type { OffboardingObject, OffboardingWaiverObject } from '../objects.ts';
import { createOffboardingWaiverReconciler } from './reconciler.ts';

let clock: ReturnType<typeof createFakeClock>;
let waiver: OffboardingWaiverObject | undefined;
let run: OffboardingObject | undefined;
let writes: number;

const client: Partial<KubeClient> = {
  patch: async <T extends KubeObject>(...[, , patch]: Parameters<KubeClient['patch']>) => {
    await Promise.resolve();
    writes += 1;
    const [, status] = patch.body as readonly { readonly value: OffboardingWaiverStatus }[];
    const patched = { ...aWaiver(), ...waiver, status: status?.value ?? {} };
    expect(kstatusViolations(patched)).toEqual([]);
    return patched as unknown as T;
  },
};

const look = () =>
  createOffboardingWaiverReconciler({
    client: client as KubeClient,
    clock,
    registry: createRegistry([createFakeRevoker()]),
    read: () => waiver,
    run: () => run,
    keep: (kept) => {
      waiver = kept;
    },
  })('ci/waive', new AbortController().signal);

const conditions = () => waiver?.status?.conditions?.map(({ type, status, reason }) => `${type}=${status}/${reason}`);

beforeEach(() => {
  clock = createFakeClock();
  waiver = aWaiver();
  run = anOffboarding({ spec: { requestedBy: { username: 'alice' } } });
  writes = 0;
});

it('a waiver in force says so, and wakes when it ends', async () => {
  const result = await look();
  expect(conditions()).toEqual(['Ready=True/InForce']);
  expect(waiver?.status?.observedGeneration).toBe(1);
  expect(result).toEqual({ kind: 'again', after: Date.parse('2026-11-23T10:30:00Z') - clock.now().getTime() });
  await clock.advance(result.kind === 'again' ? result.after : 0);
  expect(await look()).toEqual({ kind: 'done' });
  expect(conditions()).toEqual(['Ready=False/Expired']);
});

it('a waiver that cannot count stalls, and clears itself when it can', async () => {
  run = undefined;
  await look();
  expect(conditions()).toEqual(['Ready=False/RunNotFound', 'Stalled=True/RunNotFound']);
  run = anOffboarding({ spec: { requestedBy: { username: 'alice' } } });
  await look();
  expect(conditions()).toEqual(['Ready=True/InForce']);
});

it('a waiver that nothing has happened to is not written', async () => {
  await look();
  await look();
  expect(writes).toBe(1);
});

it('a waiver that is gone, or going, is left alone', async () => {
  waiver = undefined;
  expect(await look()).toEqual({ kind: 'done' });
  waiver = aWaiver({ metadata: { deletionTimestamp: '2026-11-23T10:00:00Z' } });
  expect(await look()).toEqual({ kind: 'done' });
  expect(writes).toBe(0);
});
