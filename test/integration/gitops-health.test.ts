/**
 * The health checks that we ship, run by Argo CD's Lua interpreter, Flux's evaluator and kstatus, over every state that runs on virtual time
 * pass through, and over every combination of conditions whether any run passes through it or not.
 */
import { isDeepStrictEqual } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectedOf } from '../env/gitops-expected.ts';
import type { Judged, Judgement } from '../env/gitops-health.ts';
import { judge, judgedKinds } from '../env/gitops-health.ts';
import { kstatusViolations } from '../env/kstatus.ts';
import type { Observed } from '../env/kstatus.ts';
import { everySaying, unheardOf } from './gitops-sayings.ts';
import { collectStates, drawn, stateOf, stories } from './gitops-states.ts';

const said = ({ kstatus, argocd, flux }: Judgement): object => ({ kstatus: kstatus.status, argocd: argocd.status, flux: flux.status });

const whatIsWrong = (objects: readonly Judged[], judgements: readonly Judgement[]): readonly object[] =>
  objects.flatMap((object, index) => {
    const judgement = judgements[index] as Judgement;
    return isDeepStrictEqual(said(judgement), expectedOf(object)) ? [] : [{ state: stateOf(object), expected: expectedOf(object), judgement }];
  });

const kinds = ['Connector', 'Offboarding', 'OffboardingRecord', 'OffboardingWaiver', 'WorkloadIdentity'];

it('there is a health check for each kind, for Argo CD and for Flux', () => {
  expect(judgedKinds.toSorted()).toEqual(kinds);
});

describe('every state that a run passes through', () => {
  const states = new Map<string, Judged>();
  let judgements: ReadonlyMap<string, Judgement>;

  beforeAll(async () => {
    for (const [state, object] of await collectStates([...Object.values(stories), ...drawn(60)])) states.set(state, object);
    const answers = await judge([...states.values()]);
    judgements = new Map([...states.keys()].map((state, index) => [state, answers[index] as Judgement]));
  });

  it('is among them, for every way that a run goes', () => {
    const seen = [...states.keys()];
    const wanted = [
      'Offboarding Ready=True/ConfirmedWithUnprovable', 'Offboarding Ready=True/CompletedWithWaivers', 'Offboarding Ready=False/Reopened',
      'Offboarding Ready=False/PlanOnly', 'Offboarding Ready=False/Suspended', 'Offboarding Ready=False/Cancelled', 'Offboarding Ready=False/Superseded',
      'Offboarding Ready=False/Soaking', 'Offboarding Ready=False/Settling', 'Offboarding Ready=False/InUse', 'Offboarding Ready=False/Resurrected',
      'Offboarding Ready=False/IdentityRecreated', 'Offboarding Ready=False/DependencyUnavailable', 'Offboarding stale', 'Offboarding deleting',
      'WorkloadIdentity Ready=True/InventoryComplete', 'WorkloadIdentity Ready=False/Offboarding', 'WorkloadIdentity deleting Ready=False/Offboarding',
      'OffboardingWaiver Ready=True/InForce', 'OffboardingWaiver Ready=False/Expired', 'OffboardingWaiver Ready=False/NotNeeded',
      'Connector Ready=True/Connected', 'Connector Ready=False/DependencyUnavailable',
      'OffboardingRecord Intact=True/AsSigned Resurrected=False/NotReturned', 'OffboardingRecord Intact=True/AsSigned Resurrected=True/Returned',
      'OffboardingRecord Intact=False/LockLost',
    ];
    expect(wanted.filter((start) => !seen.some((state) => state.startsWith(start)))).toEqual([]);
    expect(seen.some((state) => state.includes('GlassBroken=True'))).toBe(true);
    expect(seen.length).toBeGreaterThan(90);
  });

  it('is read by each tool as a person must read it', () => {
    expect(whatIsWrong([...states.values()], [...judgements.values()])).toEqual([]);
  });

  it('is told by Argo CD in the words of a condition, wherever there is one', () => {
    for (const [state, { argocd }] of judgements) {
      const { conditions = [] } = (states.get(state)?.status ?? {}) as { readonly conditions?: readonly { readonly reason: string; readonly message: string }[] };
      const isTold = conditions.some(({ reason, message }) => argocd.message?.startsWith(`${reason}: ${message}`) === true);
      expect(isTold || / stale| new| chunk/.test(state) || conditions.length === 0, `${state}: ${argocd.message ?? ''}`).toBe(true);
    }
  });
});

