/** What may be wrong with the server, each as a real one can be. */
import type { Acceptance, Ending } from './core.ts';
import type { DatabaseState } from './database.ts';
import type { Reach } from './handle.ts';
import type { People } from './people.ts';
import type { Parts } from './state.ts';
import type { Token } from './storage.ts';

export interface Knobs {
  readonly seal: () => void;
  readonly unseal: () => void;
  /**
   * From now on everybody is answered by a standby that is so many milliseconds behind; undefined: by the active node again. One that
   * does not heed how far it must be tells what it has all the same. With `which`, only what is asked for by such a path: as something in
   * between has it that spreads requests over the nodes by their path.
   */
  readonly standby: (lag: number | undefined, heedsIndex?: boolean, which?: (path: string) => boolean) => void;
  /**
   * Everything is lost but the database, and another cluster begins, set up with the same mounts and roles. Returns the operator's new
   * token: of the same text as the old one, if that is told.
   */
  readonly loseStorage: (sameToken?: Token) => Token;
  /** How ends of this kind are taken from now on. */
  readonly accept: (what: Ending, acceptance: Acceptance) => void;
  readonly database: (state: DatabaseState) => void;
  /** The database drops this user no more, until it does again. */
  readonly stick: (user: string) => void;
  readonly unstick: (user: string) => void;
  /** The same of the user behind a lease. */
  readonly stickBehind: (leaseId: string) => void;
  readonly unstickBehind: (leaseId: string) => void;
  readonly isStuckBehind: (leaseId: string) => boolean;
  /** The lease is irrevocable, as after six refusals in ten minutes. */
  readonly giveUpOn: (leaseId: string) => void;
  /** Takes a path, as the policy names it, out of the operator's rights; all of them unless told. */
  readonly withdraw: (path?: string) => void;
  readonly giveBack: () => void;
  readonly revokeOperatorToken: (token: Token) => void;
  /** An accessor that leads to no token, as a crash leaves one behind. */
  readonly leaveDangling: () => void;
}

export const createKnobs = ({ core, leases, policies, mounts, tokens }: Parts, people: People, reach: (change: Partial<Reach>) => void, look: () => void): Knobs => ({
  seal: core.seal,
  unseal: core.unseal,
  standby: (lag, heedsIndex = true, which = () => true) => {
    core.store.follow(lag);
    reach({ throughStandby: lag === undefined ? () => false : which, heedsIndex });
  },
  loseStorage: (sameToken) => {
    core.loseStorage();
    policies.clear();
    mounts.clear();
    people.setUp();
    look();
    return people.operatorToken(sameToken?.id);
  },
  accept: core.accept,
  database: core.database.turn,
  stick: core.database.stick,
  unstick: core.database.unstick,
  stickBehind: (leaseId) => { for (const user of usersBehind(core, leaseId)) core.database.stick(user); },
  unstickBehind: (leaseId) => { for (const user of usersBehind(core, leaseId)) core.database.unstick(user); },
  isStuckBehind: (leaseId) => usersBehind(core, leaseId).some(core.database.isStuck),
  giveUpOn: (leaseId) => { leases.giveUp(leaseId, 'failed to revoke entry: resp: (*logical.Response)(nil) err: marked by a person'); },
  withdraw: people.operatorPolicies.withdraw,
  giveBack: people.operatorPolicies.giveBack,
  revokeOperatorToken: ({ accessor }) => { tokens.end(accessor); },
  leaveDangling: core.leaveDangling,
});

const usersBehind = ({ database }: Parts['core'], leaseId: string): readonly string[] => [...database.users.values()].flatMap((user) => (user.leaseId === leaseId ? [user.name] : []));
