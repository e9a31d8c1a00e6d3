import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeVault, found, refused } from '../../../test/fakes/vault-client.ts';
import { createTokenReader } from './tokens.ts';

const never = new AbortController().signal;
const invalidAccessor = refused(400, '1 error occurred:\n\t* invalid accessor\n\n');
const denied = refused(403, '1 error occurred:\n\t* permission denied\n\n');

const setup = (first: readonly string[]) => {
  const clock = createFakeClock();
  const server = { accessors: first, own: true, gone: new Set<string>(), denied: new Set<string>(), may: ['update'] };
  const vault = createFakeVault((what, { body }) => {
    if (what === 'LIST auth/token/accessors') return found({ keys: [...(server.own ? ['own'] : []), ...server.accessors] });
    if (what === 'POST sys/capabilities-self') return found({ 'auth/token/lookup-accessor': server.may });
    const { accessor } = body as { readonly accessor: string };
    if (server.gone.has(accessor)) return invalidAccessor;
    if (server.denied.has(accessor)) return denied;
    return found({ accessor, entity_id: `entity of ${accessor}`, path: 'auth/kubernetes/login', meta: null });
  });
  const reader = createTokenReader(vault.client, clock, 4);
  const lookups = (): number => vault.asked.filter((what) => what.endsWith('lookup-accessor')).length;
  const accessors = async (freshness: 'Fresh' | 'Cached') => (await reader.sweep(freshness, never)).tokens.map(({ accessor }) => accessor).filter((accessor) => accessor !== 'own');
  return { clock, server, vault, reader, lookups, accessors };
};

describe('a sweep of all tokens', () => {
  it('asks about each token once, and which there are every time', async () => {
    const { server, lookups, accessors } = setup(['a', 'b']);
    expect(await accessors('Fresh')).toEqual(['a', 'b']);
    server.accessors = ['b', 'c'];
    expect(await accessors('Fresh')).toEqual(['b', 'c']);
    expect(lookups()).toBe(4);
    server.accessors = ['a', 'b', 'c'];
    expect(await accessors('Fresh')).toEqual(['a', 'b', 'c']);
    expect(lookups()).toBe(5);
  });

  it('is shared by all who ask while it waits, and begins after the last of them', async () => {
    const { vault, reader } = setup(['a']);
    await Promise.all(Array.from({ length: 10 }, () => reader.sweep('Fresh', never)));
    expect(vault.asked.filter((what) => what.startsWith('LIST'))).toHaveLength(2);
  });

  it('may be fifteen seconds old where that is enough', async () => {
    const { clock, server, accessors } = setup(['a']);
    await accessors('Fresh');
    server.accessors = ['a', 'b'];
    expect(await accessors('Cached')).toEqual(['a']);
    expect(await accessors('Fresh')).toEqual(['a', 'b']);
    server.accessors = ['c'];
    await clock.advance(14_999);
    expect(await accessors('Cached')).toEqual(['a', 'b']);
    await clock.advance(2);
    expect(await accessors('Cached')).toEqual(['c']);
  });

  it('leaves out what has gone meanwhile', async () => {
    const { server, accessors } = setup(['a', 'b']);
    server.gone.add('a');
    expect(await accessors('Fresh')).toEqual(['b']);
  });

  it('counts what leads to no token, if it may look', async () => {
    const { server, reader } = setup(['a', 'b']);
    server.denied.add('a');
    expect(await reader.sweep('Fresh', never)).toMatchObject({ dangling: 1, tokens: [{ accessor: 'own' }, { accessor: 'b' }] });
    server.may = ['deny'];
    await expect(reader.sweep('Fresh', never)).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'PermissionMissing' });
  });

  it('is not believed without our own token in it, where that must be', async () => {
    const { server, vault, reader } = setup(['a']);
    server.own = false;
    await expect(reader.sweep('Fresh', never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'OwnTokenMissing' });
    vault.moveTo({ namespace: 'team' });
    expect(await reader.sweep('Fresh', never)).toMatchObject({ tokens: [{ accessor: 'a' }] });
  });

  it('believes nothing that it knew of another server', async () => {
    const { vault, lookups, accessors } = setup(['a']);
    await accessors('Fresh');
    vault.moveTo({ clusterId: 'cluster-2' });
    await accessors('Fresh');
    expect(lookups()).toBe(4);
  });
});
