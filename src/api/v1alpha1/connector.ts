// Generated from crds/offboard.dev_connectors.yaml by `make generate`. Do not edit.

/**
 * Connector is the connection to one system that holds credentials of identities: where it is, how Offboard logs in, and which namespaces may have what retired there. What no grant names, nobody may.
 */
export interface Connector {
  /**
   * Where the system is, how to log in, and who may use it for what.
   */
  spec: {
    /**
     * A HashiCorp Vault or OpenBao server.
     */
    vault?: {
      /**
       * The server's address, such as https://vault.vault.svc:8200. Plain http is for loopback alone, and only where the operator runs with --allow-loopback-http.
       */
      address: string;
      /**
       * The namespace of that server in which everything is; none means the root namespace.
       */
      namespace?: string;
      /**
       * PEM certificates that the server's certificate must lead to; the system's own where none are given.
       */
      caBundle?: string;
      /**
       * How Offboard logs in. Secrets are read from the operator's own namespace only.
       */
      auth: {
        /**
         * By a short-lived token of the operator's own ServiceAccount.
         */
        kubernetes?: {
          /**
           * The Kubernetes auth mount.
           */
          mount?: string;
          /**
           * The auth role to log in by.
           */
          role: string;
          /**
           * The token's audience. It must never be one of the API server's own, so that Vault cannot use the token there.
           */
          audience: string;
        };
        /**
         * By an AppRole and a secret id.
         */
        appRole?: {
          /**
           * The AppRole mount.
           */
          mount?: string;
          /**
           * The role id.
           */
          roleId: string;
          /**
           * The Secret that holds the secret id.
           */
          secretIdSecretRef: {
            /**
             * The Secret's name.
             */
            name: string;
            /**
             * The key in its data.
             */
            key: string;
          };
        };
        /**
         * By a token from a Secret.
         */
        tokenSecretRef?: {
          /**
           * The Secret's name.
           */
          name: string;
          /**
           * The key in its data.
           */
          key: string;
        };
      };
      /**
       * The Kubernetes auth mounts by which workloads of this cluster log in.
       */
      kubernetesAuthMounts?: {
        /**
         * The mount.
         */
        path: string;
        /**
         * What the mount's roles make the name of an alias from, as their alias_name_source says: the ServiceAccount's UID, or its namespace and name.
         */
        aliasSource?: 'serviceaccount_uid' | 'serviceaccount_name';
      }[];
    };
    /**
     * Google Cloud IAM.
     */
    googleCloud?: {
      /**
       * How Offboard logs in. Secrets are read from the operator's own namespace only.
       */
      auth: {
        /**
         * By a short-lived token of the operator's own ServiceAccount, through a workload identity pool. There is no key to lose.
         */
        workloadIdentityFederation?: {
          /**
           * The pool's provider, by its full name //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER.
           */
          audience: string;
          /**
           * The audience of the ServiceAccount's token. Unless told, the provider's own name as an https address, and the pool's name in a pool of GKE. It must never be one of the API server's own.
           */
          tokenAudience?: string;
          /**
           * The service account that Offboard then acts as; none means that the pool's subject itself has the role.
           */
          serviceAccount?: string;
        };
        /**
         * As the service account that the machine or the pod has, by the metadata server.
         */
        attached?: {};
        /**
         * By a key file, as Google makes it, from a Secret.
         */
        keySecretRef?: {
          /**
           * The Secret's name.
           */
          name: string;
          /**
           * The key in its data.
           */
          key: string;
        };
      };
      /**
       * The project that requests count against; the one of Offboard's own account where none is given.
       */
      quotaProject?: string;
      /**
       * Addresses of services, by name, where they are not https://SERVICE.googleapis.com, such as those of Private Service Connect. The names are those of full resource names, and sts, iamcredentials, oauth2 and metadata.
       */
      endpoints?: {
        [k: string]: string;
      };
      /**
       * The workload identity pools by which ServiceAccounts of this cluster are members of policies.
       */
      workloadIdentityPools?: {
        /**
         * Its full name, with the number of its project: projects/NUMBER/locations/global/workloadIdentityPools/POOL.
         */
        name: string;
        /**
         * OnlyThis: no other cluster uses the pool. Shared: a member by namespace and name is the same name in other clusters as well, and is left to a person; in GKE all clusters of a project share one pool.
         */
        clusters: 'OnlyThis' | 'Shared';
        /**
         * What the pool calls a ServiceAccount, made of {namespace}, {name} and {uid}. Unless told, ns/{namespace}/sa/{name} in a pool of GKE, whose name ends in .svc.id.goog, and system:serviceaccount:{namespace}:{name} in any other.
         */
        subject?: string;
        /**
         * How ServiceAccounts of this cluster log in there. Needed where an identity asks for a probe.
         */
        provider?: {
          /**
           * What the security token service knows the provider by, as in auth.
           */
          audience: string;
          /**
           * The audience of the tokens, as in auth.
           */
          tokenAudience?: string;
        };
      }[];
      /**
       * Has Cloud Asset Inventory searched for resources on which an identity has roles, beyond those that it names.
       */
      assetSearch?: {
        /**
         * Beneath what, such as organizations/123.
         */
        scope: string;
      };
      /**
       * How long an access token may live. Nobody can revoke one: it is waited out. Whoever may mint one may ask for 1h, so less is never true of Google itself; it is more where the organisation allows that.
       */
      accessTokenLifetime?: string;
    };
    /**
     * Who may have what retired. All that a dependency names must be in one grant. The identity's own logins and tokens in a Vault need no more than a grant to its namespace.
     */
    grants?: {
      /**
       * The namespaces of the identities.
       */
      namespaces: {
        /**
         * By name.
         */
        names?: string[];
        /**
         * By labels, which must be such that tenants cannot set them.
         */
        selector?: {
          /**
           * Labels that the Namespace must have, all of them.
           */
          matchLabels: {
            [k: string]: string;
          };
        };
      };
      /**
       * What may be retired in a Vault.
       */
      vault?: {
        /**
         * Roles of the Kubernetes auth mounts, by patterns such as ci-*, in which * stands for anything.
         */
        authRoles?: string[];
        /**
         * Paths of leases, by patterns such as database/creds/ci-*, in which * stands for anything but a slash.
         */
        leasePrefixes?: string[];
        /**
         * AppRoles, by patterns such as approle/ci-* of MOUNT/NAME.
         */
        appRoles?: string[];
        /**
         * Certificates, by patterns such as pki/ci-*.example.com of MOUNT/COMMON NAME.
         */
        certificates?: string[];
      };
      /**
       * What may be retired in Google Cloud.
       */
      googleCloud?: {
        /**
         * Projects, with all that lies in them, by patterns such as acme-*, in which * stands for anything.
         */
        projects?: string[];
        /**
         * Service accounts that identities act as, by patterns such as ci-*@acme-ci.iam.gserviceaccount.com.
         */
        serviceAccounts?: string[];
        /**
         * What lies in no project, by patterns such as folders/123, organizations/123 or //storage.googleapis.com/acme-*, in which * stands for anything but a slash.
         */
        resources?: string[];
      };
    }[];
    /**
     * How patient Offboard is with it.
     */
    timing?: {
      /**
       * How long an absence must hold before it is believed. Unless told, 30s in a Vault and 7m in Google Cloud.
       */
      settle?: string;
      /**
       * How long one request may take.
       */
      timeout?: string;
      /**
       * How many requests are under way at once.
       */
      maxConcurrent?: number;
    };
  };
  /**
   * What Offboard knows about the connection. Written by the operator only.
   */
  status?: {
    /**
     * The generation of the spec that this status speaks of.
     */
    observedGeneration?: number;
    /**
     * The version that the server gives.
     */
    serverVersion?: string;
    /**
     * The server's own id, by which a server that lost its storage is told from the one it was.
     */
    clusterId?: string;
    /**
     * Who Offboard is there.
     */
    account?: string;
    /**
     * The token that Offboard uses there.
     */
    token?: {
      /**
       * Whether it can be renewed.
       */
      renewable: boolean;
      /**
       * When it ends unless it is renewed; absent when never.
       */
      expiresAt?: string;
    };
    /**
     * What the operator may not do there, each with the exact permission.
     */
    missingPermissions?: string[];
    /**
     * kstatus conditions. Ready is always there: True while the system answers and the operator has every permission that it needs. Reconciling and Stalled only while true.
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
