import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds, holdsInTime } from '../../test/fuzz/property.ts';
import { ApiError } from '../kube/errors.ts';
import { pathTo } from '../kube/path.ts';
import { roleBindings } from '../kube/resources.ts';
import { readEvents } from '../kube/watch-stream.ts';
import { OutcomeError } from '../runtime/outcome.ts';
import { createMembership, isOwn } from './google-cloud/members.ts';
import type { Holder } from './google-cloud/members.ts';
import { bindingId as googleBindingId, locate as locateGoogle } from './google-cloud/ids.ts';
import { readPolicy, tripleKey, triplesOf, withoutTriples } from './google-cloud/policies.ts';
import { matches } from './grants.ts';
import { pathSegment } from './json-wire.ts';
import { partSubjects } from './kubernetes/bindings.ts';
import { accountId, bindingId, grantText, locate, parseGrant, secretId, tokensId } from './kubernetes/ids.ts';
import { accountUser, userKey } from './kubernetes/identity.ts';
import type { AccountName } from './kubernetes/identity.ts';
import { changesOf, holds as isLocked, withChanges } from './kubernetes/lock-entries.ts';
import type { LockData } from './kubernetes/lock-entries.ts';
import { printable, shellQuote } from './text.ts';
import { locate as locateVault, leaseId, loginId, roleId, secretIdId, tokenId } from './vault/ids.ts';

/** Of RBAC objects and users: anything that makes one segment of a path, of any length. */
const rbacNames = fc
  .oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), fc.constantFrom('a:b', ' in ', 'x in ci', '…sha256:', '{{ .x }}', '${jndi:ldap://x}', '$(id)', '__proto__', 'é'.repeat(1_100), '😀'.repeat(700)))
  .map((name) => name.toWellFormed().replace(/[/%]/g, '-'))
  .filter((name) => name !== '.' && name !== '..');
const plain = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/);
const kinds = fc.constantFrom('RoleBinding' as const, 'ClusterRoleBinding' as const);

describe('what any credential of the cluster is called', () => {
  it('leads back to it, or says that it was cut, and is never too long', () => {
    holds(
      fc.property(kinds, plain, rbacNames, (kind, namespace, name) => {
        const binding = { kind, name, ...(kind === 'RoleBinding' && { namespace }) };
        const id = bindingId(binding);
        if (id.length > 1_024) throw new Error('too long');
        const found = locate({ id, class: kind });
        if (found !== undefined && 'cut' in found) return;
        expect(found).toEqual({ class: kind, name, ...(kind === 'RoleBinding' && { namespace }) });
      }),
      400,
    );
  });

  it('is another for another', () => {
    holds(fc.property(kinds, plain, rbacNames, rbacNames, (kind, namespace, one, other) => one === other || bindingId({ kind, namespace, name: one }) !== bindingId({ kind, namespace, name: other })));
  });

  it('is of one class only', () => {
    const classes = ['ServiceAccount', 'BoundTokens', 'TokenSecret', 'RoleBinding', 'ClusterRoleBinding'];
    holds(
      fc.property(plain, plain, (namespace, name) => {
        for (const [id, its] of [[accountId({ namespace, name }), 'ServiceAccount'], [tokensId({ namespace, name }), 'BoundTokens'], [secretId({ namespace, name }), 'TokenSecret']] as const) {
          expect(classes.filter((each) => locate({ id, class: each }) !== undefined)).toEqual([its]);
        }
      }),
    );
  });

  it('is a grant that reads as it was written, where it is not too long', () => {
    holds(
      fc.property(fc.constantFrom('Role' as const, 'ClusterRole' as const), rbacNames, fc.option(plain, { nil: undefined }), (roleKind, roleName, namespace) => {
        if (roleKind === 'Role' && namespace === undefined) return;
        const text = grantText({ roleKind, roleName, namespace });
        if (text.endsWith('…')) return;
        expect(parseGrant(text)).toEqual({ roleKind, roleName, ...(namespace !== undefined && { namespace }) });
      }),
      400,
    );
  });
});

