import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installChromium, locateChromium } from './chromium.ts';

describe('finding and installing Chromium', () => {
  let root: string;
  const said: string[] = [];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'offboard-chromium-'));
    said.length = 0;
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  const put = (folder: string, name: string, says: string): string => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), `#!/bin/sh\necho '${says}'\n`, { mode: 0o755 });
    return join(folder, name);
  };
  const elsewhere = (): NodeJS.ProcessEnv => ({ OFFBOARD_CACHE: join(root, 'cache'), PATH: join(root, 'bin') });
  const attempt = (options: Parameters<typeof installChromium>[0] = {}): Promise<string> =>
    installChromium({ root: join(root, 'cache'), say: (line) => said.push(line), env: elsewhere(), mayInstall: false, ...options });
  const unreachable = (): Promise<void> => Promise.reject(new Error('getaddrinfo ENOTFOUND'));

  it('takes what is on PATH and says that it is one, and not a script that says where to get it', async () => {
    put(join(root, 'bin'), 'chromium', 'Please install the chromium snap');
    expect(await locateChromium(elsewhere(), [])).toBeUndefined();
    const chrome = put(join(root, 'bin'), 'google-chrome', 'Google Chrome 150.0.1');
    expect(await locateChromium(elsewhere(), [])).toBe(chrome);
  });

  it("takes Playwright's own, and finds it again", async () => {
    const path = await attempt({ download: (folder) => { put(join(folder, 'chromium_headless_shell-1', 'chrome-linux'), 'headless_shell', 'Chromium 150.0'); return Promise.resolve(); } });
    expect(path).toMatch(/cache\/chromium\/playwright-[\d.]+-\w+-\w+\/chromium_headless_shell-1\/chrome-linux\/headless_shell$/);
    expect(await locateChromium(elsewhere(), [])).toBe(path);
  });

  it('installs a package where there is no download, and only where it may', async () => {
    await expect(attempt({ download: unreachable })).rejects.toThrow('Chromium can neither be downloaded (getaddrinfo ENOTFOUND) nor installed, which only root can: apt-get install chromium');
    const path = await attempt({ download: unreachable, mayInstall: true, install: () => { put(join(root, 'bin'), 'chromium', 'Chromium 150.0'); return Promise.resolve(); } });
    expect(path).toBe(join(root, 'bin', 'chromium'));
    expect(said).toContain('No download: getaddrinfo ENOTFOUND');
    await expect(attempt({ root: join(root, 'other'), env: { PATH: '' }, download: unreachable, mayInstall: true, install: () => Promise.resolve() })).rejects.toThrow('Chromium was installed, and is not there');
  });
});
