/**
 * Many identities whose roles are in one project's policy, removed at once: by a script for each of them, and by Offboard, which
 * gathers what is to be taken out of one policy. On the fake of Google Cloud IAM, which answers as slowly as Google is near, and
 * counts. Afterwards each identity is seen gone by a look of its own, and what others have is as it was, byte for byte.
 */
import { cpus } from 'node:os';
import { createGoogleCloudKind } from '../../src/revokers/google-cloud/revoker.ts';
import type { Credential } from '../../src/revokers/revoker.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import type { Counts, GoogleCloud } from '../env/google-cloud.ts';
import { startGoogleCloud } from '../env/google-cloud.ts';
import { addProject } from '../integration/google-cloud-agents.ts';
import { testSettings } from '../integration/google-cloud-connection.ts';
import type { Case, TestClient } from '../integration/google-cloud-connection.ts';
import { inParallel } from './api.ts';
import { othersCount, populate } from './google-cloud-population.ts';
import type { Crowd } from './google-cloud-population.ts';
import { removeNaively } from './google-cloud-naive.ts';
import type { Durations } from './google-cloud-naive.ts';
import { percentiles } from './report.ts';
import type { Percentiles } from './report.ts';
import { openWindow, usageOf } from './usage.ts';

interface Step {
  readonly seconds: number;
  /** Of all kinds, as the fake counted them; then those of the project's policy. */
  readonly requests: number;
  readonly ofProject: Counts;
}

export interface Removal extends Step {
  /** Milliseconds that one identity took. */
  readonly each: Percentiles;
  readonly slowest: number;
}

export interface GoogleCloudReport {
  readonly identities: number;
  readonly latency: number;
  readonly script: Removal;
  /** By Offboard, all at the same time; then as many at a time as the operator looks at. */
  readonly all: Removal;
  readonly few: Removal;
  /** All inventories at the same time before, and all looks after. */
  readonly found: Step;
  readonly seenGone: Step;
  readonly cpu: Readonly<Record<string, number>>;
  /** Of the machine, taken by other programs meanwhile. */
  readonly others: number;
  readonly rss: number;
}

/** Milliseconds of every answer. */
const latency = 20;
/** Offboardings that the operator looks at side by side, unless told. */
const workers = 16;

export const measureGoogleCloud = async (count: number, say: (line: string) => void): Promise<GoogleCloudReport> => {
  const google = await startGoogleCloud();
  const clients: TestClient[] = [];
  try {
    await google.addOrganization('1');
    say(`Creating ${3 * count} service accounts in three projects`);
    const crowd = async (): Promise<Crowd> => populate(google, await addProject(google, clients), count);
    return await measure(google, [await crowd(), await crowd(), await crowd()], say);
  } finally {
    await Promise.all(clients.map(({ close }) => close()));
    await google.stop();
  }
};

const measure = async (google: GoogleCloud, crowds: readonly [Crowd, Crowd, Crowd], say: (line: string) => void): Promise<GoogleCloudReport> => {
  const [ofScript, ofAll, ofWorkers] = crowds;
  await google.set({ latency });
  const window = openWindow({});
  say('Taking every member out, as a script for each identity does');
  const script = await removal(google, ofScript, () => removeNaively(google, ofScript, testSettings.maxConcurrent));
  say('The same, as Offboard does: all at the same time');
  const all = await removal(google, ofAll, (held) => revokeAll(held, held.length));
  say(`The same, ${workers} side by side`);
  const few = await removal(google, ofWorkers, (held) => revokeAll(held, workers));
  const { cpu, others, seconds } = window();
  return {
    identities: ofAll.agents.length,
    latency,
    script: script.removed,
    all: all.removed,
    few: few.removed,
    found: all.found,
    seenGone: all.seenGone,
    cpu,
    others: others / (seconds * cpus().length),
    rss: usageOf(process.pid).rss,
  };
};

/** What one identity has in policies, and the means to end it. */
interface Held {
  readonly run: Case;
  readonly bindings: readonly Credential[];
}