describe('any text in the place of an id', () => {
  it('leads nowhere, or to a place with nothing in it that a path could be misled by', () => {
    const ids = fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.constantFrom('auth/', 'kubernetes', ' alias ', '..', '/', 'role/', ' secret id accessor ', 'x', '%2f', 'leases under ', 'projects/', 'serviceAccounts/', 'a@b', '/keys/1', 'serviceaccounts/', 'rolebindings/', '\n', ' ')).map((all) => all.join('')));
    const classes = fc.constantFrom('Login', 'Token', 'Lease', 'SharedLeases', 'AuthRole', 'AppRole', 'SecretId', 'Certificate', 'Binding', 'ServiceAccount', 'ServiceAccountKey', 'HmacKey', 'Impersonation', 'SearchedBinding', 'TokenSecret', 'RoleBinding', 'x', '__proto__');
    holds(
      fc.property(ids, classes, (id, kind) => {
        const vault = locateVault({ id, class: kind });
        if (vault !== undefined) for (const field of ['mount', 'role', 'prefix'] as const) if (field in vault && /(^|\/)\.\.?(\/|$)|\/\/|[%\s]/.test(String((vault as Readonly<Record<string, unknown>>)[field]))) throw new Error(`${field} of ${id}`);
        const google = locateGoogle({ id, class: kind });
        if (google !== undefined) for (const field of ['project', 'uniqueId', 'key', 'accessId'] as const) if (field in google && /[/\s]/.test(String((google as Readonly<Record<string, unknown>>)[field]))) throw new Error(`${field} of ${id}`);
        const cluster = locate({ id, class: kind });
        if (cluster !== undefined && 'name' in cluster && cluster.name.includes('/')) throw new Error(`name of ${id}`);
      }),
      600,
    );
  });

  it('of what Vault has leads back to it', () => {
    holds(
      fc.property(plain, plain, plain, (mount, role, accessor) => {
        expect(locateVault({ id: loginId({ mount, alias: `${role}/${accessor}` }), class: 'Login' })).toEqual({ class: 'Login', mount, alias: `${role}/${accessor}` });
        expect(locateVault({ id: tokenId(accessor), class: 'Token' })).toEqual({ class: 'Token', accessor });
        expect(locateVault({ id: leaseId(`${mount}/${role}`), class: 'Lease' })).toEqual({ class: 'Lease', leaseId: `${mount}/${role}` });
        expect(locateVault({ id: roleId({ mount, role }), class: 'AuthRole' })).toEqual({ class: 'AuthRole', mount, role });
        expect(locateVault({ id: secretIdId({ mount, role }, accessor), class: 'SecretId' })).toEqual({ class: 'SecretId', mount, role, accessor });
      }),
    );
  });
});

describe('any name in a path', () => {
  const hostile = fc.oneof(rbacNames, fc.string({ unit: 'binary' }), fc.constantFrom('..', '.', '', 'a/b', '%2f', 'a%00', '?watch=1', '#', '\ud800'));

  it('is one segment of it, or is refused', () => {
    holds(
      fc.property(hostile, plain, (name, namespace) => {
        for (const path of [() => pathTo(roleBindings, { namespace, name }), () => `/a/b/c/d/e/f/${pathSegment(name, 'Vault')}`]) {
          let text: string;
          try {
            text = path();
          } catch (error) {
            if (error instanceof OutcomeError && error.kind === 'Invalid') continue;
            throw error;
          }
          const { pathname, search, hash } = new URL(`https://host${text}`);
          const segments = pathname.split('/');
          if (segments.length !== 8 || search !== '' || hash !== '' || decodeURIComponent(segments.at(-1) ?? '') !== name) throw new Error(text);
        }
      }),
      400,
    );
  });

  it('is one word of a shell, and means itself', () => {
    const words = fc.array(hostile.map((text) => text.toWellFormed().replaceAll('\u0000', '')), { minLength: 20, maxLength: 20 });
    holds(
      fc.property(words, (all) => {
        const shown = execFileSync('bash', ['-c', `printf '%s\\0' ${all.map(shellQuote).join(' ')}`], { encoding: 'utf8' });
        expect(shown.split('\u0000').slice(0, -1)).toEqual(all);
      }),
      6,
    );
  });

  it('is shown with nothing in it that cannot be seen, and no longer than it may be', () => {
    holds(fc.property(hostile, fc.integer({ min: 12, max: 60 }), (name, limit) => printable(name, limit).length <= limit + 1 && !/[\p{C}\u2028]/u.test(printable(name, limit))));
  });
});

describe('a pattern of a grant', () => {
  it('covers what it does as a pattern of whole segments, and nothing that is not plain', () => {
    const segment = fc.string({ unit: fc.constantFrom('a', 'b', '-', '.', '*'), minLength: 1, maxLength: 5 });
    const path = fc.array(fc.oneof(segment, fc.constantFrom('..', '', '%2f', 'é')), { minLength: 1, maxLength: 3 }).map((all) => all.join('/'));
    holds(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 3 }).map((all) => all.join('/')), path, (pattern, text) => {
        const oracle = new RegExp(`^${pattern.replace(/[.]/g, String.raw`\.`).replaceAll('*', '[^/]*')}$`);
        const isPlain = text.split('/').every((each) => /^[\w](?:[-\w.]*\w)?$/.test(each) && !each.includes('..'));
        const isPattern = !pattern.includes('..') && !pattern.includes('**');
        return matches(pattern, text) === (isPlain && isPattern && oracle.test(text));
      }),
      1_000,
    );
  });
});

