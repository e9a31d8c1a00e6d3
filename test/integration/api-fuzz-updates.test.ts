/** Updates of any shape: each transition rule of the API refuses what its own words forbid, nothing else, and no rule or policy fails to be evaluated. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDuration } from '../../src/runtime/duration.ts';
import { connect } from '../bench/api.ts';
import type { Answer, Api } from '../bench/api.ts';
import { startControlPlane } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { holdsInTime } from '../fuzz/property.ts';
import { installOffboard } from './install.ts';
import { person, writesOurKinds } from './people.ts';

let cluster: ControlPlane;
let api: Api;

beforeAll(async () => {
  cluster = await startControlPlane();
  await installOffboard(cluster);
  await person(cluster, 'tenant', { in: { default: [writesOurKinds] } });
  api = connect({ kubeconfig: cluster.kubeconfig, userAgent: 'fuzz', connections: 4 });
});
afterAll(async () => {
  await api.close();
  await cluster.stop();
});

type Spec = Readonly<Record<string, unknown>>;
interface Stored {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string } & Readonly<Record<string, unknown>>;
  readonly spec: Spec;
}

const folder = (plural: string): string => `/apis/offboard.dev/v1alpha1/namespaces/default/${plural}`;

/** What a rule says that could not be evaluated, and an API server that could not tell. */
const isEvaluated = ({ status, body }: Answer): void => {
  if (status >= 500 || /no such key|no such overload|cost (limit|budget)|exceeded|resulted in error|failed to (evaluate|compile)|runtime error|invalid duration|panic/i.test(body)) throw new Error(`HTTP ${status}: ${body}`);
};

/** Stores one; undefined where it is refused. */
const stored = async (plural: string, kind: string, spec: Spec): Promise<Stored | undefined> => {
  const answer = await api.call('POST', folder(plural), { apiVersion: 'offboard.dev/v1alpha1', kind, metadata: { generateName: 'tried-' }, spec });
  isEvaluated(answer);
  return answer.status === 201 ? (JSON.parse(answer.body) as Stored) : undefined;
};

const merge = { 'content-type': 'application/merge-patch+json' };

/** What is said to another spec in the place of the one that is stored. Nothing is changed. `null` takes a field out. */
const updated = (plural: string, { metadata: { name } }: Stored, change: object, who: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  api.call('PATCH', `${folder(plural)}/${name}?dryRun=All`, change, { ...merge, ...who });

/** A rule in words of its own: whether it forbids that. */
interface Rule {
  readonly message: string;
  readonly forbids: (before: Spec, after: Spec) => boolean;
}

/** As JSON has it: without what is undefined. */
const without = (spec: object): Spec => JSON.parse(JSON.stringify(spec)) as Spec;
const isOther = (field: string) => (before: Spec, after: Spec): boolean => !isDeepStrictEqual(before[field], after[field]);
const at = (spec: Spec, ...path: readonly string[]): unknown => path.reduce<unknown>((so, key) => (so as Spec | undefined)?.[key], spec);

/** As a merge patch makes it, one level deep: what a change sets is set whole. */
const changedBy = (before: Spec, change: Spec): Spec => without(Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== null)));

/** Says of each rule whether it was met both ways, so that none is passed by. */
const createTally = (rules: readonly Rule[]) => {
  const met = new Set<string>();
  return {
    judge: (answer: Answer, before: Spec, after: Spec): void => {
      isEvaluated(answer);
      for (const { message, forbids } of rules) {
        const isForbidden = forbids(before, after);
        met.add(`${message}: ${String(isForbidden)}`);
        if (answer.body.includes(message) !== isForbidden) throw new Error(`${message}: it ${isForbidden ? 'is taken' : 'is refused'}, HTTP ${answer.status}: ${answer.body}`);
      }
      if ((answer.status === 200) !== !rules.some(({ forbids }) => forbids(before, after))) throw new Error(`HTTP ${answer.status}: ${answer.body}`);
    },
    expectAll: (): void => {
      if (process.env['FUZZ_PATH'] === undefined) expect([...met].toSorted()).toEqual(rules.flatMap(({ message }) => [`${message}: false`, `${message}: true`]).toSorted());
    },
  };
};

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const durations = fc.constantFrom('0s', '1h', '60m', '90s', '1h30m', '168h', '0.5h', '1ms');