describe('whatever the operator could say', () => {
  it('has a place among the reasons of a kind', () => {
    expect(unheardOf()).toEqual([]);
  });

  it.each(kinds)('of a %s is read by each tool as a person must read it', async (kind) => {
    const sayings = everySaying(kind);
    expect(whatIsWrong(sayings, await judge(sayings))).toEqual([]);
  });
});

/** Every value that a condition may have, and that it is not there. */
const values = [undefined, 'True', 'False', 'Unknown'] as const;
const generations = [undefined, -1, 1, 2] as const;

const product = <T>(lists: readonly (readonly T[])[]): readonly (readonly T[])[] =>
  lists.reduce<readonly (readonly T[])[]>((done, list) => done.flatMap((each) => list.map((item) => [...each, item])), [[]]);

const everyCombination = (kind: string): readonly Judged[] => {
  const types = kind === 'OffboardingRecord' ? ['Intact', 'Resurrected'] : ['Ready', 'Reconciling', 'Stalled', 'GlassBroken'];
  return [undefined, '2026-12-01T00:00:00Z'].flatMap((deletionTimestamp) =>
    generations.flatMap((observedGeneration) =>
      product(types.map(() => [...values])).map((statuses): Judged => ({
        kind,
        metadata: { name: 'any', generation: 2, ...(deletionTimestamp !== undefined && { deletionTimestamp }) },
        spec: {},
        status: {
          ...(observedGeneration !== undefined && { observedGeneration }),
          conditions: types.flatMap((type, index) => (statuses[index] === undefined ? [] : [{ type, status: statuses[index], reason: 'Any', message: 'any words', observedGeneration, lastTransitionTime: '2026-12-01T00:00:00Z' }])),
        },
      })),
    ),
  );
};

describe.each(kinds)('of every combination of conditions of a %s', (kind) => {
  const objects = everyCombination(kind);
  let judgements: readonly Judgement[];
  beforeAll(async () => {
    judgements = await judge(objects);
  });

  const pairs = (): readonly (readonly [Judged, Judgement])[] => objects.map((object, index) => [object, judgements[index] as Judgement]);
  const is = ({ status }: Judged, type: string, value: string): boolean =>
    (status as { readonly conditions: readonly { readonly type: string; readonly status: string }[] }).conditions.some((each) => each.type === type && each.status === value);

  it('there is none for which a tool has no answer', () => {
    expect(pairs().filter(([, { argocd, flux, kstatus }]) => [argocd, flux, kstatus].some(({ status }) => status === undefined))).toEqual([]);
  });

  it('none is healthy that is deleted, of another generation, in trouble or at work', () => {
    const done = pairs().filter(([, { argocd, flux }]) => argocd.status === 'Healthy' || flux.status === 'Current');
    expect(done.length).toBeGreaterThan(0);
    for (const [object, judgement] of done) {
      const { observedGeneration } = object.status as { readonly observedGeneration?: number };
      const why = `${JSON.stringify(object)} is ${JSON.stringify(said(judgement))}`;
      expect(object.metadata.deletionTimestamp, why).toBeUndefined();
      if (judgement.argocd.status === 'Healthy') expect(observedGeneration, why).toBe(2);
      // Where the status says no generation Flux goes by the conditions; ours always says one.
      if (observedGeneration !== undefined) expect(observedGeneration, why).toBe(2);
      if (kind === 'OffboardingRecord') expect([is(object, 'Intact', 'True'), is(object, 'Resurrected', 'False')], why).toEqual([true, true]);
      else expect([is(object, 'Ready', 'True'), is(object, 'Stalled', 'True'), is(object, 'Reconciling', 'True')], why).toEqual([true, false, false]);
    }
  });

  it('kstatus reads those that keep our own rules by the condition that speaks', () => {
    if (kind === 'OffboardingRecord') return;
    const kept = pairs().filter(([object]) => kstatusViolations(object as Observed).length === 0 && object.metadata.deletionTimestamp === undefined);
    expect(kept.length).toBeGreaterThan(4);
    for (const [object, { kstatus }] of kept) {
      const isOld = (object.status as Observed['status'])?.observedGeneration !== 2;
      const expected = isOld ? 'InProgress' : is(object, 'Stalled', 'True') ? 'Failed' : is(object, 'Ready', 'True') ? 'Current' : 'InProgress';
      expect(kstatus.status, JSON.stringify(object)).toBe(expected);
    }
  });

  it('none is healthy to Argo CD or Flux that is not done to kstatus', () => {
    const ahead = pairs().filter(([, { argocd, flux, kstatus }]) => (argocd.status === 'Healthy' || flux.status === 'Current') && kstatus.status !== 'Current');
    expect(ahead).toEqual([]);
  });
});
