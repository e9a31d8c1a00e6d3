/**
 * What a Vault keeps, and the order in which it was written: a standby applies the same writes a while later. Everything stored is
 * replaced and never changed, so that two copies may share it.
 */

export interface Account {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface Token {
  readonly id: string;
  readonly accessor: string;
  /** Empty where it belongs to no entity. */
  readonly entityId: string;
  readonly path: string;
  /** Null where nothing was ever said. */
  readonly meta: Readonly<Record<string, string>> | null;
  readonly policies: readonly string[];
  /** The accessor of the token that it was made with, and ends with. */
  readonly parent: string | undefined;
  readonly createdAt: number;
  /** Milliseconds of its whole life, or between two renewals. */
  readonly ttl: number;
  readonly expiresAt: number;
  readonly renewable: boolean;
  /** Whose it is in truth, which the server does not know of every token. */
  readonly owner: string | undefined;
}

export interface Lease {
  readonly id: string;
  /** Of the token that it was given to, and ends with. */
  readonly accessor: string;
  readonly user: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Its end was asked for. */
  readonly pending: boolean;
  /** Why the server has given up. */
  readonly revokeError: string | undefined;
}

export interface Alias {
  readonly id: string;
  readonly name: string;
  readonly mountAccessor: string;
  readonly mountPath: string;
  readonly metadata: Readonly<Record<string, string>> | null;
}

export interface Entity {
  readonly id: string;
  readonly name: string;
  readonly disabled: boolean;
  readonly aliases: readonly Alias[];
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Of a Kubernetes auth mount. */
export interface AuthRole {
  readonly names: readonly string[];
  readonly namespaces: readonly string[];
  readonly aliasSource: 'serviceaccount_uid' | 'serviceaccount_name';
  readonly policies: readonly string[];
  readonly ttl: number;
}

export interface AppRole {
  readonly roleId: string;
  readonly bindSecretId: boolean;
  readonly policies: readonly string[];
  readonly ttl: number;
  readonly owner: string | undefined;
}

export interface SecretId {
  readonly role: string;
  readonly id: string;
  readonly accessor: string;
}

export interface Certificate {
  readonly serial: string;
  readonly pem: string;
  /** Seconds since 1970; 0 while it is not revoked. */
  readonly revokedAt: number;
  readonly owner: string | undefined;
}

export interface Storage {
  readonly tokens: Map<string, Token>;
  /** Accessors by the token itself. */
  readonly accessors: Map<string, string>;
  readonly leases: Map<string, Lease>;
  readonly entities: Map<string, Entity>;
  /** The ids of entities by `<accessor of the mount> <name>`. */
  readonly aliases: Map<string, string>;
  readonly authRoles: Map<string, AuthRole>;
  readonly appRoles: Map<string, AppRole>;
  readonly secretIds: Map<string, SecretId>;
  readonly certificates: Map<string, Certificate>;
}

const emptyStorage = (): Storage => ({
  tokens: new Map(),
  accessors: new Map(),
  leases: new Map(),
  entities: new Map(),
  aliases: new Map(),
  authRoles: new Map(),
  appRoles: new Map(),
  secretIds: new Map(),
  certificates: new Map(),
});

const copyOf = (from: Storage): Storage => ({
  tokens: new Map(from.tokens),
  accessors: new Map(from.accessors),
  leases: new Map(from.leases),
  entities: new Map(from.entities),
  aliases: new Map(from.aliases),
  authRoles: new Map(from.authRoles),
  appRoles: new Map(from.appRoles),
  secretIds: new Map(from.secretIds),
  certificates: new Map(from.certificates),
});

export type Write = (storage: Storage) => void;

/** A state of the storage, and how far in the order of writes it is. */
export interface State {
  readonly storage: Storage;
  readonly index: number;
}

export interface Store {
  /** Of the active node. */
  readonly active: () => State;
  /** Of the standby: what was written so long ago or before. The active one where there is no standby. */
  readonly standby: () => State;
  /** Applied at once, and to the standby when it gets there. Must do the same whenever it is applied. */
  readonly write: (apply: Write) => void;
  /** A write that changes nothing of what is kept here. */
  readonly touch: () => void;
  /** From now on a standby is so many milliseconds behind; undefined: there is none. */
  readonly follow: (lag: number | undefined) => void;
  /** Everything is gone, on every node. */
  readonly lose: () => void;
}

interface Entry {
  readonly at: number;
  readonly index: number;
  readonly apply: Write | undefined;
}

interface Follower {
  readonly storage: Storage;
  index: number;
  readonly lag: number;
  readonly log: Entry[];
  next: number;
}

/** `changed` is called after each write. */
export const createStore = (now: () => number, changed: () => void): Store => {
  let storage = emptyStorage();
  let index = 1;
  let follower: Follower | undefined;
  const log = (apply: Write | undefined): void => {
    index += 1;
    follower?.log.push({ at: now(), index, apply });
  };
  const catchUp = (behind: Follower): void => {
    const until = now() - behind.lag;
    for (let entry = behind.log[behind.next]; entry !== undefined && entry.at <= until; entry = behind.log[behind.next]) {
      entry.apply?.(behind.storage);
      behind.index = entry.index;
      behind.next += 1;
    }
  };
  return {
    active: () => ({ storage, index }),
    standby: () => {
      if (follower === undefined) return { storage, index };
      catchUp(follower);
      return follower;
    },
    write: (apply) => {
      apply(storage);
      log(apply);
      changed();
    },
    touch: () => { log(undefined); },
    follow: (lag) => {
      follower = lag === undefined ? undefined : { storage: copyOf(storage), index, lag, log: [], next: 0 };
    },
    lose: () => {
      storage = emptyStorage();
      if (follower !== undefined) follower = { storage: emptyStorage(), index, lag: follower.lag, log: [], next: 0 };
      changed();
    },
  };
};
