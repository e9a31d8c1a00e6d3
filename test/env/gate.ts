/**
 * `make test`: every check of the project, one after the other, all of them even when one fails. The last line counts the
 * tests; the exit code is 0 only when every check passed and tests really ran.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const report = 'coverage/vitest.json';

interface Check {
  readonly name: string;
  readonly run: (name: string) => Promise<boolean>;
}

const logs = mkdtempSync(join(tmpdir(), 'offboard-gate-'));
process.once('exit', () => {
  rmSync(logs, { recursive: true, force: true });
});
const logOf = (name: string): string => join(logs, `${name.replaceAll(' ', '-')}.log`);

/** What it prints is shown as it comes, and kept, so that the end can say what was wrong. */
const command = (...words: readonly [string, ...string[]]) => async (name: string): Promise<boolean> => {
  const [code] = (await once(spawn('bash', ['-o', 'pipefail', '-c', '"$@" 2>&1 | tee "$0"', logOf(name), ...words], { stdio: 'inherit' }), 'exit')) as [number | null];
  return code === 0;
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
const generatedFiles = async (name: string): Promise<boolean> => {
  const before = digests();
  if (!(await command('npm', 'run', '-s', 'generate')(name))) return false;
  const after = digests();
  const stale = [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path));
  for (const path of stale) console.error(`${path} was not what its source says; it is now: commit it`);
  return stale.length === 0;
};

/** One after the other; of those side by side each has a core of its own. */
const checks: readonly (readonly Check[])[] = [
  [{ name: 'control plane', run: command('node', 'test/env/tools.ts', '--tests') }],
  [{ name: 'generated files', run: generatedFiles }],
  [{ name: 'lint', run: command('npm', 'run', '-s', 'lint') }, { name: 'types', run: command('npm', 'run', '-s', 'typecheck') }],
  [{ name: 'layers', run: command('npm', 'run', '-s', 'layers') }, { name: 'unused code', run: command('npm', 'run', '-s', 'unused') }],
  [{ name: 'simulation', run: command('node', 'test/simulation/main.ts', '--runs', '10000', '--time-budget', '120', '--jobs', String(availableParallelism())) }],
  [{ name: 'mutants', run: command('node', 'test/simulation/mutants/main.ts', '--short') }],
  [{ name: 'tests', run: command('npm', 'test', '-s') }],
];

rmSync(report, { force: true });
const failed: string[] = [];

const check = async ({ name, run }: Check): Promise<void> => {
  const started = performance.now();
  console.log(`\n=== ${name}`);
  const passed = await run(name);
  console.log(`=== ${name}: ${passed ? 'ok' : 'FAILED'} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  if (!passed) failed.push(name);
};
for (const beside of checks) await Promise.all(beside.map(check));

/** As vitest reports in JSON. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string; readonly failureMessages?: readonly string[] }[];
  }[];
}

const counts: Report = existsSync(report) ? (JSON.parse(readFileSync(report, 'utf8')) as Report) : { numPassedTests: 0, numFailedTests: 0, testResults: [] };
if (counts.numPassedTests === 0) failed.push('no test ran');

const firstLine = (text = ''): string => text.split('\n')[0]?.slice(0, 300) ?? '';

/** The end is what is read first, and often all that is kept. */
const tell = (name: string): void => {
  if (name !== 'tests') {
    const log = existsSync(logOf(name)) ? readFileSync(logOf(name), 'utf8').trimEnd().split('\n').slice(-12) : [];
    console.log(`\n--- the last words of ${name}\n${log.join('\n')}`);
    return;
  }
  for (const { name: file, message, assertionResults } of counts.testResults) {
    const wrong = assertionResults.filter(({ status }) => status === 'failed');
    for (const { fullName, failureMessages } of wrong) console.log(`\n--- ${relative('.', file)}: ${fullName}\n${firstLine(failureMessages?.[0])}`);
    if (wrong.length === 0 && message !== undefined && message !== '') console.log(`\n--- ${relative('.', file)}\n${firstLine(message)}`);
  }
};
failed.forEach(tell);
if (failed.length > 0) console.log(`\nFailed: ${failed.join(', ')}`);
// What failed without being a failed test (a check, a test file that could not be loaded) must not hide behind a clean count.
const otherFailures = failed.filter((name) => name !== 'tests' || counts.numFailedTests === 0).length;
process.exitCode = failed.length === 0 ? 0 : 1;
console.log(`\n${counts.numPassedTests} passed, ${counts.numFailedTests + otherFailures} failed`);
