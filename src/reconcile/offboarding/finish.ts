/** After the end: the run's verdict stands, and a confirmed one goes on watching for the identity's return. */
import { conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import { idle, stalled } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { Credential } from '../../revokers/revoker.ts';
import type { Context, Run } from './run.ts';

/** The verdict of a run that has ended. Nothing is revoked by itself any more. */
export const finished = async (run: Run, context: Context, signal: AbortSignal): Promise<Verdict> => {
  const ready = run.offboarding.status?.conditions?.find(({ type }) => type === conditionTypes.ready);
  if (ready === undefined) return idle(reasons.superseded, 'ended');
  if (ready.status === 'True') {
    const back = await whatCameBack(run, context, signal);
    if (back === undefined) return { kind: 'Confirmed', reason: ready.reason, message: ready.message };
    const grants = back.grants === undefined ? '' : ` (${back.grants.join(', ')})`;
    return stalled(
      reasons.resurrected,
      `${back.id}${grants} came back after the end; nothing was revoked. Create a new Offboarding to retire it again`,
    );
  }
  return ready.reason === reasons.resurrected ? stalled(ready.reason, ready.message) : idle(ready.reason, ready.message);
};

/** Asked of the watches first, since nearly always nothing has; believed only after a fresh look. */
const whatCameBack = async ({ draft }: Run, { revokers }: Context, signal: AbortSignal): Promise<Credential | undefined> => {
  const { target } = draft;
  if (target === undefined) return undefined;
  for (const revoker of revokers) {
    for (const freshness of ['Cached', 'Fresh'] as const) {
      const { credentials } = await revoker.inventory(target, freshness, signal);
      const back = credentials.find(({ seen }) => seen);
      if (back === undefined) break;
      if (freshness === 'Fresh') return back;
    }
  }
  return undefined;
};
