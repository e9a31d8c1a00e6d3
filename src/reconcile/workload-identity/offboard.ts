/** Creates the Offboarding that ends an identity: once, under a name that another look or another leader would choose too. */
import { apiVersion } from '../../api/v1alpha1/index.ts';
import type { OffboardingSpec } from '../../api/v1alpha1/index.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isAlreadyExists, isNamespaceTerminating } from '../../kube/errors.ts';
import { offboardings } from '../../kube/resources.ts';
import type { OffboardingObject, WorkloadIdentityObject } from '../objects.ts';

const maxName = 253;

/** The name comes from the UID, so that a second attempt is told apart from a second life of the same name. */
export const offboardingName = ({ metadata: { name, uid } }: WorkloadIdentityObject, reason: 'Retired' | 'Expired'): string => {
  const suffix = reason === 'Expired' ? `-expired-${uid}` : `-${uid}`;
  // No part of a name between dots may begin with the dash of the suffix.
  return `${name.slice(0, maxName - suffix.length).replace(/[.-]+$/, '')}${suffix}`;
};

/**
 * There is no owner reference: the Offboarding outlives the identity. Where the identity's namespace is being deleted
 * nothing can be created in it, and the run goes to the operator's own. Undefined when it is there already.
 */
export const createOffboarding = async (
  client: KubeClient,
  identity: WorkloadIdentityObject,
  reason: 'Retired' | 'Expired',
  operatorNamespace: string,
  signal: AbortSignal,
): Promise<OffboardingObject | undefined> => {
  const own = identity.metadata.namespace ?? '';
  const create = (namespace: string): Promise<OffboardingObject> => {
    const spec: OffboardingSpec = {
      workloadIdentityRef: { name: identity.metadata.name, ...(namespace === own ? {} : { namespace: own }) },
      reason,
      mode: 'Enforce',
    };
    const metadata = { name: offboardingName(identity, reason), namespace };
    return client.create<OffboardingObject>(offboardings, namespace, { apiVersion, kind: 'Offboarding', metadata, spec }, { signal });
  };
  try {
    return await create(own);
  } catch (error) {
    if (isAlreadyExists(error)) return undefined;
    if (!isNamespaceTerminating(error)) throw error;
  }
  try {
    return await create(operatorNamespace);
  } catch (error) {
    if (isAlreadyExists(error)) return undefined;
    throw error;
  }
};
