import { describe, expect, it } from 'vitest';
import { aSighting, aTracked } from '../../test/builders/credentials.ts';
import { isDue, needsRevoke, observed, refused, requested, sent } from './credential.ts';
import type { Tracked } from './credential.ts';

const settle = 15_000;
const at = (ms: number, state: 'Present' | 'Absent' | 'Unknown' = 'Absent') =>
  aSighting({ state, askedAt: ms, answeredAt: ms + 10, at: new Date(Date.UTC(2026, 10, 23, 10) + ms) });

const after = (...sightings: readonly ReturnType<typeof at>[]): Tracked =>
  sightings.reduce((tracked, sighting) => observed(tracked, sighting, settle), aTracked());

describe('a credential', () => {
  it('is not believed gone on one absence, however late it comes', () => {
    expect(after(at(1_000_000)).status.state).toBe('Absent');
  });

  it('is confirmed by two absences that span the settle time', () => {
    const { status } = after(at(0), at(15_010));
    expect(status).toMatchObject({ state: 'Confirmed', absentSince: '2026-11-23T10:00:00.000Z', confirmedAt: '2026-11-23T10:00:15.010Z' });
  });

  it('is not confirmed when the span from the first answer to the last question is a moment short', () => {
    expect(after(at(0), at(15_009)).status.state).toBe('Absent');
  });

  it('needs two absences also when the settle time is zero', () => {
    const once = observed(aTracked(), at(0), 0);
    expect(once.status.state).toBe('Absent');
    expect(observed(once, at(10), 0).status.state).toBe('Confirmed');
  });

  it('starts its span anew when it was present in between', () => {
    expect(after(at(0), at(5_000, 'Present'), at(16_000)).status.state).toBe('Absent');
    expect(after(at(0), at(5_000, 'Present'), at(16_000), at(31_010)).status.state).toBe('Confirmed');
  });

  it('is never confirmed by an answer that could not tell', () => {
    expect(after(at(0), at(20_000, 'Unknown')).status.state).toBe('Unknown');
    expect(after(at(0), at(20_000, 'Unknown'), at(40_000)).status.state).toBe('Confirmed');
  });

  it('that only a person can end keeps the words that say how', () => {
    const tracked = aTracked({ credential: { end: { by: 'Person', reason: 'SharedBinding', message: 'run: kubectl …' } } });
    expect(observed(tracked, at(0, 'Present'), settle).status.message).toBe('run: kubectl …');
  });

  it('that nobody can revoke is waited for while it is there', () => {
    const tracked = aTracked({ credential: { end: { by: 'Expiry', at: new Date('2027-01-01T00:00:00Z') } } });
    expect(tracked.status).toMatchObject({ state: 'Waiting', expiresAt: '2027-01-01T00:00:00.000Z' });
    expect(observed(tracked, { ...at(0, 'Present'), expiresAt: new Date('2027-01-01T00:00:00Z') }, settle).status).toEqual({ ...tracked.status, method: 'get/rolebindings' });
  });

  it.each([
    ['later', '2027-01-01T02:00:00.000Z'],
    ['earlier', '2026-11-23T11:00:00.000Z'],
  ] as const)('that nobody can revoke ends when it is told to end: %s', (_, end) => {
    const tracked = aTracked({ credential: { end: { by: 'Expiry', at: new Date('2027-01-01T00:00:00Z') } } });
    const told = (ms: number) => ({ ...at(ms, 'Present'), expiresAt: new Date(Date.parse(end) + ms) });
    const moved = observed(tracked, told(0), settle);
    expect(moved).toMatchObject({ credential: { end: { by: 'Expiry', at: new Date(end) } }, status: { state: 'Waiting', expiresAt: end } });
    expect(observed(moved, told(999), settle).status, 'as good as the same').toEqual(moved.status);
    expect(observed(moved, told(1_000), settle).status.expiresAt, 'and not the same').toBe(new Date(Date.parse(end) + 1_000).toISOString());
    expect(observed(moved, at(100, 'Unknown'), settle).status.expiresAt, 'could not be told').toBe(end);
  });

  it.each([
    ['has outlived its end', new Date('2026-11-23T09:00:00Z')],
    ['has no end that is known, as while more can be made', undefined],
  ])('that nobody can revoke and that %s is there, and no time is promised until one is told', (_, expiresAt) => {
    const tracked = aTracked({ credential: { end: { by: 'Expiry', at: new Date('2027-01-01T00:00:00Z') } } });
    const there = observed(tracked, { ...at(0, 'Present'), ...(expiresAt && { expiresAt }) }, settle);
    expect(there.status).toMatchObject({ state: 'Present' });
    expect(there.status.expiresAt).toBeUndefined();
    const end = new Date('2027-01-01T02:00:00Z');
    expect(observed(there, { ...at(100, 'Present'), expiresAt: end }, settle).status).toMatchObject({ state: 'Waiting', expiresAt: end.toISOString() });
  });

  it.each([
    ['is over was waited out', '2026-11-23T10:00:00.000Z', 'WaitedOut'],
    ['has not come was only seen to be gone', '2027-01-01T00:00:00.000Z', 'Observed'],
  ])('that nobody can revoke and whose time %s', (_, end, strength) => {
    const tracked = aTracked({ credential: { end: { by: 'Expiry', at: new Date(end) } } });
    expect(observed(observed(tracked, at(0), settle), at(settle + 10), settle).status).toMatchObject({ state: 'Confirmed', strength });
  });

  it('that is revoked has no end of its own, whatever is told', () => {
    expect(observed(aTracked(), { ...at(0, 'Present'), expiresAt: new Date('2027-01-01T00:00:00Z') }, settle).status.expiresAt).toBeUndefined();
  });

  it('that is there again under its UID after it was revoked and gone has returned, and is revoked again after a growing pause', () => {
    let tracked = requested(aTracked(), new Date('2026-11-23T10:00:00Z'));
    for (const [returned, pause] of [[1, 1_000], [2, 2_000], [3, 4_000]] as const) {
      tracked = observed(observed(tracked, at(0), settle), at(100, 'Present'), settle);
      expect(tracked).toMatchObject({ notBefore: 110 + pause, status: { state: 'Present', returned } });
      expect(isDue(tracked, 109 + pause)).toBe(false);
      expect(isDue(tracked, 110 + pause)).toBe(true);
    }
  });

  it('whose revoke was accepted is not sent another at once, whatever wakes the run up', () => {
    const once = sent(requested(aTracked(), new Date('2026-11-23T10:00:00Z')), 0);
    expect(once.accepted).toBe(true);
    expect([isDue(once, 999), isDue(once, 1_000), isDue(sent(once, 1_000), 2_999), isDue(sent(once, 1_000), 3_000)]).toEqual([false, true, false, true]);
    expect(observed(once, at(5, 'Present'), settle).status.returned).toBeUndefined();
  });

  it('names what holds it, and forgets that when it is gone', () => {
    const held = observed(aTracked(), { ...at(0, 'Present'), reason: 'HeldByFinalizer', message: 'held by x/y' }, settle);
    expect(held).toMatchObject({ blockedBy: 'HeldByFinalizer', status: { message: 'held by x/y' } });
    const gone = observed(held, at(100), settle);
    expect(gone.blockedBy).toBeUndefined();
    expect(gone.status.message).toBeUndefined();
    expect(observed(held, at(100, 'Unknown'), settle).blockedBy, 'or could not be told').toBeUndefined();
  });

  it('whose revoke was taken and cannot be carried out says so until one is accepted, or it is gone', () => {
    const refusal = { refused: 'RevocationStuck', message: 'it owns objects' };
    const stuck = refused(aTracked(), refusal, 0);
    const words = { reason: 'RevocationStuck', message: 'it owns objects' };
    expect(stuck).toMatchObject({ blockedBy: 'RevocationStuck', notBefore: 1_000, status: words });
    expect(observed(stuck, { ...at(10, 'Present'), message: 'still there' }, settle)).toMatchObject({ blockedBy: 'RevocationStuck', status: words });
    expect(observed(stuck, { ...at(10, 'Unknown'), message: 'no answer' }, settle)).toMatchObject({ blockedBy: 'RevocationStuck', status: { ...words, state: 'Unknown' } });
    for (const over of [sent(stuck, 1_000), observed(stuck, at(1_000), settle)]) {
      expect(over.blockedBy).toBeUndefined();
      expect(over.refusal).toBeUndefined();
      expect(over.status).not.toHaveProperty('reason');
      expect(over.status).not.toHaveProperty('message');
    }
  });

  it('that is refused again and again is asked for after pauses that grow to five minutes, and told of on powers of two', () => {
    let tracked = aTracked();
    const told: (string | undefined)[] = [];
    for (let times = 1; times <= 12; times += 1) {
      tracked = refused(tracked, { refused: 'RevocationStuck', message: `attempt ${times}` }, 0);
      told.push(tracked.status.message);
    }
    expect(tracked.notBefore).toBe(300_000);
    expect([...new Set(told)]).toEqual(['attempt 1', 'attempt 2', 'attempt 4', 'attempt 8']);
  });

  it('names the reason for a person as long as one must act', () => {
    const shared = aTracked({ credential: { end: { by: 'Person', reason: 'SharedBinding', message: 'run: kubectl …' } } });
    expect(shared.status.reason).toBe('SharedBinding');
    expect(observed(shared, at(0, 'Present'), settle).status.reason).toBe('SharedBinding');
    expect(observed(shared, at(0), settle).status).not.toHaveProperty('reason');
    expect(observed(aTracked(), { ...at(0, 'Present'), reason: 'HeldByFinalizer' }, settle).status.reason).toBe('HeldByFinalizer');
  });

  it.each([
    ['Revoke', aTracked(), true],
    ['Others', aTracked({ credential: { end: { by: 'Others' } } }), false],
    ['a person', aTracked({ credential: { end: { by: 'Person', reason: 'X', message: 'x' } } }), false],
    ['an absence', observed(aTracked(), at(0), settle), false],
  ])('that ends by %s needs a revoke: %s', (_, tracked, expected) => {
    expect(needsRevoke(tracked)).toBe(expected);
  });

  it('has its intent written with the time', () => {
    expect(requested(aTracked(), new Date('2026-11-23T10:00:00Z')).status.revokeRequestedAt).toBe('2026-11-23T10:00:00.000Z');
  });
});

