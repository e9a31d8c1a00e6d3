/**
 * A WorkloadIdentity to be committed, with a comment beside each part of it: pure, and the same for the same findings. Nothing that comes
 * from outside can end a comment or a value: what is invisible is written out, and a value that is not plain is quoted.
 */
import { apiVersion } from '../../api/v1alpha1/index.ts';
import type { CredentialStatus, DependencyStatus, WorkloadIdentitySpec } from '../../api/v1alpha1/index.ts';
import { escapeControls } from '../../runtime/redact.ts';
import { wrap } from '../screen.ts';
import { offboardLine } from '../shell.ts';
import type { Choice, Dependencies, FoundDependency } from './dependencies.ts';

export interface Discovered {
  readonly account: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** What the cluster holds; undefined where that could not be told. */
  readonly cluster: DependencyStatus | undefined;
  readonly dependencies: Dependencies;
  /** What there is elsewhere that Offboard does not end. */
  readonly notEnded: readonly string[];
  /** Who was not asked, and why. */
  readonly unasked: readonly string[];
  /** WorkloadIdentities that name the account already. */
  readonly existing: readonly string[];
}

const width = 80;

/** The object alone, for programs. */
export const manifestOf = ({ account: { namespace, name }, dependencies: { found } }: Discovered): object => ({
  apiVersion,
  kind: 'WorkloadIdentity',
  metadata: { name, namespace },
  spec: { serviceAccount: { name }, lifecycle: { onDelete: 'Offboard' }, ...(found.length === 0 ? {} : { dependencies: found.map(declared) }) } satisfies WorkloadIdentitySpec,
});

const declared = ({ name, connector, vault, googleCloud }: FoundDependency): NonNullable<WorkloadIdentitySpec['dependencies']>[number] => {
  const connectorRef = { name: connector };
  if (vault !== undefined) {
    const [roles, leases] = [vault.roles.map((each) => each.name), vault.leases.map(({ name: prefix }) => ({ prefix }))];
    return { name, vault: { connectorRef, ...(roles.length === 0 ? {} : { roles }), ...(leases.length === 0 ? {} : { leases }) } };
  }
  const { email, uniqueId } = googleCloud?.account ?? {};
  return { name, googleCloud: { connectorRef, ...(email === undefined ? {} : { serviceAccount: { email, ...(uniqueId === undefined ? {} : { uniqueId }) } }) } };
};

export const manifestText = (discovered: Discovered): string => {
  const { account, dependencies } = discovered;
  return [
    ...heading(discovered),
    `apiVersion: ${apiVersion}\n`,
    'kind: WorkloadIdentity\n',
    'metadata:\n',
    `  name: ${scalar(account.name)}\n`,
    `  namespace: ${scalar(account.namespace)}\n`,
    'spec:\n',
    '  serviceAccount:\n',
    `    name: ${scalar(account.name)}\n`,
    comment('Pins this very account, which cannot be taken back: one that is made anew under its name is then another.', '    '),
    `    # uid: ${scalar(account.uid)}\n`,
    comment('Who answers for it: shown to people.', '  '),
    '  # owner: {name: TEAM, contact: TEAM@example.com}\n',
    '  lifecycle:\n',
    comment('What the deletion of this object means. Offboard: the identity is retired. Orphan: all its access stays.', '    '),
    '    onDelete: Offboard\n',
    comment('When it is retired by itself.', '    '),
    '    # expiresAt: "2027-01-31T00:00:00Z"\n',
    ...(dependencies.found.length === 0 ? [comment('No connector found anything, as far as they were asked.', '  ')] : ['  dependencies:\n', ...dependencies.found.flatMap(dependencyText)]),
  ].join('');
};

// ---- what is told before it ------------------------------------------------------------------------------------

const heading = ({ account: { namespace, name }, cluster, dependencies, notEnded, unasked, existing }: Discovered): readonly string[] => {
  const unknown = [...(cluster?.credentials === undefined ? [`the cluster itself${cluster?.lastError === undefined ? '' : `: ${cluster.lastError.message}`}`] : []), ...dependencies.unknown, ...unasked];
  return [
    comment(`What ServiceAccount ${name} in namespace ${namespace} may do, as far as Offboard found out: ${offboardLine('discover', name, '-n', namespace)}`),
    comment('Read it before you commit it. What its end would come to: kubectl offboard plan -f FILE'),
    ...part('Already named by', existing.map((each) => `WorkloadIdentity ${each}: take its place, rather than to apply this beside it`)),
    ...part('In the cluster. This is found anew at each offboarding, and needs no line below', (cluster?.credentials ?? []).filter(isTold).map(clusterLine)),
    ...part('Still in use. It would break, and an offboarding waits until it is gone', of(cluster, 'InUse')),
    ...part('By groups that every ServiceAccount is in, and left as it is', of(cluster, 'Inherited')),
    ...part('NOT KNOWN: nobody could look there, so there may be more', [...unknown, ...of(cluster, 'NotEnumerated')]),
    ...part('Asked, and nothing was found', dependencies.nothingIn.map((connector) => `connector ${connector}`)),
    ...part('Elsewhere, and NOT ended by Offboard', notEnded),
  ];
};

