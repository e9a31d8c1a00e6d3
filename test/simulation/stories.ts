/**
 * Troubles that only lie together. What is drawn one by one seldom meets: somebody who changes a binding within the millisecond between a
 * read and a write, a right that is lost while a proxy answers in place of the server, a waiver for what is stuck. Each story is a few
 * incidents about one identity, at the moments at which they hurt.
 */
import type { Random } from '../../src/runtime/random.ts';
import { between, chance, pick } from './engine/random.ts';
import type { IdentityPlan, Incident, Moment, PersonAct, Reaction, ServerName, WireFaultName } from './plan.ts';

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
/** Its time counts from that moment of the run. */
const since = ({ index }: Cast, moment: Moment, ...incidents: readonly Incident[]): readonly Incident[] => incidents.map((incident) => ({ ...incident, since: { moment, identity: index } }));
/** All that is asked about one thing is answered by something else. */
const inPlaceOf = (server: ServerName, path: string, fault: WireFaultName, at: number, lasts: number, calls: 'Reads' | 'Writes' | 'All' = 'All'): Incident => ({ at, kind: 'Wire', server, fault, calls, share: 1, path, for: lasts });

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

/** What is told of one thing is not the server's word, while its end was asked for and does not come. */
const misledInCluster: Story = (cast) => {
  const { identity: { name }, random } = cast;
  const lasts = between(random, 25_000, 45_000);
  const [right, path] = pick(random, [
    ['No delete serviceaccounts', `/serviceaccounts/${name}$`], ['No delete serviceaccounts', `/serviceaccounts/${name}$`], ['No delete rolebindings', `/rolebindings/${name}-edit$`], ['No delete secrets', `/secrets/${name}-token$`],
  ] as const);
  const fault = pick(random, ['NotFoundPage', 'NotFound', 'Forbidden', 'HtmlPage', 'BadRequest'] as const);
  return since(cast, 'Announced', knob('apiserver-a', right, 0, lasts), inPlaceOf('apiserver-a', path, fault, 0, lasts, 'Reads'));
};

const misledInVault: Story = (cast) => {
  const { random } = cast;
  const lasts = between(random, 25_000, 45_000);
  const path = pick(random, ['sys/leases/lookup', 'sys/leases/lookup', 'auth/token/lookup-accessor'] as const);
  const blind = chance(random, 0.4) ? knob('vault', `No ${path}`, 0, lasts) : inPlaceOf('vault', `/${path}$`, pick(random, ['BadRequest', 'Forbidden', 'NotFound', 'NotFoundPage'] as const), 0, lasts);
  return since(cast, 'Announced', knob('vault', 'LeasesStay', 0, lasts), knob('vault', chance(random, 0.8) ? 'TokensStay' : 'LateTokens', 0, lasts), blind);
};

const misledInGoogle: Story = (cast) => {
  const { random } = cast;
  const lasts = between(random, 25_000, 45_000);
  const path = pick(random, ['[Ii]am', '/serviceAccounts/\\d+(\\?|$)', '/keys/'] as const);
  return since(cast, 'Announced', knob('google', 'AllSwallowed', 0, lasts), inPlaceOf('google', path, pick(random, ['NotFound', 'NotFound', 'Forbidden', 'NotFoundPage'] as const), 500, lasts));
};

/** Something in front of the nodes of a Vault has one of them answer some of what is asked, and that one is far behind. */
const balanced: Story = (cast) => {
  const { identity: { at }, random } = cast;
  return [
    knob('vault', pick(random, ['Balanced', 'ListsFromStandby'] as const), between(random, 100, 1_000), between(random, 45_000, 70_000)),
    ...[between(random, 50, 600), -between(random, 0, 20)].map((before) => person(cast, 'AskForMore', at - before)),
  ];
};

/** Somebody is given a role each time that the operator has read who has one. */
const grantedWhileRead: Story = (cast) => since(cast, 'Announced', reaction(cast, 'GrantWhileRead'));

/** What is given to it while the lock does not stand yet, and after the first look, is not shown by any watch; and lists come in parts. */
const givenUnseen: Story = (cast) => {
  const { random } = cast;
  return [
    ...(['apiserver-a', 'apiserver-b'] as const).map((server) => knob(server, 'LateLock', 500, 15_000)),
    ...since(cast, 'Started', knob('apiserver-a', 'SilentBindingWatches', 0, 1_000), ...[0, 40, 400, 1_500].map((at) => person(cast, chance(random, 0.7) ? 'BindMore' : 'BindAgain', at + between(random, 0, 30)))),
    ...(chance(random, 0.5) ? since(cast, 'Announced', knob('apiserver-a', 'SmallPages', 4_000, 30_000)) : []),
  ];
};

/** A person decides otherwise between the operator's last look and its word that it begins. */
const otherwise: Story = (cast) => {
  const { random } = cast;
  return [
    knob('apiserver-a', 'LateWatches', 500, 40_000),
    ...since(cast, 'Started', person(cast, pick(random, ['Suspend', 'Suspend', 'Cancel'] as const), between(random, 0, 40)), person(cast, 'Resume', between(random, 15_000, 30_000))),
  ];
};

