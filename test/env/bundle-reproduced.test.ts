import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JsonStrictValidator } from '@cyclonedx/cyclonedx-library/Validation';
import { Version } from '@cyclonedx/cyclonedx-library/Spec';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const epoch = 1_796_000_000;
let folder: string;
let here: string;
let there: string;

/** What `npm run build` makes of the same sources somewhere else, as somebody else would. */
const buildIn = (path: string, umask: string, env: Readonly<Record<string, string>>): string => {
  mkdirSync(path, { recursive: true });
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json', 'LICENSE', 'src', 'docs/record.schema.json']) cpSync(join(checkout, name), join(path, name), { recursive: true });
  symlinkSync(join(checkout, 'node_modules'), join(path, 'node_modules'));
  const { status, stderr } = spawnSync('sh', ['-c', `umask ${umask} && exec "$0" src/bundle.ts`, process.execPath], { cwd: path, env: { ...env, PATH: process.env['PATH'] }, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return join(path, 'dist');
};

/** Everything about the files of a folder that would be in the layer of an image. */
const filesOf = (path: string): readonly (readonly [string, string, number, number])[] =>
  readdirSync(path).toSorted().map((name) => {
    const { mode, mtimeMs } = statSync(join(path, name));
    return [name, createHash('sha256').update(readFileSync(join(path, name))).digest('hex'), mode & 0o777, mtimeMs];
  });

interface Bom {
  readonly metadata: { readonly component: { readonly components: readonly { readonly name: string; readonly hashes: readonly { readonly content: string }[] }[] } };
  readonly components: readonly { readonly name: string; readonly version: string; readonly licenses: readonly { readonly license: { readonly id: string } }[] }[];
}
const bomOf = (product: string): Bom => JSON.parse(readFileSync(join(here, `${product}.cdx.json`), 'utf8')) as Bom;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'offboard-reproduced-'));
  here = buildIn(join(folder, 'here'), '022', { SOURCE_DATE_EPOCH: String(epoch), TZ: 'Pacific/Auckland', LANG: 'C' });
  there = buildIn(join(folder, 'a/deeper/place'), '077', { SOURCE_DATE_EPOCH: String(epoch), TZ: 'America/Lima', LANG: 'tr_TR.UTF-8' });
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('the same sources, built in two places', () => {
  it('give the same files, with the same rights and times', () => {
    expect(filesOf(there)).toEqual(filesOf(here));
    expect(filesOf(here).map(([name]) => name)).toEqual(expect.arrayContaining(['LICENSE', 'iam-credentials.mjs', 'kubectl-offboard.mjs', 'offboard.THIRD-PARTY-NOTICES', 'offboard.cdx.json', 'offboard.mjs']));
    expect(new Set(filesOf(here).map(([, , , mtime]) => mtime))).toEqual(new Set([1000 * epoch]));
  });

  it('are not built with a time that is none', () => {
    const env = { ...process.env, SOURCE_DATE_EPOCH: 'yesterday' };
    const { status, stderr } = spawnSync(process.execPath, ['src/bundle.ts'], { cwd: join(folder, 'here'), env, encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain('SOURCE_DATE_EPOCH must be seconds since 1970, not "yesterday"');
  });
});

describe.each(['offboard', 'kubectl-offboard'])('what comes with %s', (product) => {
  it('is a bill of materials as CycloneDX has it, of just these files', async () => {
    const text = readFileSync(join(here, `${product}.cdx.json`), 'utf8');
    expect(await new JsonStrictValidator(Version.v1dot6).validate(text)).toBeNull();
    const files = bomOf(product).metadata.component.components;
    expect(files.map(({ name }) => name)).toContain(`${product}.mjs`);
    for (const { name, hashes } of files) expect(hashes[0]?.content).toBe(filesOf(here).find(([file]) => file === name)?.[1]);
  });

  it('names each package whose folder a comment of the program names', () => {
    const programs = bomOf(product).metadata.component.components.map(({ name }) => readFileSync(join(here, name), 'utf8')).join('\n');
    const named = [...programs.matchAll(/^ *\/\/ (?:[\w-]+:)?(?:.*\/)?node_modules\/((?:@[^/\s]+\/)?[^/\s]+)\//gm)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(10);
    expect(bomOf(product).components.map(({ name }) => name)).toEqual([...new Set(named)].toSorted());
  });

  it('has the licence of each, word for word', () => {
    const notices = readFileSync(join(here, `${product}.THIRD-PARTY-NOTICES`), 'utf8');
    for (const { name, version, licenses } of bomOf(product).components) expect(notices).toContain(`\n${name} ${version} (${licenses[0]?.license.id ?? ''})\n`);
    const undici = readFileSync(join(checkout, 'node_modules/undici/LICENSE'), 'utf8');
    expect(notices).toContain(undici.trim());
  });
});
