/** A process dies, or is not the only one, at the wrong moment; or what holds the run is let go. */
import { type Mutant, aTiredEngineer } from './mutant.ts';

const reconciler = 'src/reconcile/offboarding/reconciler.ts';
const revoke = 'src/reconcile/offboarding/revoke.ts';
const lifecycle = 'src/policy/lifecycle.ts';

export const processes: readonly Mutant[] = [
  {
    name: 'finalizer-dropped-on-error',
    lie: 'A run whose revoke fails is let go, and what is left of the access with it.',
    who: 'vault-secrets-operator: errors of a revoke are ignored, lest the finalizer stay',
    source: 'https://github.com/hashicorp/vault-secrets-operator/blob/96f00133ad248978f267eff5bf581f04a018982f/controllers/vaultdynamicsecret_controller.go',
    patches: [
      {
        file: reconciler,
        find: 'const free = mayGo(run.draft, verdict.reason);',
        replace: `const failed = [...run.memory.dependencies.values()].some(({ failure, tracked }) => failure !== undefined && tracked.some(({ status }) => status.revokeRequestedAt !== undefined));
  const free = mayGo(run.draft, verdict.reason) || failed;`,
      },
    ],
  },
  {
    name: 'finalizer-stripped-first',
    lie: 'A run that somebody deletes is let go at once, whatever it has left.',
    who: aTiredEngineer,
    patches: [
      {
        file: reconciler,
        find: 'const free = mayGo(run.draft, verdict.reason);',
        replace: 'const free = mayGo(run.draft, verdict.reason) || run.offboarding.metadata.deletionTimestamp !== undefined;',
      },
    ],
  },
  {
    name: 'identity-let-go-first',
    lie: 'An identity that is deleted is let go as soon as there is a run for it, before anything is revoked.',
    who: 'reconciler-runtime: the finalizer was cleared right after the delete was asked for',
    source: 'https://github.com/vmware-labs/reconciler-runtime/pull/304',
    patches: [{ file: lifecycle, find: 'endedSince(run))) return', replace: 'endedSince(run)) || runs.some(isUnderWay)) return' }],
  },
  {
    name: 'revoked-before-stored',
    lie: 'A credential is revoked before anybody has written down that it is: a process that dies in between has never heard of it.',
    who: aTiredEngineer,
    patches: [
      {
        file: revoke,
        find: '  if (run.memory.unstoredIntent || run.draft.revokeStartedAt === undefined) {',
        replace: `  if (run.draft.revokeStartedAt === undefined) run = withDraft(run, { revokeStartedAt: timestamp(context.clock) });
  if (run.revokers.length === 0) {`,
      },
    ],
  },
  {
    name: 'second-wave-unannounced',
    lie: 'What is found after the first revoke is revoked before anybody has written down that it is.',
    who: aTiredEngineer,
    patches: [{ file: revoke, find: '  if (recordIntent(run, context) > 0) run.memory', replace: '  if (recordIntent(run, context) > 0 && run.draft.revokeStartedAt === undefined) run.memory' }],
  },
  {
    name: 'intent-is-done',
    lie: 'What an earlier process meant to revoke counts as revoked, and nobody sends it again.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/policy/credential.ts',
        find: 'needsRevoke(entry) && (entry.notBefore === undefined || entry.notBefore <= monotonic);',
        replace: 'needsRevoke(entry) && (entry.status.revokeRequestedAt === undefined || entry.requestedHere === true) && (entry.notBefore === undefined || entry.notBefore <= monotonic);',
      },
    ],
  },
  {
    name: 'accepted-before-sent',
    lie: 'Every revoke is told to be accepted as soon as it is about to be sent.',
    who: aTiredEngineer,
    patches: [{ file: revoke, find: '!needsRevoke(entry) || entry.accepted === true);', replace: '!needsRevoke(entry) || entry.accepted === true || entry.status.revokeRequestedAt !== undefined);' }],
  },
  {
    name: 'status-not-read-back',
    lie: 'A new process has never heard of what its first look does not show.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/reconcile/offboarding/inventory.ts',
        find: 'resume(stored?.credentials ?? [], credentials,',
        replace: 'resume((stored?.credentials ?? []).slice(0, 0), credentials,',
      },
    ],
  },
  {
    name: 'status-written-over',
    lie: 'A process that is late writes its older status over a newer one.',
    who: aTiredEngineer,
    patches: [{ file: 'src/reconcile/status.ts', find: "        { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },\n", replace: "        ...(resourceVersion === '' ? [{ op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion }] : []),\n" }],
  },
  {
    name: 'fence-removed',
    lie: 'A process that was frozen goes on to act while another one leads.',
    who: "client-go's leader election, as its own comment says: it does not fence",
    source: 'https://github.com/kubernetes/client-go/blob/master/tools/leaderelection/leaderelection.go',
    patches: [
      { file: 'src/kube/fence.ts', find: 'if (!mayWrite()) throw', replace: "if (!mayWrite() && verb === 'never') throw" },
      { file: 'src/revokers/json-wire.ts', find: 'if (!mayAct()) throw', replace: "if (!mayAct() && address === 'nowhere') throw" },
    ],
  },
  {
    name: 'lease-taken-while-held',
    lie: 'Two processes act at the same time, each of which says that it leads.',
    who: aTiredEngineer,
    patches: [{ file: 'src/runtime/lease-claim.ts', find: 'if (leading || observed === undefined || isLive(observed)) return', replace: 'if (leading || (observed === undefined && isLive(observed as never))) return' }],
  },
  {
    name: 'two-runs-act',
    lie: 'Two runs of one identity act at the same time.',
    who: aTiredEngineer,
    patches: [{ file: 'src/reconcile/offboarding/hold.ts', find: "const other = hold.kind === 'WaitFor' ? hold.other : claimedBy?.uid === uid ? undefined : claimedBy;", replace: "const other = hold.kind === 'WaitFor' && claimedBy?.uid === '' ? hold.other : undefined;" }],
  },
  {
    name: 'patience-without-end',
    lie: 'Whoever answers in place of the server may wish to be left alone for days, and is.',
    who: 'Offboard itself, until it was read in an audit',
    patches: [{ file: 'src/runtime/retry-after.ts', find: 'const longestRetryAfter = 60_000;', replace: 'const longestRetryAfter = 1e15;' }],
  },
  {
    name: 'ready-before-the-record',
    lie: 'A run is Ready whose record could not be stored.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/reconcile/offboarding/record.ts',
        find: 'return withoutRecord(run, unrecordedVerdict(verdict, toOutcome(error)));',
        replace: "return toOutcome(error).reason === '' ? withoutRecord(run, unrecordedVerdict(verdict, toOutcome(error))) : { run: withDraft(run, { completedAt: timestamp(context.clock) }), verdict };",
      },
    ],
  },
  {
    name: 'no-record',
    lie: 'A run ends without a record.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/reconcile/offboarding/record.ts',
        find: 'if (outcome === undefined) return { run, verdict };',
        replace: `if (outcome === undefined) return { run, verdict };
  if (run.revokers.length > 0) return { run: withDraft(run, { completedAt: timestamp(context.clock) }), verdict };`,
      },
    ],
  },
];
