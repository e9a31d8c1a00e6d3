/** What a Plan tells before anything is touched. */
import { beforeEach, describe, expect, it } from 'vitest';
import { aCredential } from '../../../test/builders/credentials.ts';
import { createVaultedWorld, down, inWorld, vault } from '../../../test/fakes/vaulted-world.ts';
import type { World } from '../../../test/fakes/world.ts';
import type { Discovery } from '../../revokers/revoker.ts';
import { needsPerson } from '../../runtime/outcome.ts';

let world: World;
const { condition, declare, dependency, pass, run } = inWorld(() => world);

beforeEach(() => {
  world = createVaultedWorld();
  declare([vault('vault'), vault('later', ['vault'])]);
  world.vault('later').present.set('token 2', aCredential({ id: 'token 2', class: 'Token', sharedWith: ['User bob'] }));
  run({ mode: 'Plan' });
});

const discovers = (answer: () => Promise<Discovery>): (() => number) => {
  let asked = 0;
  Object.assign(world.vault(), {
    discover: async () => {
      asked += 1;
      return answer();
    },
  });
  return () => asked;
};

describe('a plan', () => {
  it('tells the order, how each credential ends, who keeps it, and what access may be left', async () => {
    const status = await world.settle();
    expect(status.dependencies?.map(({ name, forecast }) => [name, forecast?.stage, forecast?.after, forecast?.residualFor])).toEqual([
      ['fake', 1, undefined, 15_000],
      ['vault', 1, undefined, 30_000],
      ['later', 2, ['vault'], 30_000],
    ]);
    expect(dependency('fake')?.forecast).toMatchObject({ lockable: false, lock: 'nothing to lock' });
    expect(dependency('later')?.credentials).toMatchObject([{ end: 'Revoke', found: true, sharedWith: ['User bob'] }]);
    expect(status.forecast).toEqual({ residualFor: 60_000 });
  });

  it('names what is missing as it has to be granted', async () => {
    world.vault().missing = [{ permission: 'delete', line: 'path "x" {}', message: 'may not' }, { permission: 'list', message: 'nor that' }];
    await world.settle();
    expect(dependency('vault')?.missingPermissions).toEqual(['path "x" {}', 'list']);
    expect(condition('Planned')?.status).toBe('True');
  });

  it('tells of all others what can be told while one cannot be asked, and is not complete', async () => {
    world.vault().failures.inventory = needsPerson('NotGranted', 'nobody granted it');
    world.vault('later').missing = [{ permission: 'delete', message: 'may not' }];
    await world.look();
    expect(condition('Planned')).toMatchObject({ status: 'False' });
    expect(condition('Stalled')).toMatchObject({ reason: 'NotGranted', message: 'vault: nobody granted it' });
    expect(world.status()).not.toHaveProperty('forecast');
    expect(dependency('vault')).not.toHaveProperty('forecast');
    expect(dependency('later')).toMatchObject({ missingPermissions: ['delete'], forecast: { stage: 2 } });
    delete world.vault().failures.inventory;
    await world.settle();
    expect(condition('Planned')?.status).toBe('True');
  });

  it('is made anew while a dependency is down, and complete once it is back', async () => {
    world.vault().failures.inventory = down;
    await pass(2_000);
    expect(condition('Reconciling')).toMatchObject({ reason: 'DependencyUnavailable' });
    delete world.vault().failures.inventory;
    await pass(300_000);
    expect(condition('Planned')?.status).toBe('True');
  });

  it('tells what the identity does not name, and asks for that once', async () => {
    const role = { type: 'AuthRole', name: 'ci-agent', message: 'it lets it in' } as const;
    const asked = discovers(() => Promise.resolve({ undeclared: [role], findings: [{ type: 'NotEnumerated', message: 'one mount' }] }));
    await world.settle();
    await world.look();
    expect(dependency('vault')).toMatchObject({ undeclared: [role], findings: [{ type: 'NotEnumerated', message: 'one mount' }] });
    expect(asked()).toBe(1);
  });

  it('says that this is unknown where it could not be looked for, which holds nothing up, and asks again', async () => {
    const asked = discovers(() => Promise.reject(new Error('no\u001b route')));
    await world.settle();
    expect(dependency('vault')?.findings).toEqual([{ type: 'NotEnumerated', object: 'what the identity does not name', message: 'it could not be looked for: no route' }]);
    expect(condition('Planned')?.status).toBe('True');
    await world.look();
    expect(asked()).toBe(2);
  });

  it('that is carried out asks for none of it, and shows none of it any more', async () => {
    await world.settle();
    const asked = discovers(() => Promise.resolve({ undeclared: [], findings: [] }));
    run({ mode: 'Enforce' });
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(asked()).toBe(0);
    expect(JSON.stringify(world.status())).not.toMatch(/forecast|sharedWith|"end"|"found"/);
  });
});
