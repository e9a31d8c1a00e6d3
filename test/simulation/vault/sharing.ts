/** What an identity has in common with a neighbour, so that a person must take it apart before the operator can end it. */
import { reasons } from '../../../src/api/v1alpha1/conditions.ts';
import { keyOf, neighbour } from '../people.ts';
import type { IdentityPlan } from '../plan.ts';
import type { Person } from '../realm.ts';
import type { VaultServer } from './server.ts';
import type { Account, Token } from './storage.ts';

export interface Sharing {
  readonly begin: (identity: Person, plan: Pick<IdentityPlan, 'sharedRole' | 'sharedLeases' | 'sharedEntity'>) => void;
  /** A person takes apart what they have in common. */
  readonly end: (identity: Person) => void;
  /** Until when what a run says of it is so. */
  readonly until: Readonly<Record<string, (identity: Person) => number>>;
}

export interface SharingOptions {
  readonly vault: VaultServer;
  readonly now: () => number;
  readonly accountOf: (person: Person) => Account | undefined;
  readonly jwtOfNeighbour: () => string;
  /** Says that nobody else has leases under its prefix any more. */
  readonly declareOwn: (identity: Person) => void;
}

/** Longer than any run. */
const aDay = 86_400_000;

const roleOf = ({ namespace, name }: Person): string => `${namespace}-${name}`;
const prefixOf = (identity: Person): string => `database/creds/${roleOf(identity)}`;

export const createSharing = ({ vault: { people }, now, accountOf, jwtOfNeighbour, declareOwn }: SharingOptions): Sharing => {
  /** Until when each identity has each in common. */
  const ends = new Map<string, number>();
  /** As they were when it began: an account that is gone has left its part. */
  const accounts = new Map<string, Account>();
  const share = (identity: Person, reason: string): void => { ends.set(`${reason} ${keyOf(identity)}`, Infinity); };
  const untilWhen = (reason: string) => (identity: Person): number => ends.get(`${reason} ${keyOf(identity)}`) ?? -Infinity;
  const part = (identity: Person, reason: string): boolean => {
    if (untilWhen(reason)(identity) !== Infinity) return false;
    ends.set(`${reason} ${keyOf(identity)}`, now());
    return true;
  };
  const loginBy = (role: string): Token | undefined => people.login(jwtOfNeighbour(), role);

  return {
    begin: (identity, { sharedRole, sharedLeases, sharedEntity }) => {
      const [account, other] = [accountOf(identity), accountOf(neighbour)];
      if (account === undefined || other === undefined) return;
      accounts.set(keyOf(identity), account);
      if (sharedRole) {
        share(identity, reasons.sharedRole);
        loginBy(roleOf(identity));
      }
      if (sharedLeases) {
        share(identity, reasons.sharedLeasePath);
        const also = `also-${roleOf(identity)}`;
        people.addAgent(other, also, { policies: [roleOf(identity)], tokenTtl: aDay });
        const token = loginBy(also);
        if (token !== undefined) people.lease(token, roleOf(identity), aDay);
      }
      if (sharedEntity) {
        const { roleId, secretId } = people.addAppRole(`also-${roleOf(identity)}`, other);
        if (people.join(account, roleId)) share(identity, reasons.sharedEntity);
        people.loginByAppRole(roleId, secretId().id);
      }
    },
    end: (identity) => {
      const [account, other] = [accounts.get(keyOf(identity)), accountOf(neighbour)];
      if (part(identity, reasons.sharedRole)) people.letIn(roleOf(identity), [identity.name]);
      if (part(identity, reasons.sharedLeasePath) && other !== undefined) {
        people.endLeases(other, prefixOf(identity));
        declareOwn(identity);
      }
      if (part(identity, reasons.sharedEntity) && account !== undefined) people.partFrom(account);
    },
    until: Object.fromEntries([reasons.sharedRole, reasons.sharedLeasePath, reasons.sharedEntity].map((reason) => [reason, untilWhen(reason)])),
  };
};
