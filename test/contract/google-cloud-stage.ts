/**
 * The fake of Google Cloud, which enforces, with everything that this revoker can find of one identity and the same of another beside
 * it, on the same resources. Between the operator's own client and the server stands a forwarder, at which things go wrong.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { type Account, type GoogleCloud, type HmacKey, type Operator, type Pool, startGoogleCloud } from '../env/google-cloud.ts';
import { createMovingClock } from '../fakes/clock.ts';
import { connectorsTo, createTestClient, type TestClient, testSettings } from '../integration/google-cloud-connection.ts';
import type { GoogleCloudDependency, Target } from '../../src/api/v1alpha1/index.ts';
import type { GoogleClient } from '../../src/revokers/google-cloud/api.ts';
import { locate } from '../../src/revokers/google-cloud/ids.ts';
import { createGoogleCloudKind } from '../../src/revokers/google-cloud/revoker.ts';
import type { Credential, Revoker } from '../../src/revokers/revoker.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import type { Fault, Harness, Stage } from './stage.ts';

export interface GoogleStages {
  readonly harness: (onRetire: 'KeepDisabled' | 'Delete') => Harness;
  readonly stop: () => Promise<void>;
}

/** In every answer that goes wrong: nobody may repeat it. */
const leakedSecret = 'ya29.leaked-leaked-leaked-0123456789';

const error = (code: number, status: string, message: string): string => JSON.stringify({ error: { code, message, status } });

/** What each fault is in the words of Google. Those that are no answer are told apart below. */
const answers: Partial<Record<Fault, { readonly status: number; readonly body: string }>> = {
  Unauthorized: { status: 401, body: error(401, 'UNAUTHENTICATED', `Request had invalid authentication credentials: ${leakedSecret}`) },
  Forbidden: { status: 403, body: error(403, 'PERMISSION_DENIED', `The caller does not have permission: ${leakedSecret}`) },
  NotFoundPage: { status: 404, body: `<html>${leakedSecret}</html>` },
  NotFoundOther: { status: 404, body: error(404, 'NOT_FOUND', `Method not found: ${leakedSecret}`) },
  TooManyRequests: { status: 429, body: error(429, 'RESOURCE_EXHAUSTED', leakedSecret) },
  ServerError: { status: 500, body: error(500, 'INTERNAL', leakedSecret) },
  Unavailable: { status: 503, body: error(503, 'UNAVAILABLE', leakedSecret) },
  Garbage: { status: 200, body: `<p>${leakedSecret}</p>` },
  Empty: { status: 200, body: '' },
};

/** What asks by a POST, or logs in, changes nothing. */
const asks = /:(?:getIamPolicy|testIamPermissions)|^\/token$/;

interface Gate {
  fault: Fault | undefined;
  healthy: number;
  writes: number;
}

export const startGoogleStages = async (): Promise<GoogleStages> => {
  const google = await startGoogleCloud();
  await google.addOrganization('1');
  const gate: Gate = { fault: undefined, healthy: 0, writes: 0 };
  const forwarder = await startForwarder(google.url, gate);
  let stages = 0;
  return {
    harness: (onRetire) => ({
      open: () => {
        stages += 1;
        return openStage(google, forwarder.url, gate, { name: `stage-${String(stages)}`, onRetire });
      },
    }),
    stop: async () => {
      await forwarder.stop();
      await google.stop();
    },
  };
};

