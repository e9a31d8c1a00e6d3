/** What the identity holds, as people read it: from the watches, which may be late, and never counted towards a proof. */
import { conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import type { IdentityDependency, Target } from '../../api/v1alpha1/index.ts';
import type { Fact } from '../../policy/conditions.ts';
import type { Revoker } from '../../revokers/revoker.ts';

const maxMissing = 32;

export interface IdentityInventory {
  readonly dependencies: readonly IdentityDependency[];
  readonly inventoried: Fact;
}

export const takeInventory = async (
  revokers: readonly Revoker[],
  target: Target,
  signal: AbortSignal,
): Promise<IdentityInventory> => {
  const unprovable: string[] = [];
  const dependencies = await Promise.all(
    revokers.map(async (revoker): Promise<IdentityDependency> => {
      const { credentials, findings } = await revoker.inventory(target, 'Cached', signal);
      const missing = await revoker.preflight(target, credentials, signal);
      const missingPermissions = missing.slice(0, maxMissing).map(({ permission }) => permission);
      const notEnumerated = findings.filter(({ type }) => type === 'NotEnumerated').map(({ message }) => message);
      unprovable.push(...notEnumerated, ...missing.map(({ message }) => message));
      return {
        name: revoker.name,
        credentials: credentials.filter(({ seen, end }) => seen || end.by === 'Expiry').length,
        provable: missing.length === 0,
        ...(missingPermissions.length === 0 ? {} : { missingPermissions }),
      };
    }),
  );
  const inventoried: Fact =
    unprovable.length === 0
      ? { type: conditionTypes.inventoried, status: 'True', reason: reasons.inventoryComplete, message: 'every credential is listed' }
      : { type: conditionTypes.inventoried, status: 'False', reason: reasons.notProvable, message: unprovable.join('; ') };
  return { dependencies, inventoried };
};
