/**
 * A real OpenBao in front of a real PostgreSQL, with everything that this revoker can find of one identity and the same of another beside it. Between the
 * operator's own client and the server stands a proxy, at which things go wrong.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Openbao } from '../env/openbao.ts';
import { type Forwarder, startForwarder } from '../env/proxy.ts';
import { type Lease, startVaultWorld, type VaultWorld } from '../env/vault-world.ts';
import { createFakeClock } from '../fakes/clock.ts';
import { type Account, serviceAccountToken, startTokenReviewer } from '../fakes/token-review.ts';
import { connectorsTo, createTestClient, type TestClient } from '../integration/vault-connection.ts';
import type { Target } from '../../src/api/v1alpha1/index.ts';
import type { VaultClient } from '../../src/revokers/vault/client.ts';
import { locate } from '../../src/revokers/vault/ids.ts';
import { createVaultKind } from '../../src/revokers/vault/revoker.ts';
import type { Credential, Revoker } from '../../src/revokers/revoker.ts';
import type { Fault, Harness, Stage } from './stage.ts';
import { asks, classOf, faultAnswers, leakedSecret } from './vault-faults.ts';

export interface VaultStages extends Harness {
  readonly stop: () => Promise<void>;
}

interface Gate {
  fault: Fault | undefined;
  healthy: number;
  writes: number;
}

export const startVaultStages = async (): Promise<VaultStages> => {
  const [world, reviewer] = await Promise.all([startVaultWorld(), startTokenReviewer()]);
  const { bao } = world;
  await mountKubernetes(bao, reviewer.url);
  const gate: Gate = { fault: undefined, healthy: 0, writes: 0 };
  const forwarder = await startForwarder(bao, {
    onRequest: ({ method, path }) => {
      const name = new URL(path, 'http://vault').pathname.replace('/v1/', '');
      if (method !== 'GET' && !asks.test(name)) gate.writes += 1;
      if (gate.fault === undefined || gate.healthy-- > 0) return true;
      if (gate.fault === 'Hanging') return new Promise<boolean>(() => undefined);
      return faultAnswers[gate.fault] ?? false;
    },
  });
  let stages = 0;
  return {
    open: () => {
      stages += 1;
      return openStage(world, forwarder, gate, `stage-${String(stages)}`);
    },
    stop: async () => {
      await forwarder.stop();
      await Promise.all([world.stop(), reviewer.close()]);
    },
  };
};

const mountKubernetes = async (bao: Openbao, reviewer: string): Promise<void> => {
  await bao.ask('POST', 'sys/auth/kubernetes', { type: 'kubernetes' });
  await bao.ask('POST', 'auth/kubernetes/config', {
    kubernetes_host: reviewer,
    kubernetes_ca_cert: bao.ca,
    token_reviewer_jwt: serviceAccountToken({ namespace: 'vault', name: 'vault', uid: 'vault' }),
    disable_local_ca_jwt: true,
  });
};

// ---- what there is ---------------------------------------------------------------------------------------------

interface Made {
  readonly auth: { readonly client_token: string; readonly accessor: string; readonly entity_id: string };
}

/** One identity with one of everything. */
interface Planted {
  readonly account: Account;
  readonly role: string;
  readonly prefix: string;
  readonly serialNumber: string;
  readonly entityId: string;
  readonly lease: Lease;
  readonly ids: readonly string[];
  readonly secrets: readonly string[];
}

