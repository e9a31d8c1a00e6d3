/** Something never comes to its end, or what comes after the end is not told. */
import { type Mutant, aTiredEngineer } from './mutant.ts';

const reconciler = 'src/reconcile/offboarding/reconciler.ts';
const identity = 'src/reconcile/workload-identity/reconciler.ts';
const mayStop = "if ((reason === reasons.invalidSpec && pause === undefined) || kind === 'Confirmed' || kind === 'Idle') return undefined;";

export const ends: readonly Mutant[] = [
  {
    name: 'deletion-makes-no-run',
    lie: 'An identity that is deleted waits for a run that nobody makes.',
    who: aTiredEngineer,
    patches: [{ file: identity, find: 'if (!(await isStillHeld(identity, context, signal)))', replace: 'if (await isStillHeld(identity, context, signal))' }],
  },
  {
    name: 'identity-kept',
    lie: 'An identity whose end is confirmed is held all the same.',
    who: aTiredEngineer,
    patches: [{ file: identity, find: "    case 'Release': {\n", replace: "    case 'Release': {\n      if (identity.spec.lifecycle?.onDelete !== 'Orphan') return { kind: 'done' };\n" }],
  },
  {
    name: 'ended-by-two-clocks',
    lie: 'An identity is held for ever by an end that a clock which is behind dates before its deletion.',
    who: 'Offboard itself, until the simulation saw it',
    patches: [
      { file: 'src/policy/lifecycle.ts', find: '({ createdAt, namespace, name }: RunOfIdentity)', replace: '({ createdAt, namespace, name, status }: RunOfIdentity)' },
      {
        file: 'src/policy/lifecycle.ts',
        find: 'Date.parse(createdAt) >= after || (waitedFor?.namespace',
        replace: "Date.parse(status.completedAt ?? createdAt) >= after || (waitedFor?.name === '' && waitedFor.namespace",
      },
    ],
  },
  {
    name: 'finalizer-kept',
    lie: 'A run that somebody deleted before its end is still there after it.',
    who: aTiredEngineer,
    patches: [{ file: reconciler, find: 'if (!free) return object;', replace: 'if (!free || object.metadata.deletionTimestamp !== undefined) return object;' }],
  },
  {
    name: 'useless-run-kept',
    lie: 'A run that can never begin cannot be deleted.',
    who: aTiredEngineer,
    patches: [{ file: 'src/reconcile/offboarding/glass.ts', find: 'const cannotBegin: readonly string[] = [reasons.invalidSpec, reasons.identityNotFound, reasons.identityUnknown];', replace: 'const cannotBegin: readonly string[] = [reasons.invalidSpec];' }],
  },
  {
    name: 'in-use-not-looked-at-again',
    lie: 'A run waits for a pod that is gone.',
    who: aTiredEngineer,
    patches: [{ file: reconciler, find: mayStop, replace: mayStop.replace("kind === 'Confirmed'", "reason === reasons.inUse || kind === 'Confirmed'") }],
  },
  {
    name: 'resume-unnoticed',
    lie: 'A run that somebody resumes stays as it was.',
    who: aTiredEngineer,
    patches: [{ file: reconciler, find: '    const run = runOf(key, offboarding);\n', replace: "    if (conditionOf(offboarding.status, conditionTypes.ready)?.reason === reasons.suspended) return { kind: 'done' };\n    const run = runOf(key, offboarding);\n" }],
  },
  {
    name: 'claim-kept',
    lie: 'A run waits for another one that has ended.',
    who: aTiredEngineer,
    patches: [{ file: reconciler, find: 'if (holder.uid === uid) context.claims.delete(identity);', replace: "if (holder.uid === uid && holder.name === '') context.claims.delete(identity);" }],
  },
  {
    name: 'given-up-is-confirmed',
    lie: 'What a complete run was let off is told to be proven gone, while it stays Ready.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/policy/waiver.ts',
        find: '  const { approvedBy, expiresAt } = waiver;\n',
        replace: '  const { approvedBy, expiresAt } = waiver;\n  if (complete) return { ...assessment, state: \'Confirmed\' };\n',
      },
    ],
  },
  {
    name: 'return-not-told',
    lie: 'An identity that is let in again after its end is not seen.',
    who: aTiredEngineer,
    patches: [{ file: 'src/reconcile/record/watch.ts', find: 'return { dependency, present: present.map(', replace: 'return { dependency, present: present.slice(0, 0).map(' }],
  },
  {
    name: 'return-told-by-the-record-alone',
    lie: 'A run stays Ready though its record says that something came back.',
    who: aTiredEngineer,
    patches: [{ file: 'src/reconcile/offboarding/finish.ts', find: "return back?.status === 'True' ? stalled", replace: "return back?.status === 'True' && back.message === '' ? stalled" }],
  },
  {
    name: 'return-made-up',
    lie: 'A run is told to have come undone, and nothing came back.',
    who: aTiredEngineer,
    patches: [{ file: 'src/reconcile/offboarding/finish.ts', find: "return back?.status === 'True' ? stalled", replace: 'return back !== undefined ? stalled' }],
  },
];
