/** What cancelling a run would take back, and what it cannot any more. Pure, of the object and the time. */
import { conditionOf, conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import { offboardLine, quoted } from '../shell.ts';
import { countOf, identityOf } from '../status/parts.ts';
import type { Shown } from '../status/parts.ts';
import { since, withCountdowns } from '../time.ts';

export interface Cancellation {
  /** False: it is too late, or there is nothing to cancel. */
  readonly possible: boolean;
  readonly words: string;
}

export const cancellationOf = (run: Shown, now: Date): Cancellation => no(run, now) ?? { possible: true, words: yes(run, now) };

const no = (run: Shown, now: Date): Cancellation | undefined => {
  const { metadata, spec, status = {} } = run;
  const refuse = (words: string): Cancellation => ({ possible: false, words });
  const where = [metadata.name, ...(metadata.namespace === undefined ? [] : ['-n', metadata.namespace])];
  const ready = conditionOf(run.status, conditionTypes.ready);
  if (ready?.reason === reasons.cancelled) return refuse(`it is cancelled already: ${ready.message}`);
  if (status.revokeStartedAt !== undefined) return refuse(tooLate(run, now));
  if (status.completedAt !== undefined) return refuse(`it has ended: ${ready?.message ?? status.phase ?? ''}`);
  if (spec.mode === 'Plan') return refuse(`a plan does nothing, so that there is nothing to take back; it is simply deleted: ${['kubectl', 'delete', 'offboarding', ...where].map(quoted).join(' ')}`);
  return undefined;
};

const tooLate = ({ metadata, status = {} }: Shown, now: Date): string => {
  const { revokeStartedAt = '', dependencies = [], completedAt } = status;
  const sent = dependencies.flatMap(({ name, credentials = [] }) => {
    const count = countOf(credentials.filter((each) => each.revokeRequestedAt !== undefined));
    return count === 0 ? [] : [`${name} ${String(count)}`];
  });
  const where = [metadata.name, ...(metadata.namespace === undefined ? [] : ['-n', metadata.namespace])];
  const began = `revoking began ${since(revokeStartedAt, now) ?? 'some time'} ago, and what was revoked cannot be given back${sent.length === 0 ? '' : ` (asked to end: ${sent.join(', ')})`}`;
  return completedAt === undefined
    ? `${began}. To see what is left: ${offboardLine('status', ...where)}. To have it rest as it is, half done: ${['kubectl', 'patch', 'offboarding', ...where, '--type=merge', '-p', '{"spec":{"suspend":true}}'].map(quoted).join(' ')}`
    : `${began}. It has ended since`;
};

const yes = (run: Shown, now: Date): string => {
  const { lockedAt, phase, dependencies = [] } = run.status ?? {};
  const locked = dependencies.map(({ name }) => name).join(', ');
  const soaking = phase === 'Soaking' ? ` That can be said ${withCountdowns(conditionOf(run.status, conditionTypes.ready)?.message.replace(/;.*$/s, '').replace(/^reversible /, '') ?? '', now)}.` : '';
  const back = lockedAt === undefined ? 'nothing was locked for good yet' : `what is locked is unlocked${locked === '' ? '' : ` (${locked})`}`;
  return `${identityOf(run)} keeps all of its access: nothing was revoked, and ${back}.${soaking}`;
};
