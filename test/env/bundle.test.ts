import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, bundlePath, settings } from '../../src/bundle.ts';
import { help } from '../../src/config.ts';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string };
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offboard-bundle-'));
  copyFileSync(await bundle(), join(folder, 'offboard.mjs'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** As a user would, in a folder where nothing else is. */
const run = (...args: readonly string[]): { readonly code: number | null; readonly out: string; readonly err: string } => {
  const env = { PATH: process.env['PATH'], HOME: folder };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['offboard.mjs', ...args], { cwd: folder, env, encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
};

describe('the bundle, alone in a folder', () => {
  it('prints the version of the package', () => {
    expect(run('--version')).toEqual({ code: 0, out: `${manifest.version}\n`, err: '' });
  });

  it('explains its flags', () => {
    expect(run('--help')).toEqual({ code: 0, out: help(), err: '' });
  });

  it('refuses a wrong flag with its name', () => {
    expect(run('--port=http')).toEqual({ code: 2, out: '', err: 'offboard: --port must be a whole number from 0 to 65535, not "http"\n' });
    expect(run('--colour=red')).toMatchObject({ code: 2, out: '', err: expect.stringContaining("'--colour'") as string });
  });

  it('says what is missing when there is no cluster to talk to', () => {
    expect(run()).toEqual({ code: 1, out: '', err: 'offboard: found no cluster to talk to: set --kubeconfig or KUBECONFIG, or run in a pod with a ServiceAccount\n' });
  });
});

describe('what it loads only to probe, alone in a folder', () => {
  it('asks for an access token', () => {
    copyFileSync(join(dirname(bundlePath), 'iam-credentials.mjs'), join(folder, 'iam-credentials.mjs'));
    const asking = `
      import { generateAccessToken } from './iam-credentials.mjs';
      const asked = [];
      const http = { request: async (request) => (asked.push(request), { status: 200, headers: {}, body: '{"accessToken":"ya29.x"}' }) };
      const answer = await generateAccessToken({ http, account: 'agent@acme-ci.iam.gserviceaccount.com', token: 'federated', signal: new AbortController().signal });
      console.log(JSON.stringify({ answer, asked }));
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', asking], { cwd: folder, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      answer: { status: 200, granted: true },
      asked: [{ method: 'POST', path: expect.stringContaining(':generateAccessToken') as string, headers: { authorization: 'Bearer federated' } }],
    });
  });

  it('is in no other file, is found by the program, and is in the image', () => {
    const program = readFileSync(join(folder, 'offboard.mjs'), 'utf8');
    expect(program).not.toContain('IAMCredentials');
    expect(program).toContain('import("./iam-credentials.mjs")');
    const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
    expect(dockerfile).toMatch(/^COPY --from=build \/src\/dist\/offboard\.mjs \/src\/dist\/iam-credentials\.mjs .* \/$/m);
  });
});

describe('the image', () => {
  it('starts it with the settings that the tests and the bench start it with', () => {
    const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
    const entrypoint = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? '[]') as unknown;
    expect(entrypoint).toEqual(['node', ...settings.flags, '/offboard.mjs']);
    const variables = [...dockerfile.matchAll(/^ENV (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
    expect(variables).toEqual(expect.arrayContaining(Object.entries(settings.env)));
  });

  it('says which version it is, and leaves it to the cluster to ask how it is', () => {
    const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
    expect(dockerfile).toContain(`\nARG VERSION=${manifest.version}\n`);
    expect(dockerfile).not.toMatch(/^HEALTHCHECK/m);
  });
});
