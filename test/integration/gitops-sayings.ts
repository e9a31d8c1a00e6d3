/**
 * Everything that the operator could ever say of an object, reason by reason, whether a run was seen to say it or not. Which reason goes with
 * which verdict is read from the headings in conditions.ts, so that a new one is here as soon as it is there.
 */
import { readFileSync } from 'node:fs';
import { reasons } from '../../src/api/v1alpha1/conditions.ts';
import { conditionsOf, factsOf } from '../../src/policy/conditions.ts';
import type { Fact } from '../../src/policy/conditions.ts';
import { glassBroken } from '../../src/policy/glass.ts';
import type { Verdict } from '../../src/policy/verdict.ts';
import type { Judged } from '../env/gitops-health.ts';

const now = new Date('2026-12-01T00:00:00Z');
const generation = 2;

/** The reasons beneath the heading that begins so. */
const headed = (start: string): readonly string[] => {
  const [, after = ''] = readFileSync('src/api/v1alpha1/conditions.ts', 'utf8').split(`\n  // ${start}`);
  const [section = ''] = after.split(/\n {2}\/\/ |\n\}/);
  const found = [...section.matchAll(/^ {2}\w+: '(\w+)',$/gm)].map(([, reason = '']) => reason);
  if (found.length === 0) throw new Error(`conditions.ts has no reasons beneath "// ${start}"`);
  return found;
};

/** What somebody wants so: the one group of which each kind has its own. */
const idle: Readonly<Record<string, readonly string[]>> = {
  Offboarding: [reasons.planOnly, reasons.suspended, reasons.cancelled, reasons.superseded],
  OffboardingWaiver: [reasons.expired, reasons.notNeeded],
  OffboardingRecord: [reasons.newerRecord, reasons.goneAgain],
};

/** Those that the headings have and no kind above. */
export const unheardOf = (): readonly string[] => headed('Ready=False, neither').filter((reason) => !Object.values(idle).flat().includes(reason));

const verdictsOf = (kind: string): readonly Verdict[] => {
  const said = (verdict: Verdict['kind'], list: readonly string[]): readonly Verdict[] => list.map((reason) => ({ kind: verdict, reason, message: `${reason} in words` }));
  const reconciling = said('Reconciling', headed('Reconciling=True'));
  const stalled = said('Stalled', headed('Stalled=True'));
  const reopened = [...reconciling, ...stalled].map((verdict): Verdict => ({ ...verdict, reopened: true }));
  return [...said('Confirmed', headed('Ready=True')), ...reconciling, ...stalled, ...said('Idle', idle[kind] ?? []), ...(kind === 'Offboarding' ? reopened : [])];
};

const ofVerdicts = (kind: string): readonly (readonly Fact[])[] => {
  const said = verdictsOf(kind).map(factsOf);
  const mayBreak = kind === 'Offboarding' || kind === 'WorkloadIdentity';
  return mayBreak ? said.flatMap((facts) => [facts, [...facts, glassBroken('offboard.dev/any')]]) : said;
};

const ofRecords = (): readonly (readonly Fact[])[] => {
  const fact = (type: string, status: Fact['status']): Fact => ({ type, status, reason: 'Any', message: `${type} in words` });
  return (['True', 'False', 'Unknown'] as const).flatMap((intact) => (['True', 'False'] as const).map((resurrected) => [fact('Intact', intact), fact('Resurrected', resurrected)]));
};

/** Of the generation that is there and of the one before, of an object that stays and of one that is deleted. */
export const everySaying = (kind: string): readonly Judged[] =>
  (kind === 'OffboardingRecord' ? ofRecords() : ofVerdicts(kind)).flatMap((facts) =>
    [generation, generation - 1].flatMap((observedGeneration) =>
      [undefined, now.toISOString()].map((deletionTimestamp): Judged => ({
        kind,
        metadata: { name: 'any', generation, ...(deletionTimestamp !== undefined && { deletionTimestamp }) },
        spec: {},
        status: { observedGeneration, conditions: conditionsOf(facts, [], observedGeneration, now) },
      })),
    ),
  );
