/** One request, from its arrival to its answer: which node takes it, who asks, and whether it is allowed. */
import type { WireAnswer, WireRequest } from '../engine/wire.ts';
import { badToken, behind, lacksRight, noRoute, refused, sealedAnswer, unsupported } from './answers.ts';
import { bodyOf, operationOf, type Operation, type Path, pathOf } from './request.ts';
import type { Route } from './route.ts';
import { openRoute, routeOf } from './routes.ts';
import type { Parts } from './state.ts';
import type { State } from './storage.ts';
import { findToken } from './tokens.ts';

/** How requests reach the server now. */
export interface Reach {
  /** Whether one for this path goes through a standby, which may be behind. */
  readonly throughStandby: (path: string) => boolean;
  /** Whether it heeds how far it must be, as the real one does. */
  readonly heedsIndex: boolean;
  /** Whether answers tell how far the storage is: on raft they do, in memory they do not. */
  readonly tellsIndex: boolean;
}

export const createHandler = (parts: Parts, reach: () => Reach): ((request: WireRequest) => WireAnswer) => {
  const indexes = createIndexes(parts.core.clusterId);
  return (request) => {
    const path = pathOf(request.path);
    if (path.name === 'sys/health') return health(parts, reach().throughStandby(path.name), path);
    if (parts.core.isSealed()) return sealedAnswer;
    if ((request.headers['x-vault-namespace'] ?? '') !== '') return refused(404, 'namespace not found');
    const operation = operationOf(request.method, path);
    if (operation === undefined) return unsupported;
    const body = bodyOf(request);
    if (body === undefined) return refused(400, 'failed to parse JSON input');
    const open = operation === 'update' ? openRoute(path) : undefined;
    if (open !== undefined) return signed(open({ parts, operation, path, body, storage: parts.core.store.active().storage }));
    const route = routeOf(path, parts);
    const state = nodeFor(request, path.name, operation, route);
    if (state === undefined) return behind;
    const token = findToken(state.storage, textOf(request, 'x-vault-token'), parts.core.now());
    if (token === undefined) return badToken;
    const refusal = refusalOf(parts, token.policies, operation, path, route);
    if (refusal !== undefined) return refusal;
    if (route === undefined) return noRoute(path.name);
    if (!route.operations.includes(operation)) return unsupported;
    return signed(route.answer({ parts, operation, path, body, storage: state.storage, token }), route.writes?.includes(operation) === true ? undefined : state);
  };

  /** With how far the node is that answered; the active one, unless told. */
  function signed(answer: WireAnswer, state: State = parts.core.store.active()): WireAnswer {
    if (!reach().tellsIndex || (answer.status !== 200 && answer.status !== 204)) return answer;
    return { ...answer, headers: { 'content-type': 'application/json', 'x-vault-index': indexes.write(state.index) } };
  }

  /** Undefined: a standby that has not come far enough, and was not told to pass the question on. */
  function nodeFor(request: WireRequest, name: string, operation: Operation, route: Route | undefined): State | undefined {
    const { throughStandby, heedsIndex } = reach();
    if (!throughStandby(name) || route?.writes?.includes(operation) === true) return parts.core.store.active();
    const standby = parts.core.store.standby();
    const wanted = textOf(request, 'x-vault-index');
    if (!heedsIndex || wanted === '' || indexes.read(wanted) <= standby.index) return standby;
    return textOf(request, 'x-vault-inconsistent') === 'forward-active-node' ? parts.core.store.active() : undefined;
  }
};

const textOf = ({ headers }: WireRequest, name: string): string => {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
};

const refusalOf = (parts: Parts, policies: readonly string[], operation: Operation, path: Path, route: Route | undefined): WireAnswer | undefined => {
  const held = parts.policies.aclOf(policies).allowed(operation === 'list' ? `${path.name}/` : path.name);
  const isAllowed = held.has(operation) || (operation === 'update' && held.has('create'));
  return isAllowed && (route?.sudo !== true || held.has('sudo')) ? undefined : lacksRight;
};

const health = ({ core }: Parts, isStandby: boolean, { query }: Path): WireAnswer => {
  const sealed = core.isSealed();
  const status = sealed ? 503 : isStandby && query['standbyok'] !== 'true' ? 429 : 200;
  const cluster = sealed ? {} : { cluster_name: 'vault-cluster-sim', cluster_id: core.clusterId() };
  return { status, body: JSON.stringify({ initialized: true, sealed, standby: isStandby || sealed, server_time_utc: Math.floor(core.wall() / 1_000), version: '2.7.2', ...cluster }) };
};

interface Indexes {
  readonly write: (index: number) => string;
  /** Zero for one of another cluster, or of nobody. */
  readonly read: (text: string) => number;
}

const createIndexes = (clusterId: () => string): Indexes => {
  let cluster = '';
  const texts = new Map<number, string>();
  const values = new Map<string, number>();
  const start = (): void => {
    if (cluster === clusterId()) return;
    cluster = clusterId();
    texts.clear();
    values.clear();
  };
  return {
    write: (index) => {
      start();
      const known = texts.get(index);
      if (known !== undefined) return known;
      const text = btoa(`{"cluster":"${cluster}","value":"${String(index)}"}`);
      texts.set(index, text);
      values.set(text, index);
      return text;
    },
    read: (text) => {
      start();
      return values.get(text) ?? 0;
    },
  };
};
