/**
 * Many identities that are members of one project's policy, all retired at once: Offboard, which groups what many want of one policy,
 * beside a script for each identity that writes the policy by itself. On the fake of Google Cloud, whose every answer takes a while.
 */
import { type Account, type GoogleCloud, startGoogleCloud } from '../env/google-cloud.ts';
import { type Case, connectorsTo, createTestClient, openCase, testSettings } from '../integration/google-cloud-connection.ts';
import { createGoogleCloudKind } from '../../src/revokers/google-cloud/revoker.ts';
import type { Credential } from '../../src/revokers/revoker.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { inParallel } from './api.ts';
import { removeNaively } from './google-cloud-naive.ts';
import { usageOf } from './usage.ts';

interface Figures {
  readonly seconds: number;
  /** Of the project's policy. */
  readonly reads: number;
  readonly writes: number;
  readonly conflicts: number;
  /** Of anything. */
  readonly requests: number;
}

export interface GoogleReport {
  readonly identities: number;
  /** Milliseconds that each answer takes. */
  readonly latency: number;
  readonly naive: Figures;
  readonly offboard: Figures;
  /** Each identity's own look at the policy, that its member is gone. */
  readonly observed: Figures;
  readonly rss: number;
}

const latency = 50;
const role = 'roles/viewer';
const neighbour = { role, member: 'user:ann@example.com', condition: { title: 'this century', expression: 'request.time < timestamp("2100-01-01T00:00:00Z")' } };

export const measureGoogle = async (count: number, say: (line: string) => void): Promise<GoogleReport> => {
  const google = await startGoogleCloud();
  try {
    say(`Taking ${count} members out of a project's policy, by a script for each`);
    const naive = await measureNaively(google, count);
    say(`Taking ${count} members out of a project's policy, as Offboard does`);
    return { identities: count, latency, naive, ...(await measureOffboard(google, count)), rss: usageOf(process.pid).rss };
  } finally {
    await google.stop();
  }
};

/** A project in whose policy they all are, and a neighbour under a condition. */
const populate = async (google: GoogleCloud, project: string, count: number): Promise<readonly Account[]> => {
  await google.addProject(project);
  const accounts: Account[] = [];
  for (let index = 0; index < count; index += 1) accounts.push(await google.addServiceAccount(project, `build-agent-${index}`));
  await google.writePolicy(`projects/${project}`, { bindings: [{ role, members: accounts.map(memberOf) }, { role, members: [neighbour.member], condition: neighbour.condition }] });
  return accounts;
};

const memberOf = ({ email }: Account): string => `serviceAccount:${email}`;

const measureNaively = async (google: GoogleCloud, count: number): Promise<Figures> => {
  const resource = 'projects/acme-scripts';
  const accounts = await populate(google, 'acme-scripts', count);
  const operator = await google.addOperator('acme-scripts', ['*'], [resource]);
  const token = await operator.token();
  const figures = await timed(google, resource, () => removeNaively(google, token, resource, accounts.map(memberOf), testSettings.maxConcurrent, systemRandom));
  await expectOnlyNeighbour(google, resource);
  return figures;
};

const measureOffboard = async (google: GoogleCloud, count: number): Promise<Pick<GoogleReport, 'offboard' | 'observed'>> => {
  const resource = 'projects/acme-offboard';
  const accounts = await populate(google, 'acme-offboard', count);
  const operator = await google.addOperator('acme-offboard', ['*'], [resource]);
  const { client, close } = createTestClient(google, operator);
  try {
    const connectors = connectorsTo(client);
    // One kind for all of them, as in the operator.
    const kind = createGoogleCloudKind({ connectors, clock: systemClock, random: systemRandom, isForeign: () => false });
    const found: { readonly opened: Case; readonly credential: Credential }[] = [];
    await inParallel(accounts, testSettings.maxConcurrent, async (account) => {
      const named = { serviceAccount: { email: account.email, uniqueId: account.uniqueId }, resources: [resource] };
      const opened = openCase(connectors, { namespace: 'ci', name: account.email.split('@')[0] ?? '', uid: account.uniqueId }, named, { kind });
      found.push({ opened, credential: await opened.find(`${resource} ${role} ${memberOf(account)}?uid=${account.uniqueId}`) });
    });
    const offboard = await timed(google, resource, async () => {
      await Promise.all(found.map(({ opened, credential }) => opened.revoke(credential)));
    });
    const observed = await timed(google, resource, async () => {
      const states = await Promise.all(found.map(async ({ opened, credential }) => (await opened.observe(credential)).state));
      if (states.some((state) => state !== 'Absent')) throw new Error('a member was not seen absent');
    });
    await expectOnlyNeighbour(google, resource);
    return { offboard, observed };
  } finally {
    await close();
  }
};

const timed = async (google: GoogleCloud, resource: string, work: () => Promise<void>): Promise<Figures> => {
  await google.clearLog();
  await google.set({ latency });
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1000;
  await google.calm();
  const { reads = 0, writes = 0, conflicts = 0 } = (await google.counts())[resource] ?? {};
  return { seconds, reads, writes, conflicts, requests: (await google.requests()).length };
};

const expectOnlyNeighbour = async (google: GoogleCloud, resource: string): Promise<void> => {
  const bindings = (await google.policy(resource)).bindings ?? [];
  const left = bindings.filter((binding) => binding.role === role);
  if (JSON.stringify(left) !== JSON.stringify([{ role, members: [neighbour.member], condition: neighbour.condition }])) throw new Error(`in the policy of ${resource} is left: ${JSON.stringify(left)}`);
};

export const renderGoogle = ({ identities, latency: each, naive, offboard, observed, rss }: GoogleReport): string => {
  const row = (name: string, figures: Figures): string =>
    `  ${name.padEnd(36)}${`${figures.seconds.toFixed(1)} s`.padStart(10)}${[figures.reads, figures.writes, figures.conflicts, figures.requests].map((figure) => String(figure).padStart(11)).join('')}`;
  return [
    `${identities} members of one project's policy, taken out at once; ${each} ms an answer; ${testSettings.maxConcurrent} scripts at once; peak RSS of this process ${(rss / 2 ** 20).toFixed(0)} MiB`,
    `  ${''.padEnd(36)}${'time'.padStart(10)}${['reads', 'writes', 'conflicts', 'requests'].map((name) => name.padStart(11)).join('')}`,
    row('one write for each, by scripts', naive),
    row('by Offboard', offboard),
    row('each seen gone by Offboard', observed),
  ].join('\n');
};
