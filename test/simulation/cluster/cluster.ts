/**
 * The simulated Kubernetes: some API servers over one store. What is stored is the truth of the simulation; what a server knows of it in
 * its watches, its memory of tokens and its view of the lock may be late, as with the real ones.
 */
import type { KubeObject, ResourceAttributes } from '../../../src/kube/objects.ts';
import { clusterRoles, type Resource, roles } from '../../../src/kube/resources.ts';
import type { Random } from '../../../src/runtime/random.ts';
import type { Scheduler } from '../engine/scheduler.ts';
import type { WireServer } from '../engine/wire.ts';
import { type Controllers, createControllers } from './controllers.ts';
import { errorOf, type Failure, isFailure, notFound } from './failure.ts';
import { type Kind, kindFor } from './kinds.ts';
import { createLockView, type LockView } from './lock.ts';
import { type Grant, grantsTo, groupsOf, meets, type Right, type User, userOf } from './rbac.ts';
import { createReads } from './reads.ts';
import { createAuthorize, requestToken } from './reviews.ts';
import { seed } from './seeds.ts';
import { createServer } from './server.ts';
import { stamp, type Stamp } from './stamps.ts';
import { type Change, createStore, type Store, type StoredObject } from './store.ts';
import { type AccountKey, type Authenticator, type Bound, createAuthenticator, createTokens, type Token, type Tokens } from './tokens.ts';
import { createWatches, type Watches } from './watches.ts';
import { type Author, createWrites, type Preconditions, type Writes } from './writes.ts';

export type { Right, Grant } from './rbac.ts';
export type { Bound, Token } from './tokens.ts';
export type { StoredObject } from './store.ts';

export interface ClusterOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** How many API servers; two when absent. */
  readonly servers?: number;
  /** The operator's own. */
  readonly namespace: string;
  /** Beside `default`, `kube-system` and the operator's. */
  readonly namespaces?: readonly string[];
  /** The time at the beginning of the universe, in milliseconds since 1970. */
  readonly epoch?: number;
  /** False: no mutating policies, as on a cluster older than Kubernetes 1.36. */
  readonly stamps?: boolean;
}

/** One API server. */
export interface ClusterServer extends WireServer {
  /** Its watches, and how late they are. */
  readonly watches: Watches;
  /** Its view of the lock. */
  readonly lock: LockView;
  /** As if it had been ended and started: its watches break, its memory is empty, and what it sees is what is there. */
  readonly restart: () => void;
}

export interface Key {
  readonly namespace?: string;
  readonly name: string;
}

/** What somebody does with kubectl, at once, through one of the API servers. Throws an `ApiError` when it is refused. */
export interface Hands {
  readonly get: (resource: Resource, key: Key) => StoredObject | undefined;
  readonly list: (resource: Resource, namespace?: string) => readonly StoredObject[];
  /** `sketch` has at least a name, and a namespace where there is one. */
  readonly create: (resource: Resource, sketch: object) => StoredObject;
  /** A merge patch of everything but the status, or of nothing else; a list is a JSON patch. */
  readonly patch: (resource: Resource, key: Key, body: object, part?: 'status') => StoredObject;
  readonly remove: (resource: Resource, key: Key, preconditions?: Preconditions) => void;
  readonly requestToken: (account: AccountKey, options?: TokenOptions) => Token;
}

export interface TokenOptions {
  readonly bound?: Bound;
  readonly audiences?: readonly string[];
  /** An hour when absent. */
  readonly seconds?: number;
}

/** A change of the truth, told at the very instant at which it is stored. */
export interface ClusterChange {
  readonly type: Change['type'];
  readonly resource: Kind;
  readonly object: StoredObject;
  readonly previous: StoredObject | undefined;
  /** The user, as the API server knows him. */
  readonly by: string;
  /** The process that sent it; `people` for all others. */
  readonly from: string;
  readonly at: number;
}

