/** Vault, its database, or the way to it fails in the middle of runs. Nobody is Ready while anything of it works. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startForwarder } from '../env/proxy.ts';
import type { Exchange, Forwarder, OwnAnswer } from '../env/proxy.ts';
import { createAuthority } from '../env/x509.ts';
import { changeRun, done, failsAt, saysOf } from './runs.ts';
import { addSoakingAgent, retire, startVaultStage, vaultOf } from './vault-stage.ts';
import type { ConnectorChange, VaultAgent, VaultStage } from './vault-stage.ts';

/** What the way to Vault does to a request. */
type Fault = (seen: Exchange) => boolean | OwnAnswer | 'cut' | Promise<boolean>;

let stage: VaultStage;
let way: Forwarder;
let fault: Fault | undefined;

beforeAll(async () => {
  stage = await startVaultStage({ world: { rawStorage: true } });
  way = await startForwarder(stage.world.bao, {
    onRequest: async (seen) => {
      const instead = (await fault?.(seen)) ?? true;
      return instead === 'cut' ? true : instead;
    },
    onAnswer: async (seen) => ((await fault?.(seen)) === 'cut' ? 'cut' : true),
  });
  await stage.connect({ address: way.url });
});
afterAll(async () => {
  fault = undefined;
  await way.stop();
  await stage.stop();
});

const soaking = (name: string): Promise<VaultAgent> => addSoakingAgent(stage, name);
const goOn = (agent: VaultAgent): Promise<string> => changeRun(stage, agent, { soak: '0s' });

/** While the operator's policy lacks a path. */
const without = async (path: string, act: () => Promise<void>): Promise<void> => {
  await stage.world.withdraw(path);
  await act().finally(stage.world.giveBack);
};

/** While requests to Vault meet this on their way. */
const meanwhile = async (what: Fault, act: () => Promise<void>): Promise<void> => {
  fault = what;
  await act().finally(() => {
    fault = undefined;
  });
};

/** While the Connector says something else. */
const connected = async (change: ConnectorChange, act: () => Promise<void>): Promise<void> => {
  await stage.connect({ address: way.url, ...change });
  await act().finally(() => stage.connect({ address: way.url }));
};

const says = (agent: VaultAgent, text: string | RegExp): Promise<string> => saysOf(stage, agent, 'vault', text);
const fails = (agent: VaultAgent): Promise<unknown> => failsAt(stage, agent, 'vault');

/** Of runs that go on after what they met; they are waited for together. */
const ends: { readonly agent: VaultAgent; readonly ended: Promise<void> }[] = [];

/** It has ended, and it was true. */
const endsTruly = async (agent: VaultAgent): Promise<void> => {
  await stage.reason(agent.namespace, 'retire', done, 110_000);
  await stage.oracle.judged(agent);
  expect(await agent.lease.login()).toBe('refused');
};

/** From here on nothing stands in its way, and whoever has mended that wakes the run; some meet what comes next as well. */
const letEnd = async (agent: VaultAgent, then: () => Promise<void> = () => Promise.resolve()): Promise<void> => {
  await changeRun(stage, agent, { deadline: '2h' });
  const ended = endsTruly(agent).then(then);
  // Awaited by the last test but one.
  ended.catch(() => undefined);
  ends.push({ agent, ended });
};

it('a database that refuses to drop a user is stuck, in its own words, and done once it can', async () => {
  const agent = await soaking('owner');
  await stage.world.stick(agent.lease);
  await goOn(agent);
  await stage.reason(agent.namespace, 'retire', 'RevocationStuck');
  await says(agent, /cannot be dropped because some objects depend on it/);
  const metrics = await (await fetch(`${stage.operator().url}/metrics`)).text();
  expect(metrics).toMatch(/^offboard_stuck_revocations\{revoker="vault"\} 1$/m);
  const events = await stage.cluster.kubectl(['get', 'events.events.k8s.io', '-n', agent.namespace, '-o', 'jsonpath={.items[*].reason}']);
  expect(events).toContain('RevocationStuck');
  await stage.world.unstick(agent.lease);
  await endsTruly(agent);
});

it('a lease that Vault has given up on is stuck, and done once the database can', async () => {
  const agent = await soaking('given-up');
  await stage.world.stick(agent.lease);
  await stage.world.giveUpOn([agent.lease]);
  await goOn(agent);
  await stage.reason(agent.namespace, 'retire', 'RevocationStuck');
  await stage.world.unstick(agent.lease);
  await letEnd(agent);
});

it('a database that is down keeps the run open until it is back', async () => {
  const agent = await soaking('offline');
  await stage.world.postgres.shutDown();
  await goOn(agent);
  await stage.reason(agent.namespace, 'retire', 'RevocationStuck');
  await stage.world.postgres.startAgain();
  await letEnd(agent);
});

it('a Vault that is sealed leaves the run unknown, and nothing is lost when it is unsealed', async () => {
  const agent = await soaking('sealed');
  await stage.world.bao.seal();
  await goOn(agent);
  await says(agent, /sealed/);
  expect(stage.oracle.claims(agent)).toBe(0);
  await stage.world.bao.unseal();
  await letEnd(agent);
});

it('a right that is taken away in the middle is named, and its return is enough', async () => {
  const agent = await soaking('denied');
  await without('auth/token/revoke-accessor', async () => {
    await goOn(agent);
    await stage.reason(agent.namespace, 'retire', 'PermissionMissing');
    await says(agent, /auth\/token\/revoke-accessor/);
    expect(stage.oracle.claims(agent)).toBe(0);
  });
  await letEnd(agent);
});

