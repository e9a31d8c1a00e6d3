/** Policies as Vault reads them, and what a token may do by them. */

export type Capability = 'create' | 'read' | 'update' | 'delete' | 'list' | 'sudo' | 'deny';

/** What each path, as the policy writes it, allows. */
export type Policy = ReadonlyMap<string, readonly Capability[]>;

/** One rule on one line, as our own policies are written. */
export const readPolicy = (text: string): Policy =>
  new Map(
    [...text.matchAll(/^path "([^"]+)"\s*\{ capabilities = \[([^\]]*)\] \}/gm)].map(([, path = '', list = '']) => [
      path,
      [...list.matchAll(/"(\w+)"/g)].map(([, capability = '']) => capability as Capability),
    ]),
  );

/** What the server attaches to every token. */
export const defaultPolicy = readPolicy(`
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "cubbyhole/*" { capabilities = ["create", "read", "update", "delete", "list"] }
`);

export interface Acl {
  /** All that the policies allow on this path together. */
  readonly allowed: (path: string) => ReadonlySet<Capability>;
}

interface Rule {
  readonly pattern: string;
  readonly capabilities: Set<Capability>;
}

const none: ReadonlySet<Capability> = new Set();

/** Of several patterns that match, the one that is the most exact decides: rights of different patterns do not add up. */
export const createAcl = (policies: readonly Policy[]): Acl => {
  const exact = new Map<string, Set<Capability>>();
  const patterns = new Map<string, Rule>();
  for (const [pattern, capabilities] of policies.flatMap((policy) => [...policy])) {
    const isExact = !pattern.endsWith('*') && !pattern.includes('+');
    const held = isExact ? (exact.get(pattern) ?? new Set()) : (patterns.get(pattern)?.capabilities ?? new Set());
    for (const capability of capabilities) held.add(capability);
    // It outdoes whatever another policy gives on the same path.
    if (held.has('deny')) for (const capability of [...held]) if (capability !== 'deny') held.delete(capability);
    if (isExact) exact.set(pattern, held);
    else patterns.set(pattern, { pattern, capabilities: held });
  }
  const ordered = [...patterns.values()].sort((one, other) => precedence(other.pattern) - precedence(one.pattern));
  const known = new Map<string, ReadonlySet<Capability>>();
  const find = (path: string): ReadonlySet<Capability> =>
    exact.get(path) ?? (path.endsWith('/') ? exact.get(path.slice(0, -1)) : undefined) ?? ordered.find(({ pattern }) => covers(pattern, path))?.capabilities ?? none;
  return {
    allowed: (path) => {
      const held = known.get(path) ?? find(path);
      known.set(path, held);
      return held;
    },
  };
};

/** The later the first wildcard, the better; then the one without a star at its end; then the one with fewer plus signs; then the longer. */
const precedence = (pattern: string): number => {
  const first = pattern.search(/[+*]/);
  const pluses = pattern.split('+').length - 1;
  return first * 1e6 + (pattern.endsWith('*') ? 0 : 1e5) - pluses * 1e3 + pattern.length;
};

const covers = (pattern: string, path: string): boolean => {
  const isPrefix = pattern.endsWith('*');
  const wanted = (isPrefix ? pattern.slice(0, -1) : pattern).split('/');
  // The slash at the end of what is listed counts only beneath a folder.
  const parts = (isPrefix ? path : path.replace(/\/$/, '')).split('/');
  if (!isPrefix && parts.length !== wanted.length) return false;
  if (parts.length < wanted.length) return false;
  return wanted.every((each, at) => {
    if (each === '+') return parts[at] !== '';
    return isPrefix && at === wanted.length - 1 ? (parts[at] ?? '').startsWith(each) : parts[at] === each;
  });
};
