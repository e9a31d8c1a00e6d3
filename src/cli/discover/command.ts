/** `offboard discover`: from a ServiceAccount to a WorkloadIdentity that can be committed. */
import type { OffboardingStatus, WorkloadIdentitySpec } from '../../api/v1alpha1/index.ts';
import { conditionOf, conditionTypes } from '../../api/v1alpha1/conditions.ts';
import { isForbidden, isNotFound } from '../../kube/errors.ts';
import type { KubeObject, ServiceAccount } from '../../kube/objects.ts';
import { serviceAccounts, workloadIdentities } from '../../kube/resources.ts';
import type { Cluster } from '../cluster.ts';
import { withCluster } from '../cluster.ts';
import { CannotError, exitCodes } from '../command.ts';
import type { Command, Io } from '../command.ts';
import { nearest } from '../near.ts';
import { serialised } from '../output.ts';
import { planned } from '../plans.ts';
import { elsewhere } from './annotations.ts';
import { candidatesOf, inPlans } from './candidates.ts';
import type { Candidate } from './candidates.ts';
import { askable } from './connectors.ts';
import { dependenciesOf } from './dependencies.ts';
import type { Asked } from './dependencies.ts';
import { manifestOf, manifestText } from './manifest.ts';
import type { Discovered } from './manifest.ts';
import { discoverFlags, readOptions } from './options.ts';
import type { DiscoverOptions } from './options.ts';

export const discoverCommand: Command = {
  name: 'discover',
  summary: 'writes a WorkloadIdentity from what a ServiceAccount has',
  about: [
    'Writes a WorkloadIdentity for a ServiceAccount that is there, ready to be committed: what the cluster and the connectors found of it, with a comment beside each part. What could not be looked at is said, since unknown is not absent.',
    'Offboard looks, with its own logins, by an Offboarding in mode Plan that is removed afterwards. Nothing else is written anywhere. You need the rights to retire the identity, and to use the connectors that are asked.',
  ],
  usage: 'SERVICEACCOUNT [flags]',
  flags: discoverFlags,
  exitCodes: {
    [exitCodes.yes]: 'the manifest is written; what could not be looked at is in its comments',
    [exitCodes.unusable]: 'it could not be asked: wrong flags, no such ServiceAccount, no permission, no cluster, no operator',
    [exitCodes.interrupted]: 'it was interrupted; the plan is removed',
  },
  examples: [
    { line: 'kubectl offboard discover build-agent-7 -n ci > build-agent-7.yaml' },
    { text: 'where you may not list connectors:', line: 'kubectl offboard discover build-agent-7 --connector vault-prod' },
  ],
  completes: 'nothing',
  run: async (args, io) => {
    const options = readOptions(args);
    return withCluster(options.cluster, io, async (cluster) => {
      const discovered = await discover(cluster, options, io);
      io.out(options.format === 'yaml' ? manifestText(discovered) : serialised('json', manifestOf(discovered)));
      return exitCodes.yes;
    });
  },
};

const discover = async (cluster: Cluster, { serviceAccount, connectors, timeout }: DiscoverOptions, io: Io): Promise<Discovered> => {
  const { metadata } = await getAccount(cluster, serviceAccount);
  const { googleAccount, notEnded } = elsewhere(metadata.annotations ?? {});
  const { connectors: usable, unasked } = await askable(cluster, connectors);
  const existing = await identitiesOf(cluster, serviceAccount);
  const asked: Asked[] = [];
  let last: OffboardingStatus = {};
  for (const candidates of inPlans(candidatesOf(usable, googleAccount))) {
    last = await ask(cluster, { serviceAccount, uid: metadata.uid, candidates, timeout }, io);
    asked.push(...candidates.map((candidate) => answerTo(candidate, last)));
  }
  return {
    account: { namespace: cluster.namespace, name: serviceAccount, uid: metadata.uid },
    cluster: last.dependencies?.find(({ name }) => name === 'kubernetes'),
    dependencies: dependenciesOf(asked, serviceAccount),
    notEnded,
    unasked: [...unasked, ...(existing === undefined ? ['WorkloadIdentities of this namespace, which you may not list: one may name it already'] : [])],
    existing: existing ?? [],
  };
};

const getAccount = async ({ client, namespace, signal }: Cluster, name: string): Promise<ServiceAccount> => {
  try {
    return await client.get<ServiceAccount>(serviceAccounts, { namespace, name }, { signal });
  } catch (error) {
    if (!isNotFound(error, serviceAccounts, name)) throw error;
    const others = await client.list(serviceAccounts, { namespace, metadataOnly: true }, { signal }).then(({ items }) => items.map(({ metadata }) => metadata.name), () => []);
    const near = nearest(name, others);
    throw new CannotError(`there is no ServiceAccount "${name}" in namespace ${namespace}${near === undefined ? '' : `: did you mean ${near}?`}`);
  }
};

/** Undefined where they may not be listed. */
const identitiesOf = async ({ client, namespace, signal }: Cluster, serviceAccount: string): Promise<readonly string[] | undefined> => {
  try {
    const { items } = await client.list<KubeObject & { readonly spec: WorkloadIdentitySpec }>(workloadIdentities, { namespace }, { signal });
    return items.filter(({ spec }) => spec.serviceAccount.name === serviceAccount).map(({ metadata }) => metadata.name).sort();
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
};

interface Question {
  readonly serviceAccount: string;
  readonly uid: string;
  readonly candidates: readonly Candidate[];
  readonly timeout: number;
}

const ask = async (cluster: Cluster, { serviceAccount: name, uid, candidates, timeout }: Question, io: Io): Promise<OffboardingStatus> => {
  const dependencies = candidates.map(({ dependency }) => dependency);
  const { status = {} } = await planned(cluster, { name: `${name}-discover`, spec: { identity: { serviceAccount: { name, uid }, dependencies }, reason: 'Retired' }, timeout }, io);
  if (status.dependencies !== undefined) return status;
  const why = conditionOf(status, conditionTypes.stalled) ?? conditionOf(status, conditionTypes.ready);
  throw new CannotError(why?.message ?? 'Offboard did not say what it found');
};

const answerTo = (candidate: Candidate, { dependencies = [], target }: OffboardingStatus): Asked => ({
  candidate,
  status: dependencies.find(({ name }) => name === candidate.dependency.name),
  pinned: target?.dependencies?.find(({ name }) => name === candidate.dependency.name),
});
