/** What was seen is believed too soon, for too long, or without having been seen. */
import { type Mutant, aTiredEngineer } from './mutant.ts';

const credential = 'src/policy/credential.ts';
const verdict = 'src/policy/verdict.ts';

export const belief: readonly Mutant[] = [
  {
    name: 'settle-time-ignored',
    lie: 'Two absences are believed however close together, while caches still let the credential in.',
    who: aTiredEngineer,
    patches: [
      { file: credential, find: 'if (absentFor < settleTime) return', replace: 'if (absentFor < settleTime * 0) return' },
      { file: credential, find: ': tracked.absentSince + settleTime;', replace: ': tracked.absentSince + settleTime * 0;' },
    ],
  },
  {
    name: 'one-absence-enough',
    lie: 'The first absence is believed.',
    who: aTiredEngineer,
    patches: [
      {
        file: credential,
        find: "status: { ...status, state: 'Absent', absentSince: sighting.at.toISOString() },",
        replace:
          "confirmedAt: sighting.answeredAt, status: { ...status, state: 'Confirmed', absentSince: sighting.at.toISOString(), confirmedAt: sighting.at.toISOString(), absentFor: settleTime, strength: 'Observed' },",
      },
    ],
  },
  {
    name: 'token-cache-forgotten',
    lie: 'Tokens are said to be dead while API servers that have cached them still take them.',
    who: aTiredEngineer,
    patches: [{ file: 'src/operator.ts', find: 'settleTime: config.kubernetesSettle,', replace: 'settleTime: config.kubernetesSettle / 100,' }],
  },
  {
    name: 'span-survives-restart',
    lie: 'A new process believes the beginning of an absence that an older one saw, by the wall clock in between.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/reconcile/offboarding/inventory.ts',
        find: "import { track } from '../../policy/credential.ts';",
        replace: "import { isOpen, track, trackedKey } from '../../policy/credential.ts';",
      },
      {
        file: 'src/reconcile/offboarding/inventory.ts',
        find: ': withTimes(resume(stored?.credentials ?? [], credentials, monotonic, revoker.settleTime), context.clock.now());',
        replace: `: withTimes(resume(stored?.credentials ?? [], credentials, monotonic, revoker.settleTime), context.clock.now()).map((entry) => {
              const since = stored?.credentials?.find((each) => trackedKey(each) === trackedKey(entry.credential))?.absentSince;
              if (since === undefined || !isOpen(entry)) return entry;
              const absentSince = monotonic - (context.clock.now().getTime() - Date.parse(since));
              return { ...entry, absentSince, status: { ...entry.status, state: 'Absent' as const, absentSince: since } };
            });`,
      },
    ],
  },
  {
    name: 'settled-by-the-wall-clock',
    lie: 'A correction of the time counts as time that has passed.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/operator.ts',
        find: `      registry,
      clock,
      events,
      log,
      onConfirmed`,
        replace: `      registry,
      clock: { ...clock, monotonic: () => clock.now().getTime() },
      events,
      log,
      onConfirmed`,
      },
    ],
  },
  {
    name: 'accepted-is-proof',
    lie: 'A revoke that was accepted is told to be the end.',
    who: 'aiven-operator: a delete that returned without an error was the end of the resource',
    source: 'https://github.com/aiven/aiven-operator/pull/1130',
    patches: [
      {
        file: 'src/reconcile/offboarding/revoke.ts',
        find: 'answered.set(trackedKey(entry.credential), sent({ ...entry, status }, clock.monotonic()));',
        replace: `const at = clock.now().toISOString();
        const proven = { ...status, state: 'Confirmed', absentSince: at, confirmedAt: at, absentFor: revoker.settleTime, strength: 'Observed' } as const;
        answered.set(trackedKey(entry.credential), { ...sent({ ...entry, status: proven }, clock.monotonic()), confirmedAt: clock.monotonic() });`,
      },
    ],
  },
  {
    name: 'request-id-is-proof',
    lie: 'A request that has an id in the audit log is told to have had its effect.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/reconcile/offboarding/verify.ts',
        find: 'const observation = told ??',
        replace: "const observation = told ?? (entry.accepted === true && entry.status.requestId !== undefined ? ({ state: 'Absent', method: 'request' } as const) : undefined) ??",
      },
    ],
  },
  {
    name: 'busy-is-done',
    lie: 'A revoke that was answered by 429 counts as accepted, and is never sent again.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/reconcile/offboarding/revoke.ts',
        find: 'errors.push(toOutcome(error));',
        replace: `const outcome = toOutcome(error);
        if (outcome.reason === 'TooManyRequests') answered.set(trackedKey(entry.credential), { ...sent(entry, clock.monotonic()), notBefore: Number.POSITIVE_INFINITY });
        else errors.push(outcome);`,
      },
    ],
  },
  {
    name: 'unknown-left-out',
    lie: 'A dependency that cannot be asked does not keep the run from being complete.',
    who: "IBM's cloud-operators: without the secret to ask with, the object is let go",
    source: 'https://github.com/IBM/cloud-operators/pull/146',
    patches: [{ file: verdict, find: "['Blocked', 'Unknown', 'Revoking',", replace: "['Blocked', 'Revoking'," }],
  },
  {
    name: 'expiry-left-out',
    lie: 'What nobody can revoke, such as a client certificate, does not keep the run from being complete.',
    who: aTiredEngineer,
    patches: [{ file: verdict, find: "'Settling', 'Waiting', 'Pending',", replace: "'Settling', 'Pending'," }],
  },
  {
    name: 'lock-assumed',
    lie: 'A lock that was asked for is told to hold, without anybody having seen it.',
    who: aTiredEngineer,
    patches: [
      { file: 'src/reconcile/offboarding/lock.ts', find: "if (observation.state !== 'Present') throw", replace: "if (observation.method === 'never') throw" },
      {
        file: 'src/reconcile/offboarding/lock.ts',
        find: 'const held = await kind.observeLock(run.draft.target, signal);',
        replace: "const held = await Promise.resolve<Awaited<ReturnType<typeof kind.observeLock>>>({ state: 'Present', method: 'assumed' });",
      },
    ],
  },
  {
    name: 'lock-lost-unnoticed',
    lie: 'A lock that somebody took off after it was seen is told to hold.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/reconcile/offboarding/lock.ts',
        find: 'const held = await kind.observeLock(run.draft.target, signal);',
        replace: "const held = await Promise.resolve<Awaited<ReturnType<typeof kind.observeLock>>>({ state: 'Present', method: 'assumed' });",
      },
    ],
  },
];
