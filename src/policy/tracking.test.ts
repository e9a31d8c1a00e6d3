import { describe, expect, it } from 'vitest';
import type { CredentialStatus } from '../api/v1alpha1/index.ts';
import { aCredential, aTracked } from '../../test/builders/credentials.ts';
import type { Merge } from './tracking.ts';
import { listed, maxListedCredentials, mergeCached, mergeFresh, resume, withStoredIntents } from './tracking.ts';

const many = (n: number, name = 'RoleBinding') =>
  Array.from({ length: n }, (_, i) =>
    aTracked({ credential: { id: `${name}/${i}`, uid: `u${i}`, class: name }, status: { id: `${name}/${i}`, class: name } }),
  );

describe('a fresh enumeration', () => {
  it('changes nothing when it shows only what is known', () => {
    const known = [aTracked()];
    expect(mergeFresh(known, [aCredential()], 0)).toEqual({ tracked: known, foundNew: false });
  });

  it('keeps what an access review is to ask when the bindings that granted it are gone', () => {
    const access = aCredential({ id: 'access review of x', class: 'Access', end: { by: 'Others' }, grants: ['ClusterRole/edit in ci'] });
    const known = mergeFresh([], [access], 0).tracked;
    const { tracked } = mergeFresh(known, [{ ...access, grants: [], seen: false }], 0);
    expect(tracked[0]?.credential.grants).toEqual(['ClusterRole/edit in ci']);
    expect(tracked[0]?.status.grants).toEqual(['ClusterRole/edit in ci']);
    const [status] = tracked.map((entry) => entry.status);
    const later = resume(status === undefined ? [] : [status], [{ ...access, grants: [], seen: false }], 0);
    expect(later[0]?.credential.grants).toEqual(['ClusterRole/edit in ci']);
  });

  it('moves the end of what ends by itself, and leaves what was confirmed as it was', () => {
    const until = (end: string, status: Partial<CredentialStatus> = {}) => aTracked({ credential: { end: { by: 'Expiry', at: new Date(end) }, seen: false }, status });
    const later = until('2026-11-23T12:00:00Z').credential;
    expect(mergeFresh([until('2026-11-23T11:00:00Z')], [later], 0)).toMatchObject({
      foundNew: false,
      tracked: [{ credential: later, status: { state: 'Waiting', expiresAt: '2026-11-23T12:00:00.000Z' } }],
    });
    const { expiresAt: _, ...endless } = until('2026-11-23T11:00:00Z', { state: 'Present' }).status;
    const [there] = mergeFresh([{ ...until('2026-11-23T11:00:00Z'), status: endless }], [later], 0).tracked;
    expect(there?.status, 'an inventory promises no end of what has none that is known').toEqual(endless);
    const confirmed = until('2026-11-23T11:00:00Z', { state: 'Confirmed' });
    expect(mergeFresh([confirmed], [later], 0).tracked.map(({ status }) => status)).toEqual([confirmed.status]);
  });

  it('opens the run again for a credential that is new', () => {
    const { tracked, foundNew } = mergeFresh([aTracked()], [aCredential({ id: 'rolebindings/ci/other', uid: 'uid-2' })], 0);
    expect(foundNew).toBe(true);
    expect(tracked.map(({ status }) => status.state)).toEqual(['Present', 'Present']);
  });

  it('opens a confirmed credential that is seen again, and counts its return', () => {
    const confirmed = aTracked({ status: { state: 'Confirmed' } });
    const { tracked, foundNew } = mergeFresh([confirmed], [aCredential()], 1_000);
    expect(foundNew).toBe(true);
    expect(tracked).toMatchObject([{ status: { state: 'Present', returned: 1 }, notBefore: 2_000 }]);
  });

  it('believes no more of a confirmed credential that is only known from the target', () => {
    const confirmed = aTracked({ status: { state: 'Confirmed' } });
    expect(mergeFresh([confirmed], [aCredential({ seen: false })], 0).foundNew).toBe(false);
  });

  it('counts a binding that was re-created under another UID as a return, with a growing pause', () => {
    let tracked = [aTracked({ status: { state: 'Absent' } })] as readonly ReturnType<typeof aTracked>[];
    for (let life = 2; life <= 12; life += 1) {
      tracked = mergeFresh(tracked, [aCredential({ uid: `uid-${life}` })], 0).tracked;
      expect(tracked).toHaveLength(1);
      expect(tracked[0]?.status.returned).toBe(life - 1);
      tracked = tracked.map((entry) => ({ ...entry, status: { ...entry.status, state: 'Absent' as const } }));
    }
    expect(tracked[0]?.notBefore).toBe(300_000);
  });

  it('counts the return also of what was not seen to go, and keeps both until it was', () => {
    const asked = aTracked({ status: { state: 'Present', revokeRequestedAt: '2026-11-23T10:00:00Z' } });
    const both = mergeFresh([asked], [aCredential({ uid: 'uid-2' })], 0).tracked;
    expect(both.map(({ status }) => status.returned)).toEqual([undefined, 1]);
    const gone = both.map((entry) => ({ ...entry, status: { ...entry.status, state: 'Absent' as const } }));
    const after = mergeFresh(gone, [aCredential({ uid: 'uid-3' })], 0).tracked;
    expect(after).toMatchObject([{ credential: { uid: 'uid-3' }, status: { returned: 2 } }]);
    const pausedAndReplaced = mergeFresh(after, [aCredential({ uid: 'uid-4' })], 0).tracked;
    expect(pausedAndReplaced.map(({ status }) => status.returned), 'its own pause was not over, so it was not asked for').toEqual([2, 3]);
  });

  it.each(['Unknown', 'Present'] as const)('keeps what is %s when another of its name turns up: that one proves nothing about it', (state) => {
    const known = [aTracked({ status: { state, revokeRequestedAt: '2026-11-23T10:00:00Z' } })];
    expect(mergeFresh(known, [aCredential({ uid: 'uid-2' })], 0).tracked.map(({ credential, status }) => [credential.uid, status.state])).toEqual([
      ['uid-1', state],
      ['uid-2', 'Present'],
    ]);
  });

  it.each(['Absent', 'Confirmed'] as const)('lets what was seen %s give way to another of its name', (state) => {
    expect(mergeFresh([aTracked({ status: { state } })], [aCredential({ uid: 'uid-2' })], 0).tracked.map(({ credential }) => credential.uid)).toEqual(['uid-2']);
  });

  it('counts no return of what nobody had asked to end', () => {
    const { tracked } = mergeFresh([aTracked()], [aCredential({ uid: 'uid-2' })], 0);
    expect(tracked.map(({ status }) => status.returned)).toEqual([undefined, undefined]);
  });

  it('keeps one of the accounts that take the place of another, however many there were', () => {
    const stranger = (uid: string) =>
      aCredential({ id: 'serviceaccounts/ci/a', uid, class: 'ServiceAccount', end: { by: 'Person', reason: 'IdentityRecreated', message: 'left alone' } });
    const own = aTracked({ credential: { id: 'serviceaccounts/ci/a', class: 'ServiceAccount' }, status: { state: 'Confirmed' } });
    let tracked: Merge['tracked'] = [own];
    for (let life = 2; life <= 100; life += 1) {
      tracked = mergeCached(tracked, [stranger(`uid-${life}`)], 0).tracked.map((entry) =>
        entry === own ? own : { ...entry, status: { ...entry.status, state: 'Absent' as const } },
      );
    }
    expect(tracked.map(({ credential }) => credential.uid)).toEqual(['uid-1', 'uid-100']);
    expect(tracked[1]?.status.returned).toBe(98);
  });

  it('keeps one that was seen to go and is listed all the same, beside another of its name', () => {
    const gone = aTracked({ status: { state: 'Absent' }, absentSince: 0 });
    const { tracked } = mergeFresh([gone], [aCredential(), aCredential({ uid: 'uid-2' })], 0);
    expect(tracked.map(({ credential }) => credential.uid)).toEqual(['uid-1', 'uid-2']);
  });

  it('keeps an account that was re-created apart from the one that was revoked', () => {
    const account = aTracked({ credential: { id: 'serviceaccounts/ci/a', class: 'ServiceAccount' }, status: { state: 'Confirmed' } });
    const second = aCredential({
      id: 'serviceaccounts/ci/a',
      uid: 'uid-2',
      class: 'ServiceAccount',
      end: { by: 'Person', reason: 'IdentityRecreated', message: 'left alone' },
    });
    expect(mergeFresh([account], [second], 0).tracked.map(({ status }) => status.state)).toEqual(['Confirmed', 'Present']);
  });
});

