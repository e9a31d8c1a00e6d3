/** The image, built from this checkout, and run as a pod would run it, as the operator of a run on a real API server. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestContext } from 'vitest';
import { createBuildAgent } from '../env/build-agent.ts';
import { startControlPlane, waitFor } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { startDocker } from '../env/docker.ts';
import type { Docker } from '../env/docker.ts';
import { basesOf } from '../env/image-bases.ts';
import { installOperatorAccount } from '../env/operator-account.ts';
import { installSigningKey } from '../env/signing-key.ts';
import { installOffboard } from '../integration/install.ts';
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import { expectAlive, expectRefused, offboardingOf, readyOf } from './stage.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const dockerfile = readFileSync(join(checkout, 'Dockerfile'), 'utf8');
const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { readonly version: string };
const bases = [...dockerfile.matchAll(/^ARG \w+_IMAGE=(.+)$/gm)].map(([, name]) => name ?? '');
const image = `offboard-test:${process.pid}`;
const container = `offboard-test-${process.pid}`;
const revision = '0123456789abcdef0123456789abcdef01234567';

let folder: string;
let docker: Docker | undefined;
let why = '';
let layers: readonly (readonly string[])[] = [];
let cluster: ControlPlane;

const build = async (engine: Docker, args: readonly string[], context: string): Promise<readonly string[]> => {
  const told = ['--build-arg', 'SOURCE_DATE_EPOCH=1796000000', '--build-arg', `REVISION=${revision}`];
  await engine.run(['build', '--network=host', ...args, ...told, '--tag', image, context], { timeout: 420_000 });
  return JSON.parse(await engine.run(['inspect', '--format', '{{json .RootFS.Layers}}', image])) as readonly string[];
};

/** What the build is given, somewhere else, with a file more that nothing imports: so nothing after it comes from the cache. */
const otherContext = (): string => {
  const context = join(folder, 'context');
  for (const name of ['.dockerignore', 'Dockerfile', 'LICENSE', 'package.json', 'package-lock.json', 'tsconfig.json', 'docs/record.schema.json', 'src']) {
    cpSync(join(checkout, name), join(context, name), { recursive: true });
  }
  writeFileSync(join(context, 'src/unused.ts'), 'export const unused = 1;\n');
  return context;
};

const buildTwice = async (engine: Docker): Promise<void> => {
  const { args, what } = await basesOf(engine, bases);
  console.log(`The image is built on ${what}, by ${engine.own ? 'a Docker engine of our own' : 'the Docker engine of this machine'}`);
  if (engine.own) {
    layers = [await build(engine, args, otherContext())];
    // With its layers, which the second build would else find to be what it was about to make.
    await engine.run(['rmi', image]);
  }
  layers = [...layers, await build(engine, args, checkout)];
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offboard-image-'));
  const engine = await startDocker();
  if (typeof engine === 'string') {
    why = engine;
    console.warn(`The image is not tested: ${why}`);
    return;
  }
  docker = engine;
  [cluster] = await Promise.all([startControlPlane(), buildTwice(engine)]);
  await installOffboard(cluster);
  await installSigningKey(cluster);
  // Half a minute of `npm ci`, which other tests beside it can make many.
}, 900_000);
afterAll(async () => {
  await docker?.run(['rm', '--force', container]);
  await docker?.run(['rmi', '--force', image]);
  await docker?.stop();
  if (docker !== undefined) await cluster.stop();
  rmSync(folder, { recursive: true });
});

const engineOr = ({ skip }: TestContext): Docker => docker ?? skip(why);

/** The folder that a pod has of its ServiceAccount, which anybody in the pod may read. */
const mountOf = async (): Promise<string> => {
  const mount = join(folder, 'serviceaccount');
  mkdirSync(mount);
  for (const [name, text] of [['token', await installOperatorAccount(cluster)], ['ca.crt', cluster.ca], ['namespace', 'offboard-system']] as const) {
    writeFileSync(join(mount, name), text, { mode: 0o644 });
  }
  return mount;
};

