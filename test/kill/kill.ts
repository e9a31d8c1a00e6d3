/**
 * `make kill`: RUNS offboardings (50) under way at any time on a real control plane, while two replicas of the operator are killed with
 * SIGKILL at KILLS random moments (200), and the API server at ten of them. Then all of it must end, and be true: `judge.ts` says what
 * that means. SEED replays which moments; without it one is drawn and printed. Writes its figures to `coverage/kill.json`, and exits
 * with 1 when anything was wrong.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname } from 'node:path';
import { killLoop } from './loop.ts';
import type { Killed } from './loop.ts';

const numberOf = (name: 'KILLS' | 'RUNS' | 'SEED', fallback: number, least: number): number => {
  const text = process.env[name] ?? '';
  const number = text === '' ? fallback : Number(text);
  if (!Number.isInteger(number) || number < least) throw new Error(`${name} must be a whole number of at least ${String(least)}, not "${text}"`);
  return number;
};

const kills = numberOf('KILLS', 200, 1);
const runs = numberOf('RUNS', 50, 1);
const seed = numberOf('SEED', Math.floor(Math.random() * 2 ** 32), 0);
const output = process.argv[2] ?? 'coverage/kill.json';

const render = ({ judgement, seconds, victims, ...killed }: Killed): string => {
  const ways = [...Map.groupBy(victims, ({ way }) => way)].map(([way, same]) => `  ${way.padEnd(52)}${String(same.length).padStart(6)}`);
  const { counts, wrongs } = judgement;
  return [
    `${String(killed.strikes)} kills in ${seconds.kills.toFixed(0)} s (${String(killed.atRequests)} at a request, ${String(killed.strikes - killed.atRequests)} by time): ` +
      `${String(killed.deaths)} processes died, ${String(killed.leadersKilled)} of them while leading; ${String(killed.apiServerKills)} API servers as well`,
    `${String(victims.length)} identities retired, ${String(runs)} at a time; the last ${seconds.afterTheLastKill.toFixed(0)} s after the last kill`,
    ...ways,
    `${String(counts.claimsTried)} claims tried, ${String(counts.offboardings)} Offboardings, ${String(counts.records)} records with ${String(counts.credentialsInRecords)} credentials; ` +
      `${String(counts.deletesSent)} deletes sent, ${String(counts.deletesDone)} done; ${String(counts.bindingsShrunk)} bindings shrunk; ` +
      `${String(killed.operatorStarts)} starts of the operator, ${String(counts.endedAlone)} of which ended by themselves`,
    '',
    ...Object.entries(wrongs).flatMap(([what, all]: [string, readonly string[]]) => [`${what.padEnd(20)}${String(all.length).padStart(6)}`, ...all.slice(0, 20).map((each) => `    ${each}`)]),
    '',
  ].join('\n');
};

process.stderr.write(`${String(kills)} kills among ${String(runs)} offboardings; SEED=${String(seed)} replays it\n`);
const machine = { processors: cpus().length, model: cpus()[0]?.model.trim() ?? '', node: process.version, loadAtStart: loadavg()[0] ?? 0 };
const killed = await killLoop({
  seed, kills, runs, refill: true, apiServerKills: Math.min(10, Math.ceil(kills / 20)), patient: 0.2,
  say: (line) => process.stderr.write(`${line}\n`),
});
mkdirSync(dirname(output), { recursive: true });
writeFileSync(output, `${JSON.stringify({ kills, runs, seed, machine, ...killed }, null, 2)}\n`);
process.stdout.write(`${render(killed)}\nAll figures: ${output}\nSEED=${String(seed)}, load average ${machine.loadAtStart.toFixed(1)} before and ${(loadavg()[0] ?? 0).toFixed(1)} after\n`);
process.exit(Object.values(killed.judgement.wrongs).every((all: readonly string[]) => all.length === 0) ? 0 : 1);
