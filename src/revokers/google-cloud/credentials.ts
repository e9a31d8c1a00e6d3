/** What of all that was read from Google Cloud is a credential of one identity: pure. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Credential, CredentialEnd, Inventory } from '../revoker.ts';
import { printable, shellQuote } from '../text.ts';
import { sharedBy } from './account.ts';
import type { Facts, ReadResource } from './facts.ts';
import { findingsOf } from './findings.ts';
import { accountId, bindingId, hmacKeyId, impersonationId, keyId, searchedId, tokensId } from './ids.ts';
import { createMembership, type Holder, isOwn, type Membership } from './members.ts';
import { mayMint } from './minting.ts';
import { type Policy, type Triple, triplesOf } from './policies.ts';

const revoke: CredentialEnd = { by: 'Revoke' };
const maxGrants = 16;

const person = (reason: string, message: string): CredentialEnd => ({ by: 'Person', reason, message: printable(message, 1_000) });

/** The account comes last: it is deleted once nothing else of it is left. */
export const toInventory = (facts: Facts): Inventory => ({
  credentials: [
    ...facts.resources.flatMap((resource) => bindingCredentials(resource, facts)),
    ...facts.unreadable.map(searchedCredential),
    ...keyCredentials(facts),
    ...tokenCredentials(facts),
    ...accountCredentials(facts),
    ...impersonationCredential(facts),
  ],
  findings: findingsOf(facts),
});

// ---- bindings --------------------------------------------------------------------------------------------------

const isShared = ({ sharers }: Facts): boolean => sharers.length > 0;

/** What is ended of a policy, or left to a person. What a shared account was given itself is everybody's who acts as it. */
export const ownTriples = (policy: Policy, holder: Holder, shared: boolean): readonly (Triple & { readonly membership: Membership })[] => {
  const membership = createMembership(holder);
  return triplesOf(policy)
    .map((triple) => ({ ...triple, membership: membership(triple.member) }))
    .filter(({ membership: { kind } }) => (kind === 'SharedName' || isOwn({ kind })) && !(shared && kind === 'Account'));
};

const bindingCredentials = ({ name, policy, granted }: ReadResource, facts: Facts): readonly Credential[] => {
  if (policy === undefined) return [];
  return ownTriples(policy, facts.holder, isShared(facts)).map((triple) => ({
    id: bindingId(name, triple, facts.holder.account),
    class: 'Binding',
    grants: [printable(`${triple.role} on ${name}${triple.title === undefined ? '' : `, if "${triple.title}"`}`)],
    end: endOfBinding(name, triple, granted),
    seen: true,
  }));
};

const endOfBinding = (resource: string, triple: Triple & { readonly membership: Membership }, granted: boolean): CredentialEnd => {
  const { role, member, membership } = triple;
  if (membership.kind === 'SharedName')
    return person(
      reasons.sharedAcrossClusters,
      `${member} has ${role} on ${resource}, and is the same name in every cluster of a pool that the Connector calls Shared. Take it out if no other cluster needs it` +
        `: ${removeCommand(resource, triple)}; give what others need by kubernetes.serviceaccount.uid`,
    );
  if (!granted)
    return person(
      reasons.notGranted,
      `${member} was found to have ${role} on ${resource}, which the connector does not grant this namespace. Have it granted, or take the member out: ${removeCommand(resource, triple)}`,
    );
  return revoke;
};

/** As a person would do it; what no command is known for is told in words. */
const removeCommand = (resource: string, { role, member, condition }: Triple): string => {
  const flags = `--member=${shellQuote(member)} --role=${shellQuote(role)}${condition === '' ? ' --condition=None' : ' --all'}`;
  const [, collection, id = ''] = /^(projects|folders|organizations)\/(.+)$/.exec(resource) ?? [];
  if (collection === 'folders') return `gcloud resource-manager folders remove-iam-policy-binding ${id} ${flags}`;
  if (collection !== undefined) return `gcloud ${collection} remove-iam-policy-binding ${id} ${flags}`;
  const bucket = /^\/\/storage\.googleapis\.com\/(.+)$/.exec(resource)?.[1];
  if (bucket !== undefined) return `gcloud storage buckets remove-iam-policy-binding gs://${bucket} ${flags}`;
  const account = /^\/\/iam\.googleapis\.com\/projects\/([^/]+)\/serviceAccounts\/(.+)$/.exec(resource);
  if (account !== null) return `gcloud iam service-accounts remove-iam-policy-binding ${account[2] ?? ''} --project=${account[1] ?? ''} ${flags}`;
  return `gcloud … remove-iam-policy-binding ${flags}`;
};

const searchedCredential = (resource: string): Credential => ({
  id: searchedId(resource),
  class: 'SearchedBinding',
  end: person(
    'UnsupportedResource',
    `Cloud Asset Inventory shows that the identity has roles on ${resource}, whose policy Offboard cannot read. Take it out there; a search may lag behind, and is no proof, so that a waiver must follow`,
  ),
  seen: true,
});

