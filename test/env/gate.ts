/**
 * `make test`: every check of the project, one after the other, all of them even when one fails. The last line counts the
 * tests; the exit code is 0 only when every check passed and tests really ran.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const report = 'coverage/vitest.json';

interface Check {
  readonly name: string;
  readonly run: () => boolean;
}

const command = (...words: readonly [string, ...string[]]) => (): boolean => {
  const [program, ...args] = words;
  return spawnSync(program, args, { stdio: 'inherit' }).status === 0;
};

const filesUnder = (folder: string): readonly string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .map((name) => join(folder, name))
        .filter((path) => statSync(path).isFile())
        .sort()
    : [];

const digests = (): ReadonlyMap<string, string> =>
  new Map(
    ['src/api', 'docs/reference', 'charts']
      .flatMap(filesUnder)
      .map((path) => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]),
  );

/** What is generated must be what its sources say, the CRDs and config/: generating changes nothing. */
const generatedFiles = (): boolean => {
  const before = digests();
  if (!command('npm', 'run', '-s', 'generate')()) return false;
  const after = digests();
  const stale = [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path));
  for (const path of stale) console.error(`${path} was not what its source says; it is now: commit it`);
  return stale.length === 0;
};

const checks: readonly Check[] = [
  { name: 'control plane', run: command('node', 'test/env/tools.ts', '--tests') },
  { name: 'types', run: command('npm', 'run', '-s', 'typecheck') },
  { name: 'lint', run: command('npm', 'run', '-s', 'lint') },
  { name: 'layers', run: command('npm', 'run', '-s', 'layers') },
  { name: 'unused code', run: command('npm', 'run', '-s', 'unused') },
  { name: 'generated files', run: generatedFiles },
  { name: 'simulation', run: command('node', 'test/simulation/main.ts', '--runs', '10000', '--time-budget', '120', '--jobs', String(availableParallelism())) },
  { name: 'mutants', run: command('node', 'test/simulation/mutants/main.ts', '--short') },
  { name: 'tests', run: command('npm', 'test', '-s') },
];

rmSync(report, { force: true });
const failed: string[] = [];
for (const { name, run } of checks) {
  const started = performance.now();
  console.log(`\n=== ${name}`);
  const passed = run();
  console.log(`=== ${name}: ${passed ? 'ok' : 'FAILED'} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  if (!passed) failed.push(name);
}

const counts = existsSync(report)
  ? (JSON.parse(readFileSync(report, 'utf8')) as { readonly numPassedTests: number; readonly numFailedTests: number })
  : { numPassedTests: 0, numFailedTests: 0 };
if (counts.numPassedTests === 0) failed.push('no test ran');
if (failed.length > 0) console.log(`\nFailed: ${failed.join(', ')}`);
// What failed without being a failed test (a check, a test file that could not be loaded) must not hide behind a clean count.
const otherFailures = failed.filter((name) => name !== 'tests' || counts.numFailedTests === 0).length;
process.exitCode = failed.length === 0 ? 0 : 1;
console.log(`\n${counts.numPassedTests} passed, ${counts.numFailedTests + otherFailures} failed`);