const plant = async (world: VaultWorld, account: Account): Promise<Planted> => {
  const { bao } = world;
  const { role, prefix } = await world.addAgent(`${account.namespace}-${account.name}`);
  await bao.ask('POST', `auth/kubernetes/role/${role}`, {
    bound_service_account_names: [account.name],
    bound_service_account_namespaces: [account.namespace],
    token_policies: [role],
  });
  const { auth } = await logIn(bao, role, account);
  const leased = await bao.ask<{ readonly lease_id: string; readonly data: { readonly username: string; readonly password: string } }>('GET', `database/creds/${role}`, undefined, auth.client_token);
  const { username: user, password } = leased.data;
  const [{ serialNumber }, appRole] = await Promise.all([world.issue(`ci-${role}`), world.addAppRole(role, [role])]);
  const { secretId, accessor } = await appRole.secretId();
  const byRole = await appRole.login(secretId);
  return {
    account,
    role,
    prefix,
    serialNumber,
    entityId: auth.entity_id,
    lease: { id: leased.lease_id, user, password, login: () => world.postgres.login(user, password) },
    ids: [
      `auth/kubernetes alias ${account.uid}`,
      `auth/token accessor ${auth.accessor}`,
      `auth/token accessor ${byRole.accessor}`,
      leased.lease_id,
      `auth/kubernetes/role/${role}`,
      `auth/approle/role/${role} secret id accessor ${accessor}`,
      `pki/cert/${serialNumber}`,
    ],
    secrets: [auth.client_token, byRole.token, secretId, password],
  };
};

const logIn = (bao: Openbao, role: string, account: Account): Promise<Made> =>
  bao.ask<Made>('POST', 'auth/kubernetes/login', { role, jwt: serviceAccountToken(account) }, '');

const targetOf = ({ account, role, prefix, serialNumber }: Planted): Target => ({
  serviceAccount: account,
  dependencies: [
    {
      name: 'vault',
      vault: {
        connectorRef: { name: 'vault' },
        roles: [role],
        leases: [{ prefix, exclusive: true }],
        appRoles: [{ mount: 'approle', name: role, exclusive: true }],
        certificates: [{ mount: 'pki', serialNumber }],
      },
    },
  ],
});

/** Asked as root, past the proxy. */
const exists = async (bao: Openbao, entityId: string, { id, class: kind }: { readonly id: string; readonly class: string }): Promise<boolean> => {
  const located = locate({ id, class: kind });
  const ok = async (...call: Parameters<Openbao['call']>): Promise<boolean> => (await bao.call(...call)).status === 200;
  switch (located?.class) {
    case 'Login': {
      const { body } = await bao.call<{ readonly data?: { readonly disabled: boolean } }>('GET', `identity/entity/id/${entityId}`);
      return body.data?.disabled === false;
    }
    case 'Token':
      return ok('POST', 'auth/token/lookup-accessor', { accessor: located.accessor });
    case 'Lease':
      return ok('POST', 'sys/leases/lookup', { lease_id: located.leaseId });
    case 'AuthRole':
      return ok('GET', `auth/${located.mount}/role/${located.role}`);
    case 'SecretId':
      return ok('POST', `auth/${located.mount}/role/${located.role}/secret-id-accessor/lookup`, { secret_id_accessor: located.accessor });
    case 'Certificate': {
      const { data } = await bao.ask<{ readonly data: { readonly revocation_time: number } }>('GET', id);
      return data.revocation_time === 0;
    }
    default:
      throw new Error(`the stage holds nothing like ${id}`);
  }
};

// ---- the operator ----------------------------------------------------------------------------------------------

const published = join(import.meta.dirname, '../../config/vault');

/** With the policy that we publish, under a name of its own. */
const admit = async (bao: Openbao, name: string): Promise<{ readonly token: string; readonly deny: () => Promise<void> }> => {
  const policy = readdirSync(published)
    .filter((file) => file.endsWith('.hcl'))
    .map((file) => readFileSync(join(published, file), 'utf8'))
    // One policy cannot say two things of one path; several can, and are added up.
    .map((text, index) => ({ name: `${name}-${String(index)}`, text }));
  await Promise.all(policy.map((each) => bao.ask('PUT', `sys/policies/acl/${each.name}`, { policy: each.text })));
  const { auth } = await bao.ask<Made>('POST', 'auth/token/create-orphan', { policies: policy.map((each) => each.name), period: '24h' });
  return {
    token: auth.client_token,
    deny: async () => {
      const nothing = 'path "sys/capabilities-self" { capabilities = ["update"] }';
      await Promise.all(policy.map((each) => bao.ask('PUT', `sys/policies/acl/${each.name}`, { policy: nothing })));
    },
  };
};

