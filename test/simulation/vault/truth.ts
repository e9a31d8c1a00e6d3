/**
 * What works at this very instant, told from the storage of the active node and from the database itself, and never from an answer. A
 * server that is sealed, or a database that is down, makes nothing stop: it will be back.
 */
import type { Core } from './core.ts';
import { aliasOf } from './identity.ts';
import { type Admission, wouldLogIn } from './logins.ts';
import type { Account } from './storage.ts';
import { isGood } from './tokens.ts';

export interface Working {
  readonly what: 'Login' | 'Token' | 'User' | 'SecretId' | 'Certificate';
  /** What the revoker calls the credential. */
  readonly credential: string;
  /** The UID of the ServiceAccount that has it. */
  readonly owner: string | undefined;
  /** Of a token that nobody can tell from others': it is said to be beyond proof. */
  readonly orphan?: true;
  /** Of a user in the database that Vault knows no lease of. */
  readonly forgotten?: true;
}

export interface Change extends Working {
  readonly works: boolean;
}

export interface Truth {
  /** Everything of one account, or of all. */
  readonly working: (owner?: string) => readonly Working[];
  /** Called at once, whenever something starts or stops to work. Returns what takes it back. */
  readonly onChange: (listener: (change: Change) => void) => () => void;
}

export interface TruthOptions extends Admission {
  readonly core: Pick<Core, 'store' | 'database' | 'now'>;
  /** Whoever may log in, while its role is there. */
  readonly accounts: () => readonly Account[];
}

export interface TruthKeeper extends Truth {
  /** Something was written: what it changed is told. */
  readonly look: () => void;
}

export const createTruth = (options: TruthOptions): TruthKeeper => {
  const listeners = new Set<(change: Change) => void>();
  let known: ReadonlyMap<string, Working> = new Map();
  const tell = (working: Working, works: boolean): void => {
    for (const listener of [...listeners]) listener({ ...working, works });
  };
  return {
    working: (owner) => [...read(options).values()].filter((each) => owner === undefined || each.owner === owner),
    onChange: (listener) => {
      if (listeners.size === 0) known = read(options);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    look: () => {
      if (listeners.size === 0) return;
      const before = known;
      known = read(options);
      for (const [key, working] of before) if (!known.has(key)) tell(working, false);
      for (const [key, working] of known) if (!before.has(key)) tell(working, true);
    },
  };
};

const read = ({ core, mounts, accounts, identity }: TruthOptions): ReadonlyMap<string, Working> => {
  const { storage } = core.store.active();
  const now = core.now();
  const all = new Map<string, Working>();
  const add = (key: string, working: Working): void => { all.set(key, working); };
  for (const token of storage.tokens.values()) {
    if (!isGood(token, storage.entities, now)) continue;
    const isOrphan = token.entityId === '';
    add(token.accessor, { what: 'Token', credential: `auth/token accessor ${token.accessor}`, owner: token.owner, ...(isOrphan && { orphan: true }) });
  }
  for (const { name, leaseId, owner } of core.database.users.values()) {
    add(name, { what: 'User', credential: leaseId, owner, ...(!storage.leases.has(leaseId) && { forgotten: true }) });
  }
  for (const [key, role] of storage.authRoles) {
    const slash = key.lastIndexOf('/');
    const [mountPath, roleName] = [key.slice(0, slash), key.slice(slash + 1)];
    for (const account of accounts()) {
      if (!wouldLogIn({ core, mounts, identity }, mountPath, roleName, account)) continue;
      const alias = aliasOf(account, role.aliasSource);
      add(`${mountPath} ${alias}`, { what: 'Login', credential: `auth/${mountPath} alias ${alias}`, owner: account.uid });
    }
  }
  for (const { accessor, role } of storage.secretIds.values()) {
    const of = storage.appRoles.get(role);
    if (of !== undefined) add(accessor, { what: 'SecretId', credential: `auth/${role.replace(/\/([^/]+)$/, '/role/$1')} secret id accessor ${accessor}`, owner: of.owner });
  }
  for (const { serial, revokedAt, owner } of storage.certificates.values()) {
    if (revokedAt === 0) add(serial, { what: 'Certificate', credential: `pki/cert/${serial}`, owner });
  }
  return all;
};
