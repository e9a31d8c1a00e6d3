/**
 * The service accounts that an identity may act as and does not name, by the policies that a search has found: what is its own of those
 * policies is ended with it all the same, and the accounts live on with keys and roles of their own. Only what the connector grants is
 * named to whoever asks.
 */
import type { Finding, Undeclared } from '../../api/v1alpha1/index.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import type { Discovery } from '../revoker.ts';
import { printable, someOf } from '../text.ts';
import { readSharers, sharedBy } from './account.ts';
import { ownTriples } from './credentials.ts';
import type { Facts, ReadResource } from './facts.ts';
import { readFacts } from './inventory.ts';
import type { Look } from './look.ts';
import { mayMint } from './minting.ts';
import { parseResource } from './resources.ts';

export const discover = async (look: Look): Promise<Discovery> => {
  const ways = waysToActAs(await readFacts(look, 'Cached'));
  const read = await mapBounded(ways.accounts, look.connection.settings.maxConcurrent, (name) => readOne(look, name), look.signal);
  const accounts = read.filter((each) => each !== undefined);
  const granted = accounts.filter(({ name }) => look.connection.grantsAccount(name));
  const hidden = accounts.length - granted.length;
  return {
    undeclared: granted.sort((one, other) => (one.name < other.name ? -1 : 1)),
    findings: [...(hidden === 0 ? [] : [notGranted(hidden)]), ...(ways.wide.length === 0 ? [] : [actsAsMany(ways.wide)])],
  };
};

interface Ways {
  /** Names of the resources that accounts are. */
  readonly accounts: readonly string[];
  /** Where it may act as whatever accounts are there: `ROLE on RESOURCE`. */
  readonly wide: readonly string[];
}

const waysToActAs = ({ resources, holder }: Facts): Ways => {
  const mints = ({ name, policy }: ReadResource): readonly string[] =>
    policy === undefined ? [] : ownTriples(policy, holder, false).filter(({ role, membership }) => membership.kind !== 'DeletedAccount' && mayMint(name, role)).map(({ role }) => role);
  const others = resources.filter(({ own }) => !own).map((resource) => ({ resource, roles: mints(resource) }));
  const isAccount = ({ name }: ReadResource): boolean => parseResource(name)?.account !== undefined;
  return {
    accounts: others.flatMap(({ resource, roles }) => (roles.length > 0 && isAccount(resource) ? [resource.name] : [])),
    wide: [...new Set(others.flatMap(({ resource, roles }) => (isAccount(resource) ? [] : roles.map((role) => `${role} on ${resource.name}`))))].sort(),
  };
};

/** Undefined where there is no such account any more. */
const readOne = async (look: Look, name: string): Promise<Undeclared | undefined> => {
  const { memory, signal, dependency } = look;
  const place = parseResource(name)?.account;
  if (place === undefined) return undefined;
  const { project, key } = place;
  const account = await memory.account(key.includes('@') ? { project, email: key.toLowerCase() } : { project, uniqueId: key }, signal);
  if (account === undefined) return undefined;
  const { email, uniqueId } = account;
  const sharers = await readSharers({ ...look, dependency: { ...dependency, serviceAccount: { email, uniqueId } } }, { state: 'Current', project, email, account }, 'Cached');
  return {
    type: 'ServiceAccount',
    name: email,
    uniqueId,
    ...(sharers.length > 0 && { shared: true }),
    message: printable(`the identity may act as it${sharers.length === 0 ? ', and nobody else' : `; so may others, or they may let others: ${sharedBy(sharers)}`}`, 1_000),
  };
};

const notGranted = (count: number): Finding => ({
  type: 'NotEnumerated',
  object: 'service accounts',
  message: `${count === 1 ? 'there is another that the identity may act as' : `there are ${String(count)} others that the identity may act as`}, which the connector does not grant this namespace; those who run Offboard can tell which, and grant it`,
});

const actsAsMany = (ways: readonly string[]): Finding => ({
  type: 'NotEnumerated',
  object: 'service accounts',
  message: printable(`the identity may act as whatever service accounts are there, by ${someOf(ways, 3)}; those that are its own are not told from others`, 1_000),
});
