/** Chromium, which renders the report: found on the machine, downloaded by Playwright, or, by root, installed from Debian. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { isExecutable } from './locate.ts';
import { cacheRoot, currentPlatform } from './versions.ts';
import { wholeFolder } from './whole-folder.ts';

const run = promisify(execFile);

const onPath = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'] as const;
/** Where macOS keeps programs, off PATH. */
const ofMacOs = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium'];
/** As the archives of Playwright call it, by platform and age. */
const downloaded = ['headless_shell', 'chrome-headless-shell', 'chrome', 'Chromium'];

/** The path of the program, or `undefined`. */
export const locateChromium = async (env: NodeJS.ProcessEnv = process.env, offPath = ofMacOs): Promise<string | undefined> => {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((entry) => entry !== '');
  for (const path of [...folders.flatMap((folder) => onPath.map((name) => join(folder, name))), ...offPath]) {
    if ((await isExecutable(path)) && (await works(path))) return path;
  }
  return programIn(await cachedChromium(cacheRoot(env)));
};

/** Some distributions have a script of that name, which only says where to get it. */
const works = (path: string): Promise<boolean> => run(path, ['--version'], { timeout: 20_000 }).then(({ stdout }) => /Chrom(?:e|ium)\D+\d/.test(stdout), () => false);

const playwright = createRequire(import.meta.url).resolve('playwright-core/package.json');

/** Each version of Playwright brings the one that it was tried with. */
const cachedChromium = async (root: string): Promise<string> => {
  const { os, arch } = currentPlatform();
  const { default: manifest } = (await import(playwright, { with: { type: 'json' } })) as { readonly default: { readonly version: string } };
  return join(root, 'chromium', `playwright-${manifest.version}-${os}-${arch}`);
};

const programIn = async (folder: string): Promise<string | undefined> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile() && downloaded.includes(entry.name)).map((entry) => join(entry.parentPath, entry.name)).at(0);
};

export interface ChromiumOptions {
  readonly root?: string;
  readonly say?: (line: string) => void;
  readonly download?: (folder: string) => Promise<void>;
  /** Whether Debian's packages may be installed here. */
  readonly mayInstall?: boolean;
  readonly install?: () => Promise<void>;
  readonly env?: NodeJS.ProcessEnv;
}

/** Only root may install Debian's package. */
const isRoot = (): boolean => process.getuid?.() === 0;

/** Returns its path. */
export const installChromium = async (options: ChromiumOptions = {}): Promise<string> => {
  const say = options.say ?? ((line: string) => process.stderr.write(`${line}\n`));
  const folder = await cachedChromium(options.root ?? cacheRoot());
  try {
    say('Downloading Chromium with Playwright');
    await wholeFolder(folder, async (each) => (await programIn(each)) !== undefined, options.download ?? downloadChromium);
    const program = await programIn(folder);
    if (program !== undefined && (await works(program))) return program;
    throw new Error(`${program ?? folder} does not start`);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (!(options.mayInstall ?? isRoot())) throw new Error(`Chromium can neither be downloaded (${why}) nor installed, which only root can: apt-get install chromium`, { cause: error });
    say(`No download: ${why}`);
    say('Installing the package chromium instead');
    await (options.install ?? installPackage)();
    const installed = await locateChromium(options.env ?? process.env);
    if (installed === undefined) throw new Error('Chromium was installed, and is not there', { cause: error });
    return installed;
  }
};

/** As `npx playwright install` does it. */
const downloadChromium = async (folder: string): Promise<void> => {
  const env = { ...process.env, PLAYWRIGHT_BROWSERS_PATH: folder, PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT: '5000' };
  try {
    await run(process.execPath, [join(dirname(playwright), 'cli.js'), 'install', 'chromium-headless-shell'], { env, timeout: 600_000, maxBuffer: 2 ** 24 });
  } catch (error) {
    const { stderr = '' } = error as { readonly stderr?: string };
    throw new Error(/^Error: .*$/m.exec(stderr)?.[0] ?? 'playwright install failed', { cause: error });
  }
};

const installPackage = async (): Promise<void> => {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...words: readonly string[]): Promise<unknown> => run('apt-get', words, { env, timeout: 900_000, maxBuffer: 2 ** 26 });
  await apt('update');
  await apt('install', '-y', '--no-install-recommends', 'chromium', 'fonts-dejavu-core');
};
