/**
 * Everything about a run that is decided before it begins, drawn from its seed: what there is, what people do, and what breaks when. What is
 * in a plan can be left out one by one, which is how a failing run is made small.
 */

/** Milliseconds. Until then things break; then all that was broken is mended, and everything must come to its end. */
export const calmAt = 80_000;

export interface Plan {
  readonly seed: number;
  readonly replicas: 1 | 2;
  readonly identities: readonly IdentityPlan[];
  readonly setting: Setting;
  readonly incidents: readonly Incident[];
}

export interface IdentityPlan {
  readonly name: string;
  /** When its end is asked for, and how: by an Offboarding, or by the deletion of its WorkloadIdentity. */
  readonly at: number;
  readonly by: 'Offboarding' | 'Deletion';
  readonly mode: 'Enforce' | 'Plan';
  readonly urgency: 'Routine' | 'Emergency';
  /** Seconds. */
  readonly soak: number;
  readonly probe: boolean;
  readonly tokenSecret: boolean;
  /** One in which a neighbour is named as well. */
  readonly sharedBinding: boolean;
  readonly clusterBinding: boolean;
  readonly vault: boolean;
  readonly google: boolean;
  /** Vault comes after Google, or else after the cluster. */
  readonly ordered: boolean;
  /** Milliseconds after its end is asked for until which a pod runs as it; 0: none does. */
  readonly inUse: number;
  /** Vault is taken out of its dependencies before its end is asked for. */
  readonly undeclared: boolean;
  /** It may use Vault and has not yet, when everything begins. */
  readonly idle: boolean;
  /** Milliseconds after its end is asked for until which a client certificate of it is valid, which nobody can revoke; 0: it has none. */
  readonly certified: number;
  /** Its account in Google Cloud is deleted at the end, and not only disabled. */
  readonly deletesAccount: boolean;
  /** Somebody in another namespace has its name. */
  readonly namesake: boolean;
  /** Where a binding is shared: with users and groups as well, of whom some are called as it is. */
  readonly crowd: boolean;
  /** Its bindings name it as a user. */
  readonly asUser: boolean;
  /** Its role in Vault lets the neighbour in as well. */
  readonly sharedRole: boolean;
  /** The neighbour has leases under its prefix, which nobody calls its own. */
  readonly sharedLeases: boolean;
  /** The neighbour logs in elsewhere as the same entity of Vault. */
  readonly sharedEntity: boolean;
  /** The neighbour may act as its account in Google Cloud. */
  readonly sharedAccount: boolean;
  /** It logs in to Vault by an AppRole of its own as well. */
  readonly appRole: boolean;
  /** Vault issued a certificate to it. */
  readonly certificate: boolean;
  /** Its account in Google Cloud has a key for Cloud Storage, and a role on a condition. */
  readonly hmacKey: boolean;
  readonly conditional: boolean;
}

/** How the systems are set up, other than as usual. */
export interface Setting {
  /** The cluster is older than the policies that stamp who asks. */
  readonly unstamped: boolean;
  /** Vault keeps all in memory, and tells with no answer how far it is. */
  readonly inMemory: boolean;
  /** Policies are searched beneath the whole organisation. */
  readonly searched: boolean;
}

export const serverNames = ['apiserver-a', 'apiserver-b', 'vault', 'google'] as const;
export type ServerName = (typeof serverNames)[number];

export const wireFaults = [
  'LostBefore', 'LostAfter', 'BrokenBefore', 'BrokenAfter', 'Slow', 'Stalled', 'Truncated', 'Nonsense', 'HtmlPage', 'NotFoundPage', 'NotFound',
  'BadRequest', 'Unauthorized', 'Forbidden', 'Conflict', 'TooManyRequests', 'InternalError', 'BadGateway', 'Unavailable',
] as const;
/** The last only for less than the settle time. */
export type WireFaultName = (typeof wireFaults)[number] | 'ShortLists';

export const personActs = [
  'Suspend', 'Resume', 'Cancel', 'Delete', 'Hasten', 'EndSoak', 'Enforce', 'Waive', 'UnWaive', 'BindAgain', 'DeleteAccount', 'RecreateAccount',
  'MakeToken', 'ShareBinding', 'TakeLockOff', 'BreakPolicy', 'DeleteIdentity', 'SecondRun', 'BreakGlass',
] as const;
/** What is done in one system alone, where it can be done there. */
export const realmActs = ['AskForMore', 'UndeleteAccount', 'DeleteGoogleAccount', 'EnableGoogleAccount', 'Unshare'] as const;
export type RealmAct = (typeof realmActs)[number];

/** Only in stories. */
export const storyActs = ['HoldAccount', 'LetGoOfAccount', 'BindMore'] as const;
/** To what the operator itself lives by. */
export const ownersActs = ['EditConnectors', 'DeleteConnectors', 'DeleteNamespace', 'AddDependency', 'LoseSigningKey', 'DeleteRecord'] as const;
export type PersonAct = (typeof personActs)[number] | RealmAct | (typeof storyActs)[number] | (typeof ownersActs)[number];

export const reactions = [
  /** As soon as the first revoke is announced, a binding of its own becomes somebody else's as well. */
  'ShareAtTheLastMoment',
  /** While the operator reads a shared binding and before it writes it, somebody is added to it. */
  'AddWhileRead',
  /** The same with a policy of Google Cloud, as often as the operator reads it for a while: whoever writes it is late each time. */
  'GrantWhileRead',
  /** The process that deletes the account dies with that, and before the next one looks another account has the name. */
  'RebornAfterDelete',
] as const;
export type Reaction = (typeof reactions)[number];

/** In the life of a run, as its stored status tells it: it has started, its locks were seen to hold, its first revoke is announced, it has ended. */
export type Moment = 'Started' | 'Locked' | 'Announced' | 'Ended';

/**
 * Something that happens at a time, in milliseconds; what lasts does so `for` as many. The time counts from the beginning, or, with `since`,
 * from when a run of that identity comes to that moment for the first time; where none ever does, it does not happen.
 */
export type Incident = { readonly at: number; readonly since?: { readonly moment: Moment; readonly identity: number } } & (
  | { readonly kind: 'Kill'; readonly replica: number; readonly for: number }
  /** At the n-th request that it sends from then on: when it is sent, or when it is answered. */
  | { readonly kind: 'KillAtRequest'; readonly replica: number; readonly nth: number; readonly when: 'Sent' | 'Answered'; readonly for: number }
  | { readonly kind: 'Freeze'; readonly replica: number; readonly for: number }
  | { readonly kind: 'StepWall'; readonly replica: number; readonly by: number }
  /** With `path`, a regular expression, only of requests whose path matches: as something in between has it that goes by the path. */
  | { readonly kind: 'Wire'; readonly server: ServerName; readonly fault: WireFaultName; readonly calls: 'Reads' | 'Writes' | 'All'; readonly share: number; readonly path?: string; readonly for: number }
  /** By its name, or by a fraction of all of that server. */
  | { readonly kind: 'Knob'; readonly server: ServerName; readonly knob: number | string; readonly for: number }
  | { readonly kind: 'Person'; readonly act: PersonAct; readonly identity: number }
  /** Somebody who waits for the operator to do something, and then is faster than it. */
  | { readonly kind: 'Reaction'; readonly reaction: Reaction; readonly identity: number }
);

/** Ends something in so many milliseconds. Until then the universe is in trouble. */
export type EndsLater = (lasts: number, end: () => void) => void;

/** Without the incidents of these indices. */
export const without = (plan: Plan, left: (index: number) => boolean): Plan => ({ ...plan, incidents: plan.incidents.filter((_, index) => left(index)) });
