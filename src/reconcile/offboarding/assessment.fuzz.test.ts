import fc from 'fast-check';
import { describe, it } from 'vitest';
import { aTracked } from '../../../test/builders/credentials.ts';
import { anOffboarding } from '../../../test/builders/offboarding.ts';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeRevoker } from '../../../test/fakes/revoker.ts';
import { holds } from '../../../test/fuzz/property.ts';
import type { CredentialState } from '../../api/v1alpha1/index.ts';
import { isOpen } from '../../policy/credential.ts';
import type { Tracked } from '../../policy/credential.ts';
import type { Waivers } from '../../policy/waiver.ts';
import type { Credential } from '../../revokers/revoker.ts';
import { issuersEndedAt, verdictNow, waitsFor } from './assessment.ts';
import type { Context, DependencyMemory, Run } from './run.ts';

const names = ['kubernetes', 'vault', 'google', 'other'] as const;

interface Dependency {
  readonly name: string;
  readonly after: readonly string[];
  readonly issuers: readonly string[];
  readonly issues: readonly string[];
  readonly tail: number;
  /** Undefined: this process has not looked. */
  readonly memory: Pick<DependencyMemory, 'tracked' | 'failure' | 'inventoried' | 'enumeratedAt' | 'findings'> | undefined;
  readonly waived: boolean;
}

const failures = fc.option(fc.constantFrom<DependencyMemory['failure']>({ kind: 'Retryable', reason: 'Timeout', message: 'x' }, { kind: 'NeedsPerson', reason: 'PermissionMissing', message: 'x' }), { nil: undefined, freq: 4 });
const time = '2026-11-23T10:00:00Z';
const end = fc.constantFrom<Credential['end']>({ by: 'Revoke' }, { by: 'Revoke' }, { by: 'Others' }, { by: 'Person', reason: 'IdentityRecreated', message: 'x' });
const entryOf = (states: readonly CredentialState[]): fc.Arbitrary<Tracked> =>
  fc
    .record({ id: fc.constantFrom('a', 'b', 'c'), class: fc.constantFrom('Token', 'RoleBinding', 'Lease'), end, state: fc.constantFrom(...states), confirmedAt: fc.nat({ max: 1e5 }), isRequested: fc.boolean() })
    .map(({ id, class: kind, end: ends, state, confirmedAt, isRequested }) =>
      aTracked({
        credential: { id, class: kind, end: ends },
        status: { state, ...(isRequested && { revokeRequestedAt: time }), ...((state === 'Absent' || state === 'Confirmed') && { absentSince: time }) },
        ...(state === 'Confirmed' && { confirmedAt }),
        ...((state === 'Absent' || state === 'Confirmed') && { absentSince: 0 }),
      }),
    );
const confirmed = fc.array(entryOf(['Confirmed']), { maxLength: 3 });
const anything = fc.array(entryOf(['Confirmed', 'Present', 'Absent', 'Unknown']), { maxLength: 3 });
const memories = fc.record({
  tracked: fc.oneof({ weight: 3, arbitrary: confirmed }, anything),
  failure: failures,
  inventoried: fc.constantFrom(true, true, true, false),
  enumeratedAt: fc.option(fc.integer({ min: 0, max: 2e5 }), { nil: undefined, freq: 4 }),
  findings: fc.constantFrom([], [{ type: 'NotProvable' as const, message: 'x' }]),
});

/** Each may wait for those before it, so that there is an order; `gone` is none of them. */
const dependencyAt = (index: number): fc.Arbitrary<Dependency> =>
  fc.record({
    name: fc.constant(names[index] ?? ''),
    after: fc.oneof({ weight: 8, arbitrary: fc.subarray(names.slice(0, index)) }, fc.constant(['gone'])),
    issuers: fc.oneof({ weight: 8, arbitrary: fc.subarray(names.slice(0, index)) }, fc.constant(['gone'])),
    issues: fc.subarray(['Token', 'RoleBinding', 'Lease']),
    tail: fc.constantFrom(0, 10_000),
    memory: fc.option(memories, { nil: undefined, freq: 6 }),
    waived: fc.constantFrom(false, false, true),
  });

