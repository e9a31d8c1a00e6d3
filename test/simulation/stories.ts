/**
 * Troubles that only lie together. What is drawn one by one seldom meets: somebody who changes a binding within the millisecond between a
 * read and a write, a right that is lost while a proxy answers in place of the server, a waiver for what is stuck. Each story is a few
 * incidents about one identity, at the moments at which they hurt.
 */
import type { Random } from '../../src/runtime/random.ts';
import { between, chance, pick } from './engine/random.ts';
import type { IdentityPlan, Incident, PersonAct, Reaction, ServerName, WireFaultName } from './plan.ts';

interface Cast {
  readonly identity: IdentityPlan;
  /** Its place in the plan. */
  readonly index: number;
  readonly replicas: number;
  readonly random: Random;
}

type Story = (cast: Cast) => readonly Incident[];

const wire = (server: ServerName, fault: WireFaultName, at: number, lasts: number, calls: 'Reads' | 'Writes' | 'All' = 'Reads', share = 0.6): Incident => ({ at, kind: 'Wire', server, fault, calls, share, for: lasts });
const knob = (server: ServerName, name: string, at: number, lasts: number): Incident => ({ at, kind: 'Knob', server, knob: name, for: lasts });
const person = ({ index }: Cast, act: PersonAct, at: number): Incident => ({ at, kind: 'Person', act, identity: index });
const reaction = ({ index }: Cast, how: Reaction): Incident => ({ at: 0, kind: 'Reaction', reaction: how, identity: index });

/** What cannot be ended is asked about, and something else answers. */
const blindAndHelpless: Story = ({ identity: { at }, random }) => {
  const [begin, lasts] = [at - 500, between(random, 20_000, 40_000)];
  const right = pick(random, ['No delete serviceaccounts', 'No delete rolebindings', 'No delete secrets'] as const);
  const fault = pick(random, ['NotFoundPage', 'Forbidden', 'InternalError', 'BadGateway'] as const);
  return [knob('apiserver-a', right, begin, lasts), chance(random, 0.4) ? knob('apiserver-a', 'No get serviceaccounts', begin, lasts) : wire('apiserver-a', fault, at + 1_000, lasts)];
};

const blindInVault: Story = ({ identity: { at }, random }) => {
  const lasts = between(random, 20_000, 40_000);
  const fault = pick(random, ['BadRequest', 'Forbidden', 'NotFoundPage', 'InternalError', 'BrokenBefore'] as const);
  return [
    knob('vault', pick(random, ['LeasesStay', 'TokensStay', 'LateLeases', 'LateTokens', 'LateAndFails', 'GivesUp'] as const), at - 500, lasts),
    chance(random, 0.4) ? knob('vault', pick(random, ['No auth/token/lookup-accessor', 'No sys/leases/lookup', 'Standby'] as const), at + 3_000, lasts) : wire('vault', fault, at + 3_000, lasts, 'All', 0.5),
  ];
};

const blindInGoogle: Story = ({ identity: { at }, random }) => [
  knob('google', pick(random, ['Swallowed', 'Queued', 'Refused', 'Meddled'] as const), at - 500, 30_000),
  knob('google', pick(random, ['NoRights', 'NotFound', 'Meddled'] as const), at + between(random, 500, 12_000), 30_000),
];

/** What is stuck is given up for a while, and is not gone when the waiver is over. */
const stuckAndWaived: Story = (cast) => {
  const { identity: { at }, random } = cast;
  const alsoStuck = chance(random, 0.5) ? [knob('apiserver-a', 'No delete serviceaccounts', at - 500, 80_000)] : [];
  return [knob('vault', pick(random, ['DatabaseRefuses', 'GivesUp', 'No sys/leases/revoke'] as const), at - 500, 80_000), person(cast, 'Waive', at + between(random, 3_000, 15_000)), ...alsoStuck];
};

const frozenLeader: Story = ({ identity: { at }, replicas, random }) =>
  Array.from({ length: replicas }, (_, replica): Incident => ({ at: at + replica * 40_000 + between(random, 0, 2_500), kind: 'Freeze', replica, for: between(random, 16_000, 30_000) }));

/** A clock is put right while everything settles. */
const clockPutRight: Story = ({ identity: { at }, replicas, random }) => {
  const when = at + between(random, 1_500, 12_000);
  return Array.from({ length: replicas }, (_, replica): Incident => ({ at: when, kind: 'StepWall', replica, by: pick(random, [20_000, 60_000, 3_600_000]) }));
};

/** Its end cannot be recorded for now. */
const noPaper: Story = ({ identity: { at }, random }) => [knob('apiserver-a', 'No create offboardingrecords', at + between(random, 2_000, 14_000), 30_000)];

