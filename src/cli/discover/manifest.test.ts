/** From what was found to a manifest that can be committed. */
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import type { CredentialStatus, DependencyStatus } from '../../api/v1alpha1/index.ts';
import { candidatesOf } from './candidates.ts';
import type { UsableConnector } from './candidates.ts';
import { dependenciesOf } from './dependencies.ts';
import { manifestOf, manifestText } from './manifest.ts';
import type { Discovered } from './manifest.ts';

const credential = (change: Partial<CredentialStatus>): CredentialStatus => ({ id: 'x', class: 'Token', state: 'Present', end: 'Revoke', found: true, ...change });
const told = (change: Partial<DependencyStatus> = {}): DependencyStatus => ({ name: 'c', state: 'Pending', credentials: [], ...change });
const failed = (code: string, message = 'no'): DependencyStatus => ({ name: 'c', state: 'Blocked', lastError: { code, message, since: '' } });
const email = 'bot@acme.iam.gserviceaccount.com';

/** What each candidate of these connectors answers: `vault prod`, `googleCloud gcp`, or `googleCloud gcp EMAIL`. */
const dependencies = (connectors: readonly UsableConnector[], answers: Readonly<Record<string, DependencyStatus>>, annotation?: string) =>
  dependenciesOf(
    candidatesOf(connectors, annotation).map((candidate) => ({
      candidate,
      status: answers[`${candidate.type} ${candidate.connector}${candidate.email === undefined ? '' : ` ${candidate.email}`}`],
      pinned: candidate.email === undefined ? undefined : { googleCloud: { connectorRef: { name: candidate.connector }, serviceAccount: { email: candidate.email, uniqueId: '107' } } },
    })),
    'bot',
  );
const vault: UsableConnector = { name: 'vault-prod', type: 'vault' };
const google: UsableConnector = { name: 'gcp', type: 'googleCloud' };

const discovered = (change: Partial<Discovered> = {}): Discovered => ({
  account: { namespace: 'ci', name: 'bot', uid: '5f0c' },
  cluster: told({ name: 'kubernetes', credentials: [credential({ id: 'serviceaccounts/ci/bot', class: 'ServiceAccount' })] }),
  dependencies: { found: [], nothingIn: [], unknown: [] },
  notEnded: [],
  unasked: [],
  existing: [],
  ...change,
});

describe('what a Vault found', () => {
  const role = (name: string, shared = false) => ({ type: 'AuthRole' as const, name, message: 'why', ...(shared && { shared }) });
  const lease = (name: string) => ({ type: 'LeasePrefix' as const, name });

  it('names the roles that are its alone, and leases by the name of a role or of itself; the rest is offered', () => {
    const { found } = dependencies([vault], { 'vault vault-prod': told({ credentials: [credential({ class: 'Login' })], undeclared: [role('ci-bot'), role('ci-all', true), lease('db/creds/ci-bot'), lease('db/creds/bot'), lease('db/creds/other')] }) });
    expect(found[0]?.vault).toEqual({
      roles: [{ name: 'ci-bot', why: 'why' }],
      sharedRoles: [{ name: 'ci-all', why: 'why' }],
      leases: [{ name: 'db/creds/bot', why: '' }, { name: 'db/creds/ci-bot', why: '' }],
      otherLeases: [{ name: 'db/creds/other', why: '' }],
    });
    expect(found[0]?.remarks).toEqual(['Found by the ServiceAccount, and in need of no name: Login.']);
  });

  it('is nothing where it only might log in, and where only leases of others may be there', () => {
    expect(dependencies([vault], { 'vault vault-prod': told({ credentials: [credential({ class: 'Login', found: false })], undeclared: [lease('db/creds/other')] }) })).toEqual({ found: [], nothingIn: ['vault-prod'], unknown: [] });
  });

  it('is unknown, and not nothing, where it could not be asked, did not see all, or is not granted', () => {
    const unknown = (status: DependencyStatus | undefined) => dependencies([vault], status === undefined ? {} : { 'vault vault-prod': status });
    expect(unknown(failed('Unavailable', 'connection refused'))).toEqual({ found: [], nothingIn: [], unknown: ['connector vault-prod could not be asked: connection refused'] });
    expect(unknown(undefined)).toEqual({ found: [], nothingIn: [], unknown: ['connector vault-prod could not be asked'] });
    expect(unknown(failed('NotGranted'))).toEqual({ found: [], nothingIn: [], unknown: ['connector vault-prod grants this namespace nothing, so nobody looked there'] });
    expect(unknown(told({ findings: [{ type: 'NotEnumerated', object: 'auth roles', message: 'may not list' }] })).unknown).toEqual(['connector vault-prod: auth roles: may not list']);
  });

  it('says what one dependency cannot name', () => {
    const { found } = dependencies([vault], { 'vault vault-prod': told({ undeclared: Array.from({ length: 18 }, (_, index) => role(`ci-${String(index).padStart(2, '0')}`)) }) });
    expect(found[0]?.vault?.roles).toHaveLength(16);
    expect(found[0]?.remarks).toEqual(['2 more auth roles than one dependency can name: ci-16, ci-17. Name them in another']);
  });
});

