/**
 * `npm run build`: the operator as one file, `dist/offboard.mjs`, that needs nothing but Node, and beside it what it loads only when
 * it is asked to probe, `dist/iam-credentials.mjs`. The image and the tests run it. And the command line, `dist/kubectl-offboard.mjs`.
 * Beside each what is in it that is not ours: `….cdx.json`, and with the words of their licences `….THIRD-PARTY-NOTICES`.
 *
 * The same sources give the same bytes, wherever they lie. With `SOURCE_DATE_EPOCH` (seconds since 1970, see reproducible-builds.org)
 * that is also when the files were changed, so that the layer of an image is the same too.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, version as esbuild } from 'esbuild';
import type { Metafile, Plugin } from 'esbuild';
import { billOfMaterials, notices, packagesIn } from './bill-of-materials.ts';

const checkout = fileURLToPath(new URL('..', import.meta.url));

/** With its source map beside it. */
export const bundlePath = `${checkout}dist/offboard.mjs`;

/** The command line, whole in one file that can be run as it is. */
export const cliPath = `${checkout}dist/kubectl-offboard.mjs`;

/**
 * How the image starts it. All of it holds down what a burst takes, and costs no time that could be measured: garbage is swept
 * up four megabytes at a time, the threads of Node share the memory of the C library instead of keeping their own, and what
 * is free there goes back to the system.
 */
export const settings = {
  flags: ['--max-semi-space-size=4'],
  env: { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' },
} as const;

/**
 * Of `undici` only the pooled client. Its index also loads `fetch`, WebSockets, mocks and caches, which nobody here uses.
 * Whoever imports more of it is told by the build.
 */
const onlyTheClientOfUndici: Plugin = {
  name: 'only-the-client-of-undici',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'only-the-client' }));
    onLoad({ filter: /.*/, namespace: 'only-the-client' }, () => ({
      resolveDir: checkout,
      contents: `
        import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
        import request from 'undici/lib/api/api-request.js';
        Dispatcher.prototype.request = request;
        export { default as Agent } from 'undici/lib/dispatcher/agent.js';
      `,
    }));
  },
};

/** Node keeps the text of a program in memory, also of what never runs: an operator that probes nothing does not read this. */
const whatIsLoadedLater: Plugin = {
  name: 'what-is-loaded-later',
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/iam-credentials\.ts$/ }, ({ kind }) => (kind === 'dynamic-import' ? { path: './iam-credentials.mjs', external: true } : undefined));
  },
};

/**
 * Of `google-gax` only its REST mode, without gRPC, and without the ways to find credentials, which are given to it; and no copy of
 * the messages as code, which it reads from their description. The file has 0.7 MB instead of 3.4.
 */
const onlyTheRestOfGax: Plugin = {
  name: 'only-the-rest-of-gax',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^(google-gax|google-auth-library|google-logging-utils)$/ }, ({ path }) => ({ path, namespace: 'only-the-rest' }));
    onLoad({ filter: /^google-gax$/, namespace: 'only-the-rest' }, () => ({
      resolveDir: checkout,
      contents: `
        module.exports = {
          fallback: require('google-gax/fallback'),
          loggingUtils: { log: () => ({ info: () => undefined }) },
          decodeAnyProtosInArray: (all) => all,
        };
      `,
    }));
    onLoad({ filter: /./, namespace: 'only-the-rest' }, () => ({ contents: 'module.exports = {};' }));
    onLoad({ filter: /\/(google-gax|iam-credentials)\/build\/protos\/\w+\.js$/ }, () => ({ contents: 'module.exports = {};' }));
  },
};

/** One file of a product, and what esbuild says of it. */
interface Bundled {
  readonly files: readonly { readonly name: string; readonly text: string }[];
  readonly metafile: Metafile;
}

/** Builds it anew, which takes some tenths of a second, and resolves to its path. */
export const bundle = async (): Promise<string> => {
  const date = sourceDate();
  const [operator, credentials, cli] = await Promise.all([
    bundleOne({ offboard: 'src/main.ts' }, [onlyTheClientOfUndici, whatIsLoadedLater]),
    bundleOne({ 'iam-credentials': 'src/revokers/google-cloud/iam-credentials.ts' }, [onlyTheRestOfGax]),
    bundleOne({ 'kubectl-offboard': 'src/cli/main.ts' }, [onlyTheClientOfUndici]),
  ]);
  write('LICENSE', readFileSync(`${checkout}LICENSE`, 'utf8'), date);
  ship('offboard', [operator, credentials], date);
  ship('kubectl-offboard', [cli], date);
  return bundlePath;
};

const bundleOne = async (entryPoints: Readonly<Record<string, string>>, plugins: Plugin[]): Promise<Bundled> => {
  const { outputFiles, metafile } = await build({
    absWorkingDir: checkout,
    entryPoints,
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // The comments in the program tell where each part is from: in `node_modules`, also where that is a link to another folder.
    preserveSymlinks: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // Some packages are CommonJS and `require` the modules of Node, which an ES module has to be given.
    banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
    // Names and lines are kept, so a stack trace can be read without the map; only `--enable-source-maps` loads that.
    sourcemap: 'linked',
    sourcesContent: false,
    plugins,
    legalComments: 'inline',
    logLevel: 'warning',
    metafile: true,
    write: false,
  });
  const files = outputFiles.map(({ path, text }) => ({ name: basename(path), text: path.endsWith('.mjs') ? inAscii(text) : text }));
  return { files, metafile };
};

const ship = (name: string, parts: readonly Bundled[], date: Date | undefined): void => {
  const { version, license } = JSON.parse(readFileSync(`${checkout}package.json`, 'utf8')) as { readonly version: string; readonly license: string };
  const lock = JSON.parse(readFileSync(`${checkout}package-lock.json`, 'utf8')) as Parameters<typeof packagesIn>[1];
  const packages = packagesIn(parts.map(({ metafile }) => metafile), lock);
  const files = parts.flatMap((part) => part.files);
  const programs = files.filter((file) => file.name.endsWith('.mjs'));
  const product = { name, version, license, files: programs, packages, esbuild, timestamp: date };
  for (const file of files) write(file.name, file.text, date);
  write(`${name}.cdx.json`, billOfMaterials(product), date);
  write(`${name}.THIRD-PARTY-NOTICES`, notices(product, checkout), date);
};

const sourceDate = (): Date | undefined => {
  const text = process.env['SOURCE_DATE_EPOCH'] ?? '';
  if (text === '') return undefined;
  if (!/^\d{1,11}$/.test(text)) throw new Error(`SOURCE_DATE_EPOCH must be seconds since 1970, not "${text}"`);
  return new Date(1000 * Number(text));
};

const write = (name: string, text: string, date: Date | undefined): void => {
  mkdirSync(`${checkout}dist`, { recursive: true });
  const path = `${checkout}dist/${name}`;
  // An operator may be starting from the file that was there.
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, text);
  // Not what the umask of whoever builds makes of it.
  chmodSync(fresh, text.startsWith('#!') ? 0o755 : 0o644);
  if (date !== undefined) utimesSync(fresh, date, date);
  renameSync(fresh, path);
};

/**
 * Node keeps the text of a program in memory, at twice the size when one character of it is not in Latin-1. esbuild escapes
 * those in strings; what is left is in comments and regular expressions.
 */
const inAscii = (program: string): string => {
  if (/\\\P{ASCII}/u.test(program)) throw new Error('a character that is not ASCII stands behind a backslash, and cannot be escaped');
  return program.replace(/\P{ASCII}/gu, (character) =>
    character.split('').map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
  );
};

if (import.meta.main) await bundle();
