import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installGitopsHealth, locateGitopsHealth } from './gitops-health.ts';

describe('building what reads objects as Argo CD and Flux do', () => {
  let root: string;
  let builds = 0;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'offboard-gitops-'));
    builds = 0;
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  const install = (): Promise<string> =>
    installGitopsHealth({
      root,
      say: () => undefined,
      build: (folder) => {
        builds += 1;
        writeFileSync(join(folder, 'gitops-health'), 'built', { mode: 0o755 });
        return Promise.resolve();
      },
    });

  it('puts it where it is found again, by what it was built from', async () => {
    expect(await locateGitopsHealth({ OFFBOARD_CACHE: root })).toBeUndefined();
    const path = await install();
    expect(readFileSync(path, 'utf8')).toBe('built');
    expect(await locateGitopsHealth({ OFFBOARD_CACHE: root })).toBe(path);
    expect(readdirSync(join(root, 'gitops-health'))).toEqual([expect.stringMatching(/^[0-9a-f]{16}-\w+-\w+$/)]);
  });

  it('may be asked for twice at the same time', async () => {
    const [one, other] = await Promise.all([install(), install()]);
    expect(one).toBe(other);
    expect(builds).toBe(2);
    expect(readdirSync(join(root, 'gitops-health'))).toHaveLength(1);
  });
});
