/**
 * Everything about a run that is decided before it begins, drawn from its seed: what there is, what people do, and what breaks when. What is
 * in a plan can be left out one by one, which is how a failing run is made small.
 */
import type { Random } from '../../src/runtime/random.ts';
import { between, chance, pick, streamOf } from './engine/random.ts';
import { storyOf } from './stories.ts';

/** Milliseconds. Until then things break; then all that was broken is mended, and everything must come to its end. */
export const calmAt = 80_000;

export interface Plan {
  readonly seed: number;
  readonly replicas: 1 | 2;
  readonly identities: readonly IdentityPlan[];
  readonly incidents: readonly Incident[];
}

export interface IdentityPlan {
  readonly name: string;
  /** When its end is asked for, and how: by an Offboarding, or by the deletion of its WorkloadIdentity. */
  readonly at: number;
  readonly by: 'Offboarding' | 'Deletion';
  readonly mode: 'Enforce' | 'Plan';
  readonly urgency: 'Routine' | 'Emergency';
  /** Seconds. */
  readonly soak: number;
  readonly probe: boolean;
  readonly tokenSecret: boolean;
  /** One in which a neighbour is named as well. */
  readonly sharedBinding: boolean;
  readonly clusterBinding: boolean;
  readonly vault: boolean;
  readonly google: boolean;
  /** Vault comes after Google, or else after the cluster. */
  readonly ordered: boolean;
  /** Milliseconds after its end is asked for until which a pod runs as it; 0: none does. */
  readonly inUse: number;
  /** Vault is taken out of its dependencies before its end is asked for. */
  readonly undeclared: boolean;
  /** Milliseconds after its end is asked for until which a client certificate of it is valid, which nobody can revoke; 0: it has none. */
  readonly certified: number;
}

export const serverNames = ['apiserver-a', 'apiserver-b', 'vault', 'google'] as const;
export type ServerName = (typeof serverNames)[number];

export const wireFaults = [
  'LostBefore', 'LostAfter', 'BrokenBefore', 'BrokenAfter', 'Slow', 'Truncated', 'Nonsense', 'HtmlPage', 'NotFoundPage',
  'BadRequest', 'Unauthorized', 'Forbidden', 'Conflict', 'TooManyRequests', 'InternalError', 'BadGateway', 'Unavailable',
] as const;
export type WireFaultName = (typeof wireFaults)[number];

export const personActs = [
  'Suspend', 'Resume', 'Cancel', 'Delete', 'Hasten', 'EndSoak', 'Enforce', 'Waive', 'UnWaive', 'BindAgain', 'DeleteAccount', 'RecreateAccount',
  'MakeToken', 'ShareBinding', 'TakeLockOff', 'BreakPolicy', 'DeleteIdentity', 'SecondRun', 'BreakGlass',
] as const;
/** The last two only in stories. */
export type PersonAct = (typeof personActs)[number] | 'HoldAccount' | 'LetGoOfAccount';

export type Reaction =
  /** As soon as the first revoke is announced, a binding of its own becomes somebody else's as well. */
  | 'ShareAtTheLastMoment'
  /** While the operator reads a shared binding and before it writes it, somebody is added to it. */
  | 'AddWhileRead'
  /** The process that deletes the account dies with that, and before the next one looks another account has the name. */
  | 'RebornAfterDelete';

/** Something that happens at a time, in milliseconds; what lasts does so `for` as many. */
export type Incident = { readonly at: number } & (
  | { readonly kind: 'Kill'; readonly replica: number; readonly for: number }
  /** At the n-th request that it sends from then on: when it is sent, or when it is answered. */
  | { readonly kind: 'KillAtRequest'; readonly replica: number; readonly nth: number; readonly when: 'Sent' | 'Answered'; readonly for: number }
  | { readonly kind: 'Freeze'; readonly replica: number; readonly for: number }
  | { readonly kind: 'StepWall'; readonly replica: number; readonly by: number }
  | { readonly kind: 'Wire'; readonly server: ServerName; readonly fault: WireFaultName; readonly calls: 'Reads' | 'Writes' | 'All'; readonly share: number; readonly for: number }
  /** By its name, or by a fraction of all of that server. */
  | { readonly kind: 'Knob'; readonly server: ServerName; readonly knob: number | string; readonly for: number }
  | { readonly kind: 'Person'; readonly act: PersonAct; readonly identity: number }
  /** Somebody who waits for the operator to do something, and then is faster than it. */
  | { readonly kind: 'Reaction'; readonly reaction: Reaction; readonly identity: number }
);

/** The same plan for the same seed. */
export const draw = (seed: number): Plan => {
  const random = streamOf(seed, 'plan');
  const replicas = chance(random, 0.3) ? 2 : 1;
  const more = streamOf(seed, 'stories');
  const drawn = Array.from({ length: chance(random, 0.25) ? 2 : 1 }, (_, index) => drawIdentity(random, more, index));
  const incidents = [...drawIncidents(random, replicas, drawn), ...storyOf(more, replicas, drawn)];
  // That a certificate has expired is told by the time of day, and nothing else tells it: a clock that is wrong is believed.
  const identities = incidents.some(({ kind }) => kind === 'StepWall') ? drawn.map((each) => ({ ...each, certified: 0 })) : drawn;
  return { seed, replicas, identities, incidents: incidents.sort((one, other) => one.at - other.at) };
};

const drawIdentity = (random: Random, more: Random, index: number): IdentityPlan => ({
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

/** Without the incidents of these indices. */
export const without = (plan: Plan, left: (index: number) => boolean): Plan => ({ ...plan, incidents: plan.incidents.filter((_, index) => left(index)) });
