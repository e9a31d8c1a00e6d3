/** What there is, is not all looked for, or not kept. */
import { type Mutant, aTiredEngineer } from './mutant.ts';

const verify = 'src/reconcile/offboarding/verify.ts';
const assessment = 'src/reconcile/offboarding/assessment.ts';
const tracking = 'src/policy/tracking.ts';

export const looking: readonly Mutant[] = [
  {
    name: 'no-last-look',
    lie: 'What was issued since the first look is never looked for.',
    who: aTiredEngineer,
    patches: [
      { file: assessment, find: 'const enumerated = enumeratedAt !== undefined && ended !== undefined && enumeratedAt >= ended;', replace: 'const enumerated = enumeratedAt !== -1;' },
      { file: verify, find: '  await Promise.all(begun.map((revoker) => enumerateOne(run, revoker, context, signal)));\n', replace: '' },
    ],
  },
  {
    name: 'last-look-before-the-issuers-end',
    lie: 'The last look at a system is taken while the identity can still log in to it.',
    who: aTiredEngineer,
    patches: [
      {
        file: assessment,
        find: 'return ends.length < all.length ? undefined : Math.max(Number.NEGATIVE_INFINITY, ...ends);',
        replace: 'return ends.length > all.length ? undefined : Number.NEGATIVE_INFINITY;',
      },
      // And once is enough.
      {
        file: verify,
        find: `  const { failure, tracked } = remember(run, revoker, {});
  const now = context.clock.monotonic();`,
        replace: `  const { failure, tracked, enumeratedAt } = remember(run, revoker, {});
  if (enumeratedAt !== undefined) return;
  const now = context.clock.monotonic();`,
      },
    ],
  },
  {
    name: 'last-look-ignores-the-new',
    lie: 'What the last look finds, and the first did not, is passed over.',
    who: aTiredEngineer,
    patches: [
      {
        file: verify,
        find: 'mergeFresh(tracked, credentials, clock.monotonic());',
        replace: `mergeFresh(
      tracked,
      credentials.filter((found) => tracked.some((entry) => trackedKey(entry.credential) === trackedKey(found))),
      clock.monotonic(),
    );`,
      },
    ],
  },
  {
    name: 'last-look-from-the-cache',
    lie: 'What a watch, or a sweep of a while ago, does not show is told not to be there.',
    who: 'tidb-operator: the finalizer goes when a cache shows nothing any more',
    source: 'https://github.com/pingcap/tidb-operator/issues/6532',
    patches: [{ file: verify, find: "revoker.inventory(run.draft.target, 'Fresh', signal);", replace: "revoker.inventory(run.draft.target, 'Cached', signal);" }],
  },
  {
    name: 'token-secret-untold',
    lie: 'The token in a Secret goes with its account, and no status and no record has ever named it.',
    who: aTiredEngineer,
    patches: [{ file: 'src/revokers/kubernetes/inventory.ts', find: 'tokenSecrets: tokenSecrets && [...tokenSecrets].sort(', replace: 'tokenSecrets: tokenSecrets && [...tokenSecrets].slice(0, 0).sort(' }],
  },
  {
    name: 'last-look-elsewhere',
    lie: 'The last look at Vault is one at its leases, and what tokens it has is taken from an earlier one.',
    who: aTiredEngineer,
    patches: [
      { file: 'src/revokers/vault/inventory.ts', find: 'memory.tokens.sweep(freshness, signal),', replace: "memory.tokens.sweep(freshness === 'Fresh' ? 'Cached' : freshness, signal)," },
    ],
  },
  {
    name: 'vault-standby-believed',
    lie: 'What a standby does not know yet is told not to be there.',
    who: aTiredEngineer,
    patches: [{ file: 'src/revokers/vault/wire.ts', find: '...(request.notBefore?.index !== undefined && {', replace: "...(request.notBefore?.index === 'never' && {" }],
  },
  {
    name: 'unlisted-is-forgotten',
    lie: 'A credential that a list does not show is not followed any more.',
    who: aTiredEngineer,
    patches: [
      {
        file: tracking,
        find: 'const result = new Map(tracked.map((entry) => [trackedKey(entry.credential), entry]));',
        replace: `const shown = new Set(found.map(trackedKey));
  const result = new Map(tracked.filter((entry) => !fresh || shown.has(trackedKey(entry.credential))).map((entry) => [trackedKey(entry.credential), entry]));`,
      },
    ],
  },
  {
    name: 'undeclared-forgotten',
    lie: 'A dependency that was taken out of the spec is not retired, though it still holds credentials.',
    who: aTiredEngineer,
    patches: [{ file: 'src/policy/dependencies.ts', find: 'const found = (stored ?? []).reduce<', replace: 'const found = (stored ?? []).slice(0, 0).reduce<' }],
  },
];
