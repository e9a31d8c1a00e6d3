import { describe, expect, it } from 'vitest';

import { type AuthRole, coverageOf, readRole } from './roles.ts';

const bot = { namespace: 'ci', name: 'bot' };
const role = (given: Partial<AuthRole>): AuthRole => ({ names: ['bot'], namespaces: ['ci'], selector: '', aliasSource: 'serviceaccount_uid', tokenType: 'default', ...given });

describe('a role of a Kubernetes auth mount', () => {
  it('lets in this ServiceAccount alone when both fields say just that', () => {
    expect(coverageOf(role({}), bot)).toEqual({ covers: 'Only' });
    expect(coverageOf(role({ names: ['bot', 'bot'] }), bot)).toEqual({ covers: 'Only' });
  });

  it.each<[Partial<AuthRole>, string]>([
    [{ names: ['bot', 'other'] }, 'bound_service_account_names (bot, other)'],
    [{ names: ['*'] }, 'bound_service_account_names (*)'],
    [{ names: ['b*t'] }, 'bound_service_account_names (b*t)'],
    [{ namespaces: ['ci', 'ops'] }, 'bound_service_account_namespaces (ci, ops)'],
    [{ namespaces: ['*'] }, 'bound_service_account_namespaces (*)'],
    [{ namespaces: [], selector: '{"matchLabels":{"a":"b"}}' }, 'bound_service_account_namespace_selector'],
    [{ selector: '{"matchLabels":{"a":"b"}}' }, 'bound_service_account_namespace_selector'],
  ])('may let others in as well: %j', (given, by) => {
    expect(coverageOf(role(given), bot)).toEqual({ covers: 'Shared', by });
  });

  it.each<[Partial<AuthRole>, string]>([
    [{ names: ['other'] }, 'bound_service_account_names (other)'],
    [{ names: ['bot?', 'b.t', 'bo', 'bott', 'BOT', 'b*x'] }, 'bound_service_account_names (bot?, b.t, bo, bott, …)'],
    [{ namespaces: ['ops'] }, 'bound_service_account_namespaces (ops)'],
    [{ names: [], selector: '{}' }, 'bound_service_account_names ()'],
  ])('does not let it in, and says by which field: %j', (given, by) => {
    expect(coverageOf(role(given), bot)).toEqual({ covers: 'None', by });
  });

  it('is matched in a moment, however many stars it has', () => {
    const names = [`${'a*'.repeat(2_000)}b`];
    expect(coverageOf(role({ names }), { namespace: 'ci', name: 'a'.repeat(4_000) }).covers).toBe('None');
  });

  it('is read from what the server tells of it, or not at all', () => {
    const told = { bound_service_account_names: ['bot'], bound_service_account_namespaces: ['ci'], bound_service_account_namespace_selector: '', alias_name_source: 'serviceaccount_name', token_type: 'batch' };
    expect(readRole(told)).toEqual(role({ aliasSource: 'serviceaccount_name', tokenType: 'batch' }));
    expect(readRole({ bound_service_account_names: ['bot'] })).toBeUndefined();
    expect(readRole({ ...told, bound_service_account_names: 'bot' })).toBeUndefined();
    // One that is not read would be one that lets nobody in by his namespace.
    expect(readRole({ ...told, bound_service_account_namespace_selector: { matchLabels: { team: 'a' } } })).toBeUndefined();
  });
});
