import { basename } from 'node:path';

import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Real servers share two cores with the tests. They mostly wait, those of the operator most of all: so files of them run side by side. */
const onServers = { pool: 'forks', testTimeout: 300_000, hookTimeout: 300_000, maxConcurrency: 10 } as const;

/** Those that break something wait the longest: they begin first, so that nobody waits for one of them at the end. Otherwise by size. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const breaks = ({ moduleId }: TestSpecification): boolean => basename(moduleId).startsWith('faults-');
    return [...sorted.filter(breaks), ...sorted.filter((file) => !breaks(file))];
  }
}

/** Milliseconds. Properties take as long as it takes where somebody says how many inputs there are to be, and one that fails is to be made small. */
const testTimeout = process.env['FUZZ_RUNS'] === undefined ? 60_000 : 3_600_000;

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    reporters: ['default', ['json', { outputFile: 'coverage/vitest.json' }]],
    coverage: { provider: 'v8', include: ['src/**/*.ts'], exclude: ['src/**/*.test.ts', 'src/api/**'], reporter: ['text-summary'] },
    projects: [
      // None of them leaves anything behind, so that what one has loaded serves the next: half of the CPU.
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts', 'test/fakes/**/*.test.ts', 'test/contract/**/*.test.ts', 'test/docs/**/*.test.ts', 'test/fuzz/**/*.test.ts', 'test/simulation/**/*.test.ts', 'test/soak/**/*.test.ts', 'test/kill/**/*.test.ts', 'test/faults/**/*.test.ts'], isolate: false, testTimeout } },
      { extends: true, test: { name: 'integration', include: ['test/env/**/*.test.ts', 'test/integration/**/*.test.ts'], ...onServers, maxWorkers: 3, sequence: { groupOrder: 1 } } },
      { extends: true, test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...onServers, maxWorkers: 3, sequence: { groupOrder: 2 } } },
    ],
  },
});