describe('what Google Cloud found', () => {
  const account = { type: 'ServiceAccount' as const, name: email, uniqueId: '107', message: 'it may act as it' };

  it('names each service account that it may act as once, pinned, also where an annotation names it', () => {
    const second = { ...account, name: `a${email}`, uniqueId: '108' };
    const answers = { 'googleCloud gcp': told({ undeclared: [account, second] }), [`googleCloud gcp ${email}`]: told({ credentials: [credential({ class: 'ServiceAccount', uid: '107' })] }) };
    const { found } = dependencies([google, { name: 'z', type: 'googleCloud' }], { ...answers, 'googleCloud z': told({ undeclared: [account] }), [`googleCloud z ${email}`]: failed('NotGranted') }, email);
    expect(found.map(({ name, connector, googleCloud }) => [name, connector, googleCloud?.account?.email, googleCloud?.account?.uniqueId])).toEqual([
      ['gcp', 'gcp', `a${email}`, '108'],
      ['gcp-2', 'gcp', email, '107'],
    ]);
  });

  it('takes one from the annotation, and says whether it may act as it', () => {
    const answer = (...credentials: readonly CredentialStatus[]) => dependencies([google], { 'googleCloud gcp': told(), [`googleCloud gcp ${email}`]: told({ credentials }) }, email);
    const there = credential({ class: 'ServiceAccount', uid: '107' });
    const may = credential({ class: 'Binding', grants: ['roles/iam.workloadIdentityUser on //iam.googleapis.com/projects/acme/serviceAccounts/107'] });
    expect(answer(there, may).found[0]?.googleCloud?.account).toEqual({ email, uniqueId: '107', why: 'the annotation iam.gke.io/gcp-service-account names it, and its policy lets the identity act as it' });
    expect(answer(there).found[0]?.googleCloud?.account?.why).toContain('no role by which the identity may act as it was found');
    expect(answer(credential({ class: 'ServiceAccount', end: 'Person', reason: 'AccountUnknown' }))).toMatchObject({ found: [], unknown: [`connector gcp: the annotation names ${email}, and there is no such service account`] });
  });

  it('does not take an account that is not granted for none', () => {
    const { found, unknown } = dependencies([google], { 'googleCloud gcp': told({ credentials: [credential({ class: 'Binding', grants: ['roles/viewer on projects/acme'] })] }), [`googleCloud gcp ${email}`]: failed('NotGranted') }, email);
    expect(found).toEqual([{ name: 'gcp', connector: 'gcp', googleCloud: {}, remarks: ['roles that were found, and are taken out without being named: roles/viewer on projects/acme'] }]);
    expect(unknown).toEqual([`connector gcp does not grant this namespace ${email}, which the annotation names, so nobody looked at it`]);
  });
});

describe('a connector that may not be read', () => {
  const secret: UsableConnector = { name: 'kubernetes', type: undefined };

  it('is asked as each type, and is what answers', () => {
    const { found, unknown } = dependencies([secret], { 'vault kubernetes': told({ credentials: [credential({})] }), 'googleCloud kubernetes': failed('NotGranted') });
    expect(found.map(({ name, vault: is }) => [name, is !== undefined])).toEqual([['kubernetes-2', true]]);
    expect(unknown).toEqual([]);
    expect(dependencies([secret], { 'vault kubernetes': failed('NotGranted'), 'googleCloud kubernetes': failed('NotGranted') }).unknown).toHaveLength(1);
  });

  it('has a name that the API takes, whatever its own', () => {
    const { found } = dependencies([{ name: `9.${'x'.repeat(90)}`, type: 'vault' }], { [`vault 9.${'x'.repeat(90)}`]: told({ credentials: [credential({})] }) });
    expect(found[0]?.name).toMatch(/^c-9-x{52}$/);
  });
});

