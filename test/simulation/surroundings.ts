/** What surrounds a run and is drawn beside all else, from a chance of its own: what is drawn here moves nothing that is drawn elsewhere. */
import type { Random } from '../../src/runtime/random.ts';
import { between, chance, pick } from './engine/random.ts';
import type { IdentityPlan, Incident, Moment, PersonAct, ServerName, Setting } from './plan.ts';
import { calmAt, ownersActs } from './plan.ts';

/** What one identity has, or is, beside what every other may have. */
export type Surroundings = Pick<
  IdentityPlan,
  'deletesAccount' | 'namesake' | 'crowd' | 'asUser' | 'sharedRole' | 'sharedLeases' | 'sharedEntity' | 'sharedAccount' | 'appRole' | 'certificate' | 'hmacKey' | 'conditional'
>;

export const surroundingsOf = (random: Random): Surroundings => ({
  deletesAccount: chance(random, 0.4),
  namesake: chance(random, 0.3),
  crowd: chance(random, 0.3),
  asUser: chance(random, 0.15),
  sharedRole: chance(random, 0.06),
  // By itself: what others have under the prefix goes and comes with what is drawn beside it (simulation.test.ts plays it alone).
  sharedLeases: chance(random, 0),
  sharedEntity: chance(random, 0.06),
  sharedAccount: chance(random, 0.1),
  appRole: chance(random, 0.2),
  certificate: chance(random, 0.2),
  hmacKey: chance(random, 0.3),
  conditional: chance(random, 0.3),
});

export const settingOf = (random: Random): Setting => ({
  unstamped: chance(random, 0.15),
  inMemory: chance(random, 0.15),
  searched: chance(random, 0.3),
});

interface Scene {
  readonly identity: IdentityPlan;
  /** Its place in the plan. */
  readonly index: number;
  readonly random: Random;
}

const person = ({ index }: Pick<Scene, 'index'>, act: PersonAct, at: number, moment?: Moment): Incident => ({
  at, kind: 'Person', act, identity: index, ...(moment !== undefined && { since: { moment, identity: index } }),
});

/** Milliseconds: less than the shortest settle time. */
const shortWhile = 9_000;

/** Something in between passes on a part of each list as if it were all. */
const shortLists = ({ identity: { at, vault, google }, random }: Scene): readonly Incident[] => {
  const server = pick<ServerName>(random, ['apiserver-a', ...(vault ? (['vault', 'vault'] as const) : []), ...(google ? (['google', 'google'] as const) : [])]);
  // Of what the operator itself goes by, a part would be for ever: a watch that begins with it is not asked again.
  const path = server === 'apiserver-a' ? { path: '/(rolebindings|clusterrolebindings|secrets)\\?' } : {};
  return [{ at: at + between(random, -2_000, 30_000), kind: 'Wire', server, fault: 'ShortLists', calls: 'Reads', share: pick(random, [0.5, 1]), ...path, for: between(random, 500, shortWhile) }];
};

/** People delete, bring back, replace and enable the account in Google Cloud, before, while and after the operator does its part. */
const accountsInGoogle = (scene: Scene): readonly Incident[] => {
  const { random } = scene;
  const moment = pick(random, ['Started', 'Locked', 'Announced', 'Announced'] as const);
  const first = between(random, 0, 20_000);
  const undelete = person(scene, 'UndeleteAccount', first + between(random, 0, 40_000), moment);
  const before = pick(random, ['DeleteGoogleAccount', 'EnableGoogleAccount', undefined, undefined, undefined, undefined] as const);
  return before === undefined ? [undelete] : [person(scene, before, first, moment), undelete];
};

/** A person takes apart what it has in common with a neighbour. */
const unshared = (scene: Scene): readonly Incident[] => [person(scene, 'Unshare', between(scene.random, 0, 60_000))];

/** People change what the operator lives by, and put it back. */
const owners = (scene: Scene): readonly Incident[] => {
  const moment = pick(scene.random, ['Started', 'Locked', 'Announced', undefined] as const);
  return [person(scene, pick(scene.random, ownersActs), between(scene.random, 0, moment === undefined ? 40_000 : 20_000), moment)];
};

/** What happens beside the story of a run. */
export const happeningsOf = (random: Random, identities: readonly IdentityPlan[]): readonly Incident[] =>
  identities.flatMap((identity, index) => {
    const scene: Scene = { identity, index, random };
    return [
      ...(chance(random, 0.08) ? shortLists(scene) : []),
      ...(chance(random, 0.35) && identity.google ? accountsInGoogle(scene) : []),
      ...(chance(random, 0.6) && (identity.sharedRole || identity.sharedLeases || identity.sharedEntity) ? unshared(scene) : []),
      ...(chance(random, 0.12) ? owners(scene) : []),
    ].filter(({ at, since }) => since !== undefined || at < calmAt);
  });
