// Generated from crds/offboard.dev_workloadidentities.yaml by `make generate`. Do not edit.

/**
 * WorkloadIdentity names one non-human identity, a ServiceAccount and everything that trusts it, and says what happens at the end of its life. While it exists, Offboard keeps an inventory of its credentials. When it is deleted or expires, Offboard retires the identity and holds the object until all access is proven gone.
 */
export interface WorkloadIdentity {
  /**
   * What the identity is, who owns it, and how it ends.
   */
  spec: {
    /**
     * The ServiceAccount, in the namespace of this object. One identity is one ServiceAccount.
     */
    serviceAccount: {
      /**
       * The ServiceAccount's name. Immutable.
       */
      name: string;
      /**
       * Pins the identity to the ServiceAccount with this UID. Without it, the UID seen while this object exists is used. Immutable.
       */
      uid?: string;
      /**
       * True says it is fine when the ServiceAccount does not exist and was never seen. Without it, such an identity is unknown, which is not the same as gone, and its offboarding waits for a person.
       */
      mayBeAbsent?: boolean;
    };
    /**
     * Who answers for the identity. Shown to people, used for nothing else.
     */
    owner?: {
      /**
       * The team or person.
       */
      name?: string;
      /**
       * How to reach them, such as an e-mail address or a channel.
       */
      contact?: string;
    };
    /**
     * When and how the identity ends.
     */
    lifecycle?: {
      /**
       * Past this time an Offboarding with reason Expired is created.
       */
      expiresAt?: string;
      /**
       * What the deletion of this object means. Offboard retires the identity and holds this object until that is done. Orphan lets the object go and leaves all access as it is.
       */
      onDelete?: 'Offboard' | 'Orphan';
    };
    /**
     * What the cluster cannot tell by itself. The cluster itself is always a dependency, named "kubernetes".
     */
    kubernetes?: {
      /**
       * Client certificates that were issued to the identity. Nobody can revoke one: the bindings of its user are removed, and the certificate is waited out. Each commonName needs the requester's permission to impersonate that user.
       */
      certificates?: {
        /**
         * The subject's common name, which is the Kubernetes user name. Names that begin with "system:" belong to the cluster.
         */
        commonName: string;
        /**
         * When the certificate expires; until then it is accepted by every API server.
         */
        notAfter: string;
      }[];
    };
    /**
     * Systems other than the cluster that hold credentials of the identity. This version supports none, and refuses the field rather than ignore it.
     */
    dependencies?: {
      [k: string]: unknown;
    }[];
  };
  /**
   * What Offboard knows about the identity. Written by the operator only.
   */
  status?: {
    /**
     * The generation of the spec that this status speaks of.
     */
    observedGeneration?: number;
    /**
     * Active: in use. Expiring: it expires within 24 hours, or has expired. Offboarding: an Offboarding is retiring it, or is complete only by waivers. Retired: an Offboarding has confirmed that all its access is gone.
     */
    lifecycleState?: 'Active' | 'Expiring' | 'Offboarding' | 'Retired';
    /**
     * The UID of the ServiceAccount as last seen alive, or as pinned by the spec.
     */
    serviceAccountUID?: string;
    /**
     * What was found in each dependency at the last inventory.
     */
    dependencies?: {
      /**
       * The dependency.
       */
      name: string;
      /**
       * How many credentials it holds for the identity.
       */
      credentials: number;
      /**
       * Whether the end of every one of them can be observed.
       */
      provable: boolean;
      /**
       * What the operator may not do there, each with the exact permission.
       */
      missingPermissions?: string[];
    }[];
    /**
     * The Offboarding that retires, or has retired, the identity.
     */
    offboardingRef?: {
      /**
       * Its namespace.
       */
      namespace: string;
      /**
       * Its name.
       */
      name: string;
    };
    /**
     * kstatus conditions. Ready and Inventoried are always there; Reconciling, Stalled and GlassBroken only while true.
     */
    conditions?: {
      /**
       * The kind of condition.
       */
      type: string;
      /**
       * True, False or Unknown.
       */
      status: 'True' | 'False' | 'Unknown';
      /**
       * The generation of the spec that this condition speaks of.
       */
      observedGeneration?: number;
      /**
       * When the status last changed.
       */
      lastTransitionTime: string;
      /**
       * Why, in one CamelCase word.
       */
      reason: string;
      /**
       * What it means, for people.
       */
      message: string;
    }[];
  };
}
