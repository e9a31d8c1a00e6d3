/**
 * Access tokens that one account makes for another outlive the right to make them, and nobody can revoke them: they are waited out,
 * from the last moment at which one could be made.
 *
 *   could be made ──seen that it cannot any more──▶ may still be made, until that is so everywhere ──▶ the last one lives on ──▶ over
 *        ▲                                             (the settle time)                             (accessTokenLifetime)
 *        └──────────────────────── seen that it can again ─────────────────────────┘
 *
 * The memory is this process's alone: a new one begins to wait when it first sees that none can be made.
 */
import type { Clock } from '../../runtime/clock.ts';
import type { GoogleSettings } from './api.ts';

export interface Minting {
  /** Tells what a look at one way to mint tokens showed. Milliseconds until the last token is over; undefined when it is. */
  readonly seen: (key: string, possible: boolean, settings: Pick<GoogleSettings, 'settleTime' | 'accessTokenLifetime'>) => number | undefined;
  /** Whether tokens that were made this way may still be alive, as far as this process has seen. */
  readonly mayLive: (key: string) => boolean;
  /** Whether this process ever looked for tokens that were made this way. */
  readonly isKnown: (key: string) => boolean;
}

/** At most so many ways are remembered; beyond that all waits begin anew. */
export const createMinting = (clock: Clock, limit: number): Minting => {
  /** Monotonic times at which the last token is over; `Possible` while one can be made. */
  const ends = new Map<string, number | 'Possible'>();
  return {
    seen: (key, possible, { settleTime, accessTokenLifetime }) => {
      const now = clock.monotonic();
      const known = ends.get(key);
      if (known === undefined && ends.size >= limit) ends.clear();
      const end = known === undefined || known === 'Possible' || possible ? now + settleTime + accessTokenLifetime : known;
      ends.set(key, possible ? 'Possible' : end);
      return end > now ? end - now : undefined;
    },
    mayLive: (key) => {
      const end = ends.get(key);
      return end === 'Possible' || (end !== undefined && end > clock.monotonic());
    },
    isKnown: (key) => ends.has(key),
  };
};

const looksOnly: ReadonlySet<string> = new Set(['roles/viewer', 'roles/browser', 'roles/iam.serviceAccountViewer', 'roles/iam.securityReviewer', 'roles/iam.roleViewer']);

/** A role by which nobody acts as anybody, nor changes anything. */
export const isViewer = (role: string): boolean => looksOnly.has(role);

const mints: ReadonlySet<string> = new Set([
  'roles/owner',
  'roles/editor',
  'roles/admin',
  'roles/writer',
  'roles/iam.roleAdmin',
  'roles/iam.organizationRoleAdmin',
  'roles/iam.workloadIdentityPoolAdmin',
  'roles/iam.workloadIdentityUser',
  'roles/iam.securityAdmin',
  'roles/resourcemanager.projectIamAdmin',
  'roles/resourcemanager.folderAdmin',
  'roles/resourcemanager.folderIamAdmin',
  'roles/resourcemanager.organizationAdmin',
]);

/**
 * Whether a role may let its holder make tokens of service accounts, or give himself the right to: of a service account, any that is
 * not a viewer's; above one, those that are known to, those of Google's own agents, and custom roles, of which nobody knows.
 */
export const mayMint = (resource: string, role: string): boolean => {
  if (isViewer(role)) return false;
  if (resource.startsWith('//iam.googleapis.com/')) return true;
  if (resource.startsWith('//')) return false;
  return mints.has(role) || role.startsWith('roles/iam.serviceAccount') || role.endsWith('.serviceAgent') || !role.startsWith('roles/');
};
