/** Who may be a member of a policy of Google Cloud: one identity in every form, crowds, and all who only look like it. */
import fc from 'fast-check';
import type { WorkloadIdentityPool } from '../../src/revokers/google-cloud/api.ts';
import type { Holder, Membership } from '../../src/revokers/google-cloud/members.ts';

const email = 'agent@acme.iam.gserviceaccount.com';
const gke = 'acme.svc.id.goog';

const poolOf = (id: string, subject: string, shared: boolean): WorkloadIdentityPool => ({ name: `projects/42/locations/global/workloadIdentityPools/${id}`, shared, subject });

const pools = fc
  .record({ gke: fc.constantFrom('own', 'shared', 'none'), onprem: fc.constantFrom('own', 'shared', 'none'), byUid: fc.constantFrom('own', 'shared', 'none') })
  .map((kinds): readonly WorkloadIdentityPool[] =>
    ([['gke', gke, 'ns/{namespace}/sa/{name}'], ['onprem', 'onprem', 'system:serviceaccount:{namespace}:{name}'], ['byUid', 'by-uid', '{uid}']] as const).flatMap(([key, id, subject]) => (kinds[key] === 'none' ? [] : [poolOf(id, subject, kinds[key] === 'shared')])),
  );

export const holders: fc.Arbitrary<Holder> = fc
  .record({ pools, uid: fc.constantFrom('u-1', 'u-1', undefined), account: fc.constantFrom('Current', 'Current', 'Recreated', 'None') })
  .map(({ pools: all, uid, account }) => ({
    serviceAccount: { namespace: 'ci', name: 'agent', ...(uid !== undefined && { uid }) },
    pools: all,
    ...(account !== 'None' && { account: { email, uniqueId: '107', holdsEmail: account === 'Current' } }),
  }));

export interface Member {
  readonly member: string;
  readonly kind: Membership['kind'];
}

const one = (pool: string, rest: string): string => `principal://iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/${pool}/${rest}`;
const many = (pool: string, rest: string): string => one(pool, rest).replace('principal:', 'principalSet:');

const poolMembers = ({ serviceAccount: { uid } }: Holder, { name, shared }: WorkloadIdentityPool): readonly Member[] => {
  const id = name.split('/').at(-1) ?? '';
  const byName = [...(id === gke ? [`serviceAccount:${gke}[ci/agent]`, one(id, 'subject/ns/ci/sa/agent')] : []), ...(id === 'onprem' ? [one(id, 'subject/system:serviceaccount:ci:agent')] : [])];
  const byUid = uid === undefined ? [] : [one(id, 'kubernetes.serviceaccount.uid/u-1'), many(id, 'kubernetes.serviceaccount.uid/u-1'), ...(id === 'by-uid' ? [one(id, 'subject/u-1')] : [])];
  const all: readonly Member[] = [...byName.map((member) => ({ member, kind: shared ? ('SharedName' as const) : ('ServiceAccount' as const) })), ...byUid.map((member) => ({ member, kind: 'ServiceAccount' as const }))];
  // A pool that was deleted comes back with its members.
  return [...all, ...all.filter(({ member }) => member.startsWith('principal')).flatMap(({ member, kind }) => [{ member: `deleted:${member}`, kind }, { member: `deleted:${member}?uid=5`, kind }])];
};

/** Those that mean it: to it alone, or by a name that others have as well. */
export const ownMembers = (holder: Holder): readonly Member[] => [
  ...(holder.account?.holdsEmail === true ? [email, 'AGENT@acme.iam.gserviceaccount.com', 'Agent@Acme.IAM.gserviceaccount.com'].map((each) => ({ member: `serviceAccount:${each}`, kind: 'Account' as const })) : []),
  ...(holder.account === undefined ? [] : [{ member: `deleted:serviceAccount:${email}?uid=107`, kind: 'DeletedAccount' as const }]),
  ...holder.pools.flatMap((pool) => poolMembers(holder, pool)),
];

