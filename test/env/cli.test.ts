import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, cliPath } from '../../src/bundle.ts';
import { commands } from '../../src/cli/commands.ts';
import { helpOf } from '../../src/cli/help.ts';
import { aPredicate, aRecordedCredential, aRecordedDependency, aSigningKey } from '../builders/predicate.ts';
import { aChain, aLongRecord } from '../builders/record.ts';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string; readonly bin: Readonly<Record<string, string>> };
const key = aSigningKey();
const other = aSigningKey();
const chain = aChain(3, () => key);
const head = `${chain[2]?.metadata.name ?? ''}@${chain[2]?.spec.digest ?? ''}`;
const published = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'offboard-signing-keys' }, data: { [`${key.keyid}.pem`]: key.publicKeyPem } };
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offboard-cli-'));
  await bundle();
  copyFileSync(cliPath, join(folder, 'kubectl-offboard.mjs'));
  const write = (name: string, text: string): void => { writeFileSync(join(folder, name), text); };
  write('key.pub', key.publicKeyPem);
  write('other.pub', other.publicKeyPem);
  write('chain.yaml', chain.map((record) => dump(record)).join('---\n'));
  write('list.yaml', dump({ apiVersion: 'v1', kind: 'List', items: chain }));
  write('list.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...chain, published] }));
  write('envelopes.jsonl', chain.map(({ spec }) => `${JSON.stringify(spec.envelope)}\n`).join(''));
  write('one.json', JSON.stringify(chain[0], null, 2));
  write('forged.yaml', dump(chain[1]).replace('Confirmed', 'Cancelled'));
  write('nothing.yaml', '');
  write('pod.yaml', dump({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } }));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** As a user would, in a folder where nothing else is. */
const run = async (args: readonly string[], input = '', env: Readonly<Record<string, string>> = {}): Promise<Ended> => {
  const child = spawn(process.execPath, ['kubectl-offboard.mjs', ...args], { cwd: folder, env: { PATH: process.env['PATH'], HOME: folder, ...env } });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => { out += chunk; });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => { err += chunk; });
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out, err };
};
const verify = async (...args: readonly string[]): Promise<Ended> => run(['verify', ...args]);
const file = (name: string): string => readFileSync(join(folder, name), 'utf8');

describe('the command line, alone in a folder', () => {
  it('is what the package says it is, and can be run as it is', () => {
    expect(Object.keys(manifest.bin)).toEqual(['kubectl-offboard', 'kubectl_complete-offboard', 'offboard']);
    expect(new Set(Object.values(manifest.bin))).toEqual(new Set(['dist/kubectl-offboard.mjs']));
    expect(statSync(cliPath).mode & 0o111).toBe(0o111);
    expect(file('kubectl-offboard.mjs')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it('explains itself in 80 columns', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, out: `${manifest.version}\n`, err: '' });
    const top = await run(['--help']);
    expect(top).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^ {2}verify +checks signed records offline/m) as string });
    for (const command of commands) {
      const help = await run([command.name, '--help']);
      expect(help).toEqual({ code: 0, out: helpOf(command), err: '' });
      for (const line of `${top.out}${help.out}`.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
      for (const word of ['Usage: kubectl offboard', 'Exit code:', 'Examples:', ...Object.keys(command.flags).map((flag) => `--${flag}`)]) expect(help.out).toContain(word);
    }
    expect(await run(['help', 'verify'])).toEqual(await run(['verify', '-h']));
  });

  it.each<[string, readonly string[], string]>([
    ['no command', ['prove'], 'offboard: there is no command prove\nTry: kubectl offboard --help\n'],
    ['nothing to check', ['verify'], 'offboard verify: nothing to check: name a FILE, "-" for standard input, or --from-cluster\nTry: kubectl offboard verify --help\n'],
    ['no command, nearly', ['verfy'], 'offboard: there is no command verfy: did you mean verify?\n'],
    ['no such flag', ['verify', '--trust-cluster'], 'offboard verify: there is no flag --trust-cluster\n'],
    ['no such flag, nearly', ['verify', '--trustfile', 'x'], 'offboard verify: there is no flag --trustfile: did you mean --trust-file?\n'],
    ['no head', ['verify', 'one.json', '--expect-head', 'sha256:12'], 'offboard verify: --expect-head must be NAME@sha256:... or sha256:..., with ten and 64 digits\n'],
    ['no first', ['verify', 'one.json', '--expect-first', '1'], 'offboard verify: --expect-first must be NAME or NAME@sha256:..., with ten and 64 digits\n'],
    ['no format', ['verify', 'one.json', '-o', 'xml'], 'offboard verify: --output must be text or json, not "xml"\n'],
    ['no cluster', ['verify', 'one.json', '--context', 'x'], 'offboard verify: --context needs --from-cluster\n'],
    ['no file', ['verify', 'none.yaml'], 'offboard verify: cannot read none.yaml: ENOENT\n'],
    ['no key', ['verify', 'one.json', '--key', 'one.json'], 'offboard verify: one.json holds no public key in PEM: "-----BEGIN PUBLIC KEY-----"\n'],
    ['no key file', ['verify', 'one.json', '--key', 'none.pub'], 'offboard verify: cannot read none.pub: ENOENT\n'],
    ['no trust file', ['verify', 'one.json', '--trust-file', 'none.pem'], 'offboard verify: cannot read none.pem: ENOENT\n'],
    ['control characters', ['\u001b[2J'], 'offboard: there is no command \\u001b[2J\n'],
    ['no kubeconfig', ['verify', '--from-cluster', '--kubeconfig', 'none'], 'offboard verify: there is no kubeconfig at none\n'],
  ])('says what is wrong: %s', async (_, args, words) => {
    expect(await run(args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(words) as string });
  });
});