/** What nobody but a person can end is given up for a while, and is there when that is over. */
const givenUpForAWhile: Story = (cast) => {
  const { identity: { at, vault, google }, random } = cast;
  const waive = since(cast, 'Announced', person(cast, 'Waive', between(random, 14_000, 26_000)));
  if (vault) return [...since(cast, 'Announced', knob('vault', 'UsersStay', 0, 1_000)), ...waive];
  return google ? [] : [person(cast, 'HoldAccount', at - 600), ...waive];
};

/** The process dies while an absence is under way, and another one takes it up. */
const killedWhileItSettles: Story = (cast) => since(cast, 'Announced', { at: between(cast.random, 2_000, 20_000), kind: 'Kill', replica: 0, for: between(cast.random, 0, 3_000) });

/** Who asks for an end is told to come back later, for as long as it lasts. */
const busyForEnds: Story = (cast) => {
  const { identity: { vault }, random } = cast;
  const [server, path] = vault ? (['vault', '/revoke'] as const) : (['apiserver-a', '/(serviceaccounts|secrets|rolebindings|clusterrolebindings)/'] as const);
  return since(cast, 'Announced', inPlaceOf(server, path, 'TooManyRequests', 0, between(random, 8_000, 20_000), 'Writes'));
};

/** What it wants to be remembered arrives after it has given up and said something else, or never; or it is told to come back much later. */
const lateStatus: Story = (cast) => {
  const { random } = cast;
  const moment = pick(random, ['Started', 'Locked', 'Announced'] as const);
  const fault = pick(random, ['Slow', 'Slow', 'TooManyRequests', 'Unavailable', 'Stalled', 'LostAfter'] as const);
  return since(cast, moment, inPlaceOf('apiserver-a', '/offboardings/[^/]+/status', fault, 0, between(random, 8_000, 25_000), 'Writes'));
};

/** What came in between is told by the watches, and cannot be read. */
const damagedWatches: Story = (cast) => {
  const { identity: { at }, random } = cast;
  return [
    inPlaceOf('apiserver-a', 'watch=true', pick(random, ['Truncated', 'Nonsense'] as const), at - between(random, 0, 1_500), between(random, 8_000, 30_000), 'Reads'),
    person(cast, pick(random, ['BindAgain', 'Suspend', 'Cancel'] as const), at + between(random, 0, 6_000)),
    person(cast, 'Resume', at + between(random, 15_000, 40_000)),
  ];
};

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
  killedAtTheWorst, killedAtTheWorst, smallPages,
  misledInCluster, misledInCluster, givenUnseen, givenUnseen, otherwise, otherwise, givenUpForAWhile, busyForEnds, killedWhileItSettles, killedWhileItSettles, races, races, races, held, held, lateStatus, lateStatus, damagedWatches,
];

const isTold = 0.8;

/** One story in most runs, about one of its identities. */
export const storyOf = (random: Random, replicas: number, identities: readonly IdentityPlan[]): readonly Incident[] => {
  const index = Math.floor(random() * identities.length);
  const identity = identities[index];
  if (identity === undefined || !chance(random, isTold)) return [];
  const cast: Cast = { identity, index, replicas, random };
  if (replicas > 1 && chance(random, 0.25)) return frozenLeader(cast);
  if (identity.google && chance(random, 0.4)) return pick(random, [blindInGoogle, blindInGoogle, lateIssuer, misledInGoogle, misledInGoogle, grantedWhileRead])(cast);
  if (identity.vault && identity.idle && chance(random, 0.6)) return balanced(cast);
  if (identity.vault && chance(random, 0.5)) return pick(random, [blindInVault, blindInVault, blindInVault, stuckAndWaived, lateIssuer, misledInVault, misledInVault, balanced, balanced, givenUpForAWhile, busyForEnds])(cast);
  return pick(random, always)(cast);
};

/** After the end nothing keeps the name away for a while, and somebody makes use of that. */
const comesBack: Story = (cast) => {
  const { random } = cast;
  const act = pick(random, ['RecreateAccount', 'BindAgain', 'BindMore'] as const);
  return chance(random, 0.7)
    ? since(cast, 'Ended', person(cast, 'BreakPolicy', between(random, 0, 2_000)), person(cast, act, between(random, 4_000, 15_000)))
    : since(cast, 'Ended', person(cast, 'TakeLockOff', 1_000), ...[2, 12, 20].map((later) => person(cast, act, 1_000 + later)));
};

const comesBackIn = 0.06;

/** Beside any other story. */
export const sequelOf = (random: Random, replicas: number, identities: readonly IdentityPlan[]): readonly Incident[] => {
  const [identity] = identities;
  return identity !== undefined && chance(random, comesBackIn) ? comesBack({ identity, index: 0, replicas, random }) : [];
};
