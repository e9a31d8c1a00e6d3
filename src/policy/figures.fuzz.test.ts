import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trackedThings } from '../../test/fuzz/credentials.ts';
import { holds } from '../../test/fuzz/property.ts';
import { reasons } from '../api/v1alpha1/conditions.ts';
import type { CredentialStatus, DependencyState } from '../api/v1alpha1/index.ts';
import { connectorFigures, isReady } from './connector-figures.ts';
import { runFigures } from './figures.ts';
import { listed } from './tracking.ts';

const now = new Date('2026-11-23T11:00:00Z');
const instant = '2026-11-23T10:00:00Z';

const kinds = { vault: 'vault', google: 'google-cloud', kubernetes: 'kubernetes' } as const;
const known = { kinds: ['kubernetes', 'vault'], forTarget: () => Object.entries(kinds).map(([name, kind]) => ({ name, kind, settleTime: 15_000 })) };

const conditions = fc.uniqueArray(fc.record({ type: fc.constantFrom('Ready', 'GlassBroken'), status: fc.constantFrom('True' as const, 'False' as const), reason: fc.oneof(fc.constantFrom(reasons.completedWithWaivers, reasons.inUse, 'SharedBinding'), fc.string({ unit: 'binary' })), message: fc.constant(''), lastTransitionTime: fc.constant(instant) }), { maxLength: 2, selector: ({ type }) => type });
const credentialsOf = fc.tuple(trackedThings, fc.constantFrom(1, 128)).map(([tracked, limit]) => listed(tracked, limit));
const dependency = fc.record({ name: fc.constantFrom('kubernetes', 'vault', 'google', 'nobody'), state: fc.constantFrom<DependencyState>('Waived', 'Revoking', 'Confirmed', 'Unknown'), credentials: fc.option(credentialsOf, { nil: undefined }) });
const run = fc
  .record({ mode: fc.constantFrom('Enforce' as const, 'Enforce' as const, 'Plan' as const), suspend: fc.boolean(), deadline: fc.constantFrom(undefined, '1s', '999h', '', 'some day'), begun: fc.boolean(), completed: fc.constantFrom(false, false, true), conditions, dependencies: fc.uniqueArray(dependency, { maxLength: 3, selector: ({ name }) => name }) })
  .map(({ mode, suspend, deadline, begun, completed, conditions: all, dependencies }) => ({
    metadata: { uid: 'u', creationTimestamp: instant },
    spec: { reason: 'Retired' as const, mode, suspend, ...(deadline !== undefined && { deadline }) },
    status: {
      conditions: all,
      ...(begun && { revokeStartedAt: instant }),
      ...(completed && { completedAt: instant }),
      dependencies: dependencies.map(({ credentials, ...rest }) => ({ ...rest, ...(credentials && { credentials }) })),
    },
  }));
const runs = fc.array(run, { maxLength: 4 });

const sum = (all: readonly { readonly count: number }[]): number => all.reduce((total, { count }) => total + count, 0);
const countOf = (all: readonly CredentialStatus[]): number => all.reduce((total, { count = 1 }) => total + count, 0);