const busy: Story = ({ identity: { at, vault }, random }) => [wire(vault && chance(random, 0.5) ? 'vault' : 'apiserver-a', 'TooManyRequests', at - between(random, 0, 800), between(random, 6_000, 14_000), 'Writes', 0.5)];

const meddling: Story = (cast) => {
  const { identity: { at, soak }, random } = cast;
  const when = at + soak * 1_000 + between(random, 100, 6_000);
  return [person(cast, pick(random, ['Cancel', 'Suspend', 'Delete', 'SecondRun', 'ShareBinding', 'BindAgain'] as const), when), person(cast, 'Resume', when + between(random, 10_000, 30_000))];
};

/** A failing run is deleted. */
const deletedInDespair: Story = (cast) => {
  const { identity: { at }, random } = cast;
  return [knob('apiserver-a', pick(random, ['No delete rolebindings', 'No delete serviceaccounts', 'No patch rolebindings'] as const), at - 500, 40_000), person(cast, 'Delete', at + between(random, 2_000, 12_000))];
};

const lockTakenOff: Story = (cast) => {
  const { identity: { at }, random } = cast;
  // Its end cannot be recorded meanwhile, so that it stays under way, and has to say what it knows of the lock.
  return [person(cast, pick(random, ['TakeLockOff', 'BreakPolicy'] as const), at + between(random, 1_500, 8_000)), knob('apiserver-a', 'No create offboardingrecords', at + 1_000, 60_000)];
};

/** The locks take effect late, and somebody makes use of that. */
const lateLock: Story = (cast) => {
  const { identity: { at }, random } = cast;
  return [knob('apiserver-b', 'LateLock', at - 2_000, 20_000), knob('apiserver-a', 'LateLock', at - 2_000, 20_000), ...[300, 800, 1_600].map((later) => person(cast, pick(random, ['MakeToken', 'BindAgain', 'RecreateAccount'] as const), at + later))];
};

/** What came in between is not shown by any watch. */
const lateWatches: Story = (cast) => {
  const { identity: { at }, random } = cast;
  return [knob('apiserver-a', pick(random, ['VeryLateWatches', 'LateWatches', 'SilentWatches'] as const), at - 1_500, 40_000), person(cast, 'BindAgain', at - between(random, 50, 900)), knob('apiserver-a', 'No list rolebindings', at + between(random, 8_000, 16_000), 20_000)];
};

const killedAtTheWorst: Story = ({ identity: { at, soak }, replicas, random }) =>
  Array.from({ length: replicas }, (_, replica): Incident => ({ at: at + soak * 1_000, kind: 'KillAtRequest', replica, nth: 8 + Math.floor(random() * 40), when: chance(random, 0.7) ? 'Sent' : 'Answered', for: between(random, 200, 4_000) }));

const smallPages: Story = () => [knob('apiserver-a', 'SmallPages', 0, 40_000)];

/** Who lets the identity in elsewhere ends last. */
const lateIssuer: Story = ({ identity: { at }, random }) => [knob('apiserver-a', 'No delete serviceaccounts', at - 500, between(random, 35_000, 50_000))];

/** It was told to go, and somebody's finalizer keeps it. */
const held: Story = (cast) => [person(cast, 'HoldAccount', cast.identity.at - 600), person(cast, 'LetGoOfAccount', cast.identity.at + between(cast.random, 20_000, 40_000))];

const races: Story = (cast) => {
  const how = pick(cast.random, ['ShareAtTheLastMoment', 'AddWhileRead', 'RebornAfterDelete'] as const);
  return [...(how === 'ShareAtTheLastMoment' ? [knob('apiserver-a', 'LateWatches', cast.identity.at - 1_000, 20_000)] : []), reaction(cast, how)];
};

const always: readonly [Story, ...Story[]] = [
  blindAndHelpless, blindAndHelpless, blindAndHelpless, clockPutRight, clockPutRight, noPaper, busy, busy, meddling, meddling, deletedInDespair, lockTakenOff, lockTakenOff, lateLock, lateLock, lateWatches, lateWatches,
  killedAtTheWorst, killedAtTheWorst, smallPages, races, races, races, held, held,
];

const isTold = 0.8;

/** One story in most runs, about one of its identities. */
export const storyOf = (random: Random, replicas: number, identities: readonly IdentityPlan[]): readonly Incident[] => {
  const index = Math.floor(random() * identities.length);
  const identity = identities[index];
  if (identity === undefined || !chance(random, isTold)) return [];
  const cast: Cast = { identity, index, replicas, random };
  if (replicas > 1 && chance(random, 0.25)) return frozenLeader(cast);
  if (identity.google && chance(random, 0.4)) return pick(random, [blindInGoogle, blindInGoogle, lateIssuer])(cast);
  if (identity.vault && chance(random, 0.5)) return pick(random, [blindInVault, blindInVault, blindInVault, stuckAndWaived, lateIssuer])(cast);
  return pick(random, always)(cast);
};
