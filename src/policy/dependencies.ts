/**
 * What an identity depends on: what its spec declares, and what was taken out of the spec and may still hold credentials. What is
 * taken out, a whole dependency or a part of one, stays under a name of its own until an inventory shows that it holds nothing.
 */
import { createHash } from 'node:crypto';
import type { Dependency, IdentityDependency, VaultDependency, WorkloadIdentitySpec } from '../api/v1alpha1/index.ts';
import { orderDefect } from './order.ts';

type Declared = NonNullable<WorkloadIdentitySpec['dependencies']>[number];
type Stored = Pick<IdentityDependency, 'name' | 'after' | 'vault'>;

/** The name of the cluster itself, which is never declared. */
const cluster = 'kubernetes';

/** The status has room for as many again as a spec can declare. */
export const maxUndeclared = 16;

/** What is declared, in the spec's order, with the defaults that the API server fills in. */
export const declaredDependencies = (declared: readonly Declared[] | undefined): readonly Dependency[] =>
  (declared ?? []).map(({ name, after, vault }) => ({
    name,
    ...(after === undefined || after.length === 0 ? {} : { after }),
    ...(vault === undefined ? {} : { vault: withDefaults(vault) }),
  }));

const withDefaults = ({ appRoles, certificates, ...rest }: VaultDependency): VaultDependency => ({
  ...rest,
  ...(appRoles === undefined ? {} : { appRoles: appRoles.map((each) => ({ mount: 'approle', ...each })) }),
  ...(certificates === undefined ? {} : { certificates: certificates.map((each) => ({ mount: 'pki', ...each })) }),
});

/** Both: the declared ones, then those of the status that the spec has no more. */
export const allDependencies = (declared: readonly Declared[] | undefined, stored: readonly Stored[] | undefined): readonly Dependency[] => {
  const now = declaredDependencies(declared);
  return (stored ?? []).reduce<readonly Dependency[]>((all, each) => {
    const left = each.vault === undefined ? undefined : takenOut(each.vault, all);
    if (left === undefined) return all;
    const name = freeName(each.name, left, all);
    const undeclared: Dependency = { name, undeclared: true, vault: left };
    const after = (each.after ?? []).filter((other) => other === cluster || all.some((known) => known.name === other));
    const ordered: Dependency = after.length === 0 ? undeclared : { ...undeclared, after };
    // What is declared may have been put after what was taken out: then the order of the latter is given up.
    return [...all, orderDefect([{ name: cluster }, ...all, ordered]) === undefined ? ordered : undeclared];
  }, now);
};

/** What of it none of the others covers: all of it where the connector is not used any more. */
const takenOut = (vault: VaultDependency, others: readonly Dependency[]): VaultDependency | undefined => {
  const same = others.flatMap((each) => (each.vault?.connectorRef.name === vault.connectorRef.name ? [each.vault] : []));
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
const freeName = (name: string, vault: VaultDependency, taken: readonly Dependency[]): string => {
  if (!taken.some((each) => each.name === name)) return name;
  const digest = createHash('sha256').update(JSON.stringify(vault)).digest('hex').slice(0, 8);
  return `${name.slice(0, longestName - digest.length - 1).replace(/-+$/, '')}-${digest}`;
};
