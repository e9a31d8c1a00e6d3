/** Whether something of a retired identity is there again: asked of the watches first, since nearly always nothing is. */
import type { Target } from '../api/v1alpha1/index.ts';
import type { Credential, Revoker } from '../revokers/revoker.ts';

/**
 * What one dependency holds that counts as a return. Believed only after a fresh look, but for what a fresh look has found before
 * (`known`, by id) and the watches still show: so neither what came nor what went is told by a watch alone.
 */
export const whatCameBack = async (
  revoker: Revoker,
  target: Target,
  isReturn: (credential: Credential) => boolean,
  signal: AbortSignal,
  known: ReadonlySet<string> = new Set(),
): Promise<readonly Credential[]> => {
  const { credentials } = await revoker.inventory(target, 'Cached', signal);
  const cached = credentials.filter(isReturn);
  // Two of one id, of which each has its own UID, are one of those.
  const shown = new Set(cached.map(({ id }) => id));
  if (shown.size === known.size && cached.every(({ id }) => known.has(id))) return cached;
  const fresh = await revoker.inventory(target, 'Fresh', signal);
  return fresh.credentials.filter(isReturn);
};