describe('the subjects of any binding', () => {
  it('are parted whole: those of others stay as they are, in their order', () => {
    const subjects = fc.array(fc.record({ kind: fc.constantFrom('ServiceAccount', 'User', 'Group', 'Other'), name: fc.constantFrom('agent', 'agent-7', accountUser({ namespace: 'ci', name: 'agent' }), 'system:serviceaccounts', 'Agent'), namespace: fc.constantFrom('ci', 'ci-2', '') }));
    holds(
      fc.property(subjects, (all) => {
        const raw = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'b', namespace: 'ci', uid: 'u', resourceVersion: '1' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' }, subjects: all } as unknown as Parameters<typeof partSubjects>[0];
        const { ours, others } = partSubjects(raw, new Set([userKey(accountUser({ namespace: 'ci', name: 'agent' }))]));
        const isOurs = ({ kind, name, namespace }: (typeof all)[number]): boolean =>
          (kind === 'ServiceAccount' && name === 'agent' && (namespace === 'ci' || namespace === '')) || (kind === 'User' && name === 'system:serviceaccount:ci:agent');
        expect(ours).toEqual(all.filter(isOurs));
        expect(others).toEqual(all.filter((each) => !isOurs(each)));
      }),
    );
  });
});

describe('any policy of Google Cloud', () => {
  const members = fc.constantFrom('serviceAccount:agent@acme.iam.gserviceaccount.com', 'serviceAccount:AGENT@acme.iam.gserviceaccount.com', 'deleted:serviceAccount:agent@acme.iam.gserviceaccount.com?uid=112', 'user:agent@acme.iam.gserviceaccount.com', 'serviceAccount:agent@acme.iam.gserviceaccount.com.evil.example', 'allUsers', 'user:😀@x', 'deleted:serviceAccount:agent@acme.iam.gserviceaccount.com?uid=1129', 'principalSet://iam.googleapis.com/x/*');
  const condition = fc.option(fc.record({ title: fc.string({ unit: 'binary' }), expression: fc.constantFrom('true', '{{ .x }}') }), { nil: undefined });
  const bindings = fc.array(fc.tuple(fc.constantFrom('roles/viewer', 'roles/editor'), fc.array(members, { maxLength: 5 }), condition).map(([role, all, when]) => ({ role, members: all, ...(when !== undefined && { condition: when }), unknown: { kept: [1] } })), { maxLength: 5 });
  const holder: Holder = { serviceAccount: { namespace: 'ci', name: 'agent', uid: 'uid-1' }, pools: [], account: { email: 'agent@acme.iam.gserviceaccount.com', uniqueId: '112', holdsEmail: true } };

  it('is left to the byte without what leaves it', () => {
    holds(
      fc.property(bindings, fc.dictionary(fc.constantFrom('auditConfigs', 'x'), fc.jsonValue()), fc.nat(), (list, rest, pick) => {
        const policy = readPolicy({ ...rest, version: 3, etag: 'e', bindings: list });
        if (policy === undefined) throw new Error('it cannot be read');
        const triples = triplesOf(policy);
        const leaving = triples.filter((_, index) => (pick >> index % 30) % 2 === 1);
        const after = withoutTriples(policy, leaving);
        if (after === undefined) return leaving.length === 0;
        const keys = new Set(leaving.map(tripleKey));
        expect((triplesOf(readPolicy(after) ?? { bindings: [] })).map(tripleKey)).toEqual(triples.map(tripleKey).filter((key) => !keys.has(key)));
        const untouched = list.filter((binding, index) => !triplesOf({ bindings: [policy.bindings[index] ?? binding] }).some((triple) => keys.has(tripleKey(triple))));
        const left = (after as { readonly bindings: readonly object[] }).bindings.map((each) => JSON.stringify(each));
        for (const each of untouched) if (!left.includes(JSON.stringify(each))) throw new Error(`changed ${JSON.stringify(each)}`);
        expect({ ...after, bindings: [] }).toEqual({ ...rest, version: 3, etag: 'e', bindings: [] });
        return true;
      }),
      300,
    );
  });

  it('names the identity alone only by its own forms', () => {
    const own = new Set(['serviceaccount:agent@acme.iam.gserviceaccount.com', 'deleted:serviceaccount:agent@acme.iam.gserviceaccount.com?uid=112']);
    holds(fc.property(fc.oneof(members, fc.string({ unit: 'binary' })), (member) => isOwn(createMembership(holder)(member)) === own.has(member.toLowerCase())));
  });

  it('gives each member an id that leads to its resource, and no other the same', () => {
    const triple = fc.record({ role: fc.constantFrom('roles/viewer', 'roles/x', 'roles/\ud800', 'roles/\ud801'), member: fc.oneof(members, fc.string({ unit: 'binary', maxLength: 30 }).map((text) => `user:${text}`), fc.constant(`user:${'x'.repeat(2_000)}`)), condition: fc.constantFrom('', 'abc', 'abd') });
    holds(
      fc.property(triple, triple, (one, other) => {
        const [id, another] = [googleBindingId('projects/acme', one), googleBindingId('projects/acme', other)];
        if (id.length > 1_000) throw new Error('too long');
        if (!id.isWellFormed()) throw new Error('holds half of a character');
        expect(locateGoogle({ id, class: 'Binding' })).toEqual({ class: 'Binding', resource: 'projects/acme' });
        if ((tripleKey(one) === tripleKey(other)) !== (id === another)) throw new Error(id);
      }),
    );
  });
});