describe('a manifest', () => {
  const full = discovered({
    dependencies: {
      found: [
        { name: 'vault', connector: 'vault-prod', vault: { roles: [{ name: 'ci-bot', why: '' }], sharedRoles: [{ name: 'All', why: 'by *' }], leases: [{ name: 'db/creds/ci-bot', why: '' }], otherLeases: [{ name: 'db/creds/x', why: 'some' }] }, remarks: ['Login 1'] },
        { name: 'bare', connector: 'other', vault: { roles: [], sharedRoles: [{ name: 'yes', why: '' }], leases: [], otherLeases: [{ name: 'a/b', why: '' }] }, remarks: [] },
        { name: 'gcp', connector: 'gcp', googleCloud: { account: { email, uniqueId: '107', why: 'it may' } }, remarks: [] },
        { name: 'plain', connector: 'on', googleCloud: {}, remarks: [] },
      ],
      nothingIn: ['empty'],
      unknown: ['connector x could not be asked'],
    },
    notEnded: ['eks: role'],
    unasked: ['connector y: you may not'],
    existing: ['old'],
  });

  it('reads as what is told to programs, and is the same each time', () => {
    expect(load(manifestText(full))).toEqual(manifestOf(full));
    expect(manifestText(full)).toBe(manifestText(full));
    expect(manifestText(full)).toContain('      # roles:\n      # - "yes"\n');
    expect(manifestText(full)).toContain('        name: "on"\n');
  });

  it('takes in what is offered, once its comment is taken away', () => {
    const taken = manifestText(full).replace('      # - All', '      - All').replace('      # - {prefix: db/creds/x}', '      - {prefix: db/creds/x}');
    const [{ vault: is } = {}] = (load(taken.replace(/ +# +by \*\n/, '')) as { readonly spec: { readonly dependencies: readonly { readonly vault?: { readonly roles: unknown; readonly leases: unknown } }[] } }).spec.dependencies;
    expect(is?.leases).toEqual([{ prefix: 'db/creds/ci-bot' }, { prefix: 'db/creds/x' }]);
  });

  it('says what could not be looked at, apart from what is not there', () => {
    const text = manifestText(full);
    expect(text).toContain('# NOT KNOWN: nobody could look there, so there may be more:\n#   connector x could not be asked\n#   connector y: you may not\n');
    expect(text).toContain('# Asked, and nothing was found:\n#   connector empty\n');
    expect(manifestText(discovered({ cluster: undefined }))).toContain('#   the cluster itself\n');
    expect(manifestText(discovered())).not.toContain('NOT KNOWN');
  });

  it('cannot be made to say anything else by a name, whatever is in it', () => {
    const evil = `x\nmetadata: {name: evil}\u2028kind: Evil\u0085- a\r\n# ${'b '.repeat(60)}`;
    const text = manifestText(
      discovered({
        cluster: told({ name: 'kubernetes', credentials: [credential({ id: evil, grants: [evil], sharedWith: [evil], end: 'Person', message: evil })], findings: [{ type: 'InUse', object: evil, message: evil }] }),
        dependencies: { found: [{ name: evil, connector: evil, vault: { roles: [{ name: evil, why: evil }], sharedRoles: [{ name: evil, why: evil }], leases: [{ name: evil, why: evil }], otherLeases: [{ name: evil, why: evil }] }, remarks: [evil] }], nothingIn: [evil], unknown: [evil] },
        notEnded: [evil], unasked: [evil], existing: [evil],
      }),
    );
    expect(load(text)).toEqual({
      apiVersion: 'offboard.dev/v1alpha1', kind: 'WorkloadIdentity', metadata: { name: 'bot', namespace: 'ci' },
      spec: { serviceAccount: { name: 'bot' }, lifecycle: { onDelete: 'Offboard' }, dependencies: [{ name: evil, vault: { connectorRef: { name: evil }, roles: [evil], leases: [{ prefix: evil }] } }] },
    });
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028]/);
    for (const line of text.split('\n').filter((each) => /^ *#/.test(each) && !each.includes('"'))) expect(line.length).toBeLessThanOrEqual(80);
  });
});
