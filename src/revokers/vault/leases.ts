/** The leases under one path. Keys of a list that end in a slash are folders, and are gone into. */
import { mapBounded } from '../../runtime/concurrency.ts';
import { needsPerson, type OutcomeError, retryable } from '../../runtime/outcome.ts';
import { printable } from '../text.ts';
import type { VaultClient, Watermark } from './client.ts';
import { classifyIrrevocable, classifyLease, classifyList, failureOf, type IrrevocableLease, type LeaseVerdict } from './errors.ts';
import { ask, get, leaseLookup, leases, leasesUnder, list, prefixSegments } from './paths.ts';

/** Deeper than any engine makes a path of. */
const maxDepth = 16;

/** The ids of all leases under a path, however deep. */
export const listLeases = async (
  client: VaultClient,
  prefix: string,
  mark: Watermark,
  signal: AbortSignal,
): Promise<readonly string[]> => listFolder(client, prefixSegments(prefix), 0, mark, signal);

const listFolder = async (
  client: VaultClient,
  path: readonly string[],
  depth: number,
  mark: Watermark,
  signal: AbortSignal,
): Promise<readonly string[]> => {
  const folder = path.join('/');
  if (depth > maxDepth) throw retryable('TooDeep', `the leases under ${folder} are in folders too deep to be listed`);
  const answer = await client.request(list(leasesUnder(path), mark), signal);
  const verdict = classifyList(answer);
  if (verdict.state === 'Unknown') throw failureOf(answer, `listing leases under ${folder}`);
  const found: string[] = [];
  for (const key of verdict.keys) {
    if (!isNameable(`${folder}/${key}`)) throw unnameable(folder, key);
    if (key.endsWith('/')) found.push(...(await listFolder(client, [...path, key.slice(0, -1)], depth + 1, mark, signal)));
    else found.push(`${folder}/${key}`);
  }
  return found;
};

/** The longest id that the API takes. */
const longestId = 1_024;

/** The names of what a lease was read from are anybody's. One that could be taken for something else is never asked about. */
const isNameable = (path: string): boolean =>
  path.length <= longestId &&
  path.isWellFormed() &&
  path.replace(/\/$/, '').split('/').every((name) => name !== '' && name !== '.' && name !== '..' && !/[%\\\p{C}\u2028\u2029]/u.test(name));

const unnameable = (folder: string, key: string): OutcomeError =>
  needsPerson('LeaseNotNameable', `there are leases under ${printable(`${folder}/${key}`, 300)}, which is no name that can be asked about safely. Revoke those by hand: vault lease revoke <id>`);

export const lookUpLease = async (client: VaultClient, leaseId: string, mark: Watermark, signal: AbortSignal): Promise<LeaseVerdict> =>
  classifyLease(await client.request(ask(leaseLookup, { lease_id: leaseId }, mark), signal), leaseId);

/** Those of `ids` that are there: each is seen live before anything is asked of it. */
export const seenLive = async (
  client: VaultClient,
  ids: readonly string[],
  concurrency: number,
  mark: Watermark,
  signal: AbortSignal,
): Promise<readonly string[]> => {
  const looked = await mapBounded(
    ids,
    concurrency,
    async (leaseId) => {
      const answer = await client.request(ask(leaseLookup, { lease_id: leaseId }, mark), signal);
      const { state } = classifyLease(answer, leaseId);
      if (state === 'Unknown') throw failureOf(answer, `looking up the lease ${leaseId}`);
      return state === 'Gone' ? [] : [leaseId];
    },
    signal,
  );
  return looked.flat();
};

/** Those that the server has given up on, wherever they are. Unless told that there is no limit, it lists ten thousand. */
export const irrevocableLeases = async (client: VaultClient, mark: Watermark, signal: AbortSignal): Promise<readonly IrrevocableLease[]> => {
  const answer = await client.request({ ...get(leases, mark), query: { type: 'irrevocable', limit: 'none' } }, signal);
  const verdict = classifyIrrevocable(answer);
  if (verdict.state === 'Unknown') throw failureOf(answer, 'listing irrevocable leases');
  return verdict.leases;
};

/** True when a lease is under a path, told by whole names: `ci-70/x` is not under `ci-7`. */
export const isUnder = (leaseId: string, prefix: string): boolean => leaseId.startsWith(`${prefix}/`);
