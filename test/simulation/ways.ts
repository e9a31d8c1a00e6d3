/** The life of every way in: when it began to work, and when it ended at its source. This is what all claims are held against. */
import type { CredentialStatus } from '../../src/api/v1alpha1/index.ts';
import type { Person, Realm, Way } from './realm.ts';

export interface Life extends Way {
  readonly bornAt: number;
  /** Undefined while it works, other than by a cache. */
  diedAt: number | undefined;
}

/** One that took the name of another is another. */
export const isOf = ({ id, uid }: Pick<CredentialStatus, 'id' | 'uid'>, life: Life): boolean => life.credential === id && (uid === undefined || life.uid === undefined || life.uid === uid);

export interface Ways {
  /** Of one identity in one system, all that ever were. */
  readonly of: (identity: Person, realm: Realm) => readonly Life[];
  /** Looks now; told are those that began to work since the last look. */
  readonly look: () => void;
  readonly onBorn: (listener: (identity: Person, realm: Realm, way: Way) => void) => void;
}

export const createWays = (now: () => number, realms: readonly Realm[], identities: readonly Person[]): Ways => {
  const lives = new Map(realms.map((realm) => [realm, new Map(identities.map((identity) => [identity, new Map<string, Life>()]))]));
  let born: (identity: Person, realm: Realm, way: Way) => void = () => undefined;
  const lookAt = (realm: Realm): void => {
    for (const identity of identities) {
      const known = lives.get(realm)?.get(identity) ?? new Map<string, Life>();
      const alive = new Set<string>();
      for (const way of realm.waysIn(identity)) {
        if (!way.atSource) continue;
        alive.add(way.id);
        const life = known.get(way.id);
        if (life !== undefined && life.diedAt === undefined) continue;
        known.set(way.id, { ...way, bornAt: now(), diedAt: undefined });
        born(identity, realm, way);
      }
      for (const life of known.values()) if (!alive.has(life.id)) life.diedAt ??= now();
    }
  };
  const ways: Ways = {
    of: (identity, realm) => [...(lives.get(realm)?.get(identity)?.values() ?? [])],
    look: () => {
      for (const realm of realms) lookAt(realm);
    },
    onBorn: (listener) => {
      born = listener;
    },
  };
  for (const realm of realms) realm.onChange(() => { lookAt(realm); });
  return ways;
};
