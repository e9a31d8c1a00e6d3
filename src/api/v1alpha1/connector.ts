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
     * Who may have what retired. All that a dependency names must be in one grant. The identity's own logins and tokens need no more than a grant to its namespace.
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
    }[];
    /**
     * How patient Offboard is with it.
     */
    timing?: {
      /**
       * How long an absence must hold before it is believed.
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
     * What the operator may not do there, each with the exact path and capability.
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
