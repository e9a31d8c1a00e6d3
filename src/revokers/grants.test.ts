import { describe, expect, it } from 'vitest';

import type { Grant } from '../api/v1alpha1/index.ts';
import { grantsFor, matches, needsLabels } from './grants.ts';

describe('a pattern', () => {
  const covered: readonly [string, string][] = [
    ['database/creds/ci-7', 'database/creds/ci-7'],
    ['database/creds/ci-*', 'database/creds/ci-7'],
    ['database/creds/ci-*', 'database/creds/ci-a.b_c-7'],
    ['database/creds/*', 'database/creds/x'],
    ['*/creds/ci-*-ro', 'pg/creds/ci-7-ro'],
    ['ci-*', 'ci-build-agent-7'],
    ['*a*b*', 'xxaxxbxx'],
    ['a*', 'a'],
    ['pki/*.ci.example.com', 'pki/x.y.ci.example.com'],
  ];
  it.each(covered)('%s covers %s', (pattern, path) => {
    expect(matches(pattern, path)).toBe(true);
  });

  const refused: readonly [string, string, string][] = [
    ['another role', 'database/creds/ci-*', 'database/creds/prod-7'],
    ['a star that would cross a slash', 'database/creds/ci-*', 'database/creds/ci-7/x'],
    ['a star that would swallow a segment', 'database/*', 'database/creds/ci-7'],
    ['a parent', 'database/creds/ci-*', 'database/creds'],
    ['the root', '*', 'database/creds'],
    ['nothing', '*', ''],
    ['nothing, of no pattern', '', ''],
    ['the same, of an empty pattern', '', 'x'],
    ['a slash at the end', 'database/creds/ci-*', 'database/creds/ci-7/'],
    ['a slash at the beginning', 'database/creds/ci-*', '/database/creds/ci-7'],
    ['two slashes', 'database/creds/ci-*', 'database//creds/ci-7'],
    ['two slashes that a pattern has too', 'database//ci-*', 'database//ci-7'],
    ['dots that climb', 'database/creds/*', 'database/creds/..'],
    ['dots that climb within', 'database/*/ci-*', 'database/../ci-7'],
    ['one dot', 'database/*/ci-7', 'database/./ci-7'],
    ['dots inside of a name', 'ci-*', 'ci-..x'],
    ['dots of a pattern', 'ci-..*', 'ci-..x'],
    ['an encoded slash', 'database/creds/ci-*', 'database/creds/ci-7%2F..%2Fprod'],
    ['an encoded letter', 'database/creds/ci-*', 'database/creds/ci-%37'],
    ['a percent sign', 'ci-*', 'ci-%'],
    ['a star of the tenant', 'ci-*', 'ci-*'],
    ['a star of the tenant, where anything goes', '*', '*'],
    ['another case', 'database/creds/ci-*', 'database/creds/CI-7'],
    ['another case of the pattern', 'CI-*', 'ci-7'],
    ['a Cyrillic look-alike', 'ci-*', 'сi-7'],
    ['a full-width letter', 'ci-*', 'ci-７'],
    ['a slash look-alike', 'ci-*', 'ci-7∕x'],
    ['a combining mark', 'ci-*', 'ci-e\u0301'],
    ['a line end', 'ci-*', 'ci-7\n'],
    ['a zero byte', 'ci-*', 'ci-7\0'],
    ['a blank', 'ci-*', 'ci-7 x'],
    ['a backslash', 'ci-*', 'ci-7\\x'],
    ['a query', 'ci-*', 'ci-7?list=true'],
    ['a fragment', 'ci-*', 'ci-7#x'],
    ['an expression, taken as one', 'ci-.', 'ci-7'],
    ['an expression that matches all', '(.|/)*', 'a/b'],
    ['a class', 'ci-[0-9]', 'ci-7'],
    ['two stars', '**', 'a'],
    ['two stars across slashes', 'database/**', 'database/creds/x'],
    ['a dash at the end', 'ci-*', 'ci-'],
    ['a name that is too long', '*', 'a'.repeat(513)],
    ['a pattern that is too long', 'a'.repeat(513), 'a'.repeat(513)],
  ];
  it.each(refused)('does not cover %s', (_, pattern, path) => {
    expect(matches(pattern, path)).toBe(false);
  });

  it('with as many stars as fit is told at once', () => {
    const started = performance.now();
    expect(matches('a*'.repeat(256), 'a'.repeat(512))).toBe(true);
    expect(matches(`${'a*'.repeat(255)}b`, 'a'.repeat(512))).toBe(false);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

const anything = (): boolean => true;
const ci: Grant = { namespaces: { names: ['ci'] } };

describe('a namespace by name', () => {
  it('is granted what names it, letter by letter', () => {
    expect(grantsFor([ci], { name: 'ci', labels: undefined }, anything)).toEqual([ci]);
    for (const name of ['ci2', 'c', 'CI', '', 'ci/..', '*']) expect(grantsFor([ci], { name, labels: undefined }, anything)).toEqual([]);
  });
});

describe('a namespace by labels', () => {
  const grant: Grant = { namespaces: { selector: { matchLabels: { team: 'ci', tier: 'one' } } } };
  const granted = (labels: Readonly<Record<string, string>> | undefined, by: Grant = grant): boolean =>
    grantsFor([by], { name: 'x', labels }, anything).length === 1;

  it('is granted what its labels say, all of them', () => {
    expect(granted({ team: 'ci', tier: 'one', more: 'x' })).toBe(true);
    expect(granted({ team: 'ci' })).toBe(false);
    expect(granted({ team: 'ci', tier: 'two' })).toBe(false);
    expect(granted({})).toBe(false);
  });

  it('is granted nothing while its labels are not known', () => {
    expect(granted(undefined)).toBe(false);
  });

  it('is granted nothing by a selector of nothing, or of what every object has', () => {
    expect(granted({ a: 'b' }, { namespaces: { selector: { matchLabels: {} } } })).toBe(false);
    expect(granted({}, { namespaces: {} })).toBe(false);
    expect(granted({}, { namespaces: { selector: { matchLabels: { toString: 'x' } } } })).toBe(false);
  });

  it('has to be read only where a selector could decide', () => {
    expect(needsLabels([grant])).toBe(true);
    expect(needsLabels([ci])).toBe(false);
    expect(needsLabels(undefined)).toBe(false);
  });
});