// ---- keys ------------------------------------------------------------------------------------------------------

const keyCredentials = (facts: Facts): readonly Credential[] => {
  const { standing, keys, hmacKeys, sharers } = facts;
  if (standing.state !== 'Current') return [];
  const { project, email, account } = standing;
  const end = (command: string): CredentialEnd =>
    isShared(facts)
      ? person(reasons.sharedAccount, `${email} is also that of ${sharedBy(sharers)}, so nobody can tell whose this key is. If it is this identity's: ${command}`)
      : revoke;
  return [
    ...keys.map(({ id, validBefore }): Credential => ({
      id: keyId(project, account.uniqueId, id),
      class: 'ServiceAccountKey',
      grants: [printable(`a key of ${email}${validBefore === '' ? '' : `, valid until ${validBefore}`}`)],
      end: end(`gcloud iam service-accounts keys delete ${id} --iam-account=${email}`),
      seen: true,
    })),
    ...hmacKeys.map(({ accessId }): Credential => ({
      id: hmacKeyId(project, accessId),
      class: 'HmacKey',
      grants: [`a key for Cloud Storage of ${email}`],
      end: end(`gcloud storage hmac update ${accessId} --deactivate --project=${project} && gcloud storage hmac delete ${accessId} --project=${project}`),
      seen: true,
    })),
  ];
};

// ---- tokens ----------------------------------------------------------------------------------------------------

/** A role, or a key, by which the identity can make tokens of an account that stays enabled: of another one, or of a shared one. */
export const waysToMint = (facts: Pick<Facts, 'resources' | 'holder' | 'sharers' | 'keys'>): readonly string[] => {
  const shared = facts.sharers.length > 0;
  const roles = facts.resources.flatMap(({ name, own, policy }) => {
    // Tokens of an account that is disabled are refused with it.
    if (policy === undefined || (own && !shared)) return [];
    const triples = ownTriples(policy, facts.holder, shared).filter(({ role, membership }) => membership.kind !== 'DeletedAccount' && mayMint(name, role));
    return triples.map(({ role }) => `${role} on ${name}`);
  });
  return [...new Set(roles), ...(shared ? facts.keys.map(({ id }) => `the key ${id}`) : [])];
};

/**
 * Of an account that stays enabled for others there may always be tokens: by roles and keys that somebody took out right before, and
 * by those of ours while it was not shared yet, which are good again when it is enabled.
 */
const tokenCredentials = (facts: Facts): readonly Credential[] => {
  const ways = waysToMint(facts);
  const seen = ways.length > 0 || facts.tokens === 'MayLive';
  if (!seen && !isShared(facts)) return [];
  const grants = ways.slice(0, maxGrants).map((way) => printable(`tokens of service accounts, by ${way}`));
  return [{ id: tokensId, class: 'AccessTokens', grants, end: { by: 'Expiry', at: facts.tokensEnd }, seen }];
};

// ---- the account -----------------------------------------------------------------------------------------------

const accountCredentials = (facts: Facts): readonly Credential[] => {
  const { standing, dependency } = facts;
  if (standing.state === 'None') return [];
  const { project, email } = standing;
  const base = { id: accountId(project, email), class: 'ServiceAccount' };
  switch (standing.state) {
    case 'Current': {
      if (isShared(facts)) return [];
      const { uniqueId, disabled } = standing.account;
      return [{ ...base, uid: uniqueId, end: revoke, seen: dependency.serviceAccount?.onRetire === 'Delete' || !disabled }];
    }
    case 'Gone':
      return [{ ...base, uid: standing.uniqueId, end: revoke, seen: false }];
    case 'Recreated':
      return [
        { ...base, uid: standing.uniqueId, end: revoke, seen: false },
        { ...base, uid: standing.successor.uniqueId, end: recreatedEnd(email, standing.uniqueId, standing.successor.uniqueId), seen: true },
      ];
    case 'Unheard':
      return [
        {
          ...base,
          end: person(
            reasons.accountUnknown,
            `there is no service account ${email}, and nobody knows which one it was: what it left behind is told by its unique id alone. Set serviceAccount.uniqueId, ` +
              'which the audit log of its project has (protoPayload.methodName="google.iam.admin.v1.DeleteServiceAccount"), or take serviceAccount out',
          ),
          seen: false,
        },
      ];
  }
};

const recreatedEnd = (email: string, before: string, now: string): CredentialEnd =>
  person(
    reasons.identityRecreated,
    `a new service account has the e-mail ${email}: its unique id is ${now}, that of the one to retire was ${before}. It is left alone. If it is to go as well, retire it by an ` +
      'identity of its own that pins that id; else give it another name',
  );

/** Told by whoever tries it. */
const impersonationCredential = ({ standing, dependency: { probe } }: Facts): readonly Credential[] =>
  probe !== true || standing.state === 'None'
    ? []
    : [{ id: impersonationId(standing.email), class: 'Impersonation', grants: [`to act as ${standing.email}`], end: { by: 'Others' }, seen: false }];
