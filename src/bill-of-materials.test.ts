import type { Metafile } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { billOfMaterials, packagesIn } from './bill-of-materials.ts';
import type { Product } from './bill-of-materials.ts';

const integrity = `sha512-${Buffer.alloc(64, 7).toString('base64')}`;
const known = { version: '1.0.0', license: 'MIT', integrity };

/** As esbuild tells it: which bytes it took of which file, and what each file imports. */
const metafileOf = (files: Readonly<Record<string, { readonly bytes: number; readonly imports?: readonly string[] }>>): Metafile => {
  const entries = Object.entries(files);
  const inputs = Object.fromEntries(entries.map(([path, { imports = [] }]) => [path, { bytes: 9, imports: imports.map((each) => ({ path: each, kind: 'import-statement' as const })) }]));
  const taken = Object.fromEntries(entries.map(([path, { bytes }]) => [path, { bytesInOutput: bytes }]));
  return { inputs, outputs: { 'dist/a.mjs': { bytes: 9, inputs: taken, imports: [], exports: [] } } };
};

const productOf = (fields: Partial<Product> = {}): Product => ({
  name: 'offboard',
  version: '0.1.0',
  license: 'Apache-2.0',
  files: [{ name: 'offboard.mjs', text: 'nothing' }],
  packages: [],
  esbuild: '0.28.2',
  timestamp: undefined,
  ...fields,
});

describe('what is in a bundle', () => {
  it('is each package of which a byte was taken, once', () => {
    const metafile = metafileOf({
      'src/main.ts': { bytes: 5, imports: ['node_modules/@a/b/index.js', 'node_modules/unused/index.js'] },
      'node_modules/@a/b/index.js': { bytes: 3, imports: ['node_modules/@a/b/more.js', 'node_modules/@a/b/node_modules/c/index.js', 'node_modules/unused/index.js'] },
      'node_modules/@a/b/more.js': { bytes: 3 },
      'node_modules/@a/b/node_modules/c/index.js': { bytes: 1 },
      'node_modules/unused/index.js': { bytes: 0 },
      'only-the-client:undici': { bytes: 4, imports: [] },
    });
    const lock = { packages: { 'node_modules/@a/b': known, 'node_modules/@a/b/node_modules/c': { ...known, version: '2.0.0' } } };
    expect(packagesIn([metafile, metafile], lock)).toEqual([
      { path: 'node_modules/@a/b', name: '@a/b', ...known, imports: ['node_modules/@a/b/node_modules/c'] },
      { path: 'node_modules/@a/b/node_modules/c', name: 'c', ...known, version: '2.0.0', imports: [] },
    ]);
  });

  it('is refused when the lock file does not say what it is', () => {
    const metafile = metafileOf({ 'node_modules/c/index.js': { bytes: 1 } });
    for (const entry of [undefined, { ...known, integrity: undefined }, { ...known, license: undefined }, { ...known, version: undefined }]) {
      expect(() => packagesIn([metafile], JSON.parse(JSON.stringify({ packages: { 'node_modules/c': entry } })) as Parameters<typeof packagesIn>[1])).toThrow('of node_modules/c');
    }
  });

  it('is refused under a licence that nobody has read, and by a hash that proves little', () => {
    const one = { path: 'node_modules/c', name: 'c', ...known, imports: [] };
    expect(() => billOfMaterials(productOf({ packages: [{ ...one, license: 'SEE LICENSE IN x' }] }))).toThrow('the licence of c');
    expect(() => billOfMaterials(productOf({ packages: [{ ...one, integrity: 'sha1-AAAA' }] }))).toThrow('the integrity of c');
  });
});

describe('the bill of materials', () => {
  const packages = [
    { path: 'node_modules/@a/b', name: '@a/b', ...known, imports: ['node_modules/c'] },
    { path: 'node_modules/c', name: 'c', ...known, imports: [] },
  ];

  it('has of each package what the lock file says, and who imports it', () => {
    const text = billOfMaterials(productOf({ packages, timestamp: new Date(1_796_000_000_000) }));
    expect(JSON.parse(text)).toMatchObject({
      metadata: { timestamp: '2026-11-30T00:53:20.000Z', component: { name: 'offboard', version: '0.1.0', components: [{ name: 'offboard.mjs' }] } },
      components: [
        { name: '@a/b', version: '1.0.0', purl: 'pkg:npm/%40a/b@1.0.0', licenses: [{ license: { id: 'MIT' } }], hashes: [{ alg: 'SHA-512', content: '07'.repeat(64) }] },
        { name: 'c', purl: 'pkg:npm/c@1.0.0' },
      ],
    });
    expect(JSON.parse(text)).toHaveProperty('dependencies', expect.arrayContaining([{ ref: 'node_modules/@a/b', dependsOn: ['node_modules/c'] }]));
  });

  it('names no time and no number of its own unless it is given one', () => {
    const bom = JSON.parse(billOfMaterials(productOf({ packages }))) as { readonly metadata: object };
    expect(bom).not.toHaveProperty('serialNumber');
    expect(bom.metadata).not.toHaveProperty('timestamp');
  });
});
