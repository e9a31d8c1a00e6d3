import { describe, expect, it } from 'vitest';
import { UsageError, help, readConfig } from './config.ts';

describe('readConfig', () => {
  it('has a default for everything', () => {
    expect(readConfig([], {})).toMatchObject({
      namespace: 'offboard-system',
      serviceAccount: 'offboard',
      bindAddress: '127.0.0.1',
      port: 8080,
      tokenSecrets: false,
      kubernetesSettle: 15_000,
      leaderElection: true,
      apiServers: [],
      allowLoopbackHttp: false,
    });
  });

  it('serves on every address in a pod, and on loopback elsewhere', () => {
    expect(readConfig([], { KUBERNETES_SERVICE_HOST: '10.0.0.1' })).toMatchObject({ bindAddress: '0.0.0.0' });
    expect(readConfig([], { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBECONFIG: 'k' })).toMatchObject({ bindAddress: '127.0.0.1' });
  });

  it('takes a flag over its variable', () => {
    const env = { OFFBOARD_PORT: '9000', OFFBOARD_KUBERNETES_SETTLE: '1m' };
    expect(readConfig(['--port=0', '--token-secrets'], env)).toMatchObject({ port: 0, tokenSecrets: true, kubernetesSettle: 60_000 });
  });

  it('takes a list of API servers', () => {
    expect(readConfig(['--api-servers', 'https://one:6443/, https://[::1]'], {})).toMatchObject({ apiServers: ['https://one:6443', 'https://[::1]'] });
  });

  it.each([
    [['--api-servers', 'https://one:6443,http://two'], {}, '--api-servers must be https://host:port,…, and "http://two" is not one of them'],
    [['--api-servers', 'https://one/path'], {}, '"https://one/path" is not one of them'],
    [['--port', 'x'], {}, '--port must be a whole number from 0 to 65535, not "x"'],
    [[], { OFFBOARD_WORKERS: '0' }, 'OFFBOARD_WORKERS must be a whole number from 1 to 256, not "0"'],
    [['--kubernetes-settle=soon'], {}, '--kubernetes-settle: "soon" is not a duration'],
    [['--leader-election=maybe'], {}, '--leader-election must be true or false, not "maybe"'],
    [['--log-level=loud'], {}, '--log-level must be one of debug, info, warn, error, not "loud"'],
    [['--nonsense'], {}, "Unknown option '--nonsense'"],
  ])('names what is wrong in %j %j', (args, env, message) => {
    const read = (): unknown => readConfig(args, env);
    expect(read).toThrow(UsageError);
    expect(read).toThrow(message);
  });

  it('explains every flag', () => {
    expect(help()).toContain('--kubernetes-settle DURATION');
    expect(readConfig(['--help'], {})).toBe('help');
    expect(readConfig(['--version'], {})).toBe('version');
  });
});