/** As config/manager/deployment.yaml has it. */
const confined = ['--network=host', '--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--memory=512m'];

describe('the image', () => {
  it('says what it is, runs as nobody, and asks for no health check', async (context) => {
    const engine = engineOr(context);
    const config = JSON.parse(await engine.run(['inspect', '--format', '{{json .Config}}', image])) as Readonly<Record<string, unknown>>;
    expect(config).toMatchObject({
      User: '65532:65532',
      Entrypoint: ['node', '--max-semi-space-size=4', '/offboard.mjs'],
      Labels: { 'org.opencontainers.image.version': version, 'org.opencontainers.image.revision': revision, 'org.opencontainers.image.licenses': 'Apache-2.0' },
    });
    expect(config['Healthcheck'] ?? null).toBeNull();
    expect(await engine.run(['run', '--rm', ...confined, image, '--version'])).toBe(`${version}\n`);
  });

  it('is the same layer when the same sources are built elsewhere', (context) => {
    if (!engineOr(context).own) context.skip('an engine that others use keeps what it built, and would not build it again');
    expect(layers).toHaveLength(2);
    expect(layers[0]?.length).toBeGreaterThan(1);
    expect(layers[0]).toEqual(layers[1]);
  });

  it('has its bill of materials and all licences, and retires an identity on a root that nobody can write', async (context) => {
    const engine = engineOr(context);
    const at = new URL(cluster.url);
    const inPod = ['--volume', `${await mountOf()}:/var/run/secrets/kubernetes.io/serviceaccount:ro`, '--env', `KUBERNETES_SERVICE_HOST=${at.hostname}`, '--env', `KUBERNETES_SERVICE_PORT=${at.port}`];
    await engine.run(['run', '--detach', '--name', container, ...confined, ...inPod, image, '--port=0', '--kubernetes-settle=1s']);
    const url = await waitFor(async () => /"url":"(http:[^"]+)"/.exec(await engine.logs(container))?.[1], { what: 'the operator in the image serving', timeout: 60_000, interval: 250 });
    await waitFor(async () => (await fetch(`${url}/readyz`)).ok, { what: 'the operator in the image being ready', timeout: 60_000 });

    const inside = `
      const { readdirSync, writeFileSync } = require('node:fs');
      const tries = ['/x', '/tmp/x', '/offboard.mjs'].map((path) => { try { writeFileSync(path, ''); return 'written'; } catch (error) { return error.code; } });
      console.log(JSON.stringify({ uid: process.getuid(), tries, files: readdirSync('/') }));
    `;
    const seen = JSON.parse(await engine.run(['exec', container, 'node', '--eval', inside])) as { readonly uid: number; readonly tries: readonly string[]; readonly files: readonly string[] };
    expect(seen.uid).toBe(65_532);
    expect(seen.tries).not.toContain('written');
    expect(seen.files).toEqual(expect.arrayContaining(['LICENSE', 'iam-credentials.mjs', 'offboard.THIRD-PARTY-NOTICES', 'offboard.cdx.json', 'offboard.mjs']));

    const agent = await createBuildAgent(cluster, 'imaged');
    await expectAlive(agent);
    await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: offboardingOf(agent) });
    const ready = await waitFor(
      async () => {
        const { status } = JSON.parse(await cluster.kubectl(['get', 'offboarding', 'retire', '-n', 'imaged', '-o', 'json'])) as OffboardingObject;
        return readyOf(status)?.reason === 'ConfirmedWithUnprovable' ? readyOf(status) : undefined;
      },
      { what: 'the run being confirmed', timeout: 150_000, interval: 200 },
    );
    expect(ready.status).toBe('True');
    await expectRefused(agent);

    await engine.run(['stop', '--time=30', container]);
    expect(await engine.run(['inspect', '--format', '{{.State.ExitCode}} {{.State.OOMKilled}}', container])).toBe('0 false\n');
  });
});
