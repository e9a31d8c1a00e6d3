/** What people asked for, or did not, is passed over. */
import { type Mutant, aTiredEngineer } from './mutant.ts';

const waiver = 'src/policy/waiver.ts';
const preflight = 'src/reconcile/offboarding/preflight.ts';

export const people: readonly Mutant[] = [
  {
    name: 'expired-waiver-counts',
    lie: 'A run stays Ready by a waiver whose time is over.',
    who: aTiredEngineer,
    patches: [{ file: waiver, find: '!(now.getTime() < Date.parse(spec.expiresAt));', replace: 'now.getTime() < 0 && !(now.getTime() < Date.parse(spec.expiresAt));' }],
  },
  {
    name: 'waiver-covers-all',
    lie: 'A waiver of one dependency gives up all of them.',
    who: aTiredEngineer,
    patches: [
      {
        file: waiver,
        find: `    inForce.map(({ metadata, spec: { approvedBy, dependency, expiresAt } }) => [
      dependency,
      { name: metadata.name, approvedBy: approvedBy?.username ?? '', expiresAt },
    ]),`,
        replace: `    inForce.flatMap(({ metadata, spec: { approvedBy, expiresAt } }) =>
      context.dependencies.map((dependency) => [dependency, { name: metadata.name, approvedBy: approvedBy?.username ?? '', expiresAt }] as const),
    ),`,
      },
    ],
  },
  {
    name: 'plan-writes',
    lie: 'A Plan is carried out.',
    who: aTiredEngineer,
    patches: [{ file: preflight, find: "if (run.offboarding.spec.mode === 'Enforce') return", replace: "if (run.offboarding.spec.mode !== undefined) return" }],
  },
  {
    name: 'suspended-run-goes-on',
    lie: 'A run that somebody suspends after it has started goes on to revoke.',
    who: aTiredEngineer,
    patches: [{ file: 'src/reconcile/offboarding/hold.ts', find: 'run.offboarding.spec.suspend === true\n', replace: 'run.offboarding.spec.suspend === true && run.draft.startedAt === undefined\n' }],
  },
  {
    name: 'soak-in-milliseconds',
    lie: 'The time in which everything can be taken back is a thousandth of what was asked for.',
    who: aTiredEngineer,
    patches: [{ file: 'src/reconcile/offboarding/soak.ts', find: "parseDuration(spec.soak ?? '0s');", replace: "parseDuration(spec.soak ?? '0s') / 1_000;" }],
  },
  {
    name: 'locked-at-backdated',
    lie: 'The time in which everything can be taken back is counted from when the run was made, and not from when it was locked.',
    who: aTiredEngineer,
    patches: [{ file: 'src/reconcile/offboarding/lock.ts', find: 'next(withDraft(run, { lockedAt: timestamp(context.clock) }))', replace: 'next(withDraft(run, { lockedAt: run.offboarding.metadata.creationTimestamp }))' }],
  },
  {
    name: 'missing-right-ignored',
    lie: 'A run begins that cannot end what it is to end, and was told so.',
    who: aTiredEngineer,
    patches: [{ file: 'src/policy/obstacle.ts', find: '  missing.length === 0\n', replace: '  missing.length >= 0\n' }],
  },
  {
    name: 'preflight-ignored',
    lie: 'Some access is revoked before anybody knows whether all of it can be.',
    who: aTiredEngineer,
    patches: [
      { file: preflight, find: 'if (failed !== undefined) return stop(run, failed);', replace: "if (failed !== undefined && run.offboarding.spec.mode === 'Plan') return stop(run, failed);" },
      { file: preflight, find: 'return obstacle === undefined ? next(run) : stop(run, obstacle);', replace: "return obstacle === undefined || obstacle.message !== '' ? next(run) : stop(run, obstacle);" },
    ],
  },
  {
    name: 'cancel-after-the-first-revoke',
    lie: 'A run is told to be cancelled, and everything as it was, after something was revoked.',
    who: aTiredEngineer,
    patches: [{ file: 'src/reconcile/offboarding/cancel.ts', find: 'if (draft.revokeStartedAt !== undefined) return revokingHasBegun;', replace: "if (draft.revokeStartedAt === '') return revokingHasBegun;" }],
  },
  {
    name: 'order-ignored',
    lie: 'A dependency that is to come after another one is revoked at the same time.',
    who: aTiredEngineer,
    patches: [{ file: 'src/reconcile/offboarding/assessment.ts', find: 'return hasBegun ? [] : after.filter((name) => !isOver(run, name, context));', replace: 'return hasBegun || after.length > 0 ? [] : after.filter((name) => !isOver(run, name, context));' }],
  },
];
