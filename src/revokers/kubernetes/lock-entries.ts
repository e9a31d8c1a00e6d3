/**
 * Who is locked, as the admission policies read it: the data of one ConfigMap, with a key for each namespace, and in it the names,
 * each between line feeds. What nobody asked to change stays as it is, to the byte.
 */
import { invalid, type OutcomeError } from '../../runtime/outcome.ts';
import type { AccountName } from './identity.ts';

/** The data of the ConfigMap. */
export type LockData = Readonly<Record<string, string>>;

/** A name that nobody bears, by which it is tried whether what was written holds. */
const nonceShape = /^offboard-lock-test\.[0-9a-f]{16}$/;

/** `random` is 16 hexadecimal digits. */
export const nonceOf = (random: string): string => `offboard-lock-test.${random}`;

/** As the policies have it. */
export const holds = (data: LockData, { namespace, name }: AccountName): boolean =>
  Object.hasOwn(data, namespace) && (data[namespace] ?? '').includes(`\n${name}\n`);

/** An account that no policy can lock, or that would be taken for a try of ours. `Invalid`. */
export const whyNotLockable = ({ namespace, name }: AccountName, operatorNamespace: string): OutcomeError | undefined => {
  if (namespace === operatorNamespace && nonceShape.test(name)) {
    return invalid('InvalidName', `${JSON.stringify(name)} is a name by which Offboard tries its lock`);
  }
  const isName = (text: string): boolean => /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/.test(text);
  if (isName(namespace) && isName(name)) return undefined;
  return invalid('InvalidName', `${JSON.stringify(`${namespace}/${name}`.slice(0, 60))} cannot be the name of a ServiceAccount`);
};

/** Characters, each a byte. An API server takes no more than 1 MiB of a ConfigMap. */
const freeForAll = 512 * 1024;
/** Some 700 names. */
const everybodysPart = 16 * 1024;

/**
 * Those of `add` for whom there is room: in the first half for all, and beyond that for namespaces that have little. Whoever may make
 * ServiceAccounts, or say that one may be absent, has as many locked as he likes, which must not keep others from being locked.
 */
export const withRoom = (data: LockData, add: readonly AccountName[]): readonly AccountName[] => {
  const sizes = new Map(Object.entries(data).map(([namespace, text]) => [namespace, text.length]));
  let total = [...sizes].reduce((sum, [namespace, size]) => sum + namespace.length + size, 0);
  return add.filter((account) => {
    if (holds(data, account)) return true;
    const { namespace, name } = account;
    const before = sizes.get(namespace);
    const after = (before ?? 1) + name.length + 1;
    const totalAfter = total + after - (before ?? -namespace.length);
    if (totalAfter > freeForAll && after > everybodysPart) return false;
    sizes.set(namespace, after);
    total = totalAfter;
    return true;
  });
};

export interface LockEdit {
  readonly add: readonly AccountName[];
  readonly remove: readonly AccountName[];
  /** The operator's namespace, where the nonce goes, and from where all older ones go. */
  readonly nonce: { readonly namespace: string; readonly name: string | undefined };
}

/** What changes, for a merge patch of the data; null ends a key. */
export const changesOf = (data: LockData, { add, remove, nonce }: LockEdit): Readonly<Record<string, string | null>> => {
  const changes: Record<string, string | null> = {};
  const nonces = nonce.name === undefined ? [] : [{ namespace: nonce.namespace, name: nonce.name }];
  for (const namespace of new Set([...add, ...remove, nonce].map((each) => each.namespace))) {
    const before = Object.hasOwn(data, namespace) ? data[namespace] : undefined;
    const named = (accounts: readonly AccountName[]): ReadonlySet<string> =>
      new Set(accounts.filter((each) => each.namespace === namespace).map(({ name }) => name));
    const gone = named(remove);
    const isStale = (name: string): boolean => namespace === nonce.namespace && nonceShape.test(name);
    const after = textOf(before, named([...add, ...nonces]), (name) => gone.has(name) || isStale(name));
    if (after !== before) changes[namespace] = after ?? null;
  }
  return changes;
};

export const withChanges = (data: LockData, changes: Readonly<Record<string, string | null>>): LockData =>
  Object.fromEntries(Object.entries({ ...data, ...changes }).filter((entry): entry is [string, string] => entry[1] !== null));

/** Undefined when no name is left. What somebody wrote without line feeds around it is brought into order by the next that is added. */
const textOf = (before: string | undefined, add: ReadonlySet<string>, isGone: (name: string) => boolean): string | undefined => {
  const names = namesIn(before ?? '');
  const kept = names.filter((name) => !isGone(name));
  const added = [...add].filter((name) => !(before ?? '').includes(`\n${name}\n`) || isGone(name));
  if (added.length === 0 && kept.length === names.length) return before;
  const all = added.length === 0 ? kept : [...new Set([...kept, ...added])].sort();
  return all.length === 0 ? undefined : `\n${all.join('\n')}\n`;
};

const namesIn = (text: string): readonly string[] => text.split('\n').filter((name) => name !== '');

/** Whose entry went; the names by which the lock is tried are nobody's. */
export const entriesGone = (before: LockData, after: LockData, operatorNamespace: string): readonly AccountName[] =>
  Object.entries(before).flatMap(([namespace, text]) => {
    const now = Object.hasOwn(after, namespace) ? after[namespace] : undefined;
    if (text === now) return [];
    const left = new Set(namesIn(now ?? ''));
    return namesIn(text)
      .filter((name) => !left.has(name) && !(namespace === operatorNamespace && nonceShape.test(name)))
      .map((name) => ({ namespace, name }));
  });