const openStage = async (world: VaultWorld, forwarder: Forwarder, gate: Gate, name: string): Promise<Stage> => {
  const { bao } = world;
  const [mine, theirs] = await Promise.all(['bot', 'other'].map((account) => plant(world, { namespace: name, name: account, uid: `uid-of-${account}-in-${name}` })));
  if (mine === undefined || theirs === undefined) throw new Error('nothing was planted');
  const { token, deny } = await admit(bao, name);
  const target = targetOf(mine);
  const clock = createFakeClock();
  const connect = (): TestClient => createTestClient(bao, () => token, { address: forwarder.url, clock });
  const opened: TestClient[] = [connect()];
  const current = (): VaultClient => (opened.at(-1) ?? connect()).client;
  const client: VaultClient = {
    request: (request, signal) => {
      if (gate.fault === 'Crash' && gate.healthy <= 0) throw new TypeError(`cannot read ${leakedSecret}`);
      return current().request(request, signal);
    },
    watermark: (signal) => {
      if (gate.fault === 'Crash' && gate.healthy <= 0) throw new TypeError(`cannot read ${leakedSecret}`);
      return current().watermark(signal);
    },
    self: (signal) => current().self(signal),
  };
  const create = (): Revoker => {
    const [dependency] = target.dependencies ?? [];
    const revoker = dependency && createVaultKind({ connectors: connectorsTo(client), clock, isForeign: () => false, accountNow: () => Promise.resolve(undefined) }).bind(dependency);
    if (revoker === undefined) throw new Error('not a dependency on a Vault');
    return revoker;
  };
  const writes = (): number => gate.writes;
  let moves = 0;
  return {
    revoker: create(),
    target,
    planted: mine.ids,
    secrets: [leakedSecret, token, ...mine.secrets, ...theirs.secrets],
    restart: () => Promise.resolve(create()),
    breakWith: (fault, after = 0) => {
      gate.fault = fault;
      gate.healthy = after;
      moves += 1;
      // A client that found its server in trouble leaves it alone for a while, which is none of this kit's.
      if (fault === undefined) opened.push(connect());
    },
    writes,
    exists: (credential: Credential) => exists(bao, mine.entityId, credential),
    foreign: () => Promise.all(theirs.ids.map(async (id) => [id, await exists(bao, theirs.entityId, { id, class: classOf(id) })])),
    refuse: async ({ id }) => {
      if (id !== mine.lease.id) return false;
      await world.stick(mine.lease);
      return true;
    },
    relent: () => world.unstick(mine.lease),
    admits: async () => {
      const { status, body } = await bao.call<Partial<Made>>('POST', 'auth/kubernetes/login', { role: mine.role, jwt: serviceAccountToken(mine.account) }, '');
      if (body.auth !== undefined) await bao.ask('POST', 'auth/token/revoke-accessor', { accessor: body.auth.accessor });
      return status === 200;
    },
    lockForeign: async () => {
      await bao.ask('POST', `identity/entity/id/${mine.entityId}`, { disabled: true });
    },
    lockable: async () => {
      const { data } = await bao.ask<{ readonly data: Readonly<Record<string, unknown>> }>('GET', `identity/entity/id/${mine.entityId}`);
      const { last_update_time: _, metadata, ...entity } = data;
      // The server tells none in two ways.
      return { ...entity, metadata: metadata ?? {} };
    },
    deny,
    // In pieces, since between two time-outs something may have to come over the wire.
    advance: async (ms) => {
      const mine_ = moves;
      for (let left = ms; left > 0 && moves === mine_; left -= 2_000) {
        await clock.advance(Math.min(left, 2_000));
        await new Promise((resolve) => setTimeout(resolve, 4));
      }
    },
    settle: () => Promise.resolve(),
    close: async () => {
      gate.fault = undefined;
      await Promise.all(opened.map(({ close }) => close()));
    },
  };
};
