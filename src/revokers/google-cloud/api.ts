/**
 * Google Cloud as the revoker talks to it: any call of any of its REST services, any answer. What an answer means is judged
 * elsewhere (errors.ts); here it is only made sure that it is one, from the service that was meant.
 */
import type { GoogleCloudDependency, Target } from '../../api/v1alpha1/index.ts';
import type { Observation } from '../revoker.ts';

export interface GoogleRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As in full resource names, such as `iam` or `cloudresourcemanager`. */
  readonly service: string;
  /** From the version on, segment by segment. Each is encoded; one that is empty, a dot or two, or holds a slash, a percent sign or a control is refused. */
  readonly path: readonly string[];
  /** A custom method, such as `getIamPolicy`, which comes after a colon. */
  readonly verb?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** A whole answer, whatever its status. */
export interface GoogleAnswer {
  readonly status: number;
  /** Parsed; undefined for an empty body. */
  readonly body: unknown;
  /** What was asked. */
  readonly asked?: Pick<GoogleRequest, 'method' | 'service' | 'path' | 'verb'>;
}

/** Who Offboard is there: an account that it never touches. */
export interface GoogleSelf {
  /** Of the service account; undefined when a subject of a pool acts by itself. */
  readonly email?: string;
  /** For people; of a subject of a pool, as policies name it. */
  readonly name: string;
}

export interface GoogleClient {
  /**
   * Any whole answer but 401 and 429: a token that is refused is replaced once, and to a 429 the client waits as the service asks,
   * and asks again. Rejects with a Retryable `OutcomeError` when there is none: no connection, too late, cut off, not JSON, a
   * redirect, or the service is left alone because it did not answer just now; and with `ConnectorNotReady` while nobody can log in.
   */
  readonly request: (request: GoogleRequest, signal: AbortSignal) => Promise<GoogleAnswer>;
  readonly self: (signal: AbortSignal) => Promise<GoogleSelf>;
}

/** A workload identity pool by which ServiceAccounts of this cluster are members. */
export interface WorkloadIdentityPool {
  /** `projects/NUMBER/locations/global/workloadIdentityPools/POOL`. */
  readonly name: string;
  /** True when other clusters use it as well, so that a member by namespace and name is not this identity alone. */
  readonly shared: boolean;
  /** With `{namespace}`, `{name}` and `{uid}`. */
  readonly subject: string;
  readonly provider?: { readonly audience: string; readonly tokenAudience: string };
}

/** What a Connector says, with its durations in milliseconds. */
export interface GoogleSettings {
  readonly settleTime: number;
  readonly maxConcurrent: number;
  readonly pools: readonly WorkloadIdentityPool[];
  /** Beneath what Cloud Asset Inventory is searched; undefined when it is not. */
  readonly assetScope?: string;
  readonly accessTokenLifetime: number;
  /** Addresses of services that are not at `https://SERVICE.googleapis.com`. */
  readonly endpoints: Readonly<Record<string, string>>;
}

/** The use of one Connector for one dependency, after its grants were checked. The client is the same one for all who use the connector. */
export interface GoogleConnection {
  readonly client: GoogleClient;
  readonly settings: GoogleSettings;
  /** Whether the grant also covers a resource that was found and not named, by the name that a dependency would give it. */
  readonly grantsResource: (resource: string) => boolean;
  /** The same of a service account, by its e-mail. */
  readonly grantsAccount: (email: string) => boolean;
}

/** One use of one service account by one identity, as a probe tries it. */
export interface Attempt {
  readonly target: Target;
  readonly dependency: GoogleCloudDependency;
  readonly settings: GoogleSettings;
}

/**
 * Tries to act as the service account as the identity does: by a short-lived token of its ServiceAccount, exchanged at the security
 * token service. No token is kept anywhere but in memory, and none outlives its minutes.
 */
export interface ImpersonationProbe {
  /**
   * The positive control, taken before the lock. `Worked`: from now on a refusal means something. `Refused`: it does not work while it
   * should, so that a refusal later proves nothing. Rejects when it could not be tried; names the permission that is missing.
   */
  readonly control: (attempt: Attempt, signal: AbortSignal) => Promise<'Worked' | 'Refused'>;
  /** The same again. Undefined when no control of this process worked whose token still lives: then it proves nothing, whatever is answered. */
  readonly attempt: (attempt: Attempt, signal: AbortSignal) => Promise<Observation | undefined>;
}
