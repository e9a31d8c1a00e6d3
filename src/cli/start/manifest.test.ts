/** What is asked of the API server when an identity is retired. */
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { manifestOf, questionOf, readManifest } from './manifest.ts';
import { readOptions } from './options.ts';
import type { Wanted } from './options.ts';

const wanted = (...args: readonly string[]): Wanted => {
  const { source } = readOptions(args);
  if (source.kind !== 'Flags') throw new Error('it is a file');
  return source.wanted;
};

describe('the flags of start', () => {
  it('say one Offboarding', () => {
    expect(manifestOf(wanted('build-agent-7', '--soak', '1d', '--deadline=48h'), 'ci', 'alice')).toEqual({
      apiVersion: 'offboard.dev/v1alpha1',
      kind: 'Offboarding',
      metadata: { name: 'build-agent-7-retired', namespace: 'ci' },
      spec: { workloadIdentityRef: { name: 'build-agent-7' }, reason: 'Retired', mode: 'Enforce', soak: '24h', deadline: '48h', requestedBy: { username: 'alice' }, enforcedBy: { username: 'alice' } },
    });
    expect(manifestOf(wanted('--service-account', 'old', '--reason', 'Compromised', '--emergency'), 'ci', undefined)).toMatchObject({
      metadata: { name: 'old-compromised' },
      spec: { identity: { serviceAccount: { name: 'old' } }, reason: 'Compromised', urgency: 'Emergency' },
    });
    // A Plan is enforced by nobody.
    expect(manifestOf(wanted('x', '--mode', 'Plan', '--name', 'look'), 'ci', 'alice')).toMatchObject({ metadata: { name: 'look' }, spec: { mode: 'Plan', requestedBy: { username: 'alice' } } });
    expect(manifestOf(wanted('x', '--mode', 'Plan'), 'ci', 'alice').spec).not.toHaveProperty('enforcedBy');
  });

  it.each<[string, readonly string[]]>([
    ['name one: IDENTITY, --service-account or --filename', []],
    ['name one: IDENTITY, --service-account or --filename, not IDENTITY and --filename', ['x', '-f', 'y']],
    ['--reason must be Retired, Compromised, OwnerLeft or Expired, not "fun"', ['x', '--reason', 'fun']],
    ['--soak is what the manifest of --filename says', ['-f', 'y', '--soak', '1h']],
    ['--emergency waits for no --soak', ['x', '--emergency', '--soak', '1h']],
    ['--soak must be how long, such as 90s, 1h30m or 7d, not "soon"', ['x', '--soak', 'soon']],
    ['--timeout needs --wait', ['x', '--timeout', '1h']],
    ['--dry-run stores nothing to wait for', ['x', '--dry-run', '--wait']],
    ['name one identity', ['x', 'y']],
  ])('that cannot be meant are refused: %s', (words, args) => {
    expect(() => readOptions(args)).toThrow(new UsageError(words));
  });
});

describe('a manifest', () => {
  const text = 'apiVersion: offboard.dev/v1alpha1\nkind: Offboarding\nmetadata: {name: retire, namespace: ci}\nspec: {mode: Enforce, deadline: 1h}\n';
  const here = { asked: undefined, usual: 'default' };

  it('is read as it is, and told its name and namespace where it has none', () => {
    expect(readManifest('x', text, undefined, here)).toMatchObject({ metadata: { name: 'retire', namespace: 'ci' }, spec: { mode: 'Enforce', deadline: '1h' } });
    const bare = text.replace('{name: retire, namespace: ci}', '{labels: {a: b}}');
    expect(readManifest('x', bare, 'other', here).metadata).toEqual({ labels: { a: 'b' }, name: 'other', namespace: 'default' });
    expect(() => readManifest('x', bare, undefined, here)).toThrow('--name gives it one');
    expect(() => readManifest('x', text, undefined, { asked: 'prod', usual: 'prod' })).toThrow('is for namespace ci, not for that of --namespace, prod');
  });

  it.each([
    ['nothing', '', 'must hold one Offboarding'],
    ['several', `${text}---\n${text}`, 'not several objects'],
    ['another kind', text.replace('kind: Offboarding', 'kind: Pod'), 'holds no Offboarding of offboard.dev/v1alpha1'],
    ['no YAML', '{{{', 'is neither JSON nor YAML'],
    ['a word', 'word', 'holds no Offboarding'],
    ['a list', '[1]', 'holds no Offboarding'],
  ])('is refused that holds %s', (_, content, words) => {
    expect(() => readManifest('x.yaml', content, undefined, here)).toThrow(words);
  });
});

describe('the question before it', () => {
  it('says what cannot be taken back, and for how long it can', () => {
    expect(questionOf(manifestOf(wanted('x'), 'ci', undefined))).toBe('This locks and revokes all access of x in namespace ci. What is revoked cannot be given back. Go on?');
    expect(questionOf(manifestOf(wanted('x', '--soak', '24h'), 'ci', undefined))).toContain('locks, which can be taken back for 24h, and then revokes');
  });
});
