// Generated from crds/offboard.dev_offboardings.yaml by `make generate`. Do not edit.

/**
 * Offboarding ends one workload identity: it finds every credential, revokes it, proves that it is gone, and says Ready=True only then.
 */
export interface Offboarding {
  /**
   * Whose access ends, why and how. Immutable but for suspend, deadline, cancel, soak (only down), urgency (Routine to Emergency) and mode (Plan to Enforce).
   */
  spec: {
    /**
     * The WorkloadIdentity to retire. Exactly one of workloadIdentityRef and identity is set.
     */
    workloadIdentityRef?: {
      /**
       * The WorkloadIdentity's name.
       */
      name: string;
      /**
       * The WorkloadIdentity's namespace. Accepted only on an Offboarding in the operator's own namespace, which is where the run goes when the identity's namespace is being deleted.
       */
      namespace?: string;
    };
    /**
     * The identity to retire, where no WorkloadIdentity names it. Same meaning as in a WorkloadIdentity's spec.
     */
    identity?: {
      /**
       * The ServiceAccount, in the namespace of this object.
       */
      serviceAccount: {
        /**
         * The ServiceAccount's name.
         */
        name: string;
        /**
         * Pins the identity to the ServiceAccount with this UID.
         */
        uid?: string;
        /**
         * True says it is fine when the ServiceAccount does not exist and was never seen. Without it, such an identity is unknown, which is not the same as gone, and the run waits for a person.
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
       * What the cluster cannot tell by itself.
       */
      kubernetes?: {
        /**
         * True has Offboard try the API servers by a short-lived token of the ServiceAccount: before the lock it must work, after the end it must be refused. Offboard must be allowed to make such tokens in this namespace.
         */
        probe?: boolean;
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
       * Systems other than the cluster that hold credentials of the identity. Each needs the requester's permission to use the connector that it names.
       */
      dependencies?: {
        /**
         * What the dependency is called in the status, in waivers and in after.
         */
        name: string;
        /**
         * Names of dependencies that must be proven gone before anything is revoked here. None means side by side.
         */
        after?: string[];
        /**
         * HashiCorp Vault or OpenBao. The identity's own logins and tokens are found by its ServiceAccount; what cannot be found by that is named here.
         */
        vault?: {
          /**
           * The Connector to the server. It must grant to this namespace all that is named here.
           */
          connectorRef: {
            /**
             * The Connector's name.
             */
            name: string;
          };
          /**
           * Roles of the connector's Kubernetes auth mounts that let this identity in. One that lets nobody else in is deleted; one that is shared waits for a person.
           */
          roles?: string[];
          /**
           * Where the leases of the identity are. Vault cannot tell whose a lease is, so this must be said.
           */
          leases?: {
            /**
             * The path that the leases were read from, such as database/creds/ci-build-agent-7.
             */
            prefix: string;
            /**
             * True says that nobody else gets leases beneath this path, so that all of them are ended. Without it they are left alone, and wait for a person.
             */
            exclusive?: boolean;
          }[];
          /**
           * Roles of AppRole mounts by which the identity also logs in.
           */
          appRoles?: {
            /**
             * The AppRole mount.
             */
            mount?: string;
            /**
             * The role. Vault writes it in lower case.
             */
            name: string;
            /**
             * True says that nobody else logs in by this role, so that all its secret ids and tokens are ended. Without it they are left alone, and wait for a person.
             */
            exclusive?: boolean;
          }[];
          /**
           * Certificates that PKI mounts issued to the identity.
           */
          certificates?: {
            /**
             * The PKI mount.
             */
            mount?: string;
            /**
             * The serial number as Vault writes it, such as 39:dd:2e.
             */
            serialNumber: string;
          }[];
        };
        /**
         * Google Cloud IAM. The identity's own bindings are found by its ServiceAccount and by the service account that is named here, in the policies of that account and of the resources that are named or found.
         */
        googleCloud?: {
          /**
           * The Connector to Google Cloud. It must grant to this namespace all that is named here.
           */
          connectorRef: {
            /**
             * The Connector's name.
             */
            name: string;
          };
          /**
           * The service account that the identity acts as. One that others use as well is neither disabled nor deleted: only this identity's part in it ends.
           */
          serviceAccount?: {
            /**
             * Its e-mail address, which also tells its project.
             */
            email: string;
            /**
             * Its unique id, 21 digits as a rule. It pins the account, since an account that is made anew has the same e-mail.
             */
            uniqueId?: string;
            /**
             * What is left in the end. KeepDisabled: the account, disabled, which a person may enable. Delete: nothing; Google can bring a deleted account back for 30 days.
             */
            onRetire?: 'KeepDisabled' | 'Delete';
          };
          /**
           * Where the identity may have been given roles: projects/P, folders/N, organizations/N, or a full resource name such as //secretmanager.googleapis.com/projects/P/secrets/S or //storage.googleapis.com/BUCKET.
           */
          resources?: string[];
          /**
           * True has Offboard try, by a short-lived token of the ServiceAccount, to act as the service account: before the lock it must work, after the end it must be refused. Offboard must be allowed to make such tokens in this namespace.
           */
          probe?: boolean;
        };
      }[];
    };
    /**
     * Why the identity ends.
     */
    reason: 'Retired' | 'Compromised' | 'OwnerLeft' | 'Expired';
    /**
     * Plan writes nothing anywhere but this object's status, which then holds the plan. Enforce does it. A Plan may become an Enforce, never the other way round.
     */
    mode: 'Plan' | 'Enforce';
    /**
     * Routine waits for the soak and for workloads that still run as the identity. Emergency does not, and only reports them; verification stays the same.
     */
    urgency?: 'Routine' | 'Emergency';
    /**
     * How long the reversible lock stands before anything irreversible happens, at most 168h. It may only become shorter.
     */
    soak?: string;
    /**
     * Past this time after its creation, the run is reported as overdue, by an event and a metric. Work goes on.
     */
    deadline?: string;
    /**
     * True stops all work on this run, wherever it is, until it is false again.
     */
    suspend?: boolean;
    /**
     * Gives the run up and takes the lock back. Accepted until the first revoke, and never while the identity or its namespace is being deleted.
     */
    cancel?: {
      /**
       * Why, for the audit.
       */
      reason: string;
      /**
       * Who cancelled, stamped by the API server over whatever the manifest says.
       */
      requestedBy?: {
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
     * Who created this Offboarding, stamped by the API server over whatever the manifest says.
     */
    requestedBy?: {
      /**
       * The user name as the API server knows it.
       */
      username?: string;
      /**
       * The user's groups as the API server knows them.
       */
      groups?: string[];
    };
    /**
     * Who set mode to Enforce, stamped by the API server over whatever the manifest says.
     */
    enforcedBy?: {
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
   * How far the run is. Written by the operator only; the run's only memory.
   */
  status?: {
    /**
     * The generation of the spec that this status speaks of.
     */
    observedGeneration?: number;
    /**
     * The identity as namespace/name, for columns and field selectors.
     */
    identity?: string;
    /**
     * Where the run is, for people. Machines read the conditions.
     */
    phase?:
      | 'Pending'
      | 'Planned'
      | 'Waiting'
      | 'Blocked'
      | 'Suspended'
      | 'Soaking'
      | 'Revoking'
      | 'Verifying'
      | 'Complete'
      | 'Cancelled'
      | 'Superseded'
      | 'Resurrected';
    /**
     * Confirmed credentials of all, such as 15/17.
     */
    progress?: string;
    /**
     * The first dependency that is not confirmed.
     */
    waitingOn?: string;
    /**
     * The identity as resolved at the start. The run reads only this, whatever happens to the objects it came from.
     */
    target?: {
      /**
       * The WorkloadIdentity it was resolved from, if any.
       */
      workloadIdentity?: {
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
        /**
         * The generation of its spec that the run goes by.
         */
        generation: number;
      };
      /**
       * The ServiceAccount to retire.
       */
      serviceAccount: {
        /**
         * Its namespace.
         */
        namespace: string;
        /**
         * Its name.
         */
        name: string;
        /**
         * Absent only where the spec says that the ServiceAccount may never have existed.
         */
        uid?: string;
      };
      /**
       * Whether tokens of the ServiceAccount are tried at the API servers.
       */
      probe?: boolean;
      /**
       * The OffboardingRecord of whoever had the name before.
       */
      supersedes?: string;
      /**
       * The client certificates to wait out.
       */
      certificates?: {
        /**
         * The Kubernetes user name.
         */
        commonName: string;
        /**
         * When it expires.
         */
        notAfter: string;
      }[];
      /**
       * The dependencies other than the cluster.
       */
      dependencies?: {
        /**
         * What it is called.
         */
        name: string;
        /**
         * True when it was taken out of the WorkloadIdentity while it still held credentials.
         */
        undeclared?: boolean;
        /**
         * What must be proven gone before.
         */
        after?: string[];
        /**
         * The dependency as it was declared.
         */
        vault?: {
          /**
           * The Connector.
           */
          connectorRef: {
            /**
             * Its name.
             */
            name: string;
          };
          /**
           * Roles of Kubernetes auth mounts.
           */
          roles?: string[];
          /**
           * Where the leases are.
           */
          leases?: {
            /**
             * The path.
             */
            prefix: string;
            /**
             * Whether nobody else has leases there.
             */
            exclusive?: boolean;
          }[];
          /**
           * Roles of AppRole mounts.
           */
          appRoles?: {
            /**
             * The mount.
             */
            mount?: string;
            /**
             * The role.
             */
            name: string;
            /**
             * Whether nobody else logs in by it.
             */
            exclusive?: boolean;
          }[];
          /**
           * Certificates of PKI mounts.
           */
          certificates?: {
            /**
             * The mount.
             */
            mount?: string;
            /**
             * The serial number.
             */
            serialNumber: string;
          }[];
        };
        /**
         * The dependency as it was declared.
         */
        googleCloud?: {
          /**
           * The Connector.
           */
          connectorRef: {
            /**
             * Its name.
             */
            name: string;
          };
          /**
           * The service account that the identity acts as.
           */
          serviceAccount?: {
            /**
             * Its e-mail address.
             */
            email: string;
            /**
             * Its unique id.
             */
            uniqueId?: string;
            /**
             * What is left in the end.
             */
            onRetire?: 'KeepDisabled' | 'Delete';
          };
          /**
           * Where the identity may have been given roles.
           */
          resources?: string[];
          /**
           * Whether a login as the service account is tried.
           */
          probe?: boolean;
        };
      }[];
    };
    /**
     * When the target was resolved and the run began.
     */
    startedAt?: string;
    /**
     * When every dependency that can be locked was locked.
     */
    lockedAt?: string;
    /**
     * When a lock was last seen not to hold any more. It stays when the lock is back.
     */
    lockLostAt?: string;
    /**
     * When the first revoke was about to be sent. From here on there is no way back.
     */
    revokeStartedAt?: string;
    /**
     * When every revoke had been accepted.
     */
    revokedAt?: string;
    /**
     * When the run ended: confirmed, completed with waivers, cancelled or superseded. Gone again when it is reopened.
     */
    completedAt?: string;
    /**
     * The OffboardingRecord of this end.
     */
    recordRef?: {
      /**
       * Its name.
       */
      name: string;
      /**
       * The SHA-256 of what is signed, as sha256: and hexadecimal digits.
       */
      digest: string;
      /**
       * Which end it is of. A run that waivers have completed gets another record when it is confirmed.
       */
      outcome: 'Confirmed' | 'ConfirmedWithUnprovable' | 'CompletedWithWaivers' | 'Cancelled';
    };
    /**
     * The latest time at which something not yet confirmed could still work, "unknown" where nobody can say, absent when there is none.
     */
    residualUntil?: string;
    /**
     * Of a Plan that is complete: what access would be left once everything that can be revoked is, if each revoke is accepted at once and nothing new comes.
     */
    forecast?: {
      /**
       * Milliseconds from the first revoke after which nothing of what can be revoked works any more, in the order that the dependencies come in.
       */
      residualFor?: number;
      /**
       * Until when what nobody can revoke works, "unknown" where a person must end something first; absent when there is no such thing.
       */
      residualUntil?: string;
    };
    /**
     * The credentials, counted.
     */
    summary?: {
      /**
       * Credentials found.
       */
      total: number;
      /**
       * Credentials proven gone.
       */
      confirmed: number;
      /**
       * Credentials that could not be observed the last time.
       */
      unknown: number;
      /**
       * Credentials that nobody can revoke and that are waited out.
       */
      unrevocable: number;
      /**
       * Kinds of access whose end nobody can observe.
       */
      notProvable: number;
      /**
       * Dependencies that a waiver gives up; absent when there are none.
       */
      waived?: number;
    };
    /**
     * Where each dependency is.
     */
    dependencies?: {
      /**
       * The dependency.
       */
      name: string;
      /**
       * Pending: not started. Locked: issues no more credentials. Revoking: revokes are being sent or awaited. Settling: absent, not yet long enough to be believed. Confirmed: all credentials are proven gone. Unknown: could not be asked. Blocked: a person must act. Waiting: a time must pass. Waived: an OffboardingWaiver in force gives it up; what is not gone is worked on as before.
       */
      state:
        'Pending' | 'Locked' | 'Revoking' | 'Settling' | 'Confirmed' | 'Unknown' | 'Blocked' | 'Waiting' | 'Waived';
      /**
       * Why it is Blocked or Waiting, or would be without a waiver, in one CamelCase word.
       */
      reason?: string;
      /**
       * What is going on and what to do, for people.
       */
      message?: string;
      /**
       * The waiver that gives it up, while that is in force.
       */
      waiver?: {
        /**
         * The OffboardingWaiver, in this namespace.
         */
        name: string;
        /**
         * The user who gave it up.
         */
        approvedBy: string;
        /**
         * When the waiver ends and the run is open again.
         */
        expiresAt: string;
      };
      /**
       * At most 128 in the whole status; beyond that one entry per class with count and digest.
       */
      credentials?: {
        /**
         * What it is called in its dependency.
         */
        id: string;
        /**
         * Its UID, where the dependency has one.
         */
        uid?: string;
        /**
         * The kind of credential, such as RoleBinding.
         */
        class: string;
        /**
         * Present, Absent (not yet believed), Unknown, Confirmed (absent through the settle time), or Waiting (unrevocable until expiresAt).
         */
        state: 'Present' | 'Absent' | 'Unknown' | 'Confirmed' | 'Waiting';
        /**
         * What it grants, such as ClusterRole/edit in ci.
         */
        grants?: string[];
        /**
         * Why a person must act before it goes, in one CamelCase word.
         */
        reason?: string;
        /**
         * Why it is not gone yet.
         */
        message?: string;
        /**
         * How it was observed, such as get/serviceaccounts.
         */
        method?: string;
        /**
         * When it ends by itself.
         */
        expiresAt?: string;
        /**
         * While it is there and can work only until a time: that time.
         */
        residualUntil?: string;
        /**
         * When this run first knew of it.
         */
        foundAt?: string;
        /**
         * When the intent to revoke it was written down.
         */
        revokeRequestedAt?: string;
        /**
         * The first of the observations that found it absent.
         */
        absentSince?: string;
        /**
         * The last of the observations that confirmed it.
         */
        confirmedAt?: string;
        /**
         * Milliseconds from the first of those observations to the last, by the clock of one process that nobody sets.
         */
        absentFor?: number;
        /**
         * What its confirmation rests on. Probed: it was tried, worked before the lock, and was refused from the first of those observations to the last. Observed: the dependency says that it is gone. WaitedOut: its time was over.
         */
        strength?: 'Probed' | 'Observed' | 'WaitedOut';
        /**
         * What was tried, where it was.
         */
        probe?: {
          /**
           * When it last worked.
           */
          controlAt: string;
          /**
           * When it was first refused by the source itself; a cache may have let it in still.
           */
          deadAt?: string;
          /**
           * When it was first refused everywhere, by whatever caches there are as well.
           */
          refusedAt?: string;
          /**
           * When it was last refused everywhere.
           */
          lastRefusedAt?: string;
          /**
           * How often it was refused since.
           */
          refusals?: number;
          /**
           * At how many servers it was tried.
           */
          servers?: number;
        };
        /**
         * By what the dependency's own log knows the requests to end it.
         */
        requestId?: string;
        /**
         * True when it was gone before this run asked for it.
         */
        foundAbsent?: boolean;
        /**
         * How often something put it back during this run.
         */
        returned?: number;
        /**
         * In a Plan: how it would end. Revoke: it is revoked. Others: with the other credentials. Expiry: nobody can revoke it, and it is waited out. Person: ending it is for a person, as its message says.
         */
        end?: 'Revoke' | 'Others' | 'Expiry' | 'Person';
        /**
         * In a Plan: true where the dependency has it now, false where it is only known that it may have.
         */
        found?: boolean;
        /**
         * In a Plan: who else has it, and keeps it.
         */
        sharedWith?: string[];
        /**
         * On an entry for a whole class: how many.
         */
        count?: number;
        /**
         * On an entry for a whole class: the SHA-256 of the sorted ids, one a line.
         */
        digest?: string;
      }[];
      /**
       * What is true of the identity and is not a credential to revoke.
       */
      findings?: {
        /**
         * Inherited: access through a group, which does not block. NotProvable: access whose end nobody can observe. NotEnumerated: credentials that cannot be listed and die with another. InUse: a workload that runs as, or names, the identity. Shared: what others use as well, and is left to them. NotProbed: what was to be tried and could not be, and why; it is observed instead.
         */
        type: 'Inherited' | 'NotProvable' | 'NotEnumerated' | 'InUse' | 'Shared' | 'NotProbed';
        /**
         * What it is about.
         */
        object?: string;
        /**
         * What it means, for people.
         */
        message: string;
      }[];
      /**
       * What the operator may not do there and has to, as of the last look before the start; each as whoever grants it has to write it.
       */
      missingPermissions?: string[];
      /**
       * In a Plan: in which order the end would come here, and what access may be left for how long.
       */
      forecast?: {
        /**
         * Those of stage 1 are revoked at once; of a later one when what it comes after is proven gone.
         */
        stage: number;
        /**
         * The dependencies that must be proven gone before anything is revoked here.
         */
        after?: string[];
        /**
         * The dependencies after whose end this one is looked at for the last time, since a login may succeed until then.
         */
        issuers?: string[];
        /**
         * Whether it can be stopped from issuing more credentials before anything is revoked.
         */
        lockable: boolean;
        /**
         * Why it cannot be locked, where it cannot.
         */
        lock?: string;
        /**
         * Milliseconds for which what is revoked here may still work, by what caches and propagation let in.
         */
        residualFor?: number;
        /**
         * Until when what nobody can revoke here works, "unknown" where a person must end something first; absent when there is no such thing.
         */
        residualUntil?: string;
        /**
         * Who may let the identity in after all of it is proven gone, since nobody can observe that.
         */
        outlasting?: {
          /**
           * The class of credential.
           */
          class: string;
          /**
           * Milliseconds after its end; absent where that has no end.
           */
          residualFor?: number;
          /**
           * Who lets it in, for people.
           */
          message: string;
        }[];
      };
      /**
       * In a Plan: what the dependency holds of the identity, or may, and the identity does not name there. It would not be ended.
       */
      undeclared?: {
        /**
         * AuthRole: a role of Vault that lets the identity in. LeasePrefix: a path with leases that may be the identity's. ServiceAccount: one of Google's that the identity may act as.
         */
        type: 'AuthRole' | 'LeasePrefix' | 'ServiceAccount';
        /**
         * As a dependency names it.
         */
        name: string;
        /**
         * Of a ServiceAccount: the unique id.
         */
        uniqueId?: string;
        /**
         * True where others use it as well, or may.
         */
        shared?: boolean;
        /**
         * Why it is taken for the identity's, and who else uses it, for people.
         */
        message?: string;
      }[];
      /**
       * Failed attempts in a row; written on powers of two or when the error changes.
       */
      attempts?: number;
      /**
       * The last failure, while it lasts.
       */
      lastError?: {
        /**
         * Its reason, in one CamelCase word.
         */
        code: string;
        /**
         * The provider's own words, redacted.
         */
        message: string;
        /**
         * When this failure was first seen.
         */
        since: string;
      };
    }[];
    /**
     * kstatus conditions. Ready is always there; Reconciling and Stalled only while true; Planned, Locked, Revoked, Verified and RecordSigned tell what is behind. Cancelled is there when spec.cancel is set, GlassBroken only while true.
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