/** Found, removed by what is measured, and seen gone by each identity's own look. */
const removal = async (google: GoogleCloud, crowd: Crowd, remove: (held: readonly Held[]) => Promise<Durations>): Promise<{ readonly found: Step; readonly removed: Removal; readonly seenGone: Step }> => {
  const runs = openRuns(crowd);
  const found = await step(google, crowd, () => Promise.all(runs.map(hold)));
  const removed = await step(google, crowd, () => remove(found.result));
  const seenGone = await step(google, crowd, () => Promise.all(found.result.map(expectGone)));
  await crowd.expectOthersAsTheyWere();
  return { found: found.figures, removed: { ...removed.figures, each: percentiles(removed.result), slowest: Math.max(...removed.result) }, seenGone: seenGone.figures };
};

/** One kind for all of them, as in the operator: what is to be done to one policy is gathered by it. */
const openRuns = ({ project, agents }: Crowd): readonly Case[] => {
  const kind = createGoogleCloudKind({ connectors: project.connectors(), clock: systemClock, random: systemRandom, isForeign: () => false });
  return agents.map((agent) => project.open(agent, {}, { kind }));
};

/** In the project, and in its own account. */
const bindingsOfEach = 2;

const hold = async (run: Case): Promise<Held> => {
  const bindings = (await run.inventory()).credentials.filter((credential) => credential.class === 'Binding');
  if (bindings.length !== bindingsOfEach) throw new Error(`an identity has ${bindings.length} bindings: ${bindings.map(({ id }) => id).join(', ')}`);
  return { run, bindings };
};

const revokeAll = async (held: readonly Held[], atATime: number): Promise<Durations> => {
  const durations: number[] = [];
  await inParallel(held, atATime, async ({ run, bindings }) => {
    const began = performance.now();
    await Promise.all(bindings.map(run.revoke));
    durations.push(performance.now() - began);
  });
  return durations;
};

const expectGone = async ({ run, bindings }: Held): Promise<void> => {
  for (const { state, message = '' } of await Promise.all(bindings.map(run.observe))) {
    if (state !== 'Absent') throw new Error(`a binding is ${state} after it was removed: ${message}`);
  }
};

const step = async <T>(google: GoogleCloud, { project }: Crowd, work: () => Promise<T>): Promise<{ readonly result: T; readonly figures: Step }> => {
  await google.clearLog();
  const began = performance.now();
  const result = await work();
  const seconds = (performance.now() - began) / 1000;
  const { [project.name]: ofProject = { reads: 0, writes: 0, conflicts: 0 } } = await google.counts();
  return { result, figures: { seconds, requests: (await google.requests()).length, ofProject } };
};

export const renderGoogleCloud = ({ identities, script, all, few, found, seenGone, others, rss }: GoogleCloudReport): string => {
  const row = (name: string, { seconds, requests, ofProject: { writes, reads, conflicts } }: Step, removed?: Removal): string => {
    const more = removed === undefined ? '' : `${`${removed.each.p50.toFixed(0)} ms`.padStart(12)}${`${removed.slowest.toFixed(0)} ms`.padStart(12)}`;
    return `  ${name.padEnd(34)}${`${seconds.toFixed(1)} s`.padStart(8)}${[requests, writes, reads, conflicts].map((count) => String(count).padStart(10)).join('')}${more}`;
  };
  const heads = ['requests', 'writes', 'reads', 'conflicts'].map((head) => head.padStart(10)).join('');
  return [
    `${identities} identities in one project's policy of a fake of Google Cloud IAM, removed at once; ${latency} ms an answer, ${testSettings.maxConcurrent} connections`,
    `Writes, reads and conflicts are those of that policy; each identity was seen gone, and ${othersCount} others in it are as they were, byte for byte`,
    `Taken by other programs meanwhile, the fake included: ${(100 * others).toFixed(0)} % of the machine; peak RSS of this process ${(rss / 2 ** 20).toFixed(0)} MiB`,
    `  ${''.padEnd(34)}${'time'.padStart(8)}${heads}${'median'.padStart(12)}${'slowest'.padStart(12)}`,
    row('removed by a script for each', script, script),
    row('removed by Offboard', all, all),
    row(`the same, ${workers} side by side`, few, few),
    row('found by Offboard before', found),
    row('seen gone by Offboard after', seenGone),
  ].join('\n');
};