/** One of which all is gone, and which only waits for what is there. */
const goneAt = (index: number): fc.Arbitrary<Dependency> =>
  fc
    .record({ dependency: dependencyAt(index), tracked: confirmed, enumeratedAt: fc.integer({ min: 5e4, max: 1.5e5 }) })
    .map(({ dependency: { after, issuers, memory, ...rest }, tracked, enumeratedAt }) => {
      const known = (all: readonly string[]): readonly string[] => all.filter((each) => each !== 'gone');
      return { ...rest, after: known(after), issuers: known(issuers), memory: { tracked, failure: undefined, inventoried: true, enumeratedAt, findings: memory?.findings ?? [] }, waived: false };
    });

const worldsOf = (at: (index: number) => fc.Arbitrary<Dependency>): fc.Arbitrary<readonly Dependency[]> =>
  fc.integer({ min: 1, max: names.length }).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => at(index))));

const worlds = fc.oneof(worldsOf(dependencyAt), worldsOf(goneAt));

const nothing: DependencyMemory = { tracked: [], findings: [], missing: [], failure: undefined, attempts: 0, inventoried: false, enumeratedAt: undefined, locked: false, lockLost: undefined, controlled: false };

const context = { clock: createFakeClock() } as unknown as Context;

const runOf = (world: readonly Dependency[]): Run => {
  const revokers = world.map(({ name, after, issuers, issues, tail }) => Object.assign(createFakeRevoker({ name, issuers }), { after, issues, tail }));
  const waivers: Waivers = new Map(world.filter(({ waived }) => waived).map(({ name }) => [name, { name: 'w', approvedBy: 'boss', expiresAt: '2027-01-01T00:00:00Z' }]));
  return {
    offboarding: anOffboarding(),
    memory: { dependencies: new Map(world.flatMap(({ name, memory }) => (memory === undefined ? [] : [[name, { ...nothing, ...memory }]]))), unstoredIntent: false, looks: 0, lastReason: '', lookedAt: 0, restUntil: 0 },
    draft: { revokeStartedAt: time },
    revokers,
    waivers,
  };
};

const revokerOf = (run: Run, wanted: string): Run['revokers'][number] => {
  const found = run.revokers.find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`there is no ${wanted}`);
  return found;
};

/** Whether nothing of an issuer lets the identity in any more: all of it that issues was seen to go by this process. */
const isProvenSilent = ({ memory, issues }: Dependency): boolean =>
  memory?.inventoried === true && memory.tracked.every((entry) => !issues.includes(entry.credential.class) || entry.credential.end.by === 'Person' || !isOpen(entry));

