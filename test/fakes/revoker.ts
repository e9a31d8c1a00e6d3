/** A dependency that does what the test says: which credentials there are, and what happens to a revoke. */
import type { Finding } from '../../src/api/v1alpha1/index.ts';
import type { Credential, Inventory, LockCapability, MissingPermission, Observation, Refusal, Revoker } from '../../src/revokers/revoker.ts';

export interface FakeRevoker extends Revoker {
  /** What there is, by id. Taking one out is its absence; the end of one that ends by itself is what an observation tells. */
  readonly present: Map<string, Credential>;
  findings: readonly Finding[];
  /** Which place answers; empty where nobody asks that. */
  origin: string;
  /** What an inventory pins. */
  pinned?: NonNullable<Inventory['pinned']>;
  missing: readonly MissingPermission[];
  /** What the next calls of an operation fail with, until it is taken back. */
  readonly failures: Partial<Record<'inventory' | 'usage' | 'preflight' | 'lock' | 'unlock' | 'observeLock' | 'revoke' | 'observe' | 'take' | 'drop', Error>>;
  /** Every call, in order: `revoke rolebindings/ci/deploy`. */
  readonly calls: string[];
  /** What a revoke does; without it the credential is gone. What it returns is the answer, where that is not that it was accepted. */
  onRevoke: (credential: Credential) => Refusal | undefined;
  lock: LockCapability;
  /** Whether it is locked. */
  isLocked: boolean;
  after: readonly string[];
  issues: readonly string[];
  tail: number;
  /** Undefined: it tells nothing by itself. */
  toldGone?: NonNullable<Revoker['toldGone']>;
  /** What a positive control found that could not be tried. */
  untried: readonly Finding[];
  /** What is held in memory to be tried; a new process has none. */
  canary: boolean;
  /** What of that is left after its end. */
  left?: string;
  /** What happens meanwhile, each time that a credential is observed. */
  onObserve: () => Promise<void>;
  /** What the account's declared credentials are, seen or not. */
  readonly declared: Credential[];
}

interface FakeOptions {
  readonly name?: string;
  readonly kind?: string;
  readonly settleTime?: number;
  readonly lock?: LockCapability;
  /** With a lock of its own, which `failures` may break. */
  readonly lockable?: boolean;
  readonly issuers?: readonly string[];
  /** Its lock stays after the end. */
  readonly stays?: true;
  /** It tries what it observes, after a positive control. */
  readonly probing?: true;
}

export const createFakeRevoker = (options: FakeOptions = {}): FakeRevoker => {
  const present = new Map<string, Credential>();
  const call = async (operation: keyof FakeRevoker['failures'], detail: string): Promise<void> => {
    revoker.calls.push(`${operation} ${detail}`.trim());
    await Promise.resolve();
    const failure = revoker.failures[operation];
    if (failure !== undefined) throw failure;
  };
  const ownLock: LockCapability = {
    kind: 'Lockable',
    ...(options.stays && { stays: options.stays }),
    lock: async () => {
      await call('lock', '');
      revoker.isLocked = true;
    },
    unlock: async () => {
      await call('unlock', '');
      revoker.isLocked = false;
    },
    observeLock: async () => {
      await call('observeLock', '');
      return { state: revoker.isLocked ? 'Present' : 'Absent', method: 'fake' };
    },
  };
  const revoker: FakeRevoker = {
    kind: options.kind ?? options.name ?? 'fake',
    name: options.name ?? 'fake',
    settleTime: options.settleTime ?? 15_000,
    concurrency: 4,
    lock: options.lock ?? (options.lockable === true ? ownLock : { kind: 'NotLockable', explanation: 'nothing to lock' }),
    isLocked: false,
    after: [],
    issuers: options.issuers ?? [],
    issues: ['ServiceAccount'],
    tail: 0,
    present,
    findings: [],
    origin: '',
    missing: [],
    failures: {},
    calls: [],
    declared: [],
    untried: [],
    canary: false,
    ...(options.probing && {
      controls: {
        tries: () => 'tokens of ci/agent',
        take: async () => {
          if (revoker.canary) return [];
          await call('take', '');
          revoker.canary = revoker.untried.length === 0;
          return revoker.untried;
        },
        drop: async () => {
          await call('drop', '');
          revoker.canary = false;
          return revoker.left;
        },
      },
    }),
    onRevoke: ({ id }) => {
      present.delete(id);
    },
    onObserve: () => Promise.resolve(),
    preflight: async () => {
      await call('preflight', '');
      return revoker.missing;
    },
    inventory: async (_, freshness) => {
      await call('inventory', freshness);
      const declared = revoker.declared.filter(({ id }) => !present.has(id)).map((credential) => ({ ...credential, seen: false }));
      return { credentials: [...present.values(), ...declared], findings: revoker.findings.filter(({ type }) => type !== 'InUse'), ...(revoker.origin === '' ? {} : { origin: revoker.origin }), ...(revoker.pinned && { pinned: revoker.pinned }) };
    },
    usage: async () => {
      await call('usage', '');
      return revoker.findings.filter(({ type }) => type === 'InUse');
    },
    revoke: async (credential) => {
      await call('revoke', credential.id);
      if (!present.has(credential.id)) return 'NothingThere';
      return revoker.onRevoke(credential) ?? 'Accepted';
    },
    observe: async (credential): Promise<Observation> => {
      try {
        await call('observe', credential.id);
      } catch (error) {
        return { state: 'Unknown', method: 'fake', message: error instanceof Error ? error.message : 'failed' };
      }
      await revoker.onObserve();
      const there = present.get(credential.id);
      const tried = revoker.canary && there === undefined ? { tried: { controlAt: new Date('2026-11-23T09:59:00Z'), refusals: 3, servers: 1, deadAtSource: true } } : {};
      if (there === undefined || there.uid !== credential.uid) return { state: 'Absent', method: 'fake', ...tried };
      return { state: 'Present', method: 'fake', ...(there.end.by === 'Expiry' ? { expiresAt: there.end.at } : {}) };
    },
  };
  return revoker;
};
