/** Which dependencies an identity has, by what the connectors found, and what could not be told: pure. */
import type { Dependency, DependencyStatus, Undeclared } from '../../api/v1alpha1/index.ts';
import type { Candidate } from './candidates.ts';

/** What a plan says of one candidate; `status` is undefined where it says nothing. */
export interface Asked {
  readonly candidate: Candidate;
  readonly status: DependencyStatus | undefined;
  /** As the plan has it, with what was found pinned. */
  readonly pinned: Pick<Dependency, 'googleCloud'> | undefined;
}

/** A line of the manifest that is there for people to decide on, and why. */
export interface Choice {
  readonly name: string;
  readonly why: string;
}

export interface FoundDependency {
  readonly name: string;
  readonly connector: string;
  readonly vault?: {
    readonly roles: readonly Choice[];
    /** They let others in as well: named, they wait for a person. */
    readonly sharedRoles: readonly Choice[];
    readonly leases: readonly Choice[];
    readonly otherLeases: readonly Choice[];
  };
  readonly googleCloud?: { readonly account?: { readonly email: string; readonly uniqueId?: string; readonly why: string } };
  /** What else was found, and what could not be. */
  readonly remarks: readonly string[];
}

export interface Dependencies {
  readonly found: readonly FoundDependency[];
  /** Asked, and there is nothing. */
  readonly nothingIn: readonly string[];
  /** Not told: unknown is not absent. */
  readonly unknown: readonly string[];
}

/** As many as the API takes in one list. */
const most = 16;

export const dependenciesOf = (all: readonly Asked[], accountName: string): Dependencies => {
  const parts = [...Map.groupBy(all, ({ candidate }) => candidate.connector).entries()].map(([connector, asked]) => ofConnector(connector, asked, accountName));
  const found = parts.flatMap((part) => part.found);
  return { found: named(withoutTwins(found)), nothingIn: parts.flatMap((part) => part.nothingIn), unknown: parts.flatMap((part) => part.unknown) };
};

const isNotGranted = ({ status }: Asked): boolean => status?.lastError?.code === 'NotGranted';
const isTold = ({ status }: Asked): boolean => status?.credentials !== undefined && status.lastError === undefined;

const ofConnector = (connector: string, asked: readonly Asked[], accountName: string): Dependencies => {
  const general = asked.filter(({ candidate }) => candidate.email === undefined);
  if (general.every(isNotGranted)) return { found: [], nothingIn: [], unknown: [`connector ${connector} grants this namespace nothing, so nobody looked there`] };
  const untold = asked.filter((each) => !isTold(each) && !isNotGranted(each));
  const annotated = asked.find(({ candidate }) => candidate.email !== undefined);
  const found = [
    ...asked.filter((each) => isTold(each) && each.candidate.type === 'vault').flatMap((each) => vaultOf(each, accountName)),
    ...googleOf(general.filter((each) => isTold(each) && each.candidate.type === 'googleCloud'), annotated),
  ];
  const isGoogle = general.some((each) => each.candidate.type === 'googleCloud' && isTold(each));
  const notFound = found.length > 0 || untold.length > 0 ? [] : [connector];
  return {
    found,
    nothingIn: notFound,
    unknown: [
      ...untold.map(({ status }) => `connector ${connector} could not be asked${status?.lastError === undefined ? '' : `: ${status.lastError.message}`}`),
      ...(isGoogle && annotated !== undefined && isNotGranted(annotated) ? [`connector ${connector} does not grant this namespace ${annotated.candidate.email ?? ''}, which the annotation names, so nobody looked at it`] : []),
      ...(annotated !== undefined && isUnheard(annotated) ? [`connector ${connector}: the annotation names ${annotated.candidate.email ?? ''}, and there is no such service account`] : []),
      // What a dependency says of what it did not see is told with it, where there is one.
      ...(notFound.length === 0 ? [] : general.filter(isTold).flatMap(({ status }) => notSeen(status)).map((text) => `connector ${connector}: ${text}`)),
    ],
  };
};

const notSeen = (status: DependencyStatus | undefined): readonly string[] =>
  (status?.findings ?? []).filter(({ type }) => type === 'NotEnumerated').map(({ object, message }) => (object === undefined ? message : `${object}: ${message}`));

const foundHere = (status: DependencyStatus | undefined) => (status?.credentials ?? []).filter(({ found }) => found === true);

/** By their classes: how many tokens there are changes by the hour, and with it what is committed. */
const foundByAccount = (status: DependencyStatus | undefined): readonly string[] => {
  const classes = [...new Set(foundHere(status).map((credential) => credential.class))].sort();
  return classes.length === 0 ? [] : [`Found by the ServiceAccount, and in need of no name: ${classes.join(', ')}.`];
};

// ---- Vault -----------------------------------------------------------------------------------------------------

