/** What all commands share: flags, words that were nearly right, times, and what a refusal means. */
import { describe, expect, it } from 'vitest';
import { ApiError } from '../kube/errors.ts';
import { namespacedFlags } from './cluster-flags.ts';
import { commands } from './commands.ts';
import { durationOf } from './durations.ts';
import { UsageError } from './errors.ts';
import { explained } from './explained.ts';
import { oneOf, parseFlags } from './flags.ts';
import { helpOf } from './help.ts';
import { nearest } from './near.ts';
import { notFound } from './runs.ts';
import type { RunObject } from './runs.ts';
import { quoted } from './shell.ts';
import { lasting, until, withCountdowns } from './time.ts';

describe('flags', () => {
  const flags = { ...namespacedFlags, watch: { type: 'boolean', short: 'w', text: '' } } as const;

  it('are read as kubectl reads them', () => {
    for (const args of [['-n', 'ci', 'x'], ['-nci', 'x'], ['-n=ci', 'x'], ['x', '--namespace=ci'], ['--namespace', 'ci', '--', 'x']]) {
      expect(parseFlags(flags, args)).toMatchObject({ values: { namespace: 'ci' }, positionals: ['x'] });
    }
    expect(parseFlags(flags, ['--watch=true', '--as=me', '--as-group=a', '--as-group', 'b']).values).toEqual({ watch: true, as: 'me', 'as-group': ['a', 'b'] });
    expect(parseFlags(flags, ['--watch=false']).values).toEqual({});
  });

  it('that nobody knows are refused, with what may have been meant', () => {
    expect(() => parseFlags(flags, ['--namspace', 'ci'])).toThrow(new UsageError('there is no flag --namspace: did you mean --namespace?'));
    expect(() => parseFlags(flags, ['--whatever'])).toThrow(new UsageError('there is no flag --whatever'));
    expect(() => parseFlags(flags, ['-z'])).toThrow(new UsageError('there is no flag -z'));
    expect(() => parseFlags(flags, ['--namespace'])).toThrow(UsageError);
    expect(() => oneOf('mode', 'plan', ['Plan', 'Enforce'])).toThrow('--mode must be Plan or Enforce, not "plan"');
  });
});

