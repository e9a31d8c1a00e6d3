/** What keeps one dependency of a run from being touched at all. */
import { reasons } from '../api/v1alpha1/conditions.ts';
import type { Finding, OffboardingSpec } from '../api/v1alpha1/index.ts';
import type { MissingPermission } from '../revokers/revoker.ts';
import type { Tracked } from './credential.ts';
import type { Assessment } from './dependency.ts';

export interface Found {
  readonly tracked: readonly Tracked[];
  readonly findings: readonly Finding[];
  readonly missing: readonly MissingPermission[];
}

/**
 * In an Emergency only a missing permission holds a run: what a person must end, and workloads that still run, are
 * reported and do not protect the rest. A waiver gives the proof up, not the care for workloads that still run.
 */
export const obstacleOf = (found: Found, urgency: OffboardingSpec['urgency'], waived: boolean): Assessment | undefined =>
  (waived ? undefined : missingPermission(found)) ??
  (urgency === 'Emergency' ? undefined : (inUse(found) ?? (waived ? undefined : ofAPerson(found))));

const blocked = (reason: string, message: string): Assessment => ({ state: 'Blocked', reason, message });

const missingPermission = ({ missing }: Found): Assessment | undefined =>
  missing.length === 0
    ? undefined
    : blocked(reasons.permissionMissing, `the operator lacks permissions: ${missing.map(({ message }) => message).join('; ')}`);

const inUse = ({ findings }: Found): Assessment | undefined => {
  const users = findings.filter(({ type }) => type === 'InUse');
  if (users.length === 0) return undefined;
  const names = users.slice(0, 5).map(({ object, message }) => object ?? message);
  const more = users.length > names.length ? ` and ${users.length - names.length} more` : '';
  return blocked(
    reasons.inUse,
    `still in use by ${names.join(', ')}${more}; delete them, or set spec.urgency to Emergency to go on without`,
  );
};

/** An account of the same name that came later is told from the start, and does not protect the old one's access. */
const ofAPerson = ({ tracked }: Found): Assessment | undefined => {
  for (const { credential } of tracked) {
    if (credential.end.by === 'Person' && credential.end.reason !== reasons.identityRecreated) {
      return blocked(credential.end.reason, credential.end.message);
    }
  }
  return undefined;
};
