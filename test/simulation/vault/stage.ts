/** The simulated Vault as a stage of the conformance kit, beside which the same rules hold on a real OpenBao. */
import type { Target } from '../../../src/api/v1alpha1/index.ts';
import type { Credential, LockCapability, Revoker } from '../../../src/revokers/revoker.ts';
import type { VaultClient } from '../../../src/revokers/vault/client.ts';
import { type Connection, createConnection } from '../../../src/revokers/vault/connection.ts';
import { createVaultKind } from '../../../src/revokers/vault/revoker.ts';
import { usable } from '../../../src/revokers/vault/settings.ts';
import type { Fault, Harness, Stage } from '../../contract/stage.ts';
import { asks, classOf, faultAnswers, leakedSecret } from '../../contract/vault-faults.ts';
import { type Account, serviceAccountToken } from '../../fakes/token-review.ts';
import { connectorsTo } from '../../integration/vault-connection.ts';
import { createNetwork, type WireFault } from '../engine/network.ts';
import { createProcess, type Process } from '../engine/process.ts';
import { streamOf } from '../engine/random.ts';
import { createScheduler } from '../engine/scheduler.ts';
import type { WireRequest } from '../engine/wire.ts';
import { certificateOf } from './certificates.ts';
import { createPump, type Pump } from './pump.ts';
import { createVaultServer, vaultOrigin, type VaultServer } from './server.ts';

const epoch = Date.parse('2030-01-01T00:00:00Z');

interface Planted {
  readonly account: Account;
  readonly role: string;
  readonly serial: string;
  readonly user: string;
  readonly leaseId: string;
  readonly ids: readonly string[];
  readonly secrets: readonly string[];
}

const there = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('the simulated Vault refused it');
  return value;
};

const plant = ({ people }: VaultServer, account: Account): Planted => {
  const role = `ci-${account.name}`;
  people.addAgent(account, role);
  const token = there(people.login(serviceAccountToken(account), role));
  const lease = there(people.lease(token, role));
  const appRole = people.addAppRole(role, account);
  const secretId = appRole.secretId();
  const byRole = there(people.loginByAppRole(appRole.roleId, secretId.id));
  const { serial, pem } = certificateOf(role);
  people.addCertificate(serial, pem, account);
  return {
    account,
    role,
    serial,
    user: lease.user,
    leaseId: lease.id,
    ids: [
      `auth/kubernetes alias ${account.uid}`,
      `auth/token accessor ${token.accessor}`,
      `auth/token accessor ${byRole.accessor}`,
      lease.id,
      `auth/kubernetes/role/${role}`,
      `auth/approle/role/${role} secret id accessor ${secretId.accessor}`,
      `pki/cert/${serial}`,
    ],
    secrets: [token.id, byRole.id, secretId.id, lease.password],
  };
};

const targetOf = ({ account, role, serial }: Planted): Target => ({
  serviceAccount: account,
  dependencies: [
    {
      name: 'vault',
      vault: {
        connectorRef: { name: 'vault' },
        roles: [role],
        leases: [{ prefix: `database/creds/${role}`, exclusive: true }],
        appRoles: [{ mount: 'approle', name: role, exclusive: true }],
        certificates: [{ mount: 'pki', serialNumber: serial }],
      },
    },
  ],
});

interface Gate {
  fault: Fault | undefined;
  healthy: number;
  writes: number;
}

const meets = (gate: Gate, { method, path }: WireRequest): WireFault | undefined => {
  if (method !== 'GET' && !asks.test(path.replace('/v1/', ''))) gate.writes += 1;
  if (gate.fault === undefined || gate.healthy-- > 0) return undefined;
  if (gate.fault === 'Hanging') return { kind: 'LostBefore' };
  const answer = faultAnswers[gate.fault];
  return answer === undefined ? { kind: 'BrokenBefore' } : { kind: 'Instead', answer };
};

const connectionOf = (process: Process, token: string): Connection =>
  createConnection({
    name: 'vault',
    spec: usable({ vault: { address: vaultOrigin, auth: { tokenSecretRef: { name: 'vault', key: 'token' } } } }, false),
    clock: process.clock,
    connect: process.connect,
    random: () => 0.5,
    userAgent: 'offboard/test',
    mayAct: () => true,
    readSecret: () => Promise.resolve(token),
    ownToken: () => Promise.reject(new Error('nobody logs in by Kubernetes here')),
  });

