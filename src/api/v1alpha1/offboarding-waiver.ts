// Generated from crds/offboard.dev_offboardingwaivers.yaml by `make generate`. Do not edit.

/**
 * OffboardingWaiver gives one dependency of one Offboarding up, for a reason and until a time: the run may end without the proof for it, and says so. When the waiver expires or is deleted, the run is open again.
 */
export interface OffboardingWaiver {
  /**
   * What is given up, by whom, why and for how long. Immutable; create another waiver instead.
   */
  spec: {
    /**
     * The Offboarding, in the namespace of this object.
     */
    offboardingRef: {
      /**
       * The Offboarding's name.
       */
      name: string;
      /**
       * Its UID, so that the waiver never counts for a later run of the same name.
       */
      uid: string;
    };
    /**
     * The dependency that is given up, as the Offboarding's status names it.
     */
    dependency: string;
    /**
     * Why, for the audit.
     */
    reason: string;
    /**
     * When the waiver ends; from then on the run is open again.
     */
    expiresAt: string;
    /**
     * Who created this waiver, stamped by the API server over whatever the manifest says. Never who requested the Offboarding.
     */
    approvedBy?: {
      /**
       * The user name as the API server knows it.
       */
      username?: string;
      /**
       * The user's groups as the API server knows them.
       */
      groups?: string[];
    };
  };
  /**
   * Whether the waiver counts, and why not. Written by the operator only.
   */
  status?: {
    /**
     * The generation of the spec that this status speaks of.
     */
    observedGeneration?: number;
    /**
     * kstatus conditions. Ready is always there, and True while the waiver is in force; Stalled only while a person must act.
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