const vaultOf = ({ candidate: { connector }, status }: Asked, accountName: string): readonly FoundDependency[] => {
  const undeclared = status?.undeclared ?? [];
  const roles = choices(undeclared.filter(({ type, shared }) => type === 'AuthRole' && shared !== true));
  const sharedRoles = choices(undeclared.filter(({ type, shared }) => type === 'AuthRole' && shared === true));
  const likely = new Set([accountName, ...roles.map(({ name }) => name), ...sharedRoles.map(({ name }) => name)]);
  const leases = choices(undeclared.filter(({ type }) => type === 'LeasePrefix'));
  const isLikely = ({ name }: Choice): boolean => likely.has(name.slice(name.lastIndexOf('/') + 1));
  const own = leases.filter(isLikely);
  if (foundHere(status).length + roles.length + sharedRoles.length + own.length === 0) return [];
  return [
    {
      name: connector,
      connector,
      vault: { roles: roles.slice(0, most), sharedRoles, leases: own.slice(0, most), otherLeases: leases.filter((each) => !isLikely(each)) },
      remarks: [...foundByAccount(status), ...overflowing('auth roles', roles), ...overflowing('paths with leases', own), ...notSeen(status)],
    },
  ];
};

/** A role of one name may be on several mounts, and is named once. */
const choices = (all: readonly Undeclared[]): readonly Choice[] =>
  [...Map.groupBy(all, ({ name }) => name).entries()].map(([name, same]) => ({ name, why: same.flatMap(({ message }) => message ?? []).join('; ') })).sort((one, other) => (one.name < other.name ? -1 : 1));

const overflowing = (what: string, all: readonly Choice[]): readonly string[] =>
  all.length <= most ? [] : [`${String(all.length - most)} more ${what} than one dependency can name: ${all.slice(most).map(({ name }) => name).join(', ')}. Name them in another`];

// ---- Google Cloud ----------------------------------------------------------------------------------------------

const googleOf = (general: readonly Asked[], annotated: Asked | undefined): readonly FoundDependency[] => {
  const accounts = general.flatMap(({ candidate: { connector }, status }) =>
    (status?.undeclared ?? [])
      .filter(({ type }) => type === 'ServiceAccount')
      .map(({ name, uniqueId, message = '' }) => ({ name: connector, connector, googleCloud: { account: { email: name, why: message, ...(uniqueId !== undefined && { uniqueId }) } }, remarks: [] })),
  );
  const byAnnotation = annotated === undefined || !isTold(annotated) ? [] : annotatedAccount(annotated).filter(({ googleCloud }) => !accounts.some((each) => each.googleCloud.account.email === googleCloud?.account?.email));
  const found: readonly FoundDependency[] = [...accounts, ...byAnnotation].sort((one, other) => ((one.googleCloud?.account?.email ?? '') < (other.googleCloud?.account?.email ?? '') ? -1 : 1));
  const [first, ...others] = found.length > 0 ? found : general.filter(({ status }) => foundHere(status).length > 0).map(({ candidate: { connector } }): FoundDependency => ({ name: connector, connector, googleCloud: {}, remarks: [] }));
  if (first === undefined) return [];
  const remarks = general.flatMap(({ status }) => [...rolesIn(status), ...notSeen(status)]);
  return [{ ...first, remarks: [...first.remarks, ...remarks] }, ...others];
};

const rolesIn = (status: DependencyStatus | undefined): readonly string[] => {
  const roles = foundHere(status).filter((credential) => credential.class === 'Binding').flatMap(({ grants = [] }) => grants);
  return roles.length === 0 ? [] : [`roles that were found, and are taken out without being named: ${[...new Set(roles)].sort().join(', ')}`];
};

/** There is none of that e-mail, and none is known to have been. */
const isUnheard = ({ status }: Asked): boolean =>
  status?.credentials?.some((credential) => credential.class === 'ServiceAccount' && credential.end === 'Person' && credential.uid === undefined) === true;

/** Where it is there, or was. What nobody ever heard of is not written down. */
const annotatedAccount = (asked: Asked): readonly FoundDependency[] => {
  const { candidate: { connector, email = '' }, status, pinned } = asked;
  if (isUnheard(asked)) return [];
  const mayAct = foundHere(status).some((credential) => credential.class === 'Binding' && credential.grants?.some((grant) => grant.includes(' on //iam.googleapis.com/')) === true);
  const uniqueId = pinned?.googleCloud?.serviceAccount?.uniqueId;
  const why = `the annotation iam.gke.io/gcp-service-account names it${mayAct ? ', and its policy lets the identity act as it' : '; no role by which the identity may act as it was found'}`;
  return [{ name: connector, connector, googleCloud: { account: { email, why, ...(uniqueId !== undefined && { uniqueId }) } }, remarks: [...rolesIn(status), ...notSeen(status)] }];
};

// ---- names -----------------------------------------------------------------------------------------------------

/** One account that several connectors reach is ended through the first. */
const withoutTwins = (all: readonly FoundDependency[]): readonly FoundDependency[] => {
  const seen = new Set<string>();
  return all.filter(({ googleCloud }) => {
    const email = googleCloud?.account?.email;
    if (email === undefined) return true;
    const isFirst = !seen.has(email);
    seen.add(email);
    return isFirst;
  });
};

/** As the API takes the name of a dependency, each once. */
const named = (all: readonly FoundDependency[]): readonly FoundDependency[] => {
  const taken = new Set(['kubernetes']);
  return all.map((each) => {
    const plain = each.name.replaceAll('.', '-').replace(/^(?![a-z])/, 'c-').slice(0, 56).replace(/-+$/, '');
    let name = plain;
    for (let next = 2; taken.has(name); next += 1) name = `${plain}-${String(next)}`;
    taken.add(name);
    return { ...each, name };
  });
};