it('a right to list that is taken away makes nothing absent', async () => {
  const agent = await soaking('blindfold');
  await without('sys/leases/lookup/*', async () => {
    await goOn(agent);
    await stage.reason(agent.namespace, 'retire', 'PermissionMissing');
    await says(agent, /sys\/leases\/lookup/);
    expect(stage.oracle.claims(agent)).toBe(0);
  });
  await letEnd(agent);
});

it('a token of the operator that is revoked is replaced by another login', async () => {
  const agent = await soaking('relogin');
  const { bao } = stage.world;
  const { data } = await bao.ask<{ readonly data: { readonly keys: readonly string[] } }>('GET', 'auth/token/accessors?list=true');
  for (const accessor of data.keys) {
    const found = await bao.call<{ readonly data: { readonly meta?: Readonly<Record<string, string>> | null } }>('POST', 'auth/token/lookup-accessor', { accessor });
    if (found.status === 200 && found.body.data.meta?.['service_account_name'] === 'offboard') await bao.ask('POST', 'auth/token/revoke-accessor', { accessor });
  }
  await goOn(agent);
  await letEnd(agent);
});

it('a certificate that the Connector does not trust ends nothing', async () => {
  const agent = await soaking('distrust');
  await connected({ ca: createAuthority('somebody else').certificate }, async () => {
    await goOn(agent);
    await says(agent, /certificate|self.signed|issuer/i);
    expect(stage.oracle.claims(agent)).toBe(0);
  });
  await letEnd(agent);
});

it.each<readonly [string, Fault]>([
  ['busy', () => ({ status: 429, headers: { 'retry-after': '1' }, body: '{"errors":[]}' })],
  ['unavailable', () => ({ status: 503, body: '{"errors":["Vault is sealed"]}' })],
  ['astray', () => ({ status: 404, headers: { 'content-type': 'text/html' }, body: '<html>404 Not Found</html>' })],
  ['redirected', () => ({ status: 307, headers: { location: 'https://127.0.0.1:1/v1/sys/health' } })],
  ['impostor', ({ path }) => (path.includes('lookup') ? { status: 400, body: '{"errors":["invalid request"]}' } : true)],
  ['cut', () => 'cut'],
  ['broken', () => false],
  ['silent', () => new Promise<boolean>((resolve) => setTimeout(resolve, 6_000, false))],
])('a way to Vault that is %s makes nothing absent', async (name, what) => {
  const agent = await soaking(name);
  await meanwhile(what, async () => {
    await goOn(agent);
    await fails(agent);
    expect(stage.oracle.claims(agent)).toBe(0);
  });
  await letEnd(agent);
});

it('a lease that is made after the inventory is found and ended', async () => {
  const agent = await stage.addAgent('late');
  await stage.apply(retire(agent, 'suspend: true'));
  await stage.reason(agent.namespace, 'retire', 'Suspended');
  const late = await agent.token.lease();
  expect(await late.login()).toBe('ok');
  await changeRun(stage, agent, { suspend: false });
  await letEnd(agent, async () => { expect(await late.login()).toBe('refused'); });
});

it('a session that is open outlives its user unless the role ends it, and the status says so', async () => {
  const agent = await stage.addAgent('open-session');
  const session = await stage.world.postgres.session(agent.lease.user, agent.lease.password);
  await stage.apply(retire(agent));
  await letEnd(agent, async () => {
    expect(await session.query('select 1')).toHaveLength(1);
    await session.close();
    const { findings = [] } = (await vaultOf(stage, agent)) ?? {};
    expect(findings.find(({ type, message }) => type === 'NotProvable' && message.includes('session'))?.message).toContain('pg_terminate_backend');
  });
});

it('a mount that is none of the server’s holds the run before anything is touched', async () => {
  const agent = await stage.addAgent('mountless');
  await connected({ mount: 'elsewhere' }, async () => {
    await stage.apply(retire(agent));
    await says(agent, /elsewhere/);
    expect(await agent.token.use()).toBe(200);
  });
  await letEnd(agent);
});

it('a namespace that is not the one in which the leases were found proves nothing', async () => {
  const agent = await soaking('namespaced');
  await stage.world.bao.ask('POST', 'sys/namespaces/elsewhere');
  await connected({ namespace: 'elsewhere' }, async () => {
    await goOn(agent);
    await fails(agent);
    expect(stage.oracle.claims(agent)).toBe(0);
  });
  await letEnd(agent);
});

it('whatever they met, all of these runs have ended, and truly', async () => {
  for (const { agent, ended } of ends) await expect(ended, agent.name).resolves.toBeUndefined();
  expect(ends.length).toBeGreaterThan(15);
});

/** The last one: what was in this Vault is gone after it. */
it('a Vault that lost its storage, and looks like the one it was, proves nothing: the database user lives on', async () => {
  const agent = await soaking('forgotten');
  const { bao, setUpAgain } = stage.world;
  await bao.kill();
  await bao.start();
  await setUpAgain();
  await goOn(agent);
  await says(agent, /was seen at .* proves nothing there/);
  const { credentials = [] } = (await vaultOf(stage, agent)) ?? {};
  expect(credentials.filter((each) => each.class === 'Lease').map(({ state }) => state)).toEqual(['Unknown', 'Unknown']);
  expect(await agent.lease.login()).toBe('ok');
  expect(stage.oracle.claims(agent)).toBe(0);
});