describe('an Offboarding', () => {
  const who = fc.oneof(fc.record({ workloadIdentityRef: fc.record({ name: fc.constantFrom('agent', 'other') }) }), fc.record({ identity: fc.constantFrom<object>({ serviceAccount: { name: 'agent' } }, { serviceAccount: { name: 'agent', mayBeAbsent: true } }, { serviceAccount: { name: 'other' }, dependencies: [] }) }));
  const specs = fc
    .record({ who, reason: fc.constantFrom('Retired', 'Compromised'), mode: fc.constantFrom('Plan', 'Enforce'), urgency: fc.constantFrom('Routine', 'Emergency'), soak: durations, suspend: fc.boolean(), deadline: maybe(durations.filter((value) => value !== '0s')), cancel: maybe(fc.record({ reason: fc.constantFrom('a', 'b') })) })
    .map(({ who: whom, ...rest }) => without({ ...whom, ...rest }));
  const fields = ['workloadIdentityRef', 'identity', 'reason', 'mode', 'urgency', 'soak', 'suspend', 'deadline', 'cancel'] as const;

  const rules: readonly Rule[] = [
    { message: 'exactly one of workloadIdentityRef, identity must be set', forbids: (_, after) => ('workloadIdentityRef' in after) === ('identity' in after) },
    { message: 'workloadIdentityRef is immutable', forbids: isOther('workloadIdentityRef') },
    { message: 'identity is immutable', forbids: isOther('identity') },
    { message: 'reason is immutable', forbids: isOther('reason') },
    { message: 'mode may only change from Plan to Enforce', forbids: ({ mode: was }, { mode }) => was === 'Enforce' && mode === 'Plan' },
    { message: 'urgency may only change from Routine to Emergency', forbids: ({ urgency: was }, { urgency }) => was === 'Emergency' && urgency === 'Routine' },
    { message: 'soak may only become shorter', forbids: ({ soak: was }, { soak }) => parseDuration(String(soak)) > parseDuration(String(was)) },
    { message: 'cancel cannot be changed or taken back', forbids: (before, after) => before['cancel'] !== undefined && at(before, 'cancel', 'reason') !== at(after, 'cancel', 'reason') },
  ];

  it('may be changed as its rules say, whatever changes at once', async () => {
    const { judge, expectAll } = createTally(rules);
    await holdsInTime(
      fc.asyncProperty(specs, fc.array(fc.tuple(specs, fc.subarray([...fields], { minLength: 1 }), fc.constantFrom(...fields)), { minLength: 1, maxLength: 4 }), async (spec, others) => {
        const object = await stored('offboardings', 'Offboarding', spec);
        if (object === undefined) throw new Error('it is refused');
        for (const [other, many, one] of others) {
          for (const changes of [[one], many]) {
            // A field that the other has not is taken out; those with a default are never.
            const change: Spec = Object.fromEntries(changes.map((name) => [name, other[name] ?? null]));
            judge(await updated('offboardings', object, { spec: { ...change, ...identityWhole(object.spec, change) } }), object.spec, changedBy(object.spec, change));
          }
        }
      }),
      30,
    );
    expectAll();
  });
});

/** A merge keeps what an object has besides: so that the identity is set whole, what it has no more is taken away by name. */
const identityWhole = (before: Spec, { identity }: Spec): Spec =>
  identity === undefined || identity === null || before['identity'] === undefined
    ? {}
    : { identity: { dependencies: null, ...identity, serviceAccount: { mayBeAbsent: null, ...(at(identity as Spec, 'serviceAccount') as Spec) } } };

