/**
 * Finds or installs what the demo, the benchmarks and the tests run, and with `--tests` what only tests need, as `make tools` does. The last
 * line is the folder of the control plane's binaries.
 */
import { canBeHad, installChromium, locateChromium } from './tools/chromium.ts';
import { installGitopsHealth, locateGitopsHealth } from './tools/gitops-health.ts';
import { installHelm, locateHelm } from './tools/helm.ts';
import { install } from './tools/install.ts';
import { locateTools } from './tools/locate.ts';
import { installOpenbao, locateOpenbao } from './tools/openbao.ts';
import { installPostgres, locatePostgres } from './tools/postgres.ts';
import { installPrometheus, locatePrometheus } from './tools/prometheus.ts';

// An interrupted installation still runs its exit handlers, which clean up.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** Whoever is not root may not be able to have it: the tests that need it say that they did not run. */
const passedOver = (error: unknown): void => {
  if (canBeHad()) throw error;
  console.error(error instanceof Error ? error.message : error);
};

try {
  if ((await locateHelm()) === undefined) await installHelm();
  if ((await locateOpenbao()) === undefined) await installOpenbao();
  if ((await locatePostgres()) === undefined) await installPostgres();
  if (process.argv.includes('--tests')) {
    if ((await locatePrometheus()) === undefined) await installPrometheus();
    if ((await locateGitopsHealth()) === undefined) await installGitopsHealth();
    if ((await locateChromium()) === undefined) await installChromium().catch(passedOver);
  }
  console.log((await locateTools()) ?? (await install()));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
