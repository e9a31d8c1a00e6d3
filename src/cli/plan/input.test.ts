import { describe, expect, it } from 'vitest';
import { readOptions } from './options.ts';
import { byName, readWanted } from './input.ts';

const identity = 'apiVersion: offboard.dev/v1alpha1\nkind: WorkloadIdentity\nmetadata: {name: bot, namespace: ci}\nspec: {serviceAccount: {name: bot}, lifecycle: {onDelete: Orphan}, dependencies: []}\n';
const offboarding = 'apiVersion: offboard.dev/v1alpha1\nkind: Offboarding\nmetadata: {name: retire}\nspec: {workloadIdentityRef: {name: bot}, reason: Expired, mode: Enforce, suspend: true, cancel: {reason: x}, urgency: Emergency, requestedBy: {username: root}}\n';

describe('what is planned', () => {
  it('is an identity by its name', () => {
    expect(byName('bot').spec).toEqual({ workloadIdentityRef: { name: 'bot' }, reason: 'Retired' });
  });

  it('is the one Offboarding or WorkloadIdentity of a file, whatever else is in it', () => {
    expect(readWanted('f', `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: bot}\n---\n${identity}`)).toEqual({ name: 'bot', namespace: 'ci', spec: { identity: { serviceAccount: { name: 'bot' }, dependencies: [] }, reason: 'Retired' } });
    expect(readWanted('f', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [{ apiVersion: 'offboard.dev/v1alpha1', kind: 'WorkloadIdentity', metadata: { name: 'x' }, spec: { serviceAccount: { name: 'x' } } }] })).name).toBe('x');
  });

  it('takes nothing over of an Offboarding that would stop a plan, or that the API server says', () => {
    expect(readWanted('f', offboarding)).toEqual({ name: 'retire', spec: { workloadIdentityRef: { name: 'bot' }, reason: 'Expired', urgency: 'Emergency' } });
  });

  it.each([
    ['two of them', `${identity}---\n${offboarding}`, 'f holds 2 Offboardings or WorkloadIdentities'],
    ['none', 'kind: Pod\n', 'f holds no Offboarding and no WorkloadIdentity'],
    ['no YAML', ': [', 'f is neither JSON nor YAML'],
    ['no name', identity.replace('name: bot, namespace: ci', ''), 'the WorkloadIdentity has no metadata.name'],
    ['no spec', 'apiVersion: offboard.dev/v1alpha1\nkind: Offboarding\nmetadata: {name: x}\n', 'or no spec'],
    ['nothing', '', 'f holds no Offboarding'],
  ])('is told where there is %s', (_, text, words) => {
    expect(() => readWanted('f', text)).toThrow(words);
  });
});

describe('the flags of plan', () => {
  it('name an identity or a file, and how long to wait', () => {
    expect(readOptions(['bot', '-n', 'ci', '--timeout', '90s'])).toMatchObject({ of: { identity: 'bot' }, timeout: 90_000, keep: false, format: undefined, cluster: { namespace: 'ci' } });
    expect(readOptions(['-f', '-', '--keep', '-o', 'json'])).toMatchObject({ of: { file: '-' }, timeout: 120_000, keep: true, format: 'json' });
  });

  it.each([[[]], [['a', 'b']], [['a', '-f', 'x']], [['a', '--timeout', '0s']], [['a', '--timeout', '5']], [['a', '-o', 'xml']]])('are refused in words: %j', (args) => {
    expect(() => readOptions(args)).toThrow(/name one WorkloadIdentity|--timeout must be|--output must be/);
  });
});