describe('the verdict of a run', () => {
  it('is Confirmed only where this process saw all of each dependency go, looked once more after that, and nothing failed', () => {
    holds(
      fc.property(worlds, (world) => {
        if (verdictNow(runOf(world), context).kind !== 'Confirmed') return;
        for (const { name, memory, issuers, after } of world) {
          if (memory === undefined) throw new Error(`nobody looked at ${name}`);
          if (memory.tracked.some(isOpen)) throw new Error(`something of ${name} is open`);
          if (memory.failure !== undefined) throw new Error(`${name} failed`);
          if (memory.enumeratedAt === undefined) throw new Error(`nobody looked once more at ${name}`);
          if (issuers.includes('gone') || (after.includes('gone') && memory.tracked.every(({ status }) => status.revokeRequestedAt === undefined))) throw new Error(`${name} waits for what is not there`);
          for (const issuer of world.filter((each) => issuers.includes(each.name))) {
            if (!isProvenSilent(issuer)) throw new Error(`${issuer.name} may still let somebody in`);
            for (const entry of issuer.memory?.tracked ?? []) {
              if (issuer.issues.includes(entry.credential.class) && entry.credential.end.by !== 'Person' && (entry.confirmedAt ?? 0) + issuer.tail > memory.enumeratedAt) throw new Error(`the last look at ${name} began too early`);
            }
          }
        }
      }),
      1_500,
    );
  });

  it('says that something cannot be proven where any dependency says so', () => {
    holds(
      fc.property(worlds, (world) => {
        const { kind, reason } = verdictNow(runOf(world), context);
        if (kind !== 'Confirmed') return true;
        return reason === (world.some(({ memory }) => (memory?.findings.length ?? 0) > 0) ? 'ConfirmedWithUnprovable' : 'Confirmed');
      }),
      1_000,
    );
  });

  it('is of the same kind in whatever order the dependencies come', () => {
    holds(
      fc.property(worlds, (world) => verdictNow(runOf(world), context).kind === verdictNow(runOf(world.toReversed()), context).kind),
      300,
    );
  });

  it('is not Confirmed once anything of a dependency failed or is not known any more', () => {
    holds(
      fc.property(worlds, fc.nat(), fc.constantFrom('failure', 'enumeratedAt', 'memory'), (world, pick, what) => {
        const without = (memory: Dependency['memory']): Dependency['memory'] => {
          if (memory === undefined || what === 'memory') return undefined;
          return { ...memory, ...(what === 'failure' ? { failure: { kind: 'Retryable', reason: 'Timeout', message: 'x' } } : { enumeratedAt: undefined }) };
        };
        return verdictNow(runOf(world.map((each, index) => (index === pick % world.length ? { ...each, memory: without(each.memory) } : each))), context).kind !== 'Confirmed';
      }),
      400,
    );
  });

  it('gives nothing up that nobody has given up', () => {
    holds(fc.property(worlds, (world) => verdictNow(runOf(world), context).kind !== 'Waived' || world.some(({ waived }) => waived)), 400);
  });
});

describe('what a dependency waits for', () => {
  it('is all that comes before it and is neither proven gone nor given up, until it has begun', () => {
    holds(
      fc.property(worlds, (world) => {
        const run = runOf(world);
        for (const { name, after, memory } of world) {
          const waits = waitsFor(run, revokerOf(run, name), context);
          const hasBegun = memory?.tracked.some(({ status }) => status.revokeRequestedAt !== undefined) === true;
          if (hasBegun && waits.length > 0) throw new Error('what was begun does not go on');
          if (waits.some((each) => !after.includes(each))) throw new Error('it waits for others');
          if (hasBegun) continue;
          for (const each of after) {
            const other = world.find((one) => one.name === each);
            const mayBeOver = other !== undefined && (other.waived || (other.memory !== undefined && !other.memory.tracked.some(isOpen) && other.memory.failure === undefined && other.memory.enumeratedAt !== undefined));
            if (!mayBeOver && !waits.includes(each)) throw new Error(`${name} does not wait for ${each}`);
          }
        }
      }),
      400,
    );
  });

  it('before its last look is that none of its issuers lets anybody in, and the tail of each', () => {
    holds(
      fc.property(worlds, (world) => {
        const run = runOf(world);
        for (const { name, issuers } of world) {
          const ended = issuersEndedAt(run, revokerOf(run, name), context);
          for (const each of issuers) {
            const issuer = world.find((one) => one.name === each);
            const isSilent = issuer !== undefined && (isProvenSilent(issuer) || issuer.waived);
            if (ended !== undefined && !isSilent) throw new Error(`${each} may still let somebody in`);
            if (ended === undefined || issuer === undefined || !isProvenSilent(issuer)) continue;
            for (const { credential, confirmedAt = 0 } of issuer.memory?.tracked ?? []) {
              if (issuer.issues.includes(credential.class) && credential.end.by !== 'Person' && ended < confirmedAt + issuer.tail) throw new Error(`before the tail of ${each}`);
            }
          }
          if (ended === undefined && issuers.every((each) => world.some((one) => one.name === each && isProvenSilent(one)))) throw new Error('all are silent, and it still waits');
        }
      }),
      600,
    );
  });
});
