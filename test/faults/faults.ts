/**
 * `make faults`: every fault on every dependency, on real servers, and the same faults on other ways to let go; writes docs/fault-matrix.md.
 * `ONLY` is a pattern of `dependency: fault` for a part of it, which is told and not written; `AT_ONCE` how many offboardings run
 * side by side. The figures go to coverage/faults.json; `FROM` names such a file, to write the page anew from what was measured then.
 * Exits with 1 where anything was claimed that was not true.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { faults } from './catalogue.ts';
import { compare } from './comparison.ts';
import { casesOf, isExcused, runCases } from './matrix.ts';
import type { Case, Outcome } from './matrix.ts';
import { renderPage } from './page.ts';
import type { Measured } from './page.ts';
import { policies } from './policies.ts';
import { startSite } from './site.ts';
import type { Site } from './site.ts';
import { subjects } from './subjects.ts';

const began = performance.now();

const say = (line: string): void => {
  process.stderr.write(`${((performance.now() - began) / 1_000).toFixed(0).padStart(4)} s  ${line}\n`);
};

const tell = (outcome: Outcome): void => {
  const { subject, fault, struck, seen, seconds, end, lies } = outcome;
  const ended = end === 'Ready' ? `Ready after ${seconds.toFixed(1)} s` : 'blocked, and Ready once it was woken';
  say(`${subject}: ${fault} (${String(struck)} requests): ${seen.reason}; ${ended}${lies.map((lie) => `\n  ${isExcused(outcome) ? 'believed' : 'NOT TRUE'}: ${lie}`).join('')}`);
};

const machineOf = async ({ cluster, vault }: Site): Promise<string> => {
  const { gitVersion } = JSON.parse(await cluster.kubectl(['get', '--raw', '/version'])) as { readonly gitVersion: string };
  const { version } = await vault.bao.ask<{ readonly version: string }>('GET', 'sys/health');
  return `Node ${process.version}, Kubernetes ${gitVersion} and OpenBao ${version}, on ${String(cpus().length)} cores that they share (${cpus()[0]?.model.trim() ?? ''})`;
};

const figures = 'coverage/faults.json';

const all = casesOf(subjects, faults);

const write = (measured: Measured): void => {
  writeFileSync('docs/fault-matrix.md', renderPage({ subjects, cases: all, policies }, measured));
};

const measure = async (site: Site, cases: readonly Case[]): Promise<boolean> => {
  const atOnce = Number(process.env['AT_ONCE'] ?? '20');
  say(`ready; ${String(cases.length)} offboardings, ${String(atOnce)} at once`);
  const outcomes = await runCases(site, cases, { atOnce, onEnd: tell });
  if (cases.length === all.length) {
    say('the comparison policies');
    const comparisons = await compare(site, { policies, faults, atOnce: 2 * atOnce });
    const measured = { outcomes, comparisons, machine: await machineOf(site), minutes: (performance.now() - began) / 60_000, settle: site.settle };
    mkdirSync(dirname(figures), { recursive: true });
    writeFileSync(figures, JSON.stringify(measured, undefined, 1));
    write(measured);
  }
  return outcomes.every(isExcused);
};

const run = async (): Promise<boolean> => {
  const only = new RegExp(process.env['ONLY'] ?? '');
  const site = await startSite();
  try {
    return await measure(site, all.filter(({ subject, fault }) => only.test(`${subject.name}: ${fault.name}`)));
  } catch (error) {
    say(site.operator.process.tail(40));
    throw error;
  } finally {
    await site.stop();
  }
};

const from = process.env['FROM'] ?? '';
if (from === '') {
  const isTrue = await run();
  say(isTrue ? 'nothing was claimed that was not true' : 'FAILED: something was claimed that was not true');
  process.exitCode = isTrue ? 0 : 1;
} else {
  write(JSON.parse(readFileSync(from, 'utf8')) as Measured);
}
