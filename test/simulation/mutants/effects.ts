/** More is ended than the identity's own. */
import { type Mutant, aTiredEngineer } from './mutant.ts';

const kubernetes = 'src/revokers/kubernetes/revoke.ts';
const policies = 'src/revokers/google-cloud/policies.ts';

export const effects: readonly Mutant[] = [
  {
    name: 'whole-binding-deleted',
    lie: 'A binding that also names others is deleted for all of them.',
    who: aTiredEngineer,
    patches: [{ file: kubernetes, find: 'if (others.length === 0) {', replace: 'if (others.length >= 0) {' }],
  },
  {
    name: 'binding-written-over',
    lie: 'A subject that somebody added to a binding in between is lost.',
    who: aTiredEngineer,
    patches: [{ file: kubernetes, find: 'const body = { metadata: { resourceVersion }, subjects: others };', replace: 'const body = { metadata: {}, subjects: others, ...(resourceVersion === undefined && { resourceVersion }) };' }],
  },
  {
    name: 'binding-deleted-as-it-was',
    lie: 'A binding to which somebody was added in between is deleted for him as well.',
    who: aTiredEngineer,
    patches: [
      { file: kubernetes, find: '{ uid, resourceVersion: raw.metadata.resourceVersion },', replace: '{ uid },' },
      { file: kubernetes, find: 'await client.delete(resourceOf(kind), address, { uid, resourceVersion }, ', replace: 'await client.delete(resourceOf(kind), address, { uid, ...(resourceVersion === uid && { resourceVersion }) }, ' },
    ],
  },
  {
    name: 'deleted-by-name',
    lie: 'An account that somebody made under the name of the one that is gone is deleted in its place.',
    who: 'actions-runner-controller, before its review: the pod of a name is deleted, whichever it is by now',
    source: 'https://github.com/actions/actions-runner-controller/pull/4673',
    patches: [
      {
        file: 'src/kube/client.ts',
        find: 'const preconditions = uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion };',
        replace: 'const preconditions = uid === undefined || resourceVersion === undefined ? undefined : { resourceVersion };',
      },
    ],
  },
  {
    name: 'shared-leases-ended',
    lie: 'Leases under a prefix that others use as well are ended for all of them.',
    who: aTiredEngineer,
    patches: [
      { file: 'src/revokers/vault/inventory.ts', find: 'async ({ prefix, exclusive = false }) => {', replace: 'async ({ prefix, exclusive: declared = true }) => {\n      const exclusive = declared || !declared;' },
      { file: 'src/revokers/vault/revoke.ts', find: 'exclusive === true && isUnder(located.leaseId, prefix));', replace: 'exclusive !== undefined ? isUnder(located.leaseId, prefix) : isUnder(located.leaseId, prefix));' },
    ],
  },
  {
    name: 'shared-entity-disabled',
    lie: 'Others who log in to Vault as the same entity are locked out as well.',
    who: aTiredEngineer,
    patches: [{ file: 'src/revokers/vault/lock.ts', find: "else if (foreignAliases(entity, logins).length > 0) return 'Shared';", replace: "else if (foreignAliases(entity, logins).length < 0) return 'Shared';" }],
  },
  {
    name: 'shared-account-disabled',
    lie: 'A service account as which others act, too, is disabled for all of them.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/revokers/google-cloud/account.ts',
        find: 'return [...others, ...attached.map((name) => `attached to ${name}`)].map((text) => printable(text));',
        replace: 'return [...others, ...attached.map((name) => `attached to ${name}`)].map((text) => printable(text)).slice(0, 0);',
      },
    ],
  },
  {
    name: 'google-whole-binding-removed',
    lie: 'All members of a role lose it, along with the one that is retired.',
    who: aTiredEngineer,
    patches: [
      { file: policies, find: 'return left.length === 0 ? [] : [{ ...raw, members: left }];', replace: 'return left.length >= 0 ? [] : [{ ...raw, members: left }];' },
      { file: policies, find: '  assertOthersUntouched(policy, document, leaving);\n', replace: '' },
    ],
  },
  {
    name: 'google-policy-written-over',
    lie: 'A change that somebody made to a policy in between is lost.',
    who: 'terraform-provider-google: policies were updated without an etag',
    source: 'https://github.com/hashicorp/terraform-provider-google/pull/13532',
    patches: [
      { file: policies, find: 'const document = { ...policy.document, version: 3, bindings };', replace: 'const document = { ...policy.document, version: 3, bindings, etag: undefined };' },
      { file: policies, find: '  assertOthersUntouched(policy, document, leaving);\n', replace: '' },
    ],
  },
];
