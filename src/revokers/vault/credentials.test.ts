import { describe, expect, it } from 'vitest';

import { type Facts, toInventory } from './credentials.ts';
import type { Entity, TokenFacts } from './errors.ts';
import type { Login } from './identity.ts';

const mounts = [{ path: 'kubernetes', aliasSource: 'serviceaccount_uid' }] as const;
const entityOf = (given: Partial<Entity> = {}): Entity => ({
  id: 'entity-1',
  disabled: false,
  aliases: [{ id: 'alias-1', name: 'uid-1', mountAccessor: 'accessor-k', mountPath: 'auth/kubernetes/', metadata: {} }],
  mergedIds: [],
  metadata: {},
  ...given,
});
const byUid: Login = { mount: 'kubernetes', alias: 'uid-1', mountAccessor: 'accessor-k', declared: true };
const byName: Login = { mount: 'kubernetes', alias: 'ci/bot', mountAccessor: 'accessor-k', declared: false };
const token = (accessor: string, given: Partial<TokenFacts>): TokenFacts => ({ accessor, entityId: '', path: 'auth/token/create', meta: {}, ...given });
const loggedIn = (uid: string, namespace = 'ci', name = 'bot'): Partial<TokenFacts> => ({
  path: 'auth/kubernetes/login',
  meta: { role: 'ci-bot', service_account_uid: uid, service_account_namespace: namespace, service_account_name: name },
});

const facts = (given: Partial<Facts>): Facts => ({
  origin: 'cluster-1 root https://vault.example.com',
  target: { serviceAccount: { namespace: 'ci', name: 'bot', uid: 'uid-1' } },
  dependency: { connectorRef: { name: 'vault' } },
  mounts,
  logins: [byUid, byName],
  tokens: [],
  danglingAccessors: 0,
  prefixes: [],
  roles: [],
  appRoles: [],
  certificates: [],
  ...given,
});
const idsOf = (given: Partial<Facts>): readonly string[] => toInventory(facts(given)).credentials.map(({ id }) => id);
const findingsOf = (given: Partial<Facts>): readonly string[] => toInventory(facts(given)).findings.map(({ object = '' }) => object);

describe('the logins of an identity', () => {
  it('are the declared form always, and the other one where somebody logged in by it', () => {
    expect(idsOf({})).toEqual(['auth/kubernetes alias uid-1']);
    const entity = entityOf({ aliases: [{ id: 'alias-2', name: 'ci/bot', mountAccessor: 'accessor-k', mountPath: 'auth/kubernetes/', metadata: {} }] });
    expect(idsOf({ logins: [byUid, { ...byName, entity }] })).toEqual(['auth/kubernetes alias uid-1', 'auth/kubernetes alias ci/bot']);
  });

  it('are seen while an enabled entity has the alias', () => {
    const seen = (login: Login) => toInventory(facts({ logins: [login] })).credentials[0]?.seen;
    expect([seen(byUid), seen({ ...byUid, entity: entityOf() }), seen({ ...byUid, entity: entityOf({ disabled: true }) })]).toEqual([false, true, false]);
  });

  it('are for a person where the entity is also that of others, who are named', () => {
    const shared = entityOf({ aliases: [...entityOf().aliases, { id: 'alias-9', name: 'alice', mountAccessor: 'accessor-o', mountPath: 'auth/oidc/', metadata: {} }] });
    const [login] = toInventory(facts({ logins: [{ ...byUid, entity: shared }] })).credentials;
    expect(login?.end).toMatchObject({ by: 'Person', reason: 'SharedEntity' });
    expect(JSON.stringify(login?.end)).toMatch(/auth\/oidc\/ alice.*identity\/entity-alias\/id\/alias-1/);
  });
});