describe('a credential that works when it is tried, while its dependency says that it is gone', () => {
  const controlAt = new Date('2026-11-23T09:59:00Z');
  const tried = { controlAt, refusals: 0, servers: 2, deadAtSource: false };
  const works = (ms: number) => ({ ...at(ms, 'Present'), tried });
  const refusedAt = (ms: number) => ({ ...at(ms), tried: { ...tried, refusals: 6, deadAtSource: true } });

  it('is not believed gone once it can be tried no more', () => {
    const last = after(works(0), works(20_000), at(30_000), at(60_000), at(900_000));
    expect(last.status).toMatchObject({ state: 'Unknown', message: expect.stringContaining('is not believed') as string });
  });

  it('is not believed gone by the next process either, which has only the status', () => {
    const { status, credential } = after(works(0), works(20_000));
    expect([at(30_000), at(60_000)].reduce<Tracked>((tracked, sighting) => observed(tracked, sighting, settle), { status, credential }).status.state).toBe('Unknown');
  });

  it('is gone when it is refused after all', () => {
    expect(after(works(0), works(20_000), refusedAt(21_000), refusedAt(36_100)).status).toMatchObject({ state: 'Confirmed', strength: 'Probed' });
    expect(after(works(0), works(20_000), refusedAt(21_000), at(36_100)).status).toMatchObject({ state: 'Confirmed', strength: 'Observed' });
  });

  it('is believed gone again once its dependency has said that it is there', () => {
    expect(after(works(0), works(20_000), at(21_000, 'Present'), at(30_000), at(45_100)).status).toMatchObject({ state: 'Confirmed', strength: 'Observed' });
  });

  it('is not believed gone either where it was tried only once, and a person is told', () => {
    const once = after(works(0), at(500), at(30_000), at(60_000));
    expect(once).toMatchObject({ blockedBy: 'Contradicted', status: { state: 'Unknown', reason: 'Contradicted', message: expect.stringContaining('is not believed') as string } });
    expect(observed(once, refusedAt(61_000), settle), 'until it is refused after all').not.toHaveProperty('blockedBy');
  });

  it('is one of which the end is not known everywhere yet, within the settle time, where the source cannot be told from what is late', () => {
    const { deadAtSource: _, ...late } = tried;
    const worksSomewhere = (ms: number) => ({ ...at(ms, 'Present'), tried: late });
    const last = after(worksSomewhere(0), worksSomewhere(14_000), at(30_000), at(45_100));
    expect(last).toMatchObject({ contradictedSince: 10, status: { state: 'Confirmed', strength: 'Observed' } });
    expect(after(worksSomewhere(0), worksSomewhere(15_010), at(30_000), at(45_100)).status.state).toBe('Unknown');
  });
});
