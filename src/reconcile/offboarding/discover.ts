/** What a dependency holds of the identity that the identity does not name: for whoever reads a Plan, and once in each process. */
import type { Finding } from '../../api/v1alpha1/index.ts';
import { toOutcome } from '../../kube/errors.ts';
import { told } from '../../policy/told.ts';
import type { Revoker } from '../../revokers/revoker.ts';
import { remember } from './run.ts';
import type { TargetedRun } from './run.ts';

/** One that could not be inventoried is not asked for more. What could not be looked for is told, and holds nothing up. */
export const discover = async (run: TargetedRun, revoker: Revoker, signal: AbortSignal): Promise<void> => {
  const { failure, discovered } = remember(run, revoker, {});
  if (revoker.discover === undefined || failure !== undefined || discovered?.failed === false) return;
  try {
    remember(run, revoker, { discovered: { ...(await revoker.discover(run.draft.target, signal)), failed: false } });
  } catch (error) {
    if (signal.aborted) throw error;
    remember(run, revoker, { discovered: { undeclared: [], findings: [notLookedFor(toOutcome(error).message)], failed: true } });
  }
};

const notLookedFor = (why: string): Finding => ({
  type: 'NotEnumerated',
  object: 'what the identity does not name',
  message: told(`it could not be looked for: ${why}`, 1_024),
});
