/** Objects of ours, asked for as the operator would. */
import type { OffboardingObject, WorkloadIdentityObject } from '../../src/reconcile/objects.ts';
import type { ControlPlane } from '../env/control-plane.ts';

type Kind = 'offboardings' | 'workloadidentities';

/** Objects of one kind in a namespace, for a test that asks often. */
const listOf = async <T>(kind: Kind, cluster: ControlPlane, token: string, namespace: string): Promise<readonly T[]> => {
  const { status, body } = await cluster.request(`/apis/offboard.dev/v1alpha1/namespaces/${namespace}/${kind}`, { token });
  if (status !== 200) throw new Error(`${kind} in ${namespace}: ${String(status)} ${body}`);
  return (JSON.parse(body) as { readonly items: readonly T[] }).items;
};

export const offboardingsOf = (cluster: ControlPlane, token: string, namespace: string): Promise<readonly OffboardingObject[]> =>
  listOf('offboardings', cluster, token, namespace);

export const identitiesOf = (cluster: ControlPlane, token: string, namespace: string): Promise<readonly WorkloadIdentityObject[]> =>
  listOf('workloadidentities', cluster, token, namespace);
