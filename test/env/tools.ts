/**
 * Finds or installs what the demo, the benchmarks and the tests run, and with `--tests` what only tests need, as `make tools` does. The last
 * line is the folder of the control plane's binaries.
 */
import { installChromium, locateChromium } from './tools/chromium.ts';
import { installDocker, locateDocker } from './tools/docker.ts';
import { installGitopsHealth, locateGitopsHealth } from './tools/gitops-health.ts';
import { installHelm, locateHelm } from './tools/helm.ts';
import { install } from './tools/install.ts';
import { locateTools } from './tools/locate.ts';
import { installOpenbao, locateOpenbao } from './tools/openbao.ts';
import { installPostgres, locatePostgres } from './tools/postgres.ts';
import { installPrometheus, locatePrometheus } from './tools/prometheus.ts';

// An interrupted installation still runs its exit handlers, which clean up.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** A machine that cannot have a browser is no error: the tests that need one say that they did not run. */
const passedOver = (error: unknown): void => {
  console.error(`The report is not looked at in a browser: ${error instanceof Error ? error.message : String(error)}`);
};

try {
  if ((await locateHelm()) === undefined) await installHelm();
  if ((await locateOpenbao()) === undefined) await installOpenbao();
  if ((await locatePostgres()) === undefined) await installPostgres();
  if (process.argv.includes('--tests')) {
    if ((await locatePrometheus()) === undefined) await installPrometheus();
    if ((await locateGitopsHealth()) === undefined) await installGitopsHealth();
    if ((await locateChromium()) === undefined) await installChromium().catch(passedOver);
    const withoutDocker = (await locateDocker()) === undefined ? await installDocker() : undefined;
    if (withoutDocker !== undefined) console.error(`The image can be tested only if a Docker engine runs: ${withoutDocker}`);
  }
  console.log((await locateTools()) ?? (await install()));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