const startForwarder = async (upstream: string, gate: Gate): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> => {
  const pass = async (from: IncomingMessage, to: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of from) chunks.push(chunk as Buffer);
    const { method = 'GET', url = '/' } = from;
    if (method !== 'GET' && !asks.test(url)) gate.writes += 1;
    if (gate.fault !== undefined && gate.healthy-- <= 0) {
      if (gate.fault === 'Hanging') return;
      const instead = answers[gate.fault];
      if (instead === undefined) to.destroy();
      else to.writeHead(instead.status, { 'content-type': 'application/json' }).end(instead.body);
      return;
    }
    const headers = { authorization: from.headers.authorization ?? '', 'content-type': from.headers['content-type'] ?? 'application/json' };
    const answer = await fetch(`${upstream}${url}`, { method, headers, ...(chunks.length > 0 && { body: Buffer.concat(chunks) }) });
    to.writeHead(answer.status, { 'content-type': 'application/json' }).end(Buffer.from(await answer.arrayBuffer()));
  };
  const server = createServer((from, to) => {
    pass(from, to).catch(() => to.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

// ---- what there is ---------------------------------------------------------------------------------------------

/** One identity with one of everything. */
interface Planted {
  readonly identity: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly account: Account;
  readonly key: string;
  readonly hmacKey: HmacKey;
  readonly ids: readonly string[];
  readonly secrets: readonly string[];
}

interface Ground {
  readonly project: string;
  readonly pool: Pool;
  /** Everything on which somebody has a role. */
  readonly resources: readonly string[];
  readonly bucket: string;
  readonly secret: string;
  readonly release: string;
}

const layGround = async (google: GoogleCloud, name: string): Promise<Ground> => {
  await google.addProject(name, 'organizations/1');
  const pool = await google.addPool({ project: name, pool: `${name}.svc.id.goog` });
  const [bucket, secret, release] = await Promise.all([
    google.addBucket(name, `${name}-artifacts`, { 'a.txt': 'hello' }),
    google.addSecret(name, 'deploy', 's3cret'),
    google.addServiceAccount(name, 'release').then(({ uniqueId }) => `//iam.googleapis.com/projects/${name}/serviceAccounts/${uniqueId}`),
  ]);
  return { project: name, pool, bucket, secret, release, resources: [`projects/${name}`, bucket, secret, release] };
};

const condition = { title: 'this year', description: 'until it ends', expression: 'request.time < timestamp("2100-01-01T00:00:00Z")' };

const plant = async (google: GoogleCloud, { project, pool, bucket, secret, release }: Ground, name: string): Promise<Planted> => {
  const identity = { namespace: 'ci', name, uid: `uid-of-${name}-in-${project}` };
  const account = await google.addServiceAccount(project, name, { description: `The robot called ${name}` });
  const own = `//iam.googleapis.com/projects/${project}/serviceAccounts/${account.uniqueId}`;
  const byEmail = `serviceAccount:${account.email}`;
  const byUid = `principal://iam.googleapis.com/${pool.name}/kubernetes.serviceaccount.uid/${identity.uid}`;
  const bySubject = `principal://iam.googleapis.com/${pool.name}/subject/ns/ci/sa/${name}`;
  const legacy = `serviceAccount:${project}.svc.id.goog[ci/${name}]`;
  await google.grant(`projects/${project}`, 'roles/viewer', byEmail);
  await google.grant(`projects/${project}`, 'roles/viewer', byEmail, condition);
  await google.grant(bucket, 'roles/storage.objectViewer', byEmail);
  await google.grant(bucket, 'roles/storage.objectViewer', byUid);
  await google.grant(secret, 'roles/secretmanager.secretAccessor', bySubject);
  await google.grant(own, 'roles/iam.workloadIdentityUser', legacy);
  await google.grant(release, 'roles/iam.serviceAccountTokenCreator', byEmail);
  const [file, hmacKey] = [await google.addKey(account.email), await google.addHmacKey(account.email)];
  const shown = `${byEmail}?uid=${account.uniqueId}`;
  return {
    identity,
    account,
    key: file.private_key_id,
    hmacKey,
    ids: [
      `projects/${project} roles/viewer ${shown}`,
      `${bucket} roles/storage.objectViewer ${shown}`,
      `${bucket} roles/storage.objectViewer ${byUid}`,
      `${secret} roles/secretmanager.secretAccessor ${bySubject}`,
      `${own} roles/iam.workloadIdentityUser ${legacy}`,
      `${release} roles/iam.serviceAccountTokenCreator ${shown}`,
      'access tokens',
      `projects/${project}/serviceAccounts/${account.uniqueId}/keys/${file.private_key_id}`,
      `projects/${project}/hmacKeys/${hmacKey.accessId}`,
      `projects/${project}/serviceAccounts/${account.email}`,
    ],
    secrets: [file.private_key, hmacKey.secret],
  };
};

/** Asked past the revoker and the forwarder. */
const exists = async (google: GoogleCloud, { project }: Ground, admin: string, credential: Pick<Credential, 'id' | 'class' | 'uid'>): Promise<boolean> => {
  const located = locate(credential);
  switch (located?.class) {
    case 'Binding': {
      const [, role, ...rest] = credential.id.split(' ');
      const member = (rest.at(-1) ?? '').replace(/\?uid=\d+$/, '');
      const { bindings = [] } = await google.policy(located.resource);
      return bindings.some((binding) => binding.role === role && binding.members.includes(member) && (binding.condition !== undefined) === rest.length > 1);
    }
    case 'ServiceAccountKey': {
      const { deleted, email } = await google.account(located.uniqueId);
      return !deleted && (await google.keys(email)).includes(located.key);
    }
    case 'HmacKey': {
      const { body } = await google.call('GET', `/storage/v1/projects/${project}/hmacKeys/${located.accessId}`, admin);
      return (body as { readonly state?: string }).state !== 'DELETED';
    }
    case 'ServiceAccount': {
      const { deleted, disabled } = await google.account(credential.uid ?? located.email);
      return !deleted && !disabled;
    }
    default:
      throw new Error(`the stage holds nothing like ${credential.id}`);
  }
};

/** Everything of the neighbour, and all members of policies that are not the identity's, in their order. */
const everythingElse = async (google: GoogleCloud, ground: Ground, admin: string, mine: Planted, theirs: Planted): Promise<unknown> => {
  const isMine = (member: string): boolean => [mine.account.email, mine.identity.uid, `ns/ci/sa/${mine.identity.name}`, `[ci/${mine.identity.name}]`].some((part) => member.includes(part));
  const own = `//iam.googleapis.com/projects/${ground.project}/serviceAccounts/${theirs.account.uniqueId}`;
  const policies = await Promise.all([...ground.resources, own].map((name) => google.policy(name)));
  const members = policies.map(({ bindings = [] }) => bindings.map((binding) => ({ ...binding, members: binding.members.filter((member) => !isMine(member)) })).filter((binding) => binding.members.length > 0));
  const hmacKey = await google.call('GET', `/storage/v1/projects/${ground.project}/hmacKeys/${theirs.hmacKey.accessId}`, admin);
  return [members, await google.account(theirs.account.uniqueId), await google.keys(theirs.account.email), hmacKey];
};

// ---- the operator ----------------------------------------------------------------------------------------------

interface StageOptions {
  readonly name: string;
  readonly onRetire: 'KeepDisabled' | 'Delete';
}

const openStage = async (google: GoogleCloud, url: string, gate: Gate, { name, onRetire }: StageOptions): Promise<Stage> => {
  const ground = await layGround(google, name);
  const [mine, theirs] = [await plant(google, ground, 'build-agent'), await plant(google, ground, 'neighbour')];
  const operator = await google.addOperator(name, ['*'], [`projects/${name}`]);
  const admin = await google.userToken('admin@example.com');
  await google.grant(`projects/${name}`, 'roles/owner', 'user:admin@example.com');
  const dependency: GoogleCloudDependency = {
    connectorRef: { name: 'google' },
    serviceAccount: { email: mine.account.email, uniqueId: mine.account.uniqueId, onRetire },
    resources: [...ground.resources],
  };
  const target: Target = { serviceAccount: mine.identity, dependencies: [{ name: 'google', googleCloud: dependency }] };
  const { clock, move, stop } = createMovingClock();
  const { client, connect, closeAll } = createBreakableClient(google, operator, url, gate, clock);
  const settings = { ...testSettings, pools: [{ name: ground.pool.name, shared: false, subject: 'ns/{namespace}/sa/{name}' }] };
  const create = (): Revoker => {
    const kind = createGoogleCloudKind({ connectors: connectorsTo(client, settings), clock, random: () => 0.5, isForeign: () => false });
    const revoker = kind.bind({ name: 'google', googleCloud: dependency });
    if (revoker === undefined) throw new Error('not a dependency on Google Cloud');
    return revoker;
  };
  let moves = 0;
  return {
    revoker: create(),
    target,
    planted: mine.ids,
    secrets: [leakedSecret, operator.keyFile.private_key, admin, ...mine.secrets, ...theirs.secrets],
    restart: () => Promise.resolve(create()),
    breakWith: (fault, after = 0) => {
      gate.fault = fault;
      gate.healthy = after;
      moves += 1;
      // A client that found a service in trouble leaves it alone for a while, which is none of this kit's.
      if (fault === undefined) connect();
    },
    writes: () => gate.writes,
    exists: (credential) => exists(google, ground, admin, credential),
    foreign: () => everythingElse(google, ground, admin, mine, theirs),
    admits: async () => {
      const federated = await google.exchange(google.signIdentityToken(ground.pool, mine.identity), ground.pool.audience);
      return google.impersonate(federated, mine.account.email).then(() => true, () => false);
    },
    lockForeign: () => google.changeAccount(mine.account.uniqueId, { disabled: true }),
    lockable: async () => {
      const { etag: _, ...account } = await google.account(mine.account.uniqueId);
      return account;
    },
    recreate: async ({ uid = '' }) => {
      await google.changeAccount(uid, { deleted: true });
      await google.addServiceAccount(name, 'build-agent');
    },
    deny: () => google.defineRole(`projects/${name}/roles/offboard`, []),
    // In pieces, since between two time-outs something may have to come over the wire.
    advance: async (ms) => {
      const mine_ = moves;
      for (let left = ms; left > 0 && moves === mine_; left -= 2_000) {
        await move(Math.min(left, 2_000));
        await new Promise((resolve) => setTimeout(resolve, 4));
      }
    },
    settle: () => Promise.resolve(),
    close: async () => {
      gate.fault = undefined;
      stop();
      await closeAll();
    },
  };
};

/** The operator's own client through the forwarder, made anew after each fault. What it signs tells real time. */
const createBreakableClient = (google: GoogleCloud, operator: Operator, url: string, gate: Gate, clock: Clock) => {
  const connection = (): TestClient => createTestClient(google, operator, { url, clock: { ...clock, now: systemClock.now } });
  const opened = [connection()];
  const current = (): GoogleClient => (opened.at(-1) ?? connection()).client;
  const client: GoogleClient = {
    request: (request, signal) => {
      if (gate.fault === 'Crash' && gate.healthy-- <= 0) throw new TypeError(`cannot read ${leakedSecret}`);
      return current().request(request, signal);
    },
    self: (signal) => current().self(signal),
  };
  return {
    client,
    connect: () => void opened.push(connection()),
    closeAll: async () => {
      await Promise.all(opened.map(({ close }) => close()));
    },
  };
};
