// Generated from crds/offboard.dev_offboardingrecords.yaml by `make generate`. Do not edit.

/**
 * OffboardingRecord is the signed evidence of one finished offboarding, for whoever asks later: kubectl offboard verify checks it offline. It outlives the namespace, and is the tombstone by which the identity's return is noticed. Its name is a sequence without gaps; each holds the digest of the one before. Created by the operator only.
 */
export interface OffboardingRecord {
  /**
   * What is signed, and what of it is needed to find it. What counts is the envelope. Immutable.
   */
  spec: {
    /**
     * How the offboarding ended.
     */
    outcome?: 'Confirmed' | 'ConfirmedWithUnprovable' | 'CompletedWithWaivers' | 'Cancelled' | 'Abandoned';
    /**
     * The ServiceAccount that was retired.
     */
    identity?: {
      /**
       * Its namespace.
       */
      namespace: string;
      /**
       * Its name.
       */
      name: string;
      /**
       * Its UID, where that was known.
       */
      uid?: string;
    };
    /**
     * The run.
     */
    offboarding?: {
      /**
       * Its namespace.
       */
      namespace: string;
      /**
       * Its name.
       */
      name: string;
      /**
       * Its UID, which tells it from a later one of the same name.
       */
      uid: string;
    };
    /**
     * When it ended.
     */
    completedAt?: string;
    /**
     * The SHA-256 of the payload of the envelope, as sha256: and hexadecimal digits.
     */
    digest?: string;
    /**
     * The digest of the record before; absent in the first one.
     */
    previousDigest?: string;
    /**
     * The record whose identity's name this one had used again.
     */
    supersedes?: string;
    /**
     * A DSSE envelope (github.com/secure-systems-lab/dsse) with an in-toto Statement of the type that docs/record.md describes.
     */
    envelope?: {
      /**
       * Always application/vnd.in-toto+json.
       */
      payloadType: string;
      /**
       * The statement, base64.
       */
      payload: string;
      /**
       * One Ed25519 signature.
       */
      signatures: {
        /**
         * The SHA-256 of the public key (SubjectPublicKeyInfo, DER), in hexadecimal digits.
         */
        keyid?: string;
        /**
         * The signature, base64.
         */
        sig: string;
      }[];
    };
    /**
     * A part of a long record; the record that it belongs to holds its digest.
     */
    chunk?: {
      /**
       * The credentials, as canonical JSON, base64.
       */
      credentials: string;
    };
  };
  /**
   * What became of it since. Written by the operator only.
   */
  status?: {
    /**
     * The generation of the spec that this status speaks of.
     */
    observedGeneration?: number;
    /**
     * The WorkloadIdentity that uses the name again on purpose. From then on the record watches nothing.
     */
    supersededBy?: {
      /**
       * Its namespace.
       */
      namespace: string;
      /**
       * Its name.
       */
      name: string;
      /**
       * Its UID.
       */
      uid: string;
      /**
       * The user who asked for it.
       */
      requestedBy?: string;
      /**
       * When Offboard took the lock off.
       */
      at?: string;
    };
    /**
     * What came back after the end, at most 32.
     */
    returned?: {
      /**
       * Where.
       */
      dependency: string;
      /**
       * What, as its dependency calls it.
       */
      id: string;
      /**
       * The kind of credential, such as RoleBinding.
       */
      class?: string;
      /**
       * When it was seen first.
       */
      seenAt?: string;
      /**
       * When it was seen to be gone again, by itself or by the hand of a person. Absent while it is there.
       */
      goneAt?: string;
    }[];
    /**
     * Intact: the record is as it was signed, and the lock on the identity stands. Resurrected: the identity, or a grant to it, came back.
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
