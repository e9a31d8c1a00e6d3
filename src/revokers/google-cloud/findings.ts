/** What is true of an identity in Google Cloud and is no credential: pure. */
import type { Finding } from '../../api/v1alpha1/index.ts';
import { printable, someOf } from '../text.ts';
import { sharedBy } from './account.ts';
import type { Facts, ReadResource } from './facts.ts';
import { createMembership } from './members.ts';
import { triplesOf } from './policies.ts';

const maxFindings = 48;

export const findingsOf = (facts: Facts): readonly Finding[] => {
  const { standing, holder, resources, sharers, searched, tokens, probed } = facts;
  const findings = [
    ...(standing.state === 'Current' && sharers.length > 0 ? [shared(standing.email, sharers)] : []),
    ...(probed === 'Refused' ? [refusedControl] : []),
    ...(tokens === 'None' ? [] : [madeInTurn]),
    ...(searched ? [] : [notSearched]),
    ...(holder.pools.length === 0 ? [noPools] : (holder.serviceAccount.uid ?? '') === '' ? [noUid] : []),
    ...(standing.state === 'Current' ? [otherUses(standing.email)] : []),
    ...resources.flatMap((resource) => (resource.policy === undefined && !resource.own ? [noResource(resource.name)] : inherited(resource, facts))),
  ];
  const rest = findings.slice(maxFindings);
  if (rest.length === 0) return findings;
  // What cannot be proven must not go by unsaid.
  const type = rest.some((finding) => finding.type === 'NotProvable') ? 'NotProvable' : 'NotEnumerated';
  return [...findings.slice(0, maxFindings), { type, message: `${rest.length} more findings about policies are not shown` }];
};

const shared = (email: string, sharers: readonly string[]): Finding => ({
  type: 'Shared',
  object: email,
  message: printable(`others use it as well, and it is neither disabled nor deleted: ${sharedBy(sharers)}. Only what this identity has of its own is taken out`, 1_000),
});

const refusedControl: Finding = {
  type: 'NotProbed',
  object: 'the probe',
  message: 'the identity could not act as its service account before the lock either, so a refusal after it proves nothing; policies alone tell',
};

const madeInTurn: Finding = {
  type: 'NotProvable',
  object: 'access tokens',
  message:
    'the identity could act as service accounts that stay enabled: the tokens that it made are waited out, and what was made with those in turn is not known: ' +
    'tokens of further accounts, or of the same one where it may make its own, keys, signed URLs',
};

const notSearched: Finding = {
  type: 'NotEnumerated',
  object: 'other resources',
  message:
    'the connector does not search Cloud Asset Inventory (spec.googleCloud.assetSearch), so only the resources that the identity names were looked at; roles on others stay, ' +
    'and would work again for an account that is enabled again, or for a ServiceAccount that is made anew under the same name',
};

const noPools: Finding = {
  type: 'NotEnumerated',
  object: 'roles of the ServiceAccount itself',
  message: 'the connector names no workload identity pool of this cluster, so members that mean the ServiceAccount are not told from others, and are left',
};

const noUid: Finding = {
  type: 'NotEnumerated',
  object: 'roles of the ServiceAccount by its UID',
  message: 'nobody knows the UID of the ServiceAccount, so members by it are not told from others; set serviceAccount.uid if it is known. A UID is never given twice: they let nobody in once the account is gone',
};

const otherUses = (email: string): Finding => ({
  type: 'NotEnumerated',
  object: printable(email),
  message:
    'domain-wide delegation in Google Workspace and API keys that are bound to the account are not looked for: a disabled account gets no more tokens by the first. ' +
    'Take them out where they are: the Admin console of Workspace, and gcloud services api-keys list',
});

const noResource = (name: string): Finding => ({
  type: 'NotEnumerated',
  object: printable(name, 1_000),
  message: 'Google says that there is no such resource, so nobody has a role on it; if another was meant, name that one',
});

/** Through a crowd of which the identity may be one. A token that was made before the end is still one of it. */
const inherited = ({ name, policy }: ReadResource, { holder }: Facts): readonly Finding[] => {
  if (policy === undefined) return [];
  const membership = createMembership(holder);
  const found = triplesOf(policy).filter(({ member }) => membership(member).kind === 'Inherited');
  if (found.length === 0) return [];
  const byPool = found.filter(({ member }) => member.startsWith('principalSet://iam.googleapis.com/'));
  const told = (triples: typeof found): string => someOf([...new Set(triples.map(({ role, member }) => `${member} (${role})`))].map((text) => printable(text)), 3);
  return [
    {
      type: 'Inherited',
      object: printable(name, 1_000),
      message: printable(`the identity may have roles as one of many, who are left as they are: ${told(found)}`, 1_000),
    },
    ...(byPool.length === 0
      ? []
      : [
          {
            type: 'NotProvable' as const,
            object: printable(name, 1_000),
            message: printable(`Google takes a token of the ServiceAccount by its signature, so one that was made before it was gone passes as one of these until its own end: ${told(byPool)}`, 1_000),
          },
        ]),
  ];
};
