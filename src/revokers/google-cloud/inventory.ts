/** Reads what Google Cloud holds for one identity, and leaves it to the pure part to tell what of it is a credential. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { mapBounded, waitForAll } from '../../runtime/concurrency.ts';
import { needsPerson } from '../../runtime/outcome.ts';
import type { Freshness, Inventory } from '../revoker.ts';
import { printable } from '../text.ts';
import { holderOf, readSharers, readStanding, type Standing } from './account.ts';
import { toInventory, waysToMint } from './credentials.ts';
import type { HmacKey, Key } from './errors.ts';
import type { Facts, ReadResource } from './facts.ts';
import { identityKey, type Look } from './look.ts';
import { searchTerms } from './members.ts';
import { listHmacKeys, listKeys } from './reads.ts';
import { accountResource, isReadable, parseResource, type Resource } from './resources.ts';

export const takeInventory = async (look: Look, freshness: Freshness): Promise<Inventory> => {
  const facts = await readFacts(look, freshness);
  return { ...toInventory(facts), ...pinOf(facts) };
};

/** An e-mail is used again, a unique id is not. */
const pinOf = ({ dependency, standing }: Facts): Pick<Inventory, 'pinned'> => {
  const { serviceAccount } = dependency;
  if (serviceAccount === undefined || serviceAccount.uniqueId !== undefined || standing.state !== 'Current') return {};
  return { pinned: { googleCloud: { ...dependency, serviceAccount: { ...serviceAccount, uniqueId: standing.account.uniqueId } } } };
};

export const readFacts = async (look: Look, freshness: Freshness): Promise<Facts> => {
  const { connection, dependency, memory, clock } = look;
  const { assetScope, settleTime, accessTokenLifetime } = connection.settings;
  const standing = await readStanding(look);
  const holder = holderOf(look, standing);
  const [sharers, keys, hmacKeys, found] = await waitForAll([
    standing.state === 'Current' ? readSharers(look, standing, freshness) : Promise.resolve([]),
    readKeys(look, standing),
    readHmacKeys(look, standing),
    search(look, searchTerms(holder), freshness),
  ]);
  const resources = await readResources(look, standing, found.readable, freshness);
  const key = identityKey(look);
  const possible = waysToMint({ resources, holder, sharers, keys }).length > 0;
  // The wait begins with the first look that shows that none can be made, whoever looks.
  if (possible || memory.minting.mayLive(key)) memory.minting.seen(key, possible, connection.settings);
  return {
    dependency,
    holder,
    standing,
    sharers,
    keys,
    hmacKeys,
    resources,
    unreadable: found.unreadable,
    searched: assetScope !== undefined,
    tokens: memory.minting.mayLive(key) ? 'MayLive' : sharers.length > 0 || memory.minting.isKnown(key) ? 'Over' : 'None',
    tokensEnd: new Date(clock.now().getTime() + settleTime + accessTokenLifetime),
    probed: dependency.probe !== true ? 'No' : memory.refusedControls.has(key) ? 'Refused' : 'Yes',
  };
};

const readKeys = async ({ connection, signal }: Look, standing: Standing): Promise<readonly Key[]> =>
  standing.state === 'Current' ? listKeys(connection.client, standing.project, standing.account.uniqueId, signal) : [];

/** Which are listed by e-mail: those of an account that is gone went with it, and another's are not looked at. */
const readHmacKeys = async ({ connection, signal }: Look, standing: Standing): Promise<readonly HmacKey[]> =>
  standing.state === 'Current' ? listHmacKeys(connection.client, standing.project, standing.email, signal) : [];

interface Found {
  readonly readable: readonly string[];
  readonly unreadable: readonly string[];
}

const search = async ({ connection, memory, signal }: Look, terms: readonly string[], freshness: Freshness): Promise<Found> => {
  const { assetScope } = connection.settings;
  if (assetScope === undefined || terms.length === 0) return { readable: [], unreadable: [] };
  const names = [...(await memory.searchPolicies(assetScope, terms, freshness, signal))].sort();
  return { readable: names.filter(isReadable), unreadable: names.filter((name) => !isReadable(name)).map((name) => printable(name.replace(/\s+/g, ' ').replaceAll(' ', '%20'), 900)) };
};

const readResources = async (look: Look, standing: Standing, found: readonly string[], freshness: Freshness): Promise<readonly ReadResource[]> => {
  const { connection, dependency, memory, signal } = look;
  const { maxConcurrent } = connection.settings;
  const own = standing.state === 'Current' ? accountResource(standing.project, standing.account.uniqueId) : undefined;
  const declared = await mapBounded(dependency.resources ?? [], maxConcurrent, (name) => canonical(look, name), signal);
  const discovered = await mapBounded(found, maxConcurrent, (name) => canonical(look, name), signal);
  const named = new Set([own?.name, ...declared.map(({ name }) => name)]);
  const all = new Map([...(own === undefined ? [] : [own]), ...declared, ...discovered].map((resource) => [resource.name, resource]));
  return mapBounded(
    [...all.values()],
    maxConcurrent,
    async (resource) => ({
      name: resource.name,
      // A service account that is not there was not given its unique id either.
      policy: isByEmail(resource) ? undefined : await memory.policy(resource, freshness, signal),
      granted: named.has(resource.name) || connection.grantsResource(resource.name),
      own: resource.name === own?.name,
    }),
    signal,
  ).then((resources) => resources.filter(({ name, policy }) => policy !== undefined || named.has(name)));
};

const isByEmail = ({ account }: Resource): boolean => account?.key.includes('@') === true;

/** One resource by one name: with the id of its project, and a service account by its unique id. */
export const canonical = async (look: Pick<Look, 'memory' | 'signal'>, name: string): Promise<Resource> => {
  const { memory, signal } = look;
  const resource = parseResource(await memory.withProjectId(name, signal));
  if (resource === undefined) throw needsPerson(reasons.invalidSpec, `${printable(name)} is not a resource whose policy Offboard can read`);
  const { account } = resource;
  if (account === undefined || !isByEmail(resource)) return resource;
  const found = await memory.account({ project: account.project, email: account.key.toLowerCase() }, signal);
  return found === undefined ? resource : accountResource(account.project, found.uniqueId);
};