export interface ClusterTokens {
  /** Every one that was made. */
  readonly all: () => readonly Token[];
  readonly find: (text: string) => Token | undefined;
  /** Whether that server would let it in now, by what it remembers or by what is stored. Leaves no trace. */
  readonly worksAt: (server: number, token: string) => boolean;
  /** Tries it there, so that it is remembered where it is taken. */
  readonly use: (server: number, token: string) => boolean;
  /** Whether no server would let it in that does not remember it. */
  readonly isDeadAtSource: (token: string) => boolean;
  readonly whyDead: (token: string) => string | undefined;
}

export interface Cluster {
  readonly servers: readonly ClusterServer[];
  readonly operator: User;
  /** By which the operator is known where it sends one. */
  readonly operatorToken: string;
  /** Through which server, by its number: the first when absent. */
  readonly as: (user: string, server?: number) => Hands;
  readonly onChange: (listener: (change: ClusterChange) => void) => void;
  readonly tokens: ClusterTokens;
  /** The bindings that name the account now, by itself or by a group. */
  readonly access: (account: AccountKey) => readonly Grant[];
  /** Takes a right from the operator. Returns what gives it back. */
  readonly take: (right: Right) => () => void;
  readonly controllers: Controllers;
  readonly compact: () => void;
  /** How many objects a page of a list has at most, whatever is asked for. */
  readonly pageAt: (most: number) => void;
  readonly cutWatches: (plural?: string) => void;
  readonly version: () => number;
}

/** 2026-11-23T10:00:00Z. */
const usualEpoch = 1_795_428_000_000;
const operatorName = 'offboard';
const operatorToken = 'the-token-of-the-operator';
const letters = 'abcdefghijklmnopqrstuvwxyz';

interface ServerState {
  readonly wire: ClusterServer;
  readonly authenticator: Authenticator;
}

const unstamped: Stamp = (_, object) => object;

const unwrap = <T extends object>(result: T | Failure, verb: string): T => {
  if (isFailure(result)) throw errorOf(result, verb);
  return result;
};

export const createCluster = (options: ClusterOptions): Cluster => {
  const { scheduler, random, servers: count = 2, namespace, namespaces = [], epoch = usualEpoch, stamps = true } = options;
  const store = createStore({ now: scheduler.now, epoch });
  const writes = createWrites(store, stamps ? stamp : unstamped);
  const tokens = createTokens({ store, now: scheduler.now, epoch });
  const reads = createReads(store);
  const operator: User = { name: userOf({ namespace, name: operatorName }), groups: groupsOf(namespace) };
  const taken = new Set<Right>();
  const mayOperator = (attributes: ResourceAttributes): boolean => {
    for (const right of taken) if (meets(right, attributes)) return false;
    return true;
  };
  const authorize = createAuthorize(store, operator.name, mayOperator);
  const mayGrant = grantCheck(store, operator, mayOperator);

  const states = Array.from({ length: count }, (_, index): ServerState => {
    const letter = letters.charAt(index);
    const [watches, lock, authenticator] = [createWatches(scheduler, store), createLockView({ scheduler, store, namespace }), createAuthenticator(tokens, scheduler.now)];
    const server = createServer({
      origin: `https://${letter}.sim:6443`, name: `apiserver-${letter}`, store, reads, writes, watches, lock, tokens, authenticator, authorize, operator, operatorToken, mayGrant,
    });
    const restart = (): void => {
      watches.restart();
      lock.restart();
      authenticator.forget();
    };
    return { authenticator, wire: { ...server, watches, lock, restart } };
  });
  const stateOf = (server: number): ServerState => {
    const found = states[server];
    if (found === undefined) throw new Error(`there is no API server ${String(server)}`);
    return found;
  };
  const authorOf = (user: string, server = 0): Author => ({
    by: { user, from: 'people' }, user: { name: user, groups: ['system:authenticated'] }, denies: (write) => states[server]?.wire.lock.denies(write), mayGrant: () => undefined,
  });
  seed(writes, namespace, namespaces, authorOf('kubernetes-admin'));
  for (const { wire } of states) wire.restart();
  const controllers = createControllers({ scheduler, random, store, writes, tokens, authorOf });

  return {
    servers: states.map(({ wire }) => wire),
    operator,
    operatorToken,
    as: (user, server = 0) => handsOf({ store, writes, tokens, lock: stateOf(server).wire.lock }, authorOf(user, server)),
    onChange: (listener) => {
      store.onCommit(({ type, entry, previous, by: { user: by, from }, at }) => {
        listener({ type, resource: entry.kind, object: entry.object, previous: previous?.object, by, from, at });
      });
    },
    tokens: tokensOf(tokens, (server) => stateOf(server).authenticator),
    access: (account) => grantsTo(store, { name: userOf(account), groups: groupsOf(account.namespace) }),
    take: (right) => {
      const mine = { ...right };
      taken.add(mine);
      return () => {
        taken.delete(mine);
      };
    },
    controllers,
    compact: store.compact,
    pageAt: reads.pageAt,
    cutWatches: (plural) => {
      for (const { wire } of states) wire.watches.cut(plural);
    },
    version: store.version,
  };
};