describe('the tokens of an identity', () => {
  const logins = [{ ...byUid, entity: entityOf({ mergedIds: ['entity-0'] }) }];

  it('are those of its entity, of what was merged into that, and those that it logged in for', () => {
    const tokens = [
      token('child', { entityId: 'entity-1' }),
      token('older', { entityId: 'entity-0' }),
      token('login', loggedIn('uid-1')),
      token('others', { entityId: 'entity-2' }),
      token('of nobody', {}),
    ];
    expect(idsOf({ logins, tokens }).slice(1)).toEqual(['auth/token accessor child', 'auth/token accessor login', 'auth/token accessor older']);
  });

  it('are not those of another account of the same name, of another namespace, or of another mount', () => {
    const tokens = [
      token('a', loggedIn('uid-2')),
      token('b', loggedIn('uid-1', 'ops')),
      token('c', loggedIn('uid-1', 'ci', 'bot2')),
      token('d', { ...loggedIn('uid-1'), path: 'auth/other-cluster/login' }),
      // Whoever makes a token writes its metadata; only a login does not let him.
      token('e', { ...loggedIn('uid-1'), path: 'auth/token/create' }),
    ];
    expect(idsOf({ logins, tokens })).toEqual(['auth/kubernetes alias uid-1']);
  });

  it('are told by name alone where no UID is known', () => {
    const target = { serviceAccount: { namespace: 'ci', name: 'bot' } };
    expect(idsOf({ logins: [], target, tokens: [token('a', loggedIn('uid-2'))] })).toEqual(['auth/token accessor a']);
  });

  it('are not all those of an entity that is also that of others', () => {
    const shared = entityOf({ aliases: [...entityOf().aliases, { id: 'alias-9', name: 'alice', mountAccessor: 'accessor-o', mountPath: 'auth/oidc/', metadata: {} }] });
    const tokens = [token('hers', { entityId: 'entity-1', path: 'auth/oidc/callback' }), token('its', { entityId: 'entity-1', ...loggedIn('uid-1') })];
    expect(idsOf({ logins: [{ ...byUid, entity: shared }], tokens }).slice(1)).toEqual(['auth/token accessor its']);
  });

  it('are those of earlier lives too, with their children, and no login is listed of those', () => {
    const earlier: Login = {
      mount: 'kubernetes', alias: 'uid-0', mountAccessor: 'accessor-k', declared: false, earlier: true,
      entity: entityOf({ id: 'entity-of-0', aliases: [{ id: 'alias-0', name: 'uid-0', mountAccessor: 'accessor-k', mountPath: 'auth/kubernetes/', metadata: {} }] }),
    };
    const tokens = [token('a', loggedIn('uid-0')), token('b', { entityId: 'entity-of-0' }), token('c', loggedIn('uid-9'))];
    expect(idsOf({ logins: [byUid, byName, earlier], tokens })).toEqual(['auth/kubernetes alias uid-1', 'auth/token accessor a', 'auth/token accessor b']);
    const shared = { ...earlier, entity: entityOf({ id: 'entity-of-0', aliases: [{ id: 'alias-9', name: 'uid-9', mountAccessor: 'accessor-k', mountPath: 'auth/kubernetes/', metadata: {} }] }) };
    expect(idsOf({ logins: [byUid, byName, shared], tokens }), 'but not the children where another has that entity as well').toEqual(['auth/kubernetes alias uid-1', 'auth/token accessor a']);
  });

  it('are those of an AppRole only where that is its own', () => {
    const tokens = [token('a', { path: 'auth/approle/login', meta: { role_name: 'bot' } }), token('b', { path: 'auth/approle/login', meta: { role_name: 'bot2' } })];
    const named = (exclusive: boolean) => ({ dependency: { connectorRef: { name: 'vault' }, appRoles: [{ mount: 'approle', name: 'bot', exclusive }] }, tokens });
    expect(idsOf(named(true)).slice(1)).toEqual(['auth/token accessor a']);
    expect(idsOf(named(false)).slice(1)).toEqual([]);
  });
});

it('the leases of an identity are listed once each, also where one prefix is under another', () => {
  const prefixes = ['database/creds', 'database/creds/ci-bot'].map((prefix) => ({ prefix, exclusive: true, leaseIds: ['database/creds/ci-bot/x'] }));
  expect(idsOf({ logins: [], prefixes })).toEqual(['database/creds/ci-bot/x']);
});

describe('what is told of an identity', () => {
  it('has the place where it was seen on every credential', () => {
    const given = { tokens: [token('a', loggedIn('uid-1'))], prefixes: [{ prefix: 'database/creds/ci-bot', exclusive: true, leaseIds: ['database/creds/ci-bot/x'] }] };
    for (const { uid } of toInventory(facts(given)).credentials) expect(uid).toBe('cluster-1 root https://vault.example.com');
    expect(toInventory(facts({ logins: [] }))).toEqual({ credentials: [], findings: [], origin: 'cluster-1 root https://vault.example.com' });
  });

  it('says that logins are not looked for, where the connector names no mount for them', () => {
    expect(findingsOf({ mounts: [], logins: [] })).toEqual(['logins of the ServiceAccount']);
  });

  it('names what nobody can prove, also where nothing is left', () => {
    expect(findingsOf({})).toEqual([]);
    expect(findingsOf({ prefixes: [{ prefix: 'database/creds/ci-bot', exclusive: true, leaseIds: [] }] })).toEqual(['open sessions of users leased under database/creds/ci-bot']);
    expect(findingsOf({ logins: [{ ...byUid, entity: entityOf({ disabled: true }) }] })).toEqual(['secrets that were read', 'orphan tokens']);
    const created = entityOf({ disabled: true, metadata: { offboard_created: 'ci/bot' } });
    expect(findingsOf({ logins: [{ ...byUid, entity: created }] })).toEqual([]);
  });

  it('says that something cannot be proven also where there is no room to say what', () => {
    const role = { names: ['other'], namespaces: ['ci'], selector: '', aliasSource: 'serviceaccount_uid', tokenType: 'default' };
    const roles = Array.from({ length: 60 }, (_, index) => ({ mount: mounts[0], name: `role-${String(index)}`, role }));
    const appRoles = [{ mount: 'approle', name: 'bot', exclusive: true, exists: true, needsSecretId: true, secretIds: [], batchTokens: true }];
    expect(toInventory(facts({ roles, appRoles })).findings.at(-1)).toEqual({ type: 'NotProvable', message: '13 more findings about roles are not shown' });
  });

  it('is never more than a status takes', () => {
    const role = { names: ['bot'], namespaces: ['ci'], selector: '', aliasSource: 'serviceaccount_name', tokenType: 'batch' };
    const roles = Array.from({ length: 200 }, (_, index) => ({ mount: mounts[0], name: `role-${String(index)}`, role: { ...role, names: [`${'x'.repeat(5_000)}*`, 'bot', '*'] } }));
    const { credentials, findings } = toInventory(facts({ roles }));
    expect(findings.length).toBeLessThanOrEqual(49);
    expect(findings.at(-1)?.message).toContain('more findings');
    expect(findings.at(-1)?.type).toBe('NotEnumerated');
    for (const { end } of credentials) if (end.by === 'Person') expect(end.message.length).toBeLessThanOrEqual(1_024);
  });
});
