/**
 * The conformance kit, with the Google Cloud revoker in a simulated process: every way in which an answer can be wrong is the
 * network's, and whoever waits for the revoker lets virtual time run.
 */
import { endingRules } from '../../contract/rules.ts';
import { describeRevoker } from '../../contract/describe-revoker.ts';
import type { Fault, Stage } from '../../contract/stage.ts';
import type { Credential, Revoker } from '../../../src/revokers/revoker.ts';
import type { WireFault } from '../engine/network.ts';
import type { Planted } from './people.ts';
import { createUniverse, type Operator, type Universe } from './universe.ts';

const leakedSecret = 'ya29.leaked-leaked-leaked-0123456789';
const bucket = '//storage.googleapis.com/acme-artifacts';
const secret = '//secretmanager.googleapis.com/projects/acme-ci/secrets/deploy';
const project = 'projects/acme-ci';

const instead = (status: number, body: string): WireFault => ({ kind: 'Instead', answer: { status, body } });
const error = (code: number, status: string, message: string): WireFault => instead(code, JSON.stringify({ error: { code, message, status } }));

const faultsAs: Readonly<Record<Exclude<Fault, 'Crash'>, WireFault>> = {
  Unauthorized: error(401, 'UNAUTHENTICATED', `Request had invalid authentication credentials: ${leakedSecret}`),
  Forbidden: error(403, 'PERMISSION_DENIED', `The caller does not have permission: ${leakedSecret}`),
  NotFoundPage: instead(404, `<html>${leakedSecret}</html>`),
  NotFoundOther: error(404, 'NOT_FOUND', `Method not found: ${leakedSecret}`),
  TooManyRequests: error(429, 'RESOURCE_EXHAUSTED', leakedSecret),
  ServerError: error(500, 'INTERNAL', leakedSecret),
  Unavailable: error(503, 'UNAVAILABLE', leakedSecret),
  Garbage: instead(200, `<p>${leakedSecret}</p>`),
  Empty: instead(200, ''),
  Disconnected: { kind: 'BrokenBefore' },
  Hanging: { kind: 'LostBefore' },
};

/** What asks by a POST changes nothing. */
const asks = /:(?:getIamPolicy|testIamPermissions)/;

const plant = ({ google }: Universe, name: string): Planted =>
  google.plant({
    serviceAccount: { namespace: 'ci', name, uid: `uid-of-${name}` },
    account: `ci-${name}`,
    keys: 1,
    hmacKeys: 1,
    bindings: [
      { resource: project, role: 'roles/viewer' },
      { resource: project, role: 'roles/viewer', condition: { title: 'this-year', expression: 'request.time < timestamp("2100-01-01T00:00:00Z")' } },
      { resource: bucket, role: 'roles/storage.objectViewer' },
      { resource: bucket, role: 'roles/storage.objectViewer', as: 'byUid' },
      { resource: secret, role: 'roles/secretmanager.secretAccessor', as: 'byName' },
    ],
  });

/** A condition is told by a digest there, and by its title here. */
const plain = (id: string): string => id.replace(/ if:\S+/, ' if');

const exists = ({ google }: Universe, agent: Planted, { id, class: kind, uid }: Credential): boolean => {
  if (kind !== 'ServiceAccount' || uid === undefined) return google.truth.ways(agent).some((way) => way.isStored && plain(way.id) === plain(id));
  const { disabled, deleted } = google.people.account(uid);
  return !disabled && !deleted;
};

