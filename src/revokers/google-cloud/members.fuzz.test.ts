import fc from 'fast-check';
import { describe, it } from 'vitest';
import { crowds, holders, otherMembers, ownMembers } from '../../../test/fuzz/members.ts';
import { holds } from '../../../test/fuzz/property.ts';
import { createMembership, isOwn, searchTerms } from './members.ts';

describe('a member of a policy', () => {
  it('is the identity in each of its forms, a crowd that it may be one of, or somebody else', () => {
    holds(
      fc.property(holders, (holder) => {
        const membership = createMembership(holder);
        for (const { member, kind } of [...ownMembers(holder), ...crowds(holder), ...otherMembers(holder)]) {
          const found = membership(member).kind;
          if (found !== kind) throw new Error(`${member} is ${found}, and not ${kind}`);
        }
      }),
    );
  });

  it('is never the identity alone where it is any text at all', () => {
    holds(
      fc.property(holders, fc.oneof(fc.string({ unit: 'binary' }), fc.string().map((text) => `serviceAccount:${text}`), fc.string().map((text) => `principal://iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/${text}`)), (holder, member) => {
        if (isOwn(createMembership(holder)(member)) && !ownMembers(holder).some((own) => own.member === member)) throw new Error(member);
      }),
      400,
    );
  });

  it('that is the identity has in it a term that is searched for', () => {
    holds(
      fc.property(holders, (holder) => {
        const terms = searchTerms(holder);
        for (const { member } of ownMembers(holder)) {
          if (!terms.some((term) => member.toLowerCase().includes(term.toLowerCase()))) throw new Error(`nobody searches for ${member}`);
        }
        if (terms.some((term) => term === '') || new Set(terms).size !== terms.length) throw new Error('one is empty, or there twice');
      }),
      100,
    );
  });
});
