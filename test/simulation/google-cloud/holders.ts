/** Whose things are whose: the forms in which an identity is a member of a policy, and the account that is its own. */
import type { Principal } from '../../fakes/google-cloud/members.ts';
import type { Pool } from '../../fakes/google-cloud/world.ts';

export interface Holder {
  readonly serviceAccount: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** The unique id of the service account that it acts as, which is nobody else's. */
  readonly account?: string;
}

export interface Forms {
  readonly byName: string;
  readonly byUid: string;
  /** By the set of all with that UID, of which there is one. */
  readonly setByUid: string;
  /** As GKE had it first. */
  readonly legacy: string;
}

export const labelOf = ({ serviceAccount: { namespace, name } }: Holder): string => `${namespace}/${name}`;

export const formsOf = ({ name: pool }: Pool, { serviceAccount: { namespace, name, uid } }: Holder): Forms => {
  const path = `iam.googleapis.com/${pool}`;
  return {
    byName: `principal://${path}/subject/ns/${namespace}/sa/${name}`,
    byUid: `principal://${path}/kubernetes.serviceaccount.uid/${uid}`,
    setByUid: `principalSet://${path}/kubernetes.serviceaccount.uid/${uid}`,
    legacy: `serviceAccount:${pool.slice(pool.lastIndexOf('/') + 1)}[${namespace}/${name}]`,
  };
};

/** Who calls with a token that the pool gave for one of the ServiceAccount. */
export const federated = (pool: Pool, { serviceAccount: { namespace, name, uid } }: Holder): Principal => ({
  kind: 'federated',
  pool: pool.name,
  subject: `ns/${namespace}/sa/${name}`,
  attributes: { namespace, 'kubernetes.serviceaccount.name': name, 'kubernetes.serviceaccount.uid': uid },
});

export interface Register {
  readonly add: (holder: Holder) => void;
  readonly all: () => readonly Holder[];
  /** Whose alone a member is, as it is stored; undefined when it is somebody else's. */
  readonly ofMember: (stored: string) => string | undefined;
  readonly ofAccount: (uniqueId: string) => string | undefined;
}

export const createRegister = (pool: Pool): Register => {
  const holders: Holder[] = [];
  const members = new Map<string, string>();
  return {
    add: (holder) => {
      holders.push(holder);
      const label = labelOf(holder);
      for (const form of Object.values(formsOf(pool, holder) satisfies Forms)) members.set(form as string, label);
      if (holder.account !== undefined) members.set(`uid:${holder.account}`, label);
    },
    all: () => holders,
    ofMember: (stored) => members.get(stored),
    ofAccount: (uniqueId) => members.get(`uid:${uniqueId}`),
  };
};