describe('offboard verify', () => {
  it('proves records in each form that people have of them', async () => {
    for (const name of ['chain.yaml', 'list.yaml', 'list.json', 'envelopes.jsonl']) {
      expect(await verify(name, '--key', 'key.pub', '--expect-head', head), name).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/\nproven: 3 records\n$/) as string });
      expect(await run(['verify', '-', '--key', 'other.pub', '--key', 'key.pub'], file(name)), name).toMatchObject({ code: 0 });
    }
    const { code, out } = await verify('one.json', 'one.json', '--key', 'key.pub');
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('note: 1 record was given more than once\n') as string });
  });

  it('tells first what people decided, in 80 columns', async () => {
    const { out } = await verify('one.json', '--key', 'key.pub');
    expect(out).toBe(
      [
        'decided by people',
        '  0000000001  ci/build-agent-7',
        '    asked by alice@example.com, enforced by alice@example.com',
        '',
        'records',
        '  0000000001  ci/build-agent-7  Confirmed, 2026-11-23T10:00:20.000Z',
        '    1 credential: 1 observed',
        `    signature ok (key ${key.keyid.slice(0, 16)}), schema ok, claims ok`,
        '',
        'chain 0000000001 to 0000000001, 1 record, ok',
        '  head',
        `    0000000001@${chain[0]?.spec.digest ?? ''}`,
        'proven: 1 record',
        '',
      ].join('\n'),
    );
  });

  it('trusts nobody whom it was not told to, and does not mind what came along', async () => {
    expect(await verify('chain.yaml')).toMatchObject({ code: 2, out: expect.stringContaining('signature not checked, its key is not known') as string });
    const along = await verify('list.json');
    expect(along).toMatchObject({ code: 2, out: expect.stringContaining('signature valid, signer untrusted') as string });
    expect(along.out).toContain('not proven: nothing is wrong with 3 records, and nobody is trusted to have signed (--key)');
    expect(await verify('list.json', '--key', 'other.pub')).toMatchObject({ code: 1, out: expect.stringMatching(/DOES NOT HOLD signature: it is by key\s+\w{64}, which is\s+none of those that are trusted/) as string });
  });

  it('trusts a file in its place, and no other one beside keys that were named', async () => {
    mkdirSync(join(folder, 'config', 'offboard'), { recursive: true });
    writeFileSync(join(folder, 'config', 'offboard', 'trusted-keys.pem'), `ours\n${other.publicKeyPem}\n${key.publicKeyPem}`);
    const env = { XDG_CONFIG_HOME: join(folder, 'config') };
    expect(await run(['verify', 'chain.yaml'], '', env)).toMatchObject({ code: 0 });
    expect(await run(['verify', 'chain.yaml', '--key', 'other.pub'], '', env)).toMatchObject({ code: 1 });
    expect(await verify('chain.yaml', '--trust-file', join('config', 'offboard', 'trusted-keys.pem'))).toMatchObject({ code: 0 });
  });

  it('does not hold what was changed, cut off or taken out', async () => {
    expect(await verify('forged.yaml', '--key', 'key.pub')).toMatchObject({ code: 1, out: expect.stringContaining('DOES NOT HOLD fields: spec.outcome is not what is signed') as string });
    writeFileSync(join(folder, 'gap.yaml'), chain.filter((_, index) => index !== 1).map((record) => dump(record)).join('---\n'));
    expect(await verify('gap.yaml', '--key', 'key.pub')).toMatchObject({ code: 1, out: expect.stringContaining('DOES NOT HOLD chain: there is a gap') as string });
    expect(await verify('one.json', '--key', 'key.pub', '--expect-first', '0000000001')).toMatchObject({ code: 0 });
    expect(await run(['verify', '-', '--key', 'key.pub', '--expect-first', '0000000001'], dump(chain[1]))).toMatchObject({ code: 1, out: expect.stringContaining('The beginning of the chain was cut off') as string });
    expect(await verify('one.json', '--key', 'key.pub', '--expect-head', head)).toMatchObject({ code: 1, out: expect.stringContaining('was cut off, or replaced') as string });
  });

  it('does not call proven what it could not read, nor nothing', async () => {
    expect(await verify('nothing.yaml', '--key', 'key.pub')).toMatchObject({ code: 2, out: 'NOT CHECKED nothing.yaml is empty\nnot proven: there is no record\n' });
    expect(await verify('one.json', 'pod.yaml', '--key', 'key.pub')).toMatchObject({ code: 2, out: expect.stringContaining('NOT CHECKED pod.yaml is no record of offboard.dev/v1alpha1\n') as string });
    expect(await run(['verify', '-', '--key', 'key.pub'], ': [')).toMatchObject({ code: 2 });
  });

  it('asks nobody on the network', async () => {
    const refuse = "() => { throw new Error('somebody on the network was asked'); }";
    writeFileSync(join(folder, 'offline.mjs'), [
      "import dns from 'node:dns';",
      "import net from 'node:net';",
      "import { syncBuiltinESMExports } from 'node:module';",
      `dns.lookup = dns.promises.lookup = net.connect = net.createConnection = net.Socket.prototype.connect = globalThis.fetch = ${refuse};`,
      'syncBuiltinESMExports();',
    ].join('\n'));
    const offline = { NODE_OPTIONS: `--import=${join(folder, 'offline.mjs')}` };
    expect(await run(['verify', 'chain.yaml', '--key', 'key.pub'], '', offline)).toMatchObject({ code: 0, err: '' });
    // It would be told.
    writeFileSync(join(folder, 'some-kubeconfig'), dump({ apiVersion: 'v1', kind: 'Config', 'current-context': 'x', users: [{ name: 'x', user: {} }], clusters: [{ name: 'x', cluster: { server: 'http://127.0.0.1:1' } }], contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }] }));
    expect(await run(['verify', '--from-cluster', '--kubeconfig', 'some-kubeconfig', '--key', 'key.pub'], '', offline)).toMatchObject({ code: 2, err: expect.stringContaining('somebody on the network was asked') as string });
  });

  it('tells machines the same', async () => {
    const { code, out } = await verify('chain.yaml', '--key', 'key.pub', '-o', 'json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ verdict: 'Proven', exitCode: 0, unreadable: [], records: [{ name: '0000000001', signature: 'Trusted', problems: [] }, {}, {}], chains: [{ length: 3 }] });
    const doubtful = await verify('chain.yaml', 'pod.yaml', '--key', 'key.pub', '-o', 'json');
    expect(doubtful.code).toBe(2);
    expect(JSON.parse(doubtful.out)).toMatchObject({ verdict: 'NotProven', exitCode: 2, unreadable: ['pod.yaml is no record of offboard.dev/v1alpha1'] });
  });

  it('shows no character that would turn a terminal against who reads it', async () => {
    const { people } = aPredicate();
    const [evil] = aChain(1, () => key, () => ({ people: { ...people, requestedBy: { username: 'alice\u001b[2K\rmallory\u202e' } } }));
    const { out } = await run(['verify', '-', '--key', 'key.pub'], JSON.stringify(evil));
    expect(out).toContain('asked by alice\\u001b[2K\\rmallory\\u202e');
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it('proves a record of 5000 credentials with its chunks', async () => {
    const credentials = Array.from({ length: 5_000 }, (_, index) => aRecordedCredential({ id: `database/creds/ci/${index}`, class: 'Lease' }));
    const objects = aLongRecord(aPredicate({ dependencies: [aRecordedDependency(), aRecordedDependency({ name: 'vault', kind: 'vault', credentials })] }), key, 384 * 1024);
    const text = objects.map((object) => JSON.stringify(object)).join('\n');
    expect(await run(['verify', '-', '--key', 'key.pub'], text)).toMatchObject({ code: 0, out: expect.stringContaining('5001 credentials: 5001 observed') as string });
    expect(await run(['verify', '-', '--key', 'key.pub'], text.split('\n').slice(1).join('\n'))).toMatchObject({ code: 1, out: expect.stringContaining('DOES NOT HOLD chunks: chunk-') as string });
  });
});

describe('offboard verify --from-cluster', () => {
  /** An API server that knows records and the ConfigMap, and nothing else. */
  const serving = async (records: readonly unknown[], work: (kubeconfig: string) => Promise<void>): Promise<void> => {
    const server = createServer((request, response) => {
      const answers: Readonly<Record<string, unknown>> = {
        '/apis/offboard.dev/v1alpha1/offboardingrecords': { apiVersion: 'offboard.dev/v1alpha1', kind: 'OffboardingRecordList', metadata: { resourceVersion: '1' }, items: records },
        '/api/v1/namespaces/offboard-system/configmaps/offboard-signing-keys': { ...published, metadata: { ...published.metadata, namespace: 'offboard-system', uid: 'u', resourceVersion: '1' } },
      };
      const answer = answers[(request.url ?? '').split('?')[0] ?? ''];
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404, message: 'not found' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const context = (name: string, url: string) => ({
      clusters: [{ name, cluster: { server: url } }],
      contexts: [{ name, context: { cluster: name, user: 'nobody' } }],
    });
    const [here, nowhere] = [context('here', `http://127.0.0.1:${port}`), context('nowhere', 'http://127.0.0.1:1')];
    const kubeconfig = {
      apiVersion: 'v1', kind: 'Config', 'current-context': 'nowhere', users: [{ name: 'nobody', user: {} }],
      clusters: [...here.clusters, ...nowhere.clusters], contexts: [...here.contexts, ...nowhere.contexts],
    };
    writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(kubeconfig));
    try {
      await work('kubeconfig');
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  };
  const stored = chain.map((record) => ({ ...record, metadata: { ...record.metadata, uid: 'u', resourceVersion: '1' } }));

  it('reads all records, and takes none of its keys for trusted', async () => {
    await serving(stored, async (kubeconfig) => {
      const args = ['--from-cluster', '--kubeconfig', kubeconfig, '--context', 'here'];
      expect(await verify(...args, '--key', 'key.pub', '--expect-head', head)).toMatchObject({ code: 0, err: '', out: expect.stringContaining('proven: 3 records') as string });
      expect(await verify(...args)).toMatchObject({ code: 2, out: expect.stringContaining('signature valid, signer untrusted') as string });
      expect(await verify(...args, 'chain.yaml', '--key', 'key.pub')).toMatchObject({ code: 0, out: expect.stringContaining('3 records were given more than once') as string });
    });
  });

  it('tells that its chain was cut off', async () => {
    await serving(stored.slice(0, 2), async (kubeconfig) => {
      expect(await verify('--from-cluster', '--kubeconfig', kubeconfig, '--context', 'here', '--key', 'key.pub', '--expect-head', head)).toMatchObject({ code: 1 });
    });
  });

  it('says that it cannot be reached', async () => {
    await serving(stored, async (kubeconfig) => {
      expect(await verify('--from-cluster', '--kubeconfig', kubeconfig, '--key', 'key.pub')).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^offboard verify: .*127\.0\.0\.1:1|ECONNREFUSED|connect/) as string });
    });
  });
});
