/** Offboardings as the commands read them, found by name or not. */
import { apiVersion } from '../api/v1alpha1/index.ts';
import type { OffboardingSpec, OffboardingStatus } from '../api/v1alpha1/index.ts';
import { isNotFound } from '../kube/errors.ts';
import type { KubeObject } from '../kube/objects.ts';
import { offboardings } from '../kube/resources.ts';
import type { Cluster } from './cluster.ts';
import { CannotError } from './command.ts';
import { nearest } from './near.ts';
import { offboardLine, quoted } from './shell.ts';

export interface RunObject extends KubeObject {
  readonly spec: OffboardingSpec;
  readonly status?: OffboardingStatus;
}

/** In the namespace asked for, or in all of them. */
export const listRuns = async ({ client, namespace, everywhere, signal }: Cluster): Promise<readonly RunObject[]> =>
  (await client.list<RunObject>(offboardings, everywhere ? {} : { namespace }, { signal })).items.map(withKind);

/** A list leaves out what kind its items are. */
const withKind = (run: RunObject): RunObject => ({ apiVersion, kind: offboardings.kind, ...run });

/** @throws CannotError with what may have been meant, where there is none of that name, or more than one. */
export const getRun = async (cluster: Cluster, name: string): Promise<RunObject> => {
  const { client, namespace, everywhere, signal } = cluster;
  if (everywhere) return one(name, await runsNamed(cluster, name));
  try {
    return await client.get<RunObject>(offboardings, { namespace, name }, { signal });
  } catch (error) {
    if (!isNotFound(error, offboardings, name)) throw error;
    throw new CannotError(notFound(name, namespace, await visible(() => listRuns(cluster)), await visible(() => runsNamed(cluster, name))));
  }
};

const runsNamed = async ({ client, signal }: Cluster, name: string): Promise<readonly RunObject[]> =>
  (await client.list<RunObject>(offboardings, { fieldSelector: `metadata.name=${name}` }, { signal })).items.map(withKind);

/** Whoever may not list is helped less. */
const visible = async (list: () => Promise<readonly RunObject[]>): Promise<readonly RunObject[]> => {
  try {
    return await list();
  } catch {
    return [];
  }
};

const one = (name: string, found: readonly RunObject[]): RunObject => {
  const [run, ...others] = found;
  if (run === undefined) throw new CannotError(`there is no Offboarding "${name}" in any namespace`);
  if (others.length === 0) return run;
  throw new CannotError(`there are Offboardings "${name}" in ${found.map(({ metadata }) => metadata.namespace ?? '').join(', ')}: say which with -n`);
};

/** `here` are those of the namespace, `named` those of that name elsewhere. */
export const notFound = (name: string, namespace: string, here: readonly RunObject[], named: readonly RunObject[]): string => {
  const none = `there is no Offboarding "${name}" in namespace ${namespace}`;
  const ofIdentity = here.filter((run) => identityIn(run) === name).map(({ metadata }) => metadata.name);
  if (ofIdentity.length > 0) return `${none}; the identity of that name is retired by ${ofIdentity.join(', ')}`;
  const elsewhere = named.map(({ metadata }) => metadata.namespace ?? '');
  if (elsewhere.length > 0) return `${none}; there is one in ${elsewhere.join(', ')}: -n ${quoted(elsewhere[0] ?? '')}`;
  const near = nearest(name, here.map(({ metadata }) => metadata.name)) ?? here.find(({ metadata }) => metadata.name.startsWith(name))?.metadata.name;
  if (near !== undefined) return `${none}: did you mean ${near}?`;
  return `${none}: ${offboardLine('status', '-n', namespace)} lists those that are there`;
};

/** The name of whose end it is, as far as it is known. */
const identityIn = ({ spec, status }: RunObject): string | undefined =>
  spec.workloadIdentityRef?.name ?? spec.identity?.serviceAccount.name ?? status?.identity?.split('/')[1];