/** Each call takes the time that it takes. */
const inTime = (revoker: Revoker, { during }: Pump): Revoker => ({
  ...revoker,
  lock: lockInTime(revoker.lock, during),
  inventory: (...call) => during(() => revoker.inventory(...call)),
  preflight: (...call) => during(() => revoker.preflight(...call)),
  usage: (...call) => during(() => revoker.usage(...call)),
  revoke: (...call) => during(() => revoker.revoke(...call)),
  observe: (...call) => during(() => revoker.observe(...call)),
});

const lockInTime = (lock: LockCapability, during: Pump['during']): LockCapability =>
  lock.kind === 'NotLockable'
    ? lock
    : {
        ...lock,
        lock: (...call) => during(() => lock.lock(...call)),
        unlock: (...call) => during(() => lock.unlock(...call)),
        observeLock: (...call) => during(() => lock.observeLock(...call)),
      };

const openStage = (): Stage => {
  const scheduler = createScheduler();
  const accounts = ['bot', 'other'].map((name) => ({ namespace: 'ci', name, uid: `uid-of-${name}` }));
  const byToken = new Map(accounts.map((account) => [serviceAccountToken(account), account]));
  const vault = createVaultServer({ scheduler, random: streamOf(1, 'vault'), epoch, review: (jwt) => byToken.get(jwt) });
  const { people, truth, knobs } = vault;
  const [mine, theirs] = accounts.map((account) => plant(vault, account));
  if (mine === undefined || theirs === undefined) throw new Error('nothing was planted');
  const { id: token } = people.operatorToken();
  const gate: Gate = { fault: undefined, healthy: 0, writes: 0 };
  const network = createNetwork({ scheduler, random: streamOf(1, 'network'), servers: [vault.wire], faults: (request) => meets(gate, request), trace: () => undefined });
  const process = createProcess({ name: 'operator', scheduler, network, epoch });
  const pump = createPump(scheduler);
  const target = targetOf(mine);
  let current = connectionOf(process, token).client;
  const crash = (): void => {
    if (gate.fault === 'Crash' && gate.healthy <= 0) throw new TypeError(`cannot read ${leakedSecret}`);
  };
  const client: VaultClient = {
    request: (request, signal) => {
      crash();
      return current.request(request, signal);
    },
    watermark: (signal) => {
      crash();
      return current.watermark(signal);
    },
    self: (signal) => current.self(signal),
  };
  const create = (): Revoker => {
    const [dependency] = target.dependencies ?? [];
    return inTime(there(dependency && createVaultKind({ connectors: connectorsTo(client), clock: process.clock, isForeign: () => false, accountNow: () => Promise.resolve(undefined) }).bind(dependency)), pump);
  };
  const works = ({ id, class: kind }: Pick<Credential, 'id' | 'class'>): boolean =>
    kind === 'AuthRole' ? people.hasRole(id.slice(id.lastIndexOf('/') + 1)) : truth.working().some(({ credential }) => credential === id);
  /** Of what a lock refuses, it is told what is there, and not what works. */
  const exists = (credential: Pick<Credential, 'id' | 'class'>): boolean => (credential.class === 'Token' ? people.hasToken(credential.id.split(' ').at(-1) ?? '') : works(credential));
  return {
    revoker: create(),
    target,
    planted: mine.ids,
    secrets: [leakedSecret, token, ...mine.secrets, ...theirs.secrets],
    restart: () => Promise.resolve(create()),
    breakWith: (fault, after = 0) => {
      gate.fault = fault;
      gate.healthy = after;
      pump.stop();
      // A client that found its server in trouble leaves it alone for a while, which is none of this kit's.
      if (fault === undefined) current = connectionOf(process, token).client;
    },
    writes: () => gate.writes,
    exists: (credential) => Promise.resolve(exists(credential)),
    foreign: () => Promise.resolve(theirs.ids.map((id) => [id, exists({ id, class: classOf(id) })])),
    refuse: ({ id }) => {
      if (id !== mine.leaseId) return Promise.resolve(false);
      knobs.stick(mine.user);
      return Promise.resolve(true);
    },
    relent: () => {
      knobs.unstick(mine.user);
      return Promise.resolve();
    },
    admits: () => Promise.resolve(people.admits(serviceAccountToken(mine.account), mine.role)),
    lockForeign: () => {
      people.setDisabled(mine.account, true);
      return Promise.resolve();
    },
    lockable: () => {
      const { updatedAt: _, metadata, ...entity } = there(people.entity(mine.account));
      // The server tells none in two ways.
      return Promise.resolve({ ...entity, metadata: metadata ?? {} });
    },
    deny: () => { knobs.withdraw(); },
    advance: pump.pass,
    settle: () => pump.pass(1_000),
    close: () => Promise.resolve(),
  };
};

export const simulatedVault: Harness = { open: () => Promise.resolve(openStage()) };
