/** Condition types and reasons. Each comment says exactly when it is true. kstatus reads Ready, Reconciling and Stalled. */
import type { Condition } from './index.ts';

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
  /** Offboarding: the signed record of the end is stored. */
  recordSigned: 'RecordSigned',
  /** OffboardingRecord: it is as it was signed, and the lock on the identity stands. */
  intact: 'Intact',
  /** OffboardingRecord: the identity, or a grant to it, came back after the end. */
  resurrected: 'Resurrected',
  /** WorkloadIdentity: every credential was listed and its end can be observed. False names what cannot. */
  inventoried: 'Inventoried',
  /** Offboarding: True when the run was cancelled, False when it could not be, Unknown while it is being unlocked. Only there when spec.cancel is set. */
  cancelled: 'Cancelled',
  /** Somebody took Offboard's finalizer off, so that deleting the object waits for nothing. Only there while true. */
  glassBroken: 'GlassBroken',
} as const;

export const reasons = {
  // Ready=True
  /** Every credential is proven gone, and nothing is left that cannot be observed. */
  confirmed: 'Confirmed',
  /** Every credential is proven gone; access that nobody can observe, such as an open watch, may outlive it. */
  confirmedWithUnprovable: 'ConfirmedWithUnprovable',
  /** What is not proven gone is given up by waivers in force; the message names dependency, approver and end. */
  completedWithWaivers: 'CompletedWithWaivers',
  /** WorkloadIdentity: the inventory at this generation is complete. */
  inventoryComplete: 'InventoryComplete',
  /** Connector: the system answers, and the operator is logged in with all the rights that it needs. */
  connected: 'Connected',
  /** OffboardingWaiver: the run may end without the proof for this dependency. */
  inForce: 'InForce',

  // Ready=False, neither reconciling nor stalled: somebody wants it so
  /** mode is Plan and the plan is in the status. */
  planOnly: 'PlanOnly',
  /** suspend is true. */
  suspended: 'Suspended',
  /** The run was cancelled before the first revoke, and what it had locked is unlocked. Locked=False: of one that is cancelled, also while not all of it is unlocked. */
  cancelled: 'Cancelled',
  /** Another run for the same identity took over. */
  superseded: 'Superseded',
  /** Intact and Resurrected: a later record is of the same name, and watches in this one's place. */
  newerRecord: 'NewerRecord',
  /** Resurrected=False: something came back, and is gone again; status.returned names it. */
  goneAgain: 'GoneAgain',
  /** OffboardingWaiver: its time is over. */
  expired: 'Expired',
  /** OffboardingWaiver: the dependency is proven gone, the run has ended, or it is a Plan. */
  notNeeded: 'NotNeeded',

  // Ready=False beside the reason of Reconciling or Stalled
  /** The run was complete with waivers, and one of those is not in force any more. Until it is confirmed or waived again. */
  reopened: 'Reopened',

  // Reconciling=True
  /** The run is about to begin: it was not inventoried yet, or nothing is locked yet. */
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
  /** WorkloadIdentity: the ServiceAccount is not there yet. */
  serviceAccountMissing: 'ServiceAccountMissing',
  /** WorkloadIdentity: it uses the name of a retired one on purpose, and the lock on that is about to come off. */
  superseding: 'Superseding',
  /** Everything is proven gone; its record is not stored yet. */
  recording: 'Recording',

  // Stalled=True
  /** The spec can never work as it is; nothing is retried until it changes. */
  invalidSpec: 'InvalidSpec',
  /** The WorkloadIdentity that the spec names does not exist. */
  identityNotFound: 'IdentityNotFound',
  /** The ServiceAccount is absent, and its UID was neither pinned nor ever seen. */
  identityUnknown: 'IdentityUnknown',
  /** A ServiceAccount of the same name and another UID exists. It is left alone. */
  identityRecreated: 'IdentityRecreated',
  /** The admission policies of the lock, or its ConfigMap, are not there, or not as they should be; the message names which. */
  lockNotInstalled: 'LockNotInstalled',
  /** There is no key to sign the record with, or it is of no use; the message says how to make one. */
  signingKeyMissing: 'SigningKeyMissing',
  /** The operator lacks a permission that the message names. */
  permissionMissing: 'PermissionMissing',
  /** Workloads still run as, or name, the identity, and the run is Routine. */
  inUse: 'InUse',
  /** The connector grants this namespace nothing of the kind, or there is none of that name. */
  notGranted: 'NotGranted',
  /** The connector exists and cannot be used as it is; its own status says why. */
  connectorNotReady: 'ConnectorNotReady',
  /** Connector: the Secret to log in by, or its key, is not there or holds nothing of use. */
  secretMissing: 'SecretMissing',
  /** Connector: the system refuses the login. */
  loginRefused: 'LoginRefused',
  /** Connector: the audience to log in by is one of this cluster's API server, so that the system could act as Offboard here. */
  wrongAudience: 'WrongAudience',
  /** Connector: a Kubernetes auth mount that it names is not there, or is of another type. */
  mountNotFound: 'MountNotFound',
  /** Nobody said that a lease prefix is this identity's alone, and there are leases in it. */
  sharedLeasePath: 'SharedLeasePath',
  /** A role lets others in as well, or nobody said that it does not. */
  sharedRole: 'SharedRole',
  /** The identity's entity in Vault is also that of others, who would be locked out with it. */
  sharedEntity: 'SharedEntity',
  /** Others act as the same service account, and nobody can tell whose this part of it is. */
  sharedAccount: 'SharedAccount',
  /** A member of a policy means the same name in other clusters as well. */
  sharedAcrossClusters: 'SharedAcrossClusters',
  /** There is no service account of that e-mail, and its unique id was neither pinned nor ever seen. */
  accountUnknown: 'AccountUnknown',
  /** A dependency accepted the revoke and cannot carry it out; the message holds its words. Retried, and clears itself. */
  revocationStuck: 'RevocationStuck',
  /** A credential worked when it was tried last, while its dependency said that it was gone, and it cannot be tried any more. */
  contradicted: 'Contradicted',
  /** Something keeps putting a revoked credential back; the message names its manager. */
  managedElsewhere: 'ManagedElsewhere',
  /** After the end, the identity or a grant to it came back. Nothing is revoked by itself; a new Offboarding acts. */
  resurrected: 'Resurrected',
  /** OffboardingWaiver: there is no Offboarding of that name and UID in its namespace. */
  runNotFound: 'RunNotFound',
  /** OffboardingWaiver: the run has no such dependency. */
  dependencyNotFound: 'DependencyNotFound',
  /** OffboardingWaiver: nobody is known to have approved it. */
  unattributed: 'Unattributed',
  /** OffboardingWaiver: the run does not say who asked for it, so that nobody is known to be somebody else. */
  requesterUnknown: 'RequesterUnknown',
  /** OffboardingWaiver: who approved it is who asked for the run. */
  approvedByRequester: 'ApprovedByRequester',
  /** WorkloadIdentity: the name was retired, so that its ServiceAccount is not let in again; the message names the record. */
  nameRetired: 'NameRetired',
  /** WorkloadIdentity: spec.supersedes names a record that is not there, or not the last of this name; the message says which is. */
  recordMismatch: 'RecordMismatch',
  /** The ServiceAccount that exists has another UID than the spec pins; or the pinned one is that of another ServiceAccount. */
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
  /** Locked=False: a lock that was seen to hold does not any more, or a waiver gave it up; the message says which. Intact=False: the lock on the identity is lost. */
  lockLost: 'LockLost',
  /** Revoked: every revoke was accepted. */
  revokesAccepted: 'RevokesAccepted',
  /** Verified: two observations span the settle time for every credential, and the last enumeration found nothing new. */
  fixedPoint: 'FixedPoint',
  /** Verified=False: what is not proven gone is given up by a waiver. */
  waived: 'Waived',
  /** Cancelled=False: the run goes on; the message says why. */
  cannotCancel: 'CannotCancel',
  /** RecordSigned: the record is stored; the message names it. */
  recordStored: 'RecordStored',
  /** Intact: the record was checked, and the lock on the identity was seen. */
  asSigned: 'AsSigned',
  /** Intact=False: what is stored is not what was signed, or nobody can tell any more; the message says what differs. */
  recordChanged: 'RecordChanged',
  /** Resurrected=False: nothing was seen since the end. */
  notReturned: 'NotReturned',
  /** Resurrected=Unknown: nothing is known to be there again, and one of the dependencies could not tell; the message says which, and why. */
  notLookedAt: 'NotLookedAt',
  /** Resurrected: something is there again; the message names it. */
  returned: 'Returned',
  /** Intact and Resurrected: a WorkloadIdentity uses the name again on purpose; nothing is watched any more. */
  supersededByIdentity: 'SupersededByIdentity',
  /** Intact and Resurrected: the run was cancelled, so that there is nothing to watch. */
  nothingRetired: 'NothingRetired',
  /** GlassBroken: the finalizer that stood is gone, and Offboard did not take it off. */
  finalizerRemoved: 'FinalizerRemoved',
  /** Inventoried=False: something cannot be listed or its end cannot be observed; the message names it. */
  notProvable: 'NotProvable',
} as const;

/** What a status says under this type; undefined where it says nothing. */
export const conditionOf = (status: { readonly conditions?: readonly Condition[] } | undefined, type: string): Condition | undefined =>
  status?.conditions?.find((condition) => condition.type === type);
