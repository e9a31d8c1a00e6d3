import { describe, expect, it } from 'vitest';
import { aPredicate, aRecordedCredential, aRecordedDependency, aSigningKey } from '../../../test/builders/predicate.ts';
import { aChain } from '../../../test/builders/record.ts';
import { keysById, readPublicKeys } from '../../evidence/keys.ts';
import { materialOf } from '../../evidence/material.ts';
import type { Predicate } from '../../evidence/predicate.ts';
import { verify } from '../../evidence/verify.ts';
import { printed } from './print.ts';

const key = aSigningKey();
const trusted = { trusted: keysById(readPublicKeys(key.publicKeyPem)), published: new Map<string, never>() };
const shown = (length: number, fields: (place: number) => Partial<Predicate>): string => {
  const chain = aChain(length, () => key, fields);
  return printed(verify(chain.map(({ metadata: { name }, spec }) => materialOf(name, name, spec)), trusted), 120);
};

const { people, run } = aPredicate();
const { revokeStartedAt: _, revokedAt: __, ...unrevoked } = run;
const { absentSince: _1, confirmedAt: _2, absentMilliseconds: _3, strength: _4, revokeRequestedAt: _5, ...left } = aRecordedCredential({ state: 'Present' });
const unprovable = aRecordedDependency({ findings: [{ type: 'NotProvable', message: 'an open watch' }] });
/** As most are: access that nobody can observe, and nothing that anybody decided. */
const usual: Partial<Predicate> = { outcome: 'ConfirmedWithUnprovable', dependencies: [unprovable] };
const waived: Partial<Predicate> = {
  outcome: 'CompletedWithWaivers',
  people: { ...people, waivers: [{ name: 'give-up', dependency: 'vault', approvedBy: 'carol', expiresAt: '2027-01-31T00:00:00Z', reason: 'the database is gone' }] },
  dependencies: [aRecordedDependency(), aRecordedDependency({ name: 'vault', kind: 'vault', state: 'Waived', credentials: [], findings: [{ type: 'NotEnumerated', object: 'lease prefix database/', message: 'its leases cannot be listed' }] })],
};
const cancelled: Partial<Predicate> = {
  outcome: 'Cancelled', run: unrevoked, people: { ...people, cancel: { requestedBy: { username: 'eve' }, reason: 'still in use', accepted: true } },
  dependencies: [aRecordedDependency({ state: 'Open', credentials: [left] })],
};
const broken: Partial<Predicate> = { ...usual, people: { ...people, glassBroken: true } };

describe('what people decided', () => {
  it('is told first, of all records, before what nobody could prove', () => {
    const of = (place: number): Partial<Predicate> => (place === 7 ? waived : place === 19 ? cancelled : place === 23 ? broken : usual);
    expect(shown(24, of).split('\n').slice(0, 29)).toEqual([
      'decided by people',
      '  0000000007  ci/build-agent-7',
      '    asked by alice@example.com, enforced by alice@example.com',
      '    ! vault was given up by carol until 2027-01-31T00:00:00Z (waiver give-up): the database is gone',
      '  0000000019  ci/build-agent-7',
      '    asked by alice@example.com, enforced by alice@example.com',
      '    ! eve cancelled it: still in use',
      '  0000000023  ci/build-agent-7',
      '    asked by alice@example.com, enforced by alice@example.com',
      '    ! somebody took the finalizer off, so that the run could have been deleted before its end',
      '  21 more, with no waiver, no cancel and no broken glass',
      '',
      'what they do not prove',
      '  0000000001  ci/build-agent-7, and 21 more',
      '    ! kubernetes: not provable: an open watch',
      '  0000000007  ci/build-agent-7',
      '    ! vault: not listed: lease prefix database/: its leases cannot be listed',
      '',
      'chain 0000000001 to 0000000024, 24 records, ok',
      expect.stringMatching(/^ {2}head 0000000024@sha256:\w{64}$/),
      'proven: 24 records',
      '',
    ]);
  });

  it('tells of a deletion that nobody is known to have asked for it, also not somebody else than who gave a part of it up', () => {
    const deleted = { ...people, requestedBy: { username: 'system:serviceaccount:offboard-system:offboard', isOffboard: true as const } };
    const asked = '    asked by Offboard, because the identity was deleted, or had expired; who did that is in the audit log';
    expect(shown(1, () => ({ people: deleted })).split('\n').slice(2, 4)).toEqual([asked, '']);
    expect(shown(1, () => ({ ...waived, people: { ...deleted, waivers: waived.people?.waivers ?? [] } })).split('\n').slice(2, 5)).toEqual([
      asked,
      '    ! vault was given up by carol until 2027-01-31T00:00:00Z (waiver give-up): the database is gone',
      '    ! whoever gave that up may be who deleted the identity, or let it expire: only the audit log tells',
    ]);
  });
});
