/** After the end: the run's verdict stands, and a confirmed one goes on watching for the identity's return. */
import { conditionOf, conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import { isOpen } from '../../policy/credential.ts';
import { idle, stalled } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { isLeftOver } from '../../policy/waiver.ts';
import type { Credential } from '../../revokers/revoker.ts';
import type { OffboardingRecordObject } from '../objects.ts';
import { whatCameBack } from '../returned.ts';
import { remember, storedDependency } from './run.ts';
import type { Context, Run } from './run.ts';

/** The verdict of a run that has ended. Nothing is revoked by itself any more. */
export const finished = async (run: Run, context: Context, isFirstLook: boolean, signal: AbortSignal): Promise<Verdict> => {
  const ready = conditionOf(run.offboarding.status, conditionTypes.ready);
  if (ready === undefined) return idle(reasons.superseded, 'ended');
  if (ready.status !== 'True') return ready.reason === reasons.resurrected ? stalled(ready.reason, ready.message) : idle(ready.reason, ready.message);
  const record = recordOf(run, context);
  if (record !== undefined) return toldBy(record) ?? { kind: 'Confirmed', reason: ready.reason, message: ready.message };
  const back = await lookForReturn(run, context, isFirstLook, signal);
  return back === undefined ? { kind: 'Confirmed', reason: ready.reason, message: ready.message } : resurrected(back);
};

/** The record of this end, which watches in its stead. */
export const recordOf = ({ offboarding: { metadata, status } }: Run, { cluster }: Context): OffboardingRecordObject | undefined => {
  const record = status?.recordRef === undefined ? undefined : cluster.record?.(status.recordRef.name);
  return record?.spec.offboarding?.uid === metadata.uid ? record : undefined;
};

/** One that is superseded, or has a later one, says nothing of the name any more. */
const toldBy = ({ status }: OffboardingRecordObject): Verdict | undefined => {
  const back = conditionOf(status, conditionTypes.resurrected);
  return back?.status === 'True' ? stalled(reasons.resurrected, back.message) : undefined;
};

/**
 * For a run that has no record, such as one that ended before there were any. The cluster is asked at each look, which costs nothing. The
 * other dependencies have no watch: they are asked when something woke the run up, and from time to time, but not when a process takes up
 * all that have ever ended. One that does not answer takes back nothing that was proven.
 */
const lookForReturn = async ({ draft, revokers }: Run, { registry, log }: Context, isFirstLook: boolean, signal: AbortSignal): Promise<Credential | undefined> => {
  const { target } = draft;
  if (target === undefined) return undefined;
  const standing = registry.forTarget(undefined);
  for (const revoker of revokers) {
    const isStanding = standing.includes(revoker);
    if (isFirstLook && !isStanding) continue;
    try {
      const [back] = await whatCameBack(revoker, target, ({ seen }) => seen, signal);
      if (back !== undefined) return back;
    } catch (error) {
      if (isStanding || signal.aborted) throw error;
      log.info('A dependency could not be asked whether access came back after the end', { dependency: revoker.name, error });
    }
  }
  return undefined;
};

const resurrected = ({ id, grants }: Credential): Verdict =>
  stalled(
    reasons.resurrected,
    `${id}${grants === undefined ? '' : ` (${grants.join(', ')})`} came back after the end; nothing was revoked. ` +
      'Create a new Offboarding to retire it again',
  );

/** The verdict of a run that waivers have completed, when this look found something that it did not leave. It acts no more then. */
export const cameBack = async (run: Run, signal: AbortSignal): Promise<Verdict | undefined> => {
  const { target } = run.draft;
  if (target === undefined) return undefined;
  for (const revoker of run.revokers) {
    const listed = storedDependency(run, revoker)?.credentials;
    // One that nobody had looked at when it was given up: whatever is there may have been there all along.
    if (listed === undefined) continue;
    const isNew = (credential: Credential): boolean => credential.seen && !isLeftOver(credential, listed);
    if (!remember(run, revoker, {}).tracked.some((entry) => isOpen(entry) && isNew(entry.credential))) continue;
    const { credentials } = await revoker.inventory(target, 'Fresh', signal);
    const back = credentials.find(isNew);
    if (back !== undefined) return resurrected(back);
  }
  return undefined;
};
