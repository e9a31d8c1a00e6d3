/**
 * Builds the control plane from the Go module proxy, for machines that reach no download site: a module of our own takes
 * over the requirements of `k8s.io/kubernetes`, with the staging folders replaced by their published modules.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Binary } from './versions.ts';

const run = promisify(execFile);

const etcdModule = 'go.etcd.io/etcd/server/v3';

/** What is built, as `go build` names it, and the name it gets. */
const targets = [
  { package: 'k8s.io/kubernetes/cmd/kube-apiserver', built: 'kube-apiserver', name: 'kube-apiserver' },
  { package: 'k8s.io/kubernetes/cmd/kube-controller-manager', built: 'kube-controller-manager', name: 'kube-controller-manager' },
  { package: 'k8s.io/kubernetes/cmd/kubectl', built: 'kubectl', name: 'kubectl' },
  { package: etcdModule, built: 'server', name: 'etcd' },
] as const;

export const hasGo = (): Promise<boolean> =>
  run('go', ['version']).then(
    () => true,
    () => false,
  );

/** Builds the named binaries into `folder`, which then also holds the sources' module. Takes minutes; `say` is told how it goes. */
export const buildFromSource = async (
  version: string,
  folder: string,
  say: (line: string) => void,
  names: readonly Binary[],
): Promise<void> => {
  const module = join(folder, 'module');
  await mkdir(module);
  await writeFile(join(module, 'go.mod'), ownModule(await kubernetesModule(version), version));
  const [, minor] = version.split('.');
  const set = (name: string, value: string): string => `-X k8s.io/component-base/version.${name}=${value}`;
  const flags = ['-s -w', set('gitVersion', `v${version}`), set('gitMajor', '1'), set('gitMinor', minor ?? '')].join(' ');
  const wanted = targets.filter(({ name }) => names.includes(name));
  for (const [index, target] of wanted.entries()) {
    const args = ['build', '-mod=mod', '-trimpath', '-ldflags', flags, '-o', join(folder, target.built), target.package];
    await go(args, module, `${target.name} (${index + 1} of ${wanted.length})`, say);
    if (target.built !== target.name) await rename(join(folder, target.built), join(folder, target.name));
  }
};

const kubernetesModule = async (version: string): Promise<string> => {
  const { stdout } = await run('go', ['mod', 'download', '-json', `k8s.io/kubernetes@v${version}`]);
  const { GoMod } = JSON.parse(stdout) as { readonly GoMod: string };
  return readFile(GoMod, 'utf8');
};

/** Staging modules are published with the same minor and patch, under v0. */
export const ownModule = (kubernetes: string, version: string): string => {
  const staging = `v0.${version.replace(/^1\./, '')}`;
  return kubernetes
    .replace(/^module .*$/m, `module offboard.dev/control-plane\n\nrequire k8s.io/kubernetes v${version}`)
    .replace(/^(\s*(?:replace\s+)?)(\S+) => \.\/staging\/src\/\S+$/gm, `$1$2 => $2 ${staging}`)
    .replace(/^(\s*(?:require\s+)?k8s\.io\/\S+) v0\.0\.0(\s|$)/gm, `$1 ${staging}$2`);
};

const reportEvery = 20_000;

/** Runs `go`, and says every 20 seconds that it is still at it, with the package it compiled last. */
const go = (args: readonly string[], cwd: string, what: string, say: (line: string) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    const started = performance.now();
    const elapsed = (): string => `${Math.round((performance.now() - started) / 1000)} s`;
    say(`Compiling ${what}`);
    const child = spawn('go', [...args.slice(0, 1), '-v', ...args.slice(1)], {
      cwd,
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod', GOWORK: 'off' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let last = '';
    const tail: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      for (const line of chunk.split('\n').filter((each) => each !== '')) {
        last = line;
        tail.push(line);
        if (tail.length > 20) tail.shift();
      }
    });
    const timer = setInterval(() => {
      say(`  ${what}: ${elapsed()}, at ${last}`);
    }, reportEvery);
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(timer);
      if (code === 0) {
        say(`  ${what}: built in ${elapsed()}`);
        resolve();
      } else reject(new Error(`go ${args.join(' ')} ended with ${String(code)}:\n${tail.join('\n')}`));
    });
  });
