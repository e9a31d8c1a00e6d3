/** What is written down for good is not what was. */
import { type Mutant, aTiredEngineer } from './mutant.ts';

const evidence = 'src/reconcile/offboarding/evidence.ts';

export const records: readonly Mutant[] = [
  {
    name: 'record-omits-a-credential',
    lie: 'The first credential of each dependency is not in the record.',
    who: aTiredEngineer,
    patches: [{ file: evidence, find: 'withStoredIntents(statuses, stored?.credentials ?? []).map(', replace: 'withStoredIntents(statuses, stored?.credentials ?? []).slice(1).map(' }],
  },
  {
    name: 'record-omits-a-waiver',
    lie: 'Who gave up a dependency is not in the record.',
    who: aTiredEngineer,
    patches: [{ file: evidence, find: 'waivers: waiversOf(run, context),', replace: 'waivers: waiversOf(run, context).slice(1),' }],
  },
  {
    name: 'observed-called-probed',
    lie: 'What was only seen to be gone is said to have been tried, and refused.',
    who: aTiredEngineer,
    patches: [
      {
        file: evidence,
        find: '  ...strengthOf(status, strength, isWaived),',
        replace: `  ...strengthOf(status, strength, isWaived),
  ...(strength === 'Observed' && status.absentSince !== undefined && { strength: 'Probed' as const, probe: { controlAt: status.foundAt ?? '', refusedAt: status.absentSince, refusals: 2, servers: 1 } }),`,
      },
    ],
  },
  {
    name: 'absence-backdated',
    lie: 'What is gone is said to be absent from when its end was asked for.',
    who: aTiredEngineer,
    patches: [
      {
        file: evidence,
        find: '  ...strengthOf(status, strength, isWaived),',
        replace: `  ...strengthOf(status, strength, isWaived),
  ...(status.absentSince !== undefined && status.revokeRequestedAt !== undefined && { absentSince: status.revokeRequestedAt }),`,
      },
    ],
  },
];