describe('every command', () => {
  it('has a help of 80 columns and no name twice', () => {
    expect(new Set(commands.map(({ name }) => name)).size).toBe(commands.length);
    for (const command of commands) {
      for (const line of helpOf(command).split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
      const shorts = Object.values(command.flags).flatMap(({ short }) => short ?? []);
      expect(new Set(shorts).size).toBe(shorts.length);
      expect(Object.keys(command.exitCodes)).toEqual(expect.arrayContaining(['0', '2']));
      expect(command.examples.length).toBeGreaterThan(0);
    }
  });
});

describe('a word that is nearly right', () => {
  it('is found, and one that is not is not guessed', () => {
    const names = ['build-agent-7-retired', 'build-agent-9-retired', 'status'];
    expect(['build-agent-7-retird', 'stauts', 'sttaus', 'x', 'nothing-of-the-kind', ''].map((word) => nearest(word, names))).toEqual(['build-agent-7-retired', undefined, undefined, undefined, undefined, undefined]);
    expect(nearest('statu', names)).toBe('status');
    expect(nearest('a'.repeat(100_000), ['b'.repeat(100_000)])).toBeUndefined();
  });
});

describe('times', () => {
  it('are told as what is left of them, and never count below nothing', () => {
    const now = new Date('2026-11-23T10:00:00Z');
    expect([-1, 0, 59_400, 60_000, 61_000, 3_700_000, 86_400_000, 90_000_000].map(lasting)).toEqual(['0s', '0s', '59s', '1m', '1m1s', '1h1m', '1d', '1d1h']);
    expect([until('2026-11-23T10:00:05Z', now), until('2026-11-23T09:00:00Z', now)]).toEqual(['in 5s', 'over, and looked at again']);
    expect(withCountdowns('since 2026-11-23T09:59:00.123Z until 2026-11-24T10:00:00Z', now)).toBe('since 09:59:00Z until 2026-11-24T10:00:00Z (in 1d)');
    expect(withCountdowns('lease/2026-99-99T00:00:00Z', now)).toBe('lease/2026-99-99T00:00:00Z');
  });

  it('are typed as durations, with days', () => {
    expect(['90s', '1h30m', '7d', '1d12h', '0'].map((text) => durationOf('x', text))).toEqual([90_000, 5_400_000, 604_800_000, 129_600_000, 0]);
    for (const text of ['', 'soon', '-1s', '1w', '7d7d']) expect(() => durationOf('timeout', text)).toThrow(UsageError);
  });
});

describe('a refusal of the API server', () => {
  const server = 'https://k8s.example:6443';
  const words = (error: ApiError): string => (explained(error, server) as Error).message;
  const denied = (user: string, verb: string, resource: string, where: string) =>
    new ApiError(403, 'Forbidden', `${resource}.offboard.dev is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "offboard.dev" ${where}`, { verb });

  it('names the verb and the resource that are missing, and the command that gives them', () => {
    expect(words(denied('bob@example.com', 'get', 'offboardings', 'in the namespace "ci"'))).toBe(
      'bob@example.com lacks the verb "get" on offboardings.offboard.dev in namespace ci. Somebody who manages access there can grant it: kubectl create rolebinding offboard-view --clusterrole=offboard-view --user=bob@example.com -n ci',
    );
    expect(words(denied('system:serviceaccount:ci:bot', 'list', 'offboardingrecords', 'at the cluster scope'))).toContain('kubectl create clusterrolebinding offboard-records --clusterrole=offboard-records --serviceaccount=ci:bot');
    expect(words(denied('$(rm -rf ~); \'x', 'create', 'offboardings', 'in the namespace "ci"'))).toContain(`'--user=$(rm -rf ~); '\\''x'`);
  });

  it('says that the kinds are not there, that nobody answers, and that the login is over', () => {
    expect(words(new ApiError(404, 'NotServed', 'the server does not know /apis/offboard.dev'))).toContain('its CRDs are not installed there (kubectl apply --server-side -f crds/)');
    expect(words(new ApiError(0, 'Transport', `get offboardings did not get through to ${server}: ECONNREFUSED`))).toContain('kubectl config current-context');
    expect(words(new ApiError(401, 'Unauthorized', 'Unauthorized'))).toContain('Log in again');
    expect(words(new ApiError(422, 'Invalid', 'spec.soak: must be at most 168h'))).toBe('spec.soak: must be at most 168h');
    expect(explained(new UsageError('x'), server)).toBeInstanceOf(UsageError);
  });
});

describe('an Offboarding that is not there', () => {
  const run = (name: string, namespace: string, identity: string): RunObject => ({
    metadata: { name, namespace, uid: name, resourceVersion: '1', creationTimestamp: '' },
    spec: { workloadIdentityRef: { name: identity }, reason: 'Retired', mode: 'Enforce' },
  });
  const here = [run('build-agent-7-retired', 'ci', 'build-agent-7')];

  it('is told with what may have been meant', () => {
    expect(notFound('build-agent-7-retird', 'ci', here, [])).toMatch(/: did you mean build-agent-7-retired\?$/);
    expect(notFound('build-agent-7', 'ci', here, [])).toMatch(/; the identity of that name is retired by build-agent-7-retired$/);
    expect(notFound('build-agent-7-retired', 'default', [], here)).toMatch(/; there is one in ci: -n ci$/);
    expect(notFound('other', 'ci', here, [])).toMatch(/: kubectl offboard status -n ci lists those that are there$/);
  });
});

describe('a word for a shell', () => {
  it('is one word, whatever is in it', () => {
    expect(['plain-1.2/x', 'a b', `it's`, '$(x)', 'a\nb', ''].map(quoted)).toEqual(['plain-1.2/x', `'a b'`, `'it'\\''s'`, `'$(x)'`, `'a\\nb'`, `''`]);
  });
});
