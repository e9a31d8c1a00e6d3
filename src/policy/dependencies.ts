/**
 * What an identity depends on: what its spec declares, and what was taken out of the spec and may still hold credentials. What is
 * taken out, a whole dependency or a part of one, stays under a name of its own until an inventory shows that it holds nothing.
 */
import { createHash } from 'node:crypto';
import type { Dependency, GoogleCloudDependency, IdentityDependency, VaultDependency, WorkloadIdentitySpec } from '../api/v1alpha1/index.ts';
import { orderDefect } from './order.ts';

type Declared = NonNullable<WorkloadIdentitySpec['dependencies']>[number];
type Stored = Pick<IdentityDependency, 'name' | 'after' | 'vault' | 'googleCloud'>;
/** The member of the union: exactly one of an entry that this version knows. */
type System = Pick<Dependency, 'vault' | 'googleCloud'>;
type Account = NonNullable<GoogleCloudDependency['serviceAccount']>;

/** The name of the cluster itself, which is never declared. */
const cluster = 'kubernetes';

/** The status has room for as many again as a spec can declare. */
export const maxUndeclared = 16;

/** What is declared, in the spec's order, with the defaults that the API server fills in. */
export const declaredDependencies = (declared: readonly Declared[] | undefined): readonly Dependency[] =>
  (declared ?? []).map(({ name, after, vault, googleCloud }) => ({
    name,
    ...(after === undefined || after.length === 0 ? {} : { after }),
    ...(vault === undefined ? {} : { vault: vaultWithDefaults(vault) }),
    ...(googleCloud === undefined ? {} : { googleCloud: googleWithDefaults(googleCloud) }),
  }));

/** What it is a dependency on, as it was declared. */
export const systemOf = ({ vault, googleCloud }: System): System => ({
  ...(vault === undefined ? {} : { vault }),
  ...(googleCloud === undefined ? {} : { googleCloud }),
});

/** The Connector by which it is asked. */
export const connectorOf = ({ vault, googleCloud }: System): string | undefined => (vault ?? googleCloud)?.connectorRef.name;

const vaultWithDefaults = ({ appRoles, certificates, ...rest }: VaultDependency): VaultDependency => ({
  ...rest,
  ...(appRoles === undefined ? {} : { appRoles: appRoles.map((each) => ({ mount: 'approle', ...each })) }),
  ...(certificates === undefined ? {} : { certificates: certificates.map((each) => ({ mount: 'pki', ...each })) }),
});

const googleWithDefaults = ({ serviceAccount, ...rest }: GoogleCloudDependency): GoogleCloudDependency => ({
  ...rest,
  ...(serviceAccount === undefined ? {} : { serviceAccount: { onRetire: 'KeepDisabled', ...serviceAccount } }),
});

/** Both: the declared ones, then those of the status that the spec has no more. */
export const allDependencies = (declared: readonly Declared[] | undefined, stored: readonly Stored[] | undefined): readonly Dependency[] => {
  const found = (stored ?? []).reduce<{ readonly all: readonly Dependency[]; readonly taken: readonly Taken[] }>(
    ({ all, taken }, was) => {
      const left = leftOf(was, all);
      if (left === undefined) return { all, taken };
      const name = freeName(was.name, left, all);
      return { all: [...all, { name, undeclared: true, ...left }], taken: [...taken, { name, was }] };
    },
    { all: declaredDependencies(declared), taken: [] },
  );
  return found.taken.reduce((all, { name, was }) => withOrder(all, name, afterOf(was, all, found.taken)), found.all);
};

/** What was taken out: its name now, and what it was. */
interface Taken {
  readonly name: string;
  readonly was: Stored;
}

/** As it was, of those that are there; what goes by another name now still comes first. */
const afterOf = ({ after = [] }: Stored, all: readonly Dependency[], taken: readonly Taken[]): readonly string[] => {
  const names = after.flatMap((other) => [other, ...taken.flatMap(({ name, was }) => (was.name === other ? [name] : []))]);
  return [...new Set(names)].filter((other) => other === cluster || all.some(({ name }) => name === other));
};

