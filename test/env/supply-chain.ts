/**
 * What the project is made of, as its lock file has it. Without a network: each package is pinned by a digest and comes from the npm
 * registry, none runs a program when it is installed but those that are known to, and what is shipped is licensed so that it may be.
 * Run by itself (`make supply-chain`) it also asks npm whether each package is signed by its registry, and says so where nobody can tell.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

/** As npm writes it, format 3: packages by their place in `node_modules`. */
export interface LockFile {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, Manifest & Locked>>;
}

const registry = 'https://registry.npmjs.org/';
/** `esbuild` tries whether its program runs, `protobufjs` warns of versions that are not pinned. `fsevents` is for macOS alone. */
const mayRunAtInstall = ['esbuild', 'fsevents', 'protobufjs'];
/** All let the work be shipped in another, with no more than a notice. */
const licences = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT', 'PSF-2.0', 'Python-2.0', 'Unlicense'];

/** In words, and none where all is well. */
export const whatIsWrong = (manifest: Manifest, { lockfileVersion, packages }: LockFile): readonly string[] => {
  if (lockfileVersion !== 3) return [`the lock file is of format ${String(lockfileVersion)}, and this reads 3`];
  const { '': root, ...installed } = packages;
  return [...pins(manifest, root), ...Object.entries(installed).flatMap(([place, locked]) => defects(place, locked))];
};

const pins = (manifest: Manifest, root: Manifest | undefined): readonly string[] =>
  (['dependencies', 'devDependencies'] as const).flatMap((kind) => [
    ...Object.entries(manifest[kind] ?? {}).flatMap(([name, version]) => (/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version) ? [] : [`${name} is not pinned: ${version}`])),
    ...(JSON.stringify(root?.[kind] ?? {}) === JSON.stringify(manifest[kind] ?? {}) ? [] : [`the ${kind} of the lock file are not those of package.json`]),
  ]);

const nameOf = (place: string): string => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);

const defects = (place: string, locked: Locked): readonly string[] => {
  const name = nameOf(place);
  const isShipped = locked.dev !== true && locked.devOptional !== true;
  const found = [
    ...(place.startsWith('node_modules/') && locked.link !== true ? [] : ['is a folder, and no package']),
    ...(locked.inBundle === true ? ['comes inside of another package, without a digest of its own'] : []),
    ...(/^sha512-[A-Za-z0-9+/]{86}==$/.test(locked.integrity ?? '') ? [] : ['has no sha512 digest']),
    // Left out, it is of the registry that npm is set to: whichever that is, the digest decides.
    ...(locked.resolved === undefined || locked.resolved.startsWith(registry) ? [] : [`is from ${locked.resolved}`]),
    ...(locked.hasInstallScript === true && !mayRunAtInstall.includes(name) ? ['runs a program when it is installed'] : []),
    ...(isShipped && !licences.includes(locked.license ?? '') ? [`may be shipped, and has the licence ${locked.license ?? 'of nobody knows what'}`] : []),
  ];
  return found.map((what) => `${place} ${what}`);
};

export interface Verdict {
  readonly outcome: 'Signed' | 'Skipped' | 'Wrong';
  readonly words: string;
}

interface Named {
  readonly name?: string;
}

/** What `npm audit signatures --json` printed of so many packages. Where the keys or all signatures cannot be had, nobody can tell. */
export const readSignatures = (printed: string, asked: number): Verdict => {
  let answer: { readonly invalid?: readonly Named[]; readonly missing?: readonly Named[]; readonly error?: { readonly summary?: string } };
  try {
    answer = JSON.parse(printed) as typeof answer;
  } catch {
    return { outcome: 'Skipped', words: 'npm did not answer in time' };
  }
  const { invalid, missing, error } = answer;
  if (invalid === undefined || missing === undefined) return { outcome: 'Skipped', words: error?.summary ?? 'npm did not say' };
  const names = (all: readonly Named[]): string => all.map(({ name = '?' }) => name).join(', ');
  if (invalid.length > 0) return { outcome: 'Wrong', words: `signed by somebody else: ${names(invalid)}` };
  if (missing.length >= asked) return { outcome: 'Skipped', words: 'the registry serves no signatures' };
  if (missing.length > 0) return { outcome: 'Wrong', words: `not signed, where others are: ${names(missing)}` };
  return { outcome: 'Signed', words: 'every package is signed by its registry' };
};

const askNpm = (): Verdict => {
  const { stdout } = spawnSync('npm', ['audit', 'signatures', '--json', '--fetch-retries=0', '--fetch-timeout=10000'], { encoding: 'utf8', timeout: 60_000 });
  const { packages } = JSON.parse(readFileSync('node_modules/.package-lock.json', 'utf8')) as LockFile;
  return readSignatures(stdout, Object.keys(packages).length);
};

if (import.meta.main) {
  const wrong = whatIsWrong(JSON.parse(readFileSync('package.json', 'utf8')) as Manifest, JSON.parse(readFileSync('package-lock.json', 'utf8')) as LockFile);
  for (const line of wrong) console.error(line);
  const { outcome, words } = askNpm();
  console.log(outcome === 'Skipped' ? `SKIPPED: whether packages are signed was not found out: ${words}` : words);
  process.exitCode = wrong.length === 0 && outcome !== 'Wrong' ? 0 : 1;
}