describe('the figures of whatever runs there are', () => {
  it('count each credential of those that revoke once, by what it is, and each run that does not once, in any order', () => {
    holds(
      fc.property(runs, (all) => {
        const figures = runFigures(all, [], known, now);
        const open = all.filter(({ spec, status }) => spec.mode === 'Enforce' && status.completedAt === undefined);
        const credentials = open.flatMap(({ status }) => (status.revokeStartedAt === undefined ? [] : status.dependencies.flatMap((each) => each.credentials ?? [])));
        expect(sum(figures.revocations)).toBe(countOf(credentials));
        for (const state of ['Unknown', 'Confirmed', 'Present']) expect(sum(figures.revocations.filter((each) => each.state === state))).toBe(countOf(credentials.filter((each) => each.state === state)));
        expect(sum(figures.held)).toBe(open.filter(({ status }) => status.revokeStartedAt === undefined).length);
        const again = runFigures(all.toReversed(), [], known, now);
        const sorted = (value: readonly object[]): readonly string[] => value.map((each) => JSON.stringify(each)).toSorted();
        for (const key of ['revocations', 'oldestUnconfirmed', 'residual', 'stuck', 'waiting', 'held', 'waived', 'unheld'] as const) expect(sorted(again[key])).toEqual(sorted(figures[key]));
        expect(again.overdue).toBe(figures.overdue);
      }),
      120,
    );
  });

  it('are finite numbers that are not below nothing, with labels of closed sets only', () => {
    const labels = new Set<string>([...Object.values(reasons), 'SharedBinding', 'DanglingRoleRef', 'AdmissionDenied', 'Rejected', 'other', 'expiry', 'suspended', 'waived', 'kubernetes', 'vault', 'google-cloud', 'Offboarding', 'WorkloadIdentity', 'Present', 'Absent', 'Unknown', 'Waiting', 'Confirmed']);
    holds(
      fc.property(runs, (all) => {
        const { overdue, ...figures } = runFigures(all, [], known, now);
        for (const figure of [{ overdue }, ...Object.values(figures).flat()] as readonly Readonly<Record<string, string | number>>[]) {
          for (const value of Object.values(figure)) if (typeof value === 'number' ? !Number.isFinite(value) || value < 0 : !labels.has(value)) throw new Error(JSON.stringify(figure));
        }
      }),
      120,
    );
  });

  it('an alarm is never less for one more of which nothing is known', () => {
    const unknown = { name: 'vault', state: 'Unknown' as const, credentials: [{ id: 'x', class: 'Token', state: 'Unknown' as const, revokeRequestedAt: instant }] };
    holds(
      fc.property(runs, (all) => {
        const more = { metadata: { uid: 'u', creationTimestamp: instant }, spec: { reason: 'Retired' as const, mode: 'Enforce' as const }, status: { revokeStartedAt: instant, dependencies: [unknown] } };
        const [before, after] = [runFigures(all, [], known, now), runFigures([...all, more], [], known, now)];
        for (const { revoker, seconds } of before.oldestUnconfirmed) {
          const then = after.oldestUnconfirmed.find((each) => each.revoker === revoker)?.seconds ?? -1;
          if (then < seconds || (revoker === 'vault' && then < 3_585)) throw new Error(`${revoker}: ${seconds} became ${then}`);
        }
        for (const { revoker, unknown: count, seconds } of before.residual) {
          const then = after.residual.find((each) => each.revoker === revoker);
          if (then === undefined || then.seconds < seconds || then.unknown !== count + (revoker === 'vault' ? 1 : 0)) throw new Error(`${revoker}: ${JSON.stringify(then)}`);
        }
      }),
      120,
    );
  });

  it('what is waived counts as such until its run has ended, and objects that nobody holds always', () => {
    holds(
      fc.property(runs, (all) => {
        const { waived, unheld } = runFigures(all, [], known, now);
        const isOver = ({ status }: (typeof all)[number]): boolean => status.completedAt !== undefined && status.conditions.find(({ type }) => type === 'Ready')?.reason !== reasons.completedWithWaivers;
        expect(sum(waived)).toBe(all.filter((each) => !isOver(each)).flatMap(({ status }) => status.dependencies.filter(({ state }) => state === 'Waived')).length);
        expect(sum(unheld)).toBe(all.filter(({ status }) => status.conditions.some(({ type }) => type === 'GlassBroken')).length);
      }),
      120,
    );
  });
});

describe('the figures of whatever connectors there are', () => {
  it('count each once, and as ready only where that was said of its spec as it is', () => {
    const connector = fc.record({ type: fc.constantFrom('vault', 'googleCloud', 'x'), generation: fc.nat({ max: 2 }), observed: fc.option(fc.nat({ max: 2 }), { nil: undefined }), status: fc.constantFrom('True' as const, 'False' as const, 'Unknown' as const), kind: fc.constantFrom('Ready', 'Other') });
    holds(
      fc.property(fc.array(connector, { maxLength: 6 }), (all) => {
        const objects = all.map(({ type, generation, observed, status, kind }) => ({
          metadata: { generation },
          spec: { [type]: {} },
          status: { conditions: [{ type: kind, status, reason: 'X', message: '', lastTransitionTime: instant, ...(observed !== undefined && { observedGeneration: observed }) }] },
        }));
        const figures = connectorFigures(objects);
        expect(sum(figures)).toBe(all.length);
        const ready = all.filter(({ generation, observed, status, kind }) => kind === 'Ready' && status === 'True' && observed === generation);
        expect(sum(figures.filter((each) => each.ready))).toBe(ready.length);
        expect(objects.filter(isReady).length).toBe(ready.length);
      }),
    );
  });
});
