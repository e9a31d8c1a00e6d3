import { defineConfig } from 'vitest/config';

/** Real servers share two cores with the tests: integration files run one after another, unit files side by side. */
const serial = { pool: 'forks', fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000 } as const;

export default defineConfig({
  test: {
    reporters: ['default', ['json', { outputFile: 'coverage/vitest.json' }]],
    coverage: { provider: 'v8', include: ['src/**/*.ts'], exclude: ['src/**/*.test.ts', 'src/api/**'], reporter: ['text-summary'] },
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts', 'test/fakes/**/*.test.ts', 'test/contract/**/*.test.ts', 'test/soak/**/*.test.ts'] } },
      { extends: true, test: { name: 'integration', include: ['test/env/**/*.test.ts', 'test/integration/**/*.test.ts'], ...serial } },
      { extends: true, test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...serial } },
    ],
  },
});
