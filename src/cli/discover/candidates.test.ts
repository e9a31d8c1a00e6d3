/** Whom to ask, and what of. */
import { describe, expect, it } from 'vitest';
import { elsewhere } from './annotations.ts';
import { candidatesOf, inPlans } from './candidates.ts';
import { readOptions } from './options.ts';
import { usableBy } from './rules.ts';

const email = 'bot@acme.iam.gserviceaccount.com';

describe('the annotations of a ServiceAccount', () => {
  it('name a service account of Google’s, which is asked for, and what Offboard does not end', () => {
    expect(elsewhere({ 'iam.gke.io/gcp-service-account': email, other: 'x' })).toEqual({ googleAccount: email, notEnded: [] });
    expect(elsewhere({ 'eks.amazonaws.com/role-arn': 'arn:1', 'azure.workload.identity/client-id': 'id' }).notEnded).toEqual([
      expect.stringMatching(/^eks\.amazonaws\.com\/role-arn: arn:1, an IAM role of AWS\. Offboard does not end it/),
      expect.stringMatching(/^azure\.workload\.identity\/client-id: id, an application/),
    ]);
    expect(elsewhere({})).toEqual({ notEnded: [] });
  });

  it('that nobody could mean are told, and asked of nobody', () => {
    expect(elsewhere({ 'iam.gke.io/gcp-service-account': '1-compute@developer.gserviceaccount.com' })).toEqual({ notEnded: [expect.stringContaining('is no e-mail of a service account')] });
  });
});

describe('the candidates', () => {
  it('are one for each connector, two for one of Google’s with an annotation, and of each type where that is not known', () => {
    const all = candidatesOf([{ name: 'v', type: 'vault' }, { name: 'g', type: 'googleCloud' }, { name: 'x', type: undefined }], email);
    expect(all.map(({ connector, type, email: of, dependency }) => [connector, type, of ?? '', dependency.name])).toEqual([
      ['v', 'vault', '', 'candidate-0'],
      ['g', 'googleCloud', '', 'candidate-1'],
      ['g', 'googleCloud', email, 'candidate-2'],
      ['x', 'vault', '', 'candidate-3'],
      ['x', 'googleCloud', '', 'candidate-4'],
      ['x', 'googleCloud', email, 'candidate-5'],
    ]);
  });

  it('are asked for in plans of as many as an identity may have, and the cluster at least once', () => {
    const many = candidatesOf(Array.from({ length: 33 }, (_, index) => ({ name: `v${String(index)}`, type: 'vault' as const })), undefined);
    expect(inPlans(many).map(({ length }) => length)).toEqual([16, 16, 1]);
    expect(inPlans([])).toEqual([[]]);
  });
});

describe('what somebody may use', () => {
  const rule = (change: object) => ({ verbs: ['use'], apiGroups: ['offboard.dev'], resources: ['connectors'], ...change });

  it('is told by the rules, also of those who may not list', () => {
    expect(usableBy({ incomplete: false, resourceRules: [rule({ resourceNames: ['b', 'a'] }), rule({ resourceNames: ['a'] }), rule({ verbs: ['get'] }), rule({ apiGroups: [''] }), rule({ resources: ['secrets'] })] })).toEqual({ names: ['a', 'b'], all: false, incomplete: false });
    expect(usableBy({ incomplete: true, resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] })).toEqual({ names: [], all: true, incomplete: true });
    expect(usableBy({ incomplete: false, resourceRules: [{ verbs: ['use'] }] })).toEqual({ names: [], all: false, incomplete: false });
  });
});

describe('the flags of discover', () => {
  it('name a ServiceAccount, and connectors', () => {
    expect(readOptions(['bot', '--connector', 'a', '--connector=b', '-n', 'ci'])).toMatchObject({ serviceAccount: 'bot', connectors: ['a', 'b'], format: 'yaml', cluster: { namespace: 'ci' } });
  });

  it.each([[[]], [['a', 'b']], [['a', '--connector', '']], [['a', '-o', 'text']]])('are refused in words: %j', (args) => {
    expect(() => readOptions(args)).toThrow(/name one ServiceAccount|--connector names none|--output must be yaml or json/);
  });
});
