/**
 * `npm run build`: the operator as one file, `dist/offboard.mjs`, that needs nothing but Node. The image and the tests run it.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const checkout = fileURLToPath(new URL('..', import.meta.url));

/** With its source map beside it. */
export const bundlePath = `${checkout}dist/offboard.mjs`;

/** Builds it anew, which takes some tenths of a second, and resolves to its path. */
export const bundle = async (): Promise<string> => {
  const { outputFiles } = await build({
    absWorkingDir: checkout,
    entryPoints: { offboard: 'src/main.ts' },
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // Some packages are CommonJS and `require` the modules of Node, which an ES module has to be given.
    banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
    // Names and lines are kept, so a stack trace can be read without the map; only `--enable-source-maps` loads that.
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'inline',
    logLevel: 'warning',
    write: false,
  });
  // An operator may be starting from the file that was there.
  for (const { path, contents } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    const fresh = `${path}.${process.pid}`;
    writeFileSync(fresh, contents);
    renameSync(fresh, path);
  }
  return bundlePath;
};

if (import.meta.main) await bundle();