/** What is declared may have been put after what was taken out: then the order of the latter is given up. */
const withOrder = (all: readonly Dependency[], name: string, after: readonly string[]): readonly Dependency[] => {
  if (after.length === 0) return all;
  const ordered = all.map((each) => (each.name === name ? { ...each, after } : each));
  // One that cannot be kept without it either is refused, and must not cost it what it will need when that is mended.
  return isSound(ordered) || !isSound(all) ? ordered : all;
};

const isSound = (all: readonly Dependency[]): boolean => orderDefect([{ name: cluster }, ...all]) === undefined;

/** What of it none of the others covers: all of it where the connector is not used any more. */
const leftOf = (stored: Stored, others: readonly Dependency[]): System | undefined => {
  const same = others.filter((each) => connectorOf(each) === connectorOf(stored)).map(systemOf);
  if (stored.vault !== undefined) {
    const vault = vaultLeft(stored.vault, same.flatMap((each) => each.vault ?? []));
    return vault === undefined ? undefined : { vault };
  }
  if (stored.googleCloud === undefined) return undefined;
  const googleCloud = googleLeft(stored.googleCloud, same.flatMap((each) => each.googleCloud ?? []));
  return googleCloud === undefined ? undefined : { googleCloud };
};

/**
 * The roles of an account are found where it may have some, so that the two go together: a resource is covered where it is named
 * along with the account, and an account that is covered is the one that is declared, whatever becomes of it in the end.
 */
const googleLeft = (stored: GoogleCloudDependency, same: readonly GoogleCloudDependency[]): GoogleCloudDependency | undefined => {
  if (same.length === 0) return stored;
  const { connectorRef, serviceAccount, resources = [], ...rest } = stored;
  const withAccount = same.filter((each) => serviceAccount === undefined || isCovered(serviceAccount, each.serviceAccount));
  const [first] = withAccount;
  if (first === undefined) return { ...rest, connectorRef, ...(serviceAccount && { serviceAccount }), ...(resources.length > 0 && { resources }) };
  const covered = new Set(withAccount.flatMap((each) => each.resources ?? []));
  const left = resources.filter((resource) => !covered.has(resource));
  const account = serviceAccount === undefined ? undefined : first.serviceAccount;
  return left.length === 0 ? undefined : { connectorRef, ...(account && { serviceAccount: account }), resources: left };
};

/** One that was pinned is another than whatever has its e-mail by now. */
const isCovered = (stored: Account, declared: Account | undefined): boolean =>
  declared?.email === stored.email && (stored.uniqueId === undefined || stored.uniqueId === declared.uniqueId);

const vaultLeft = (vault: VaultDependency, same: readonly VaultDependency[]): VaultDependency | undefined => {
  if (same.length === 0) return vault;
  const left = <Item>(pick: (from: VaultDependency) => readonly Item[] | undefined, key: (item: Item) => string): readonly Item[] => {
    const covered = new Set(same.flatMap((each) => pick(each) ?? []).map(key));
    return (pick(vault) ?? []).filter((item) => !covered.has(key(item)));
  };
  const roles = left((from) => from.roles, (role) => role);
  const leases = left((from) => from.leases, ({ prefix }) => prefix);
  const appRoles = left((from) => from.appRoles, ({ mount, name }) => `${mount ?? ''} ${name}`);
  const certificates = left((from) => from.certificates, ({ mount, serialNumber }) => `${mount ?? ''} ${serialNumber}`);
  if (roles.length + leases.length + appRoles.length + certificates.length === 0) return undefined;
  return {
    connectorRef: vault.connectorRef,
    ...(roles.length === 0 ? {} : { roles }),
    ...(leases.length === 0 ? {} : { leases }),
    ...(appRoles.length === 0 ? {} : { appRoles }),
    ...(certificates.length === 0 ? {} : { certificates }),
  };
};

const longestName = 63;

/** Its own where nothing else has it by now; else one that tells whence it comes, and is the same at every look. */
const freeName = (name: string, left: System, taken: readonly Dependency[]): string => {
  if (!taken.some((each) => each.name === name)) return name;
  const digest = createHash('sha256').update(JSON.stringify([name, left.vault ?? left.googleCloud])).digest('hex').slice(0, 8);
  // Whoever wants to can have declared that one, too.
  return freeName(`${name.slice(0, longestName - digest.length - 1).replace(/-+$/, '')}-${digest}`, left, taken);
};