describe('a WorkloadIdentity', () => {
  const specs = fc
    .record({ serviceAccount: fc.record({ name: fc.constantFrom('agent', 'other'), uid: maybe(fc.constantFrom('u-1', 'u-2')), mayBeAbsent: maybe(fc.boolean()) }), owner: maybe(fc.record({ name: fc.constantFrom('a', 'b') })), lifecycle: maybe(fc.record({ onDelete: fc.constantFrom('Offboard', 'Orphan') })), supersedes: maybe(fc.record({ record: fc.constantFrom('0000000001', '0000000002') })) })
    .map(without);
  const rules: readonly Rule[] = [
    { message: 'serviceAccount.name is immutable', forbids: (before, after) => at(before, 'serviceAccount', 'name') !== at(after, 'serviceAccount', 'name') },
    { message: 'serviceAccount.uid is immutable', forbids: (before, after) => at(before, 'serviceAccount', 'uid') !== at(after, 'serviceAccount', 'uid') },
    { message: 'supersedes cannot be changed or taken back', forbids: (before, after) => before['supersedes'] !== undefined && at(before, 'supersedes', 'record') !== at(after, 'supersedes', 'record') },
  ];

  it('may be changed as its rules say, whatever changes at once', async () => {
    const { judge, expectAll } = createTally(rules);
    await holdsInTime(
      fc.asyncProperty(specs, fc.array(specs, { minLength: 1, maxLength: 4 }), async (spec, others) => {
        const object = await stored('workloadidentities', 'WorkloadIdentity', spec);
        if (object === undefined) throw new Error('it is refused');
        for (const other of others) {
          const serviceAccount = { uid: null, mayBeAbsent: null, ...(other['serviceAccount'] as Spec) };
          judge(await updated('workloadidentities', object, { spec: { owner: null, lifecycle: null, supersedes: null, ...other, serviceAccount } }), object.spec, other);
        }
      }),
      30,
    );
    expectAll();
  });
});

describe('an OffboardingWaiver', () => {
  const specs = fc.record({ offboardingRef: fc.record({ name: fc.constantFrom('retire', 'other'), uid: fc.constantFrom('u-1', 'u-2') }), dependency: fc.constantFrom('vault', 'google'), reason: fc.constantFrom('a', 'b'), expiresAt: fc.constantFrom('2027-01-01T00:00:00Z', '2027-01-01T00:00:01Z') });
  const fields = ['offboardingRef', 'dependency', 'reason', 'expiresAt'] as const;
  const rules: readonly Rule[] = [{ message: 'the spec of a waiver is immutable', forbids: (before, after) => fields.some((field) => isOther(field)(before, after)) }];

  it('is never changed', async () => {
    const { judge, expectAll } = createTally(rules);
    await holdsInTime(
      fc.asyncProperty(specs, specs, fc.subarray([...fields]), async (spec, other, changes) => {
        const object = await stored('offboardingwaivers', 'OffboardingWaiver', spec);
        if (object === undefined) throw new Error('it is refused');
        const change = Object.fromEntries(changes.map((field) => [field, other[field]]));
        judge(await updated('offboardingwaivers', object, { spec: change }), object.spec, changedBy(object.spec, change));
      }),
      30,
    );
    expectAll();
  });
});