/** What ends with the others is no thing of its own, but for people to know that it is seen to. */
const isTold = ({ end, found }: CredentialStatus): boolean => end !== 'Others' && found !== false;

const clusterLine = ({ id, grants = [], sharedWith = [], count, message, end }: CredentialStatus): string =>
  [
    count === undefined ? id : `${id} (${String(count)})`,
    ...(grants.length === 0 ? [] : [`: ${grants.join(', ')}`]),
    ...(sharedWith.length === 0 ? [] : [`; also for ${sharedWith.join(', ')}, who keep it`]),
    ...(end === 'Person' && message !== undefined ? [`; for a person: ${message}`] : []),
  ].join('');

const of = (cluster: DependencyStatus | undefined, type: string): readonly string[] =>
  (cluster?.findings ?? []).filter((finding) => finding.type === type).map(({ object, message }) => (object === undefined ? message : `${object}: ${message}`));

const part = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ['#\n', comment(`${title}:`), ...lines.map((line) => item(line))];

// ---- dependencies ----------------------------------------------------------------------------------------------

const dependencyText = ({ name, connector, vault, googleCloud, remarks }: FoundDependency): readonly string[] => [
  ...remarks.map((line) => comment(line, '  ')),
  `  - name: ${scalar(name)}\n`,
  `    ${vault === undefined ? 'googleCloud' : 'vault'}:\n`,
  '      connectorRef:\n',
  `        name: ${scalar(connector)}\n`,
  ...(vault === undefined ? googleText(googleCloud ?? {}) : vaultText(vault)),
];

const vaultText = ({ roles, sharedRoles, leases, otherLeases }: NonNullable<FoundDependency['vault']>): readonly string[] => [
  ...(roles.length === 0 ? [] : [comment('Auth roles that let this ServiceAccount in, and nobody else. They are deleted.', '      '), '      roles:\n', ...roles.map(({ name }) => `      - ${scalar(name)}\n`)]),
  ...offered('Auth roles that let others in as well. Named, they hold the offboarding until a person has taken the identity out of them:', roles.length === 0 ? 'roles:' : undefined, sharedRoles, (name) => `- ${name}`),
  ...(leases.length === 0
    ? []
    : [
        comment('Leases, by the name of the path. Vault does not tell whose they are, so the offboarding waits until you say that nobody else reads from there: exclusive: true.', '      '),
        '      leases:\n',
        ...leases.map(({ name }) => `      - prefix: ${scalar(name)}\n        # exclusive: true\n`),
      ]),
  ...offered('Other paths with leases that this namespace may name. Take in those that the identity reads from:', leases.length === 0 ? 'leases:' : undefined, otherLeases, (name) => `- {prefix: ${name}}`),
];

const googleText = ({ account }: NonNullable<FoundDependency['googleCloud']>): readonly string[] =>
  account === undefined
    ? []
    : [
        comment(account.why, '      '),
        '      serviceAccount:\n',
        `        email: ${scalar(account.email)}\n`,
        ...(account.uniqueId === undefined ? [] : [`        uniqueId: ${scalar(account.uniqueId)}\n`]),
        comment('What is left of it: the account, disabled, or nothing (Delete).', '        '),
        '        # onRetire: KeepDisabled\n',
      ];

/** Lines that are there to be taken in, and why each is not. */
const offered = (title: string, key: string | undefined, all: readonly Choice[], line: (name: string) => string): readonly string[] =>
  all.length === 0
    ? []
    : [comment(title, '      '), ...(key === undefined ? [] : [`      # ${key}\n`]), ...all.map(({ name, why }) => `      # ${line(scalar(name))}\n${why === '' ? '' : comment(why, '      ', '    ')}`)];

// ---- lines -----------------------------------------------------------------------------------------------------

const comment = (text: string, indent = '', further = ''): string => wrap(text, width, `${indent}# ${further}`);

const item = (text: string): string => wrap(text, width, '#   ', '#     ');

/** What YAML 1.1, as kubectl reads it, takes for something else than a text. */
const words = new Set(['true', 'false', 'yes', 'no', 'on', 'off', 'y', 'n', 'null', 'nan', 'inf']);

const scalar = (text: string): string => (/^[a-z](?:[-a-z0-9._/@]*[a-z0-9])?$/.test(text) && !words.has(text) ? text : escapeControls(JSON.stringify(text)));
