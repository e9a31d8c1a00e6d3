/** Draws the plan of a run from its seed. */
import type { Random } from '../../src/runtime/random.ts';
import { between, chance, pick, streamOf } from './engine/random.ts';
import type { IdentityPlan, Incident, Plan, ServerName } from './plan.ts';
import { calmAt, personActs, wireFaults } from './plan.ts';
import { sequelOf, storyOf } from './stories.ts';
import { type Surroundings, happeningsOf, settingOf, surroundingsOf } from './surroundings.ts';

/** The same plan for the same seed. */
export const draw = (seed: number): Plan => {
  const random = streamOf(seed, 'plan');
  const replicas = chance(random, 0.3) ? 2 : 1;
  const more = streamOf(seed, 'stories');
  const around = streamOf(seed, 'surroundings');
  const drawn = Array.from({ length: chance(random, 0.25) ? 2 : 1 }, (_, index) => drawIdentity(random, more, index)).map((each) => ({ ...each, ...surroundingsOf(around) }));
  const incidents = [...drawIncidents(random, replicas, drawn), ...storyOf(more, replicas, drawn), ...happeningsOf(around, drawn), ...sequelOf(streamOf(seed, 'sequels'), replicas, drawn)];
  // That a certificate has expired is told by the time of day, and nothing else tells it: a clock that is wrong is believed.
  const identities = incidents.some(({ kind }) => kind === 'StepWall') ? drawn.map((each) => ({ ...each, certified: 0 })) : drawn;
  return { seed, replicas, identities, setting: settingOf(around), incidents: incidents.sort((one, other) => one.at - other.at) };
};

const drawIdentity = (random: Random, more: Random, index: number): Omit<IdentityPlan, keyof Surroundings> => ({
  name: `agent-${String(index)}`,
  at: between(random, 2_000, 8_000),
  by: chance(random, 0.8) ? 'Offboarding' : 'Deletion',
  mode: chance(random, 0.9) ? 'Enforce' : 'Plan',
  urgency: chance(random, 0.8) ? 'Routine' : 'Emergency',
  soak: chance(random, 0.75) ? 0 : Math.round(between(random, 5, 60)),
  probe: chance(random, 0.2),
  tokenSecret: chance(random, 0.3),
  sharedBinding: chance(random, 0.4),
  clusterBinding: chance(random, 0.3),
  vault: chance(random, 0.45),
  google: chance(random, 0.2),
  ordered: chance(random, 0.2),
  inUse: chance(more, 0.12) ? between(more, 2_000, 15_000) : 0,
  undeclared: chance(more, 0.15),
  idle: chance(more, 0.15),
  certified: chance(more, 0.12) ? between(more, 10_000, 60_000) : 0,
});

const drawIncidents = (random: Random, replicas: number, identities: readonly IdentityPlan[]): readonly Incident[] => {
  // A run without trouble is worth something as well: nothing hides the lie that is told in fair weather.
  const count = chance(random, 0.1) ? 0 : 1 + Math.floor(random() ** 2 * 9);
  const servers = serversOf(identities);
  return Array.from({ length: count }, () => drawIncident(random, replicas, identities.length, servers));
};

const serversOf = (identities: readonly IdentityPlan[]): readonly [ServerName, ...ServerName[]] => [
  'apiserver-a',
  'apiserver-b',
  ...(identities.some(({ vault }) => vault) ? (['vault', 'vault'] as const) : []),
  ...(identities.some(({ google }) => google) ? (['google'] as const) : []),
];

const drawIncident = (random: Random, replicas: number, identities: number, servers: readonly [ServerName, ...ServerName[]]): Incident => {
  const at = between(random, 1_000, calmAt * 0.6);
  const lasts = between(random, 500, 25_000);
  const replica = Math.floor(random() * replicas);
  const server = pick(random, servers);
  const of = random();
  if (of < 0.12) return { at, kind: 'Kill', replica, for: lasts / 4 };
  if (of < 0.22) return { at, kind: 'KillAtRequest', replica, nth: 1 + Math.floor(random() * 60), when: chance(random, 0.5) ? 'Sent' : 'Answered', for: lasts / 4 };
  if (of < 0.27) return { at, kind: 'Freeze', replica, for: lasts };
  if (of < 0.32) return { at, kind: 'StepWall', replica, by: pick(random, [-3_600_000, -20_000, 20_000, 60_000, 3_600_000]) };
  if (of < 0.55) return { at, kind: 'Wire', server, fault: pick(random, wireFaults), calls: pick(random, ['Reads', 'Writes', 'All'] as const), share: pick(random, [0.2, 0.6, 1]), for: lasts };
  if (of < 0.75) return { at, kind: 'Knob', server, knob: random(), for: lasts };
  return { at, kind: 'Person', act: pick(random, personActs), identity: Math.floor(random() * identities) };
};