export const crowds = ({ pools: all }: Holder): readonly Member[] =>
  [
    'allUsers', 'allAuthenticatedUsers', 'group:agents@example.com', 'domain:example.com', 'projectOwner:acme', 'projectEditor:acme', 'projectViewer:acme', 'principalSet://cloudresourcemanager.googleapis.com/projects/42/type/ServiceAccount', 'principalSet://goog/public:all',
    ...all.flatMap(({ name }) => ['*', 'namespace/ci', 'group/x', 'attribute.namespace/ci', 'attribute.x/agent'].map((rest) => many(name.split('/').at(-1) ?? '', rest))),
  ].map((member) => ({ member, kind: 'Inherited' }));

/** Namesakes elsewhere, other accounts, those of other pools, and what nobody knows. */
export const otherMembers = (holder: Holder): readonly Member[] => {
  const ids = holder.pools.map(({ name }) => name.split('/').at(-1) ?? '');
  return [
    '', email, `user:${email}`, `group-${email}`, `serviceAccount:${email}.example.com`, 'serviceAccount:agent-7@acme.iam.gserviceaccount.com', 'serviceAccount:my-agent@acme.iam.gserviceaccount.com', 'serviceAccount:agent@acme-2.iam.gserviceaccount.com', `serviceaccount:${email}`, ` serviceAccount:${email}`, `serviceAccount:${email}?uid=107`, 'serviceAccount:аgent@acme.iam.gserviceaccount.com',
    `deleted:serviceAccount:${email}?uid=108`, `deleted:serviceAccount:${email}?uid=1071`, `deleted:serviceAccount:${email}`, 'deleted:serviceAccount:other@acme.iam.gserviceaccount.com?uid=107', `deleted:user:${email}?uid=107`,
    `serviceAccount:${gke}[ci/agent-7]`, `serviceAccount:${gke}[ops/agent]`, `serviceAccount:${gke}[ci/agent]x`, 'serviceAccount:other.svc.id.goog[ci/agent]', 'serviceAccount:onprem[ci/agent]',
    one('other', 'subject/system:serviceaccount:ci:agent'), many('other', 'namespace/ci'), many('other', '*'), many('other', 'kubernetes.serviceaccount.uid/u-1'), 'principal://iam.googleapis.com/projects/43/locations/global/workloadIdentityPools/onprem/subject/system:serviceaccount:ci:agent', 'principalx://a', 'allusers', 'groups:x',
    ...ids.flatMap((id) => [one(id, 'subject/ns/ci/sa/agent-7'), one(id, 'subject/system:serviceaccount:ci:agent:7'), one(id, 'subject/system:serviceaccount:ops:agent'), one(id, 'subject/'), one(id, 'kubernetes.serviceaccount.uid/u-11'), one(id, 'kubernetes.serviceaccount.uid/'), one(id, 'kubernetes.serviceaccount.uid/undefined'), one(id, 'subject/undefined'), many(id, 'kubernetes.serviceaccount.uid/u-2'), many(id, 'kubernetes.serviceaccount.uid/'), many(id, 'namespace/ops'), many(id, 'namespace/ci-2'), `deleted:${one(id, 'subject/ns/ops/sa/agent')}`]),
    ...(holder.account?.holdsEmail === true ? [] : [`serviceAccount:${email}`]),
    ...(holder.account === undefined ? [`deleted:serviceAccount:${email}?uid=107`] : []),
    ...(holder.serviceAccount.uid === undefined ? ids.flatMap((id) => [one(id, 'kubernetes.serviceaccount.uid/u-1'), many(id, 'kubernetes.serviceaccount.uid/u-1')]) : []),
  ].map((member) => ({ member, kind: 'Other' }));
};

/** A holder, with members of whom it is known whose they are. */
export const membersOf = (holder: Holder, maxLength: number): fc.Arbitrary<readonly Member[]> => {
  const own = ownMembers(holder);
  const others = fc.constantFrom(...otherMembers(holder), ...crowds(holder));
  return fc.array(own.length === 0 ? others : fc.oneof(fc.constantFrom(...own), others), { maxLength });
};