const openStage = (onRetire: 'KeepDisabled' | 'Delete'): Stage => {
  const gate: { fault: Fault | undefined; healthy: number; writes: number } = { fault: undefined, healthy: 0, writes: 0 };
  const universe = createUniverse({
    faults: ({ method, path }) => {
      if (method !== 'GET' && !asks.test(path)) gate.writes += 1;
      return gate.fault !== undefined && gate.fault !== 'Crash' && gate.healthy-- <= 0 ? faultsAs[gate.fault] : undefined;
    },
  });
  const { google, scheduler } = universe;
  const [agent, neighbour] = [plant(universe, 'build-agent'), plant(universe, 'neighbour')];
  const pump = createPump(universe);
  const operators: Operator[] = [];
  const start = (): Revoker => {
    const operator = universe.start({
      name: `operator-0.${operators.length}`,
      beforeRequest: () => {
        if (gate.fault === 'Crash' && gate.healthy-- <= 0) throw new TypeError(`cannot read ${leakedSecret}`);
      },
    });
    operators.push(operator);
    return pumped(operator.open(agent, { onRetire, pinned: true }).revoker, pump);
  };
  const dependency = google.dependencyFor(agent, { onRetire, pinned: true });
  return {
    revoker: start(),
    target: { serviceAccount: agent.serviceAccount, dependencies: [dependency] },
    planted: [
      `${project} roles/viewer serviceAccount:${agent.email ?? ''}?uid=${agent.account ?? ''}`,
      `${bucket} roles/storage.objectViewer serviceAccount:${agent.email ?? ''}?uid=${agent.account ?? ''}`,
      ...google.truth.ways(agent).flatMap(({ kind, id }) => (id.includes(' if:') || kind === 'Impersonation' ? [] : [id])),
    ],
    secrets: [leakedSecret],
    restart: () => Promise.resolve(start()),
    breakWith: (fault, after = 0) => {
      gate.fault = fault;
      gate.healthy = after;
      // A client that found a service in trouble leaves it alone for a while, which is none of this kit's.
      if (fault === undefined) for (const { reconnect } of operators) reconnect();
    },
    writes: () => gate.writes,
    exists: (credential) => Promise.resolve(exists(universe, agent, credential)),
    foreign: () => Promise.resolve([google.foreignMembers(), google.people.account(neighbour.account ?? ''), google.truth.ways(neighbour)]),
    admits: () => Promise.resolve(google.truth.ways(agent).some(({ kind, works }) => kind === 'Impersonation' && works)),
    lockForeign: () => {
      google.people.setDisabled(agent.account ?? '', true);
      return Promise.resolve();
    },
    lockable: () => {
      const { etag: _, ...account } = google.people.account(agent.account ?? '');
      return Promise.resolve(account);
    },
    recreate: ({ uid = '' }) => {
      google.people.recreateAccount(uid);
      return Promise.resolve();
    },
    deny: () => { google.people.takePermissions(); },
    advance: (milliseconds) => pump(new Promise((resolve) => { scheduler.after(milliseconds, () => { resolve(undefined); }); })),
    settle: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
};

/** Virtual milliseconds, and more than any call of the contract may take. */
const longestWait = 1_000_000;

type Pump = <T>(promise: Promise<T>) => Promise<T>;

/** Time runs while somebody waits, once for all of them. */
const createPump = ({ scheduler }: Universe): Pump => {
  let waiting = 0;
  let running: Promise<void> | undefined;
  return async (promise) => {
    waiting += 1;
    const done = (): void => {
      waiting -= 1;
    };
    promise.then(done, done);
    running ??= scheduler.run(scheduler.now() + longestWait, () => waiting === 0).finally(() => {
      running = undefined;
    });
    return promise;
  };
};

const pumped = (revoker: Revoker, pump: Pump): Revoker => {
  const { lock } = revoker;
  return {
    ...revoker,
    inventory: (...asked) => pump(revoker.inventory(...asked)),
    usage: (...asked) => pump(revoker.usage(...asked)),
    preflight: (...asked) => pump(revoker.preflight(...asked)),
    revoke: (...asked) => pump(revoker.revoke(...asked)),
    observe: (...asked) => pump(revoker.observe(...asked)),
    lock: lock.kind === 'NotLockable' ? lock : {
      kind: lock.kind,
      lock: (...asked) => pump(lock.lock(...asked)),
      unlock: (...asked) => pump(lock.unlock(...asked)),
      observeLock: (...asked) => pump(lock.observeLock(...asked)),
    },
  };
};

describeRevoker('google cloud, simulated, whose account stays disabled', { open: () => Promise.resolve(openStage('KeepDisabled')) });
describeRevoker('google cloud, simulated, whose account is deleted', { open: () => Promise.resolve(openStage('Delete')) }, endingRules);
