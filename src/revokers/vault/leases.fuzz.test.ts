import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeVault, found, refused } from '../../../test/fakes/vault-client.ts';
import { holds, holdsInTime } from '../../../test/fuzz/property.ts';
import { OutcomeError } from '../../runtime/outcome.ts';
import { isUnder, listLeases } from './leases.ts';
import { isPlainPath } from './paths.ts';

const never = new AbortController().signal;
const plain = fc.constantFrom('a', 'ci-7', 'ci-70', 'x.y', 'é', 'a b', '…');
/** What could be taken for another path than it is, by whoever stands between us and the server. */
const unsafe = ['.', '..', '%2f', 'a%', 'a\\b', 'a\u202eb', 'a\nb', 'a\u2028', '\ud800', 'x'.repeat(1_100)];

/** Keys of a folder: those of leases, and those of folders with what is in them. */
interface Folder {
  readonly leases: readonly string[];
  readonly folders: readonly (readonly [string, Folder])[];
}

const foldersOf = (names: fc.Arbitrary<string>): fc.Arbitrary<Folder> =>
  fc.letrec<{ folder: Folder }>((tie) => ({
    folder: fc.record({ leases: fc.uniqueArray(names, { maxLength: 3 }), folders: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.uniqueArray(fc.tuple(names, tie('folder')), { maxLength: 2, depthIdentifier: 'folder', selector: ([name]) => name })) }),
  })).folder;

const leavesOf = ({ leases, folders }: Folder, at: string): readonly string[] => [...leases.map((name) => `${at}/${name}`), ...folders.flatMap(([name, inner]) => leavesOf(inner, `${at}/${name}`))];

const at = (folder: Folder, [name, ...rest]: readonly string[]): Folder | undefined => {
  if (name === undefined) return folder;
  const inner = folder.folders.find(([key]) => key === name)?.[1];
  return inner === undefined ? undefined : at(inner, rest);
};

const listed = (root: Folder, prefix: string, failing?: number): Promise<readonly string[]> => {
  let asked = 0;
  const vault = createFakeVault((_, { path }) => {
    asked += 1;
    if (asked - 1 === failing) return refused(503, 'no');
    const folder = at(root, path.slice(3 + prefix.split('/').length));
    if (folder === undefined) return { status: 404, body: { errors: [] } };
    return found({ keys: [...folder.leases, ...folder.folders.map(([name]) => `${name}/`)] });
  });
  return listLeases(vault.client, prefix, { origin: { address: '', namespace: '', clusterId: '' } }, never);
};

describe('the leases under a path', () => {
  const prefix = fc.constantFrom('database/creds/ci-7', 'aws/creds');

  it('are all that there are, however deep, and no other', async () => {
    await holdsInTime(
      fc.asyncProperty(prefix, foldersOf(plain), async (path, root) => {
        const leases = await listed(root, path);
        expect(leases.toSorted()).toEqual(leavesOf(root, path).toSorted());
        if (!leases.every((id) => isUnder(id, path))) throw new Error('one is elsewhere');
      }),
    );
  });

  it('are none where one of them, or a folder, cannot be named, or a folder could not be listed', async () => {
    await holdsInTime(
      fc.asyncProperty(prefix, foldersOf(fc.oneof({ weight: 3, arbitrary: plain }, fc.constantFrom(...unsafe))), fc.option(fc.nat({ max: 2 }), { nil: undefined }), async (path, root, failing) => {
        const outcome = await listed(root, path, failing).catch((error: unknown) => error);
        const isUnnameable = leavesOf(root, path).some((id) => id.length > 1_024 || id.split('/').some((name) => unsafe.includes(name)));
        if (outcome instanceof OutcomeError) return;
        if (!Array.isArray(outcome)) throw outcome;
        if (isUnnameable) throw new Error('one could not be named');
        if (failing === 0) throw new Error('it could not be listed');
        if (outcome.length !== leavesOf(root, path).length) throw new Error('one is lost');
      }),
      300,
    );
  });

  it('are under it by whole names alone', () => {
    const ids = fc.array(plain, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
    holds(
      fc.property(ids, ids, (id, path) => {
        const [names, under] = [id.split('/'), path.split('/')];
        return isUnder(id, path) === (names.length > under.length && under.every((name, index) => names[index] === name));
      }),
    );
  });
});

describe('a path that identities may name', () => {
  it('is one path to every server, whoever reads it in between', () => {
    const segments = fc.oneof(plain, fc.constantFrom(...unsafe, '', 'a..b', '-a', 'a-', '?a', '#a', 'a;b', 'a_b', 'A'), fc.string({ unit: 'binary', maxLength: 6 }));
    holds(
      fc.property(fc.array(segments, { minLength: 1, maxLength: 3 }).map((all) => all.join('/')), (path) => {
        if (!isPlainPath(path)) return;
        const { pathname, search, hash } = new URL(`https://vault.example.com/v1/${path}`);
        if (pathname !== `/v1/${path}` || search !== '' || hash !== '' || decodeURIComponent(pathname) !== pathname) throw new Error(`${path} is ${pathname}`);
        if (path.includes('*') || path.includes('+')) throw new Error('a policy would read it as many');
      }),
      600,
    );
  });
});