describe('any lock', () => {
  const accounts = fc.array(fc.record({ namespace: fc.constantFrom('ci', 'ops', 'offboard-system'), name: fc.constantFrom('a', 'a-b', 'b', 'ab') }), { maxLength: 4 });
  const data: fc.Arbitrary<LockData> = fc.dictionary(fc.constantFrom('ci', 'ops', 'x', '__proto__'), fc.array(fc.constantFrom('a', 'b', 'ab', 'c', ''), { maxLength: 4 }).map((all) => `\n${all.join('\n')}\n`));

  it('holds whom it is to hold, lets go of whom it is to let go, and leaves all others to the byte', () => {
    holds(
      fc.property(data, accounts, accounts, (before, add, remove) => {
        const after = withChanges(before, changesOf(before, { add, remove, nonce: { namespace: 'offboard-system', name: undefined } }));
        const isIn = (all: readonly AccountName[], { namespace, name }: AccountName): boolean => all.some((each) => each.namespace === namespace && each.name === name);
        for (const account of add) if (!isLocked(after, account)) throw new Error(`${account.name} is not held`);
        for (const account of remove) if (!isIn(add, account) && isLocked(after, account)) throw new Error(`${account.name} is still held`);
        for (const namespace of Object.keys(before)) {
          for (const name of ['a', 'b', 'ab', 'c']) {
            const account = { namespace, name };
            if (!isIn(add, account) && !isIn(remove, account) && isLocked(before, account) !== isLocked(after, account)) throw new Error(`${namespace}/${name} changed`);
          }
          if (![...add, ...remove].some((each) => each.namespace === namespace) && namespace !== 'offboard-system' && before[namespace] !== after[namespace]) throw new Error(`${namespace} changed`);
        }
      }),
      400,
    );
  });
});

describe('any stream of a watch', () => {
  const eventsOf = async (chunks: readonly Buffer[]): Promise<readonly unknown[]> => {
    const events: unknown[] = [];
    // eslint-disable-next-line @typescript-eslint/require-await -- It is what a network gives.
    const stream = async function* () { yield* chunks; };
    try {
      for await (const event of readEvents(stream(), roleBindings, false)) events.push(event);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      events.push(`${error.reason}: ${error.message}`);
    }
    return events;
  };
  const event = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify({ type: 'MODIFIED', object: { kind: 'RoleBinding', metadata: { name: text.toWellFormed() || 'x', uid: 'u', resourceVersion: '1' } } })),
    fc.constantFrom('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}', '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}', '', '{}', '[', 'null', '{"type":"ADDED"}', '{"type":"DELETED","object":null}'),
    fc.string({ unit: 'binary' }),
  );

  it('is the same wherever it is cut, and fails in the words of an API error only', async () => {
    await holdsInTime(
      fc.asyncProperty(fc.array(event, { maxLength: 5 }), fc.array(fc.nat({ max: 200 }), { maxLength: 6 }), fc.boolean(), async (lines, cuts, isWhole) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join('').slice(0, isWhole ? undefined : -1));
        const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
        expect(await eventsOf(places.slice(1).map((end, index) => bytes.subarray(places[index], end)))).toEqual(await eventsOf([bytes]));
      }),
      300,
    );
  });
});