describe('an inventory from a watch', () => {
  it('takes from a watch that nobody has to act first any more', () => {
    const held = aTracked({ credential: { end: { by: 'Person', reason: 'SharedBinding', message: 'grant it that' } }, status: { reason: 'SharedBinding' } });
    const { tracked, foundNew } = mergeCached([held], [aCredential()], 0);
    expect(tracked[0]?.credential.end).toEqual({ by: 'Revoke' });
    expect(foundNew).toBe(false);
    const confirmed = aTracked({ credential: held.credential, status: { state: 'Confirmed' } });
    expect(mergeCached([confirmed], [aCredential()], 0).tracked).toEqual([confirmed]);
  });

  it('adds what is not known', () => {
    expect(mergeCached([], [aCredential()], 0).foundNew).toBe(true);
  });

  it('never reopens what a quorum read found gone', () => {
    const confirmed = [aTracked({ status: { state: 'Confirmed' } })];
    expect(mergeCached(confirmed, [aCredential()], 0)).toEqual({ tracked: confirmed, foundNew: false });
  });

  it('adds nothing that is only known from the target', () => {
    expect(mergeCached([], [aCredential({ seen: false })], 0).tracked).toEqual([]);
  });
});

describe('the list in the status', () => {
  it('names every credential up to the limit', () => {
    expect(listed(many(maxListedCredentials))).toHaveLength(maxListedCredentials);
  });

  it('counts the largest class instead of listing it beyond that', () => {
    const entries = listed([...many(2_000), ...many(3, 'TokenSecret')]);
    expect(entries).toHaveLength(4);
    expect(entries[0]).toMatchObject({ id: 'every RoleBinding', count: 2_000, state: 'Present' });
    expect(entries[0]?.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('never counts what is alone in its class, however little room there is', () => {
    expect(listed([...many(1, 'ServiceAccount'), ...many(1, 'Access'), ...many(3)], 1).map(({ id, count }) => [id, count])).toEqual([
      ['ServiceAccount/0', undefined],
      ['Access/0', undefined],
      ['every RoleBinding', 3],
    ]);
  });

  it('counts a class for each place in which it was seen, where the UIDs tell the places', () => {
    const there = (uid: string, n: number) => many(n, 'Lease').map((entry) => ({ ...entry, credential: { ...entry.credential, uid } }));
    const entries = listed([...there('one', 200), ...there('two', 3)]);
    expect(entries.map(({ uid, count }) => [uid, count])).toEqual([['one', 200], ['two', 3]]);
  });

  it('shows the worst state of a class that is counted', () => {
    const tracked = many(200).map((entry, i) => ({ ...entry, status: { ...entry.status, state: i === 7 ? ('Unknown' as const) : ('Confirmed' as const) } }));
    expect(listed(tracked)[0]?.state).toBe('Unknown');
  });
});

describe('a new process', () => {
  it('observes again what an earlier one found absent, and keeps what it confirmed', () => {
    const tracked = resume(
      [
        { id: 'a', class: 'RoleBinding', state: 'Absent', absentSince: '2026-11-23T10:00:00Z', revokeRequestedAt: '2026-11-23T09:59:00Z' },
        { id: 'b', class: 'RoleBinding', state: 'Confirmed', confirmedAt: '2026-11-23T10:00:00Z' },
      ],
      [],
      0,
    );
    expect(tracked.map(({ status }) => status)).toEqual([
      { id: 'a', class: 'RoleBinding', state: 'Unknown', revokeRequestedAt: '2026-11-23T09:59:00Z' },
      { id: 'b', class: 'RoleBinding', state: 'Confirmed', confirmedAt: '2026-11-23T10:00:00Z' },
    ]);
  });

  it('goes by the end that is known now, where the status has an older one', () => {
    const status = { id: 'tokens', class: 'AccessTokens', state: 'Waiting', expiresAt: '2026-11-23T11:00:00.000Z' } as const;
    const found = { id: 'tokens', class: 'AccessTokens', end: { by: 'Expiry', at: new Date('2026-11-23T12:00:00Z') }, seen: true } as const;
    expect(resume([status], [found], 0)).toMatchObject([{ credential: found, status: { ...status, expiresAt: '2026-11-23T12:00:00.000Z' } }]);
    expect(resume([status], [], 0)).toMatchObject([{ credential: { end: { by: 'Expiry', at: new Date(status.expiresAt) } }, status }]);
  });

  it('takes a counted class up as those it finds, and the rest as a count that only enumerations can confirm', () => {
    const counted = { id: 'every RoleBinding', class: 'RoleBinding', state: 'Present' as const, count: 10, digest: 'x' };
    const found = [aCredential({ id: 'rolebindings/ci/1' }), aCredential({ id: 'rolebindings/ci/2' })];
    const tracked = resume([counted], found, 0);
    expect(tracked).toHaveLength(3);
    expect(tracked[0]).toMatchObject({ aggregate: true, status: { count: 8 } });
  });

  it('keeps the count of one place apart from what it finds in another', () => {
    const counted = { id: 'every Lease', uid: 'one', class: 'Lease', state: 'Present' as const, count: 3 };
    const found = [aCredential({ id: 'lease 1', uid: 'two', class: 'Lease' }), aCredential({ id: 'lease 2', uid: 'one', class: 'Lease' })];
    expect(resume([counted], found, 0)[0]).toMatchObject({ aggregate: true, credential: { uid: 'one' }, status: { count: 2 } });
  });

  it('drops the count of a class that it finds whole', () => {
    const counted = { id: 'every RoleBinding', class: 'RoleBinding', state: 'Present' as const, count: 1 };
    expect(resume([counted], [aCredential()], 0).map(({ credential }) => credential.id)).toEqual(['rolebindings/ci/deploy']);
  });

  it('observes again what was confirmed by a settle time that is too short by now', () => {
    const { status } = aTracked({ status: { state: 'Confirmed', absentSince: '2026-11-23T10:00:00Z', confirmedAt: '2026-11-23T10:00:15Z', absentFor: 15_000, strength: 'Observed' } });
    expect(resume([status], [], 0, 15_000)[0]?.status).toEqual(expect.objectContaining({ state: 'Confirmed', absentFor: 15_000 }));
    const [anew] = resume([status], [], 0, 15_001);
    expect(anew?.status.state).toBe('Unknown');
    for (const key of ['absentSince', 'confirmedAt', 'absentFor', 'strength']) expect(anew?.status).not.toHaveProperty(key);
    expect(anew?.confirmedAt).toBeUndefined();
  });
});

describe('an intent', () => {
  const status = { id: 'rolebindings/ci/deploy', uid: 'u', class: 'RoleBinding', state: 'Present' } as const;
  const at = (revokeRequestedAt: string) => ({ ...status, revokeRequestedAt });

  it('keeps the time at which it was stored first', () => {
    expect(withStoredIntents([at('2026-11-23T10:00:05Z')], [at('2026-11-23T10:00:00Z')])).toEqual([at('2026-11-23T10:00:00Z')]);
  });

  it('is not made up where there is none yet, and not taken from another object of the name', () => {
    expect(withStoredIntents([status], [at('2026-11-23T10:00:00Z')])).toEqual([status]);
    const other = { ...at('2026-11-23T10:00:05Z'), uid: 'v' };
    expect(withStoredIntents([other], [at('2026-11-23T10:00:00Z')])).toEqual([other]);
  });
});
