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