describe('any object, whoever writes it', () => {
  const finalizers = maybe(fc.subarray(['offboard.dev/offboarding', 'offboard.dev/identity', 'example.com/mine']));
  const texts = fc.oneof(fc.constantFrom('', 'true', 'a/../b', '{{ .x }}', '${x}', '$(x)', 'é', '\u202e', 'x'.repeat(1_000)), fc.string({ unit: 'binary', maxLength: 20 }).map((value) => value.toWellFormed()));
  const metadata = fc.record({ finalizers, annotations: maybe(fc.dictionary(fc.constantFrom('example.com/a', 'offboard.dev/x', 'kubectl.kubernetes.io/last-applied-configuration'), texts, { maxKeys: 2 })), labels: maybe(fc.dictionary(fc.constantFrom('example.com/a', 'offboard.dev/x'), fc.constantFrom('', 'a', 'b'), { maxKeys: 2 })) });
  const people = fc.constantFrom<Readonly<Record<string, string>>>({}, { 'impersonate-user': 'tenant' });
  const written = { username: texts, uid: maybe(texts), groups: maybe(fc.array(texts, { maxLength: 2 })) };
  const spec = fc.record({ workloadIdentityRef: maybe(fc.record({ name: texts, namespace: maybe(texts) })), identity: maybe(fc.record({ serviceAccount: maybe(fc.record({ name: texts })), kubernetes: maybe(fc.record({ certificates: maybe(fc.array(fc.record({ commonName: texts, notAfter: fc.constantFrom('2027-01-01T00:00:00Z', 'x') }), { maxLength: 2 })) })), dependencies: maybe(fc.array(fc.record({ name: texts, vault: maybe(fc.record({ connectorRef: maybe(fc.record({ name: texts })) })) }), { maxLength: 2 })) })), reason: maybe(fc.constantFrom('Retired', 'x')), mode: maybe(fc.constantFrom('Plan', 'Enforce')), soak: maybe(durations), cancel: maybe(fc.record({ reason: maybe(texts), requestedBy: maybe(fc.record(written)) })), requestedBy: maybe(fc.record(written)), enforcedBy: maybe(fc.record(written)) });
  const status = fc.record({ startedAt: maybe(fc.constantFrom('2026-11-23T10:00:00Z', 'x')), completedAt: maybe(fc.constant('2026-11-23T10:00:00Z')), phase: maybe(texts), target: maybe(fc.record({ serviceAccount: maybe(fc.record({ namespace: texts, name: texts })) })) });

  it('is taken or refused for a reason, by rules and policies that can be evaluated', async () => {
    const runs = await stored('offboardings', 'Offboarding', { identity: { serviceAccount: { name: 'agent' } }, reason: 'Retired', mode: 'Enforce', cancel: { reason: 'x' } });
    const plans = await stored('offboardings', 'Offboarding', { workloadIdentityRef: { name: 'agent' }, reason: 'Retired', mode: 'Plan' });
    const identity = await stored('workloadidentities', 'WorkloadIdentity', { serviceAccount: { name: 'agent' } });
    if (runs === undefined || plans === undefined || identity === undefined) throw new Error('one is refused');
    const answers = new Set<number>();
    await holdsInTime(
      fc.asyncProperty(spec, metadata, status, people, async (some, meta, said, who) => {
        const created = await api.call('POST', `${folder('offboardings')}?dryRun=All`, { apiVersion: 'offboard.dev/v1alpha1', kind: 'Offboarding', metadata: { ...meta, name: 'tried' }, spec: some }, who);
        const change = JSON.parse(JSON.stringify({ metadata: meta, spec: some })) as object;
        const all = [
          created,
          await updated('offboardings', runs, change, who),
          await updated('offboardings', plans, change, who),
          await updated('workloadidentities', identity, { metadata: meta, spec: { ...some.identity, supersedes: some.cancel === undefined ? undefined : { record: '0000000001', ...some.cancel } } }, who),
          await api.call('PATCH', `${folder('offboardings')}/${runs.metadata.name}/status?dryRun=All`, { status: said }, { ...merge, ...who }),
        ];
        for (const answer of all) {
          isEvaluated(answer);
          answers.add(answer.status);
          if (![200, 201, 400, 403, 422].includes(answer.status)) throw new Error(`HTTP ${answer.status}: ${answer.body}`);
        }
      }),
      100,
    );
    // Else all were refused at once, or none.
    if (process.env['FUZZ_PATH'] === undefined) expect([...answers].toSorted()).toEqual(expect.arrayContaining([200, 403, 422]));
  });
});
