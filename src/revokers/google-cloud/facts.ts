/** What was read of Google Cloud for one identity. */
import type { GoogleCloudDependency } from '../../api/v1alpha1/index.ts';
import type { Standing } from './account.ts';
import type { HmacKey, Key } from './errors.ts';
import type { Holder } from './members.ts';
import type { Policy } from './policies.ts';

/** A resource that was looked at. */
export interface ReadResource {
  readonly name: string;
  /** Undefined where there is no such resource. */
  readonly policy: Policy | undefined;
  /** False for one that was found, and that the connector does not grant. */
  readonly granted: boolean;
  /** True for the service account's own policy. */
  readonly own: boolean;
}

/** Everything that was read for one inventory. */
export interface Facts {
  readonly dependency: GoogleCloudDependency;
  readonly holder: Holder;
  readonly standing: Standing;
  /** Who else acts as the service account, in words. */
  readonly sharers: readonly string[];
  readonly keys: readonly Key[];
  readonly hmacKeys: readonly HmacKey[];
  readonly resources: readonly ReadResource[];
  /** Found by a search, with an API of its own for policies. */
  readonly unreadable: readonly string[];
  readonly searched: boolean;
  /**
   * Access tokens of accounts that stay enabled: whether one may still be alive, as far as this process knows; or could once be made, and
   * is over by now; or never.
   */
  readonly tokens: 'MayLive' | 'Over' | 'None';
  /** When the last of such tokens that could be made now would be over. */
  readonly tokensEnd: Date;
  readonly probed: 'No' | 'Yes' | 'Refused';
}