interface HandsContext {
  readonly store: Store;
  readonly writes: Writes;
  readonly tokens: Tokens;
  readonly lock: LockView;
}

const handsOf = (context: HandsContext, author: Author): Hands => {
  const { store, writes } = context;
  return {
    get: (resource, { namespace, name }) => store.find(kindFor(resource), namespace, name)?.object,
    list: (resource, namespace) => store.entries(kindFor(resource)).filter((entry) => namespace === undefined || entry.namespace === namespace).map(({ object }) => object),
    create: (resource, sketch) => unwrap(writes.create(kindFor(resource), (sketch as Partial<KubeObject>).metadata?.namespace, sketch, author), 'create').object,
    patch: (resource, { namespace, name }, body, part) =>
      unwrap(writes.patch(kindFor(resource), namespace, name, { type: Array.isArray(body) ? 'json' : 'merge', body, status: part === 'status' }, author), 'patch').object,
    remove: (resource, { namespace, name }, preconditions = {}) => {
      unwrap(writes.remove(kindFor(resource), namespace, name, preconditions, author), 'delete');
    },
    requestToken: ({ namespace, name }, { bound, audiences, seconds } = {}) => {
      const spec = { ...(audiences !== undefined && { audiences }), ...(bound !== undefined && { boundObjectRef: bound }), ...(seconds !== undefined && { expirationSeconds: seconds }) };
      return unwrap(requestToken(context, namespace, name, { spec }), 'create');
    },
  };
};

const tokensOf = (tokens: Tokens, authenticatorOf: (server: number) => Authenticator): ClusterTokens => {
  const whyDead = (text: string): string | undefined => {
    const token = tokens.find(text);
    return token === undefined ? 'invalid bearer token' : tokens.whyDead(token);
  };
  return {
    all: tokens.all,
    find: tokens.find,
    worksAt: (server, text) => authenticatorOf(server).wouldTake(text).why === undefined,
    use: (server, text) => authenticatorOf(server).take(text).why === undefined,
    isDeadAtSource: (text) => whyDead(text) !== undefined,
    whyDead,
  };
};

const rbacGroup = 'rbac.authorization.k8s.io';

/** A write of a binding is a grant of its role, whatever was changed. */
const grantCheck = (store: Store, operator: User, may: (attributes: ResourceAttributes) => boolean): Author['mayGrant'] => (kind, object) => {
  if (kind.plural !== 'rolebindings' && kind.plural !== 'clusterrolebindings') return undefined;
  const { roleRef } = object as unknown as { readonly roleRef: { readonly kind: string; readonly name: string } };
  const { namespace } = object.metadata;
  const role = kindFor(roleRef.kind === 'Role' ? roles : clusterRoles);
  if (may({ verb: 'bind', group: rbacGroup, resource: role.plural, name: roleRef.name, ...(namespace !== undefined && { namespace }) })) return undefined;
  if (store.find(role, roleRef.kind === 'Role' ? namespace : undefined, roleRef.name) === undefined) return notFound(kind, roleRef.name);
  const groups = operator.groups.map((group) => JSON.stringify(group)).join(' ');
  const message = `${kind.qualified} "${object.metadata.name}" is forbidden: user "${operator.name}" (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:`;
  return { code: 403, reason: 'Forbidden', message, details: { name: object.metadata.name, group: rbacGroup, kind: kind.plural } };
};
