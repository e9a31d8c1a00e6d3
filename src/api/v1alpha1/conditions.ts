/** Condition types and reasons. Each comment says exactly when it is true. kstatus reads Ready, Reconciling and Stalled. */

export const conditionTypes = {
  /** Offboarding: every dependency is confirmed. WorkloadIdentity: inventoried at this generation. Always there. */
  ready: 'Ready',
  /** Work goes on by itself. Only there while true. */
  reconciling: 'Reconciling',
  /** Nothing more happens until a person acts. Only there while true. */
  stalled: 'Stalled',
  /** Offboarding: every dependency was inventoried and checked for missing permissions. */
  planned: 'Planned',
  /** Offboarding: every dependency that can be locked is locked, and was seen to be. */
  locked: 'Locked',
  /** Offboarding: every revoke was accepted. Says nothing about whether the access is gone. */
  revoked: 'Revoked',
  /** Offboarding: every credential is proven gone, and the last enumeration found nothing new. */
  verified: 'Verified',
  /** WorkloadIdentity: every credential was listed and its end can be observed. False names what cannot. */
  inventoried: 'Inventoried',
} as const;

export const reasons = {
  // Ready=True
  /** Every credential is proven gone, and nothing is left that cannot be observed. */
  confirmed: 'Confirmed',
  /** Every credential is proven gone; access that nobody can observe, such as an open watch, may outlive it. */
  confirmedWithUnprovable: 'ConfirmedWithUnprovable',
  /** WorkloadIdentity: the inventory at this generation is complete. */
  inventoryComplete: 'InventoryComplete',

  // Ready=False, neither reconciling nor stalled: somebody wants it so
  /** mode is Plan and the plan is in the status. */
  planOnly: 'PlanOnly',
  /** suspend is true. */
  suspended: 'Suspended',
  /** The run was cancelled before the first revoke, and what it had locked is unlocked. */
  cancelled: 'Cancelled',
  /** Another run for the same identity took over. */
  superseded: 'Superseded',

  // Reconciling=True
  /** The run was seen and has not been inventoried yet. */
  starting: 'Starting',
  /** Another run holds the same identity; this one goes on after it. */
  waitingForOtherRun: 'WaitingForOtherRun',
  /** The reversible lock stands until the soak is over. */
  soaking: 'Soaking',
  /** Revokes are being sent, or accepted ones have not taken effect yet. */
  revoking: 'Revoking',
  /** Everything was seen absent; the settle time is not over. */
  settling: 'Settling',
  /** What is left cannot be revoked and ends by itself at a known time. */
  waitingForExpiry: 'WaitingForExpiry',
  /** A dependency could not be asked; asked again with back-off. */
  dependencyUnavailable: 'DependencyUnavailable',
  /** WorkloadIdentity: an Offboarding is retiring it. */
  offboarding: 'Offboarding',

  // Stalled=True
  /** The spec can never work as it is; nothing is retried until it changes. */
  invalidSpec: 'InvalidSpec',
  /** The WorkloadIdentity that the spec names does not exist. */
  identityNotFound: 'IdentityNotFound',
  /** The ServiceAccount is absent, and its UID was neither pinned nor ever seen. */
  identityUnknown: 'IdentityUnknown',
  /** A ServiceAccount of the same name and another UID exists. It is left alone. */
  identityRecreated: 'IdentityRecreated',
  /** The operator lacks a permission that the message names. */
  permissionMissing: 'PermissionMissing',
  /** Workloads still run as, or name, the identity, and the run is Routine. */
  inUse: 'InUse',
  /** Something keeps putting a revoked credential back; the message names its manager. */
  managedElsewhere: 'ManagedElsewhere',
  /** After the end, the identity or a grant to it came back. Nothing is revoked by itself; a new Offboarding acts. */
  resurrected: 'Resurrected',
  /** WorkloadIdentity: the ServiceAccount is not there. */
  serviceAccountMissing: 'ServiceAccountMissing',
  /** WorkloadIdentity: the ServiceAccount that exists has another UID than the spec pins. */
  uidMismatch: 'UIDMismatch',

  // The conditions behind Ready
  /** Planned, Locked, Revoked or Verified is not true yet. */
  pending: 'Pending',
  /** Planned: inventory and preflight are done. */
  planComplete: 'PlanComplete',
  /** Locked: a dependency has nothing that could be locked; the message names it. */
  notLockable: 'NotLockable',
  /** Locked: every lockable dependency is locked. */
  lockHeld: 'LockHeld',
  /** Revoked: every revoke was accepted. */
  revokesAccepted: 'RevokesAccepted',
  /** Verified: two observations span the settle time for every credential, and the last enumeration found nothing new. */
  fixedPoint: 'FixedPoint',
  /** Inventoried=False: something cannot be listed or its end cannot be observed; the message names it. */
  notProvable: 'NotProvable',
} as const;
