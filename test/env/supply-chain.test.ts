import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type LockFile, type Locked, type Manifest, readSignatures, whatIsWrong } from './supply-chain.ts';

const read = (path: string): string => readFileSync(path, 'utf8');
const digest = `sha512-${'A'.repeat(86)}==`;
const lockOf = (place: string, locked: Locked, root: Manifest = {}): LockFile => ({ lockfileVersion: 3, packages: { '': root, [place]: { version: '1.0.0', integrity: digest, license: 'MIT', ...locked } } });

describe('the packages of this project', () => {
  it('are pinned by digest, from the npm registry, run nothing when they are installed, and may be shipped', () => {
    const lock = JSON.parse(read('package-lock.json')) as LockFile;
    expect(Object.keys(lock.packages).length).toBeGreaterThan(100);
    expect(whatIsWrong(JSON.parse(read('package.json')) as Manifest, lock)).toEqual([]);
  });

  it('are explained, each of them', () => {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(read('package.json')) as Manifest;
    const page = read('docs/dependencies.md');
    for (const name of Object.keys({ ...dependencies, ...devDependencies })) expect(page, name).toContain(`\`${name}\``);
  });
});

describe('a lock file', () => {
  it('is well where each package has what it must', () => {
    expect(whatIsWrong({}, lockOf('node_modules/a', {}))).toEqual([]);
    expect(whatIsWrong({}, lockOf('node_modules/a/node_modules/esbuild', { hasInstallScript: true, resolved: 'https://registry.npmjs.org/esbuild/-/esbuild-1.0.0.tgz' }))).toEqual([]);
    expect(whatIsWrong({}, lockOf('node_modules/a', { dev: true, license: 'MPL-2.0' }))).toEqual([]);
  });

  it.each<readonly [string, Locked, string]>([
    ['no digest', { integrity: '' }, 'has no sha512 digest'],
    ['a digest that is easy to forge', { integrity: 'sha1-AAAA' }, 'has no sha512 digest'],
    ['another registry', { resolved: 'https://registry.example.com/a.tgz' }, 'is from https://registry.example.com/a.tgz'],
    ['a git repository', { resolved: 'git+ssh://git@github.com/a/a.git#abc' }, 'is from git+ssh:'],
    ['a look-alike registry', { resolved: 'https://registry.npmjs.org.example.com/a.tgz' }, 'is from'],
    ['a folder of its own', { link: true }, 'is a folder, and no package'],
    ['a place inside of another package', { inBundle: true }, 'comes inside of another package'],
    ['a program to run', { hasInstallScript: true }, 'runs a program when it is installed'],
    ['a licence that takes more', { license: 'AGPL-3.0' }, 'may be shipped, and has the licence AGPL-3.0'],
    ['a choice of licences that nobody has made', { license: '(MIT OR GPL-3.0)' }, 'may be shipped, and has the licence (MIT OR GPL-3.0)'],
  ])('is not where a package has %s', (_, locked, words) => {
    const wrong = whatIsWrong({}, lockOf('node_modules/a', locked));
    expect(wrong).toHaveLength(1);
    expect(wrong[0]).toContain(`node_modules/a ${words}`);
  });

  it.each(['^1.0.0', '~1.0.0', '1', '*', 'latest', '>=1.0.0', 'github:a/a', 'npm:b@1.0.0', 'file:../a'])('is not where package.json asks for %s', (version) => {
    const dependencies = { a: version };
    expect(whatIsWrong({ dependencies }, lockOf('node_modules/a', {}, { dependencies }))).toEqual([`a is not pinned: ${version}`]);
  });

  it('is not where it is another than that of package.json', () => {
    expect(whatIsWrong({ dependencies: { a: '1.0.1' } }, lockOf('node_modules/a', {}, { dependencies: { a: '1.0.0' } }))).toEqual(['the dependencies of the lock file are not those of package.json']);
  });
});

describe('the signatures of packages', () => {
  it.each([
    ['Signed', '{"invalid":[],"missing":[]}'],
    ['Wrong', '{"invalid":[{"name":"a"}],"missing":[]}'],
    ['Wrong', '{"invalid":[],"missing":[{"name":"a"}]}'],
    ['Skipped', '{"invalid":[],"missing":[{"name":"a"},{"name":"b"}]}'],
    ['Skipped', '{"error":{"code":"ENOTFOUND","summary":"no way there"}}'],
    ['Skipped', ''],
  ])('are %s by %s', (outcome, printed) => {
    expect(readSignatures(printed, 2)).toMatchObject({ outcome });
  });
});

describe('what else is downloaded', () => {
  it('for Go is pinned by the digests of go.sum, which no setting of ours switches off', () => {
    const sums = read('test/env/gitops-health/go.sum');
    const required = [...read('test/env/gitops-health/go.mod').matchAll(/^\s+(\S+) (v\S+)/gm)];
    expect(required.length).toBeGreaterThan(3);
    for (const [, module = '', version = ''] of required) expect(sums, module).toContain(`${module} ${version}/go.mod h1:`);
    const sources = readdirSync('test/env/tools').filter((name) => name.endsWith('.ts')).map((name) => read(join('test/env/tools', name)));
    for (const source of sources) expect(source).not.toMatch(/GONOSUMDB|GONOSUMCHECK|GOFLAGS=-insecure|GOINSECURE|GOSUMDB['"]?[:=]\s*['"]?off|NODE_TLS_REJECT|--insecure/);
  });

  it('by continuous integration is nothing of a third party: it runs the gate, and no action', () => {
    expect(readdirSync('.ci')).toEqual(['run']);
    expect(read('.ci/run')).toContain('make --no-print-directory test');
    expect(read('.ci/run')).not.toMatch(/\buses:|curl|wget|docker/);
    expect(() => readdirSync('.github/workflows')).toThrow('ENOENT');
  });
});
