import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holdsInTime } from '../../test/fuzz/property.ts';
import { createFakeRevoker } from '../../test/fakes/revoker.ts';
import type { Credential, Freshness } from '../revokers/revoker.ts';
import { trackedKey } from '../policy/credential.ts';
import { whatCameBack } from './returned.ts';

const credentials = fc.uniqueArray(
  fc.record({ id: fc.constantFrom('a', 'b', 'c'), uid: fc.constantFrom('1', '2'), class: fc.constant('Token'), end: fc.constant({ by: 'Revoke' as const }), seen: fc.boolean() }),
  { maxLength: 4, selector: trackedKey },
);
const known = fc.uniqueArray(fc.constantFrom('a', 'b', 'c')).map((ids) => new Set(ids));
const target = { serviceAccount: { namespace: 'ci', name: 'agent' } };
const isReturn = ({ seen }: Credential): boolean => seen;
const never = new AbortController().signal;

const look = async (cached: readonly Credential[], fresh: readonly Credential[] | 'fails', ids: ReadonlySet<string>): Promise<{ readonly back: readonly Credential[] | 'rejects'; readonly asked: readonly Freshness[] }> => {
  const asked: Freshness[] = [];
  const revoker = Object.assign(createFakeRevoker(), {
    inventory: (_: unknown, freshness: Freshness) => {
      asked.push(freshness);
      const answer = freshness === 'Cached' ? cached : fresh;
      return answer === 'fails' ? Promise.reject(new Error('no')) : Promise.resolve({ credentials: answer, findings: [] });
    },
  });
  const back = await whatCameBack(revoker, target, isReturn, never, ids).catch(() => 'rejects' as const);
  return { back, asked };
};

describe('what came back', () => {
  it('is what a fresh look shows, wherever the watches show anything else than what is known', async () => {
    await holdsInTime(
      fc.asyncProperty(credentials, credentials, known, async (cached, fresh, ids) => {
        const { back, asked } = await look(cached, fresh, ids);
        const shown = new Set(cached.filter(isReturn).map(({ id }) => id));
        const isKnown = shown.size === ids.size && [...shown].every((id) => ids.has(id));
        if (!isKnown) expect({ back, asked }).toEqual({ back: fresh.filter(isReturn), asked: ['Cached', 'Fresh'] });
        if (isKnown && asked.length === 1) expect(back).toEqual(cached.filter(isReturn));
      }),
      400,
    );
  });

  it('is not asked for afresh while nothing is there and nothing was', async () => {
    await holdsInTime(
      fc.asyncProperty(credentials, credentials, async (cached, fresh) => {
        const { back, asked } = await look(cached.map((each) => ({ ...each, seen: false })), fresh, new Set());
        expect({ back, asked }).toEqual({ back: [], asked: ['Cached'] });
      }),
    );
  });

  it('is not known where the fresh look fails', async () => {
    await holdsInTime(
      fc.asyncProperty(credentials, known, async (cached, ids) => {
        const { back, asked } = await look(cached, 'fails', ids);
        return (asked.length === 2) === (back === 'rejects');
      }),
    );
  });
});
