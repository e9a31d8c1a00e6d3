/** Every state that the operator brings our objects into, in runs on virtual time: some drawn from their seeds, some told as stories. */
import { readFileSync, readdirSync } from 'node:fs';
import { load } from 'js-yaml';
import type { Condition } from '../../src/api/v1alpha1/index.ts';
import type { Judged } from '../env/gitops-health.ts';
import { draw } from '../simulation/draw.ts';
import type { IdentityPlan, Incident, PersonAct, Plan } from '../simulation/plan.ts';
import { simulate } from '../simulation/universe.ts';

const quiet: IdentityPlan = {
  name: 'agent-0', at: 3_000, by: 'Offboarding', mode: 'Enforce', urgency: 'Routine', soak: 0, probe: false, tokenSecret: false, sharedBinding: false,
  clusterBinding: false, vault: false, google: false, ordered: false, inUse: 0, undeclared: false, idle: false, certified: 0, deletesAccount: false,
  namesake: false, crowd: false, asUser: false, sharedRole: false, sharedLeases: false, sharedEntity: false, sharedAccount: false, appRole: false, certificate: false, hmacKey: false,
  conditional: false,
};

/** What a person does, and when: at these seconds. */
const does = (act: PersonAct, ...seconds: readonly number[]): readonly Incident[] => seconds.map((second) => ({ at: second * 1_000, kind: 'Person', act, identity: 0 }));

/** Each second of a while: whatever comes first, it is not too early for one of them. */
const from = (first: number, last: number): readonly number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);

const told = (seed: number, identity: Partial<IdentityPlan>, ...incidents: readonly (readonly Incident[])[]): Plan => ({
  seed, replicas: 1, identities: [{ ...quiet, ...identity }], setting: { unstamped: false, inMemory: false, searched: false }, incidents: incidents.flat().toSorted((one, other) => one.at - other.at),
});

export const stories: Readonly<Record<string, Plan>> = {
  routine: told(1, {}),
  deleted: told(2, { by: 'Deletion' }),
  plan: told(3, { mode: 'Plan' }),
  planThenEnforced: told(4, { mode: 'Plan' }, does('Enforce', 6)),
  soak: told(5, { soak: 20 }),
  suspended: told(6, { soak: 20 }, does('Suspend', 8), does('Resume', 14)),
  leftSuspended: told(7, { soak: 20 }, does('Suspend', 8)),
  cancelled: told(8, { soak: 30 }, does('Cancel', 10)),
  emergency: told(9, { urgency: 'Emergency', inUse: 10_000 }),
  stalled: told(10, { inUse: 10_000 }),
  superseded: told(11, { soak: 60 }, does('SecondRun', 8, 9)),
  waived: told(12, { vault: true }, [{ at: 1_000, kind: 'Knob', server: 'vault', knob: 'Sealed', for: 70_000 }], does('Waive', 30), does('UnWaive', 45)),
  waiverExpires: told(13, {}, does('HoldAccount', 2), does('Waive', 30), does('LetGoOfAccount', 75)),
  waiverForNothing: told(14, {}, does('Waive', ...from(15, 30))),
  resurrected: told(15, {}, does('BreakPolicy', 17), does('RecreateAccount', ...from(18, 24))),
  recreated: told(16, {}, does('RecreateAccount', ...from(1, 40))),
  lockLost: told(17, {}, does('TakeLockOff', ...from(12, 40))),
  glassBroken: told(18, { soak: 30 }, does('BreakGlass', 12)),
  runDeleted: told(19, { soak: 10 }, does('Delete', 8)),
};

/** What the API server gives to an object without a status: the simulated one has no schemas. */
const defaults: ReadonlyMap<string, unknown> = new Map(
  readdirSync('crds').filter((name) => name.endsWith('.yaml')).map((name) => {
    const { spec } = load(readFileSync(`crds/${name}`, 'utf8')) as Crd;
    return [spec.names.kind, spec.versions[0]?.schema.openAPIV3Schema.properties.status.default];
  }),
);

interface Crd {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: { readonly properties: { readonly status: { readonly default?: unknown } } } } }[];
  };
}

const asStored = (object: Judged): Judged => {
  const status = object.status ?? defaults.get(object.kind);
  return status === undefined ? object : { ...object, status };
};

/** What any of the tools could look at: two objects of one state must be read alike. */
export const stateOf = ({ kind, metadata, spec, status }: Judged): string => {
  const { observedGeneration, conditions = [] } = (status ?? {}) as { readonly observedGeneration?: number; readonly conditions?: readonly Condition[] };
  const marks = [
    ...((spec as { readonly chunk?: unknown } | undefined)?.chunk === undefined ? [] : ['chunk']),
    ...(status === undefined ? ['new'] : observedGeneration === metadata.generation ? [] : ['stale']),
    ...(metadata.deletionTimestamp === undefined ? [] : ['deleting']),
  ];
  return [kind, ...marks, ...conditions.map(({ type, status: value, reason }) => `${type}=${value}/${reason}`)].join(' ');
};

/** One object of each state, by what the state is. */
export const collectStates = async (plans: readonly Plan[]): Promise<ReadonlyMap<string, Judged>> => {
  const states = new Map<string, Judged>();
  for (const plan of plans) {
    await simulate(plan, {
      trace: false,
      onStored: ({ object, type }) => {
        if (object.apiVersion?.startsWith('offboard.dev/') !== true || type === 'DELETED') return;
        const seen = asStored(object as Judged);
        states.set(stateOf(seen), seen);
      },
    });
  }
  return states;
};

export const drawn = (seeds: number): readonly Plan[] => Array.from({ length: seeds }, (_, index) => draw(index + 1));
