/**
 * What a Vault holds of one identity that the identity does not name: roles that let it in, by what they say; and paths with leases, of
 * which nobody can tell whose they are. Only what the connector grants is named to whoever asks; of the rest it is told how much there is.
 */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Finding, Undeclared } from '../../api/v1alpha1/index.ts';
import { toOutcome } from '../../kube/errors.ts';
import { mapBounded, waitForAll } from '../../runtime/concurrency.ts';
import { retryable } from '../../runtime/outcome.ts';
import { matches } from '../grants.ts';
import type { Discovery } from '../revoker.ts';
import { printable } from '../text.ts';
import { classifyList, failureOf } from './errors.ts';
import { readObject } from './inventory.ts';
import type { Look } from './look.ts';
import { authRole, authRoles, isPlainPath, leasesUnder, list } from './paths.ts';
import { coverageOf, readRole } from './roles.ts';

/** How many roles of one mount are read at once. */
const concurrency = 4;
/** Roles of one mount that are read, those that are granted first. */
const mostRoles = 1_000;
/** Folders that are listed for all patterns together. */
const mostFolders = 200;

export const discover = async (look: Look): Promise<Discovery> => {
  const parts = await waitForAll([
    ...look.connection.settings.kubernetesAuthMounts.map(({ path }) =>
      orTold(look, `auth roles of auth/${path}`, () => rolesOn(look, path)),
    ),
    orTold(look, 'leases', () => prefixes(look)),
  ]);
  return { undeclared: parts.flatMap(({ undeclared }) => undeclared), findings: parts.flatMap(({ findings }) => findings) };
};

/** One part that cannot be looked for does not take the others with it, and is told. */
const orTold = async ({ signal }: Look, what: string, work: () => Promise<Discovery>): Promise<Discovery> => {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted) throw error;
    return { undeclared: [], findings: [notLookedAt(`${what} that the identity does not name`, `they could not be looked for: ${toOutcome(error).message}`)] };
  }
};

const notLookedAt = (object: string, message: string): Finding => ({ type: 'NotEnumerated', object: printable(object, 400), message: printable(message, 1_000) });

const listKeys = async ({ connection: { client }, mark, signal }: Look, path: readonly string[]): Promise<readonly string[]> => {
  const answer = await client.request(list(path, mark), signal);
  const verdict = classifyList(answer);
  if (verdict.state === 'Unknown') throw failureOf(answer, `listing ${path.join('/')}`);
  return [...verdict.keys].sort();
};

// ---- roles -----------------------------------------------------------------------------------------------------

const rolesOn = async (look: Look, mount: string): Promise<Discovery> => {
  const { connection, dependency, signal } = look;
  const declared = new Set(dependency.roles);
  const names = (await listKeys(look, authRoles(mount))).filter((name) => !declared.has(name));
  const askable = names.filter(isPlainPath);
  const isGranted = (name: string): boolean => connection.grantsRole(name);
  const wanted = [...askable.filter(isGranted), ...askable.filter((name) => !isGranted(name))].slice(0, mostRoles);
  const read = await mapBounded(wanted, concurrency, (name) => readOne(look, mount, name), signal);
  const lettingIn = read.filter((each) => each !== undefined && each !== 'Denied');
  const hidden = lettingIn.filter(({ name }) => !isGranted(name)).length;
  const unread = names.length - wanted.length + read.filter((each) => each === 'Denied').length;
  return {
    undeclared: lettingIn.filter(({ name }) => isGranted(name)),
    findings: [...(hidden === 0 ? [] : [notGranted(mount, hidden)]), ...(unread === 0 ? [] : [notRead(mount, names.length, unread)])],
  };
};

const notRead = (mount: string, all: number, unread: number): Finding =>
  notLookedAt(
    `auth roles of auth/${mount}`,
    `of ${String(all)} that the identity does not name, ${String(unread)} could not be looked at: they are too many, or Offboard may not read them; it takes path "auth/${mount}/role/*" { capabilities = ["read"] }`,
  );

const notGranted = (mount: string, count: number): Finding =>
  notLookedAt(
    `auth roles of auth/${mount}`,
    `${count === 1 ? 'another role lets' : `${String(count)} other roles let`} the identity in, which the connector does not grant this namespace; those who run Offboard can tell which, and grant it`,
  );

/** Undefined where it does not let the identity in, or is gone by now. A policy may let us read but some of them. */
const readOne = async ({ connection, target, mark, signal }: Look, mount: string, name: string): Promise<Undeclared | 'Denied' | undefined> => {
  const data = await readObject(connection.client, authRole(mount, name), mark, signal).catch((error: unknown) => {
    if (toOutcome(error).reason === reasons.permissionMissing) return 'Denied' as const;
    throw error;
  });
  if (data === undefined || data === 'Denied') return data;
  const role = readRole(data);
  if (role === undefined) throw retryable('Garbage', `the answer about auth/${mount}/role/${name} is not a role of a Kubernetes auth mount`);
  const coverage = coverageOf(role, target.serviceAccount);
  switch (coverage.covers) {
    case 'None':
      return undefined;
    case 'Only':
      return { type: 'AuthRole', name, message: `auth/${mount}: it lets in this ServiceAccount and nobody else` };
    case 'Shared':
      return { type: 'AuthRole', name, shared: true, message: printable(`auth/${mount}: it lets others in as well, by ${coverage.by}`, 1_000) };
  }
};

// ---- leases ----------------------------------------------------------------------------------------------------

const prefixes = async (look: Look): Promise<Discovery> => {
  const { connection, dependency } = look;
  const declared = new Set((dependency.leases ?? []).map(({ prefix }) => prefix));
  const found = new Set<string>();
  let left = mostFolders;
  const keysIn = async (folder: readonly string[]): Promise<readonly string[]> => {
    left -= 1;
    return left < 0 ? [] : listKeys(look, leasesUnder(folder));
  };
  const descend = async (folder: readonly string[], rest: readonly string[]): Promise<void> => {
    const [pattern, ...more] = rest;
    if (pattern === undefined) {
      found.add(folder.join('/'));
      return;
    }
    // One that is named in full may be narrowed down to by a policy; where it has nothing, nothing is under it.
    const folders = (await keysIn(folder)).filter((key) => key.endsWith('/')).map((key) => key.slice(0, -1));
    for (const name of folders) if (matches(pattern, name)) await descend([...folder, name], more);
  };
  for (const pattern of [...new Set(connection.leasePatterns)].sort()) {
    const segments = pattern.split('/');
    const start = segments.findIndex((segment) => segment.includes('*'));
    // The name of the last folder is found in the one above it.
    const known = start === -1 ? segments.length - 1 : start;
    await descend(segments.slice(0, known), segments.slice(known));
  }
  return {
    undeclared: [...found].filter((prefix) => !declared.has(prefix)).sort().map((prefix) => ({ type: 'LeasePrefix', name: prefix, message: 'there are leases; Vault does not tell whose they are' })),
    findings: left < 0 ? [notLookedAt('leases', `there are more than ${String(mostFolders)} folders of them, of which the rest was not looked at`)] : [],
  };
};
