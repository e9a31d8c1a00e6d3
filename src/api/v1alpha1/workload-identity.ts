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
    /**
     * Says that the name of a retired identity is used again on purpose: the lock on it is taken off, and nobody is told that it came back. Needs the verb "supersede" on that OffboardingRecord. Cannot be changed or taken back.
     */
    supersedes?: {
      /**
       * The OffboardingRecord of the last end of an identity of this name.
       */
      record: string;
      /**
       * Who asked for it, stamped by the API server over whatever the manifest says.
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
       * False when it was taken out of the spec while it still holds credentials; they are retired too.
       */
      declared?: boolean;
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
