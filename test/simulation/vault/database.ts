/** The database behind the leases. It knows nothing of Vault: who is in it can get in. */

export interface DatabaseUser {
  readonly name: string;
  readonly password: string;
  /** Under which it was made; Vault may have forgotten it since. */
  readonly leaseId: string;
  readonly owner: string | undefined;
}

/** `refuses`: nothing is dropped, such as for the rights that the connection has lost. */
export type DatabaseState = 'up' | 'down' | 'refuses';

export interface Database {
  readonly users: ReadonlyMap<string, DatabaseUser>;
  readonly state: () => DatabaseState;
  readonly turn: (state: DatabaseState) => void;
  /** The user owns something from now on, so that it cannot be dropped. */
  readonly stick: (user: string) => void;
  readonly unstick: (user: string) => void;
  readonly isStuck: (user: string) => boolean;
  /** Undefined when it was made; else what the database says. */
  readonly create: (user: DatabaseUser) => string | undefined;
  /** Undefined when it is not there any more; else what the database says. */
  readonly drop: (user: string) => string | undefined;
}

const unreachable = 'failed to connect to `host=database.sim user=vault database=postgres`: dial error (dial tcp: connect: connection refused)';

export const createDatabase = (changed: () => void): Database => {
  const users = new Map<string, DatabaseUser>();
  const owning = new Set<string>();
  let state: DatabaseState = 'up';
  return {
    users,
    state: () => state,
    turn: (next) => { state = next; },
    stick: (user) => { owning.add(user); },
    unstick: (user) => { owning.delete(user); },
    isStuck: (user) => owning.has(user),
    create: (user) => {
      if (state === 'down') return unreachable;
      if (state === 'refuses') return 'ERROR: permission denied to create role (SQLSTATE 42501)';
      users.set(user.name, user);
      changed();
      return undefined;
    },
    drop: (user) => {
      if (state === 'down') return unreachable;
      if (!users.has(user)) return undefined;
      if (state === 'refuses') return 'ERROR: permission denied to drop role (SQLSTATE 42501)';
      if (owning.has(user)) return `ERROR: role "${user}" cannot be dropped because some objects depend on it (SQLSTATE 2BP01)`;
      users.delete(user);
      changed();
      return undefined;
    },
  };
};
