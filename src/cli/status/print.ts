/** An Offboarding as lines for people. Times to come are told as what is left of them: pure, of the object and the time. */
import { conditionTypes } from '../../api/v1alpha1/conditions.ts';
import type { DependencyState, DependencyStatus, OffboardingSpec, OffboardingStatus } from '../../api/v1alpha1/index.ts';
import { escapeControls } from '../../runtime/redact.ts';
import { wrap } from '../screen.ts';

/** What of it is shown. */
export interface Shown {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
  readonly spec: Pick<OffboardingSpec, 'reason' | 'requestedBy'>;
  readonly status?: OffboardingStatus;
}

const marks: Readonly<Record<DependencyState, string>> = {
  Confirmed: '✔', Waived: '~', Settling: '◔', Waiting: '◔', Revoking: '●', Locked: '●', Pending: '·', Unknown: '?', Blocked: '✖',
};

export const printed = ({ metadata, spec, status = {} }: Shown, now: Date, width: number): string => {
  const { identity = metadata.name, phase = 'Pending', dependencies = [], recordRef } = status;
  const asked = `${spec.reason}, asked by ${spec.requestedBy?.username ?? 'nobody known'} ${since(metadata.creationTimestamp, now)} ago`;
  const names = Math.max(0, ...dependencies.map(({ name }) => name.length));
  return [
    wrap(`${identity}  ${asked}  ${phase}`, width, '', '  '),
    '\n',
    ...dependencies.map((dependency) => rowOf(dependency, names, width)),
    ...(dependencies.length === 0 ? [] : ['\n']),
    residual(status, now, width),
    ...outlook(status, width),
    ...(recordRef === undefined ? [] : [wrap(`record ${recordRef.name} (${recordRef.outcome}), ${recordRef.digest}`, width, '  ', '    ')]),
  ].join('');
};

const rowOf = ({ name, state, message = '', credentials = [] }: DependencyStatus, names: number, width: number): string => {
  const count = (which: (credential: (typeof credentials)[number]) => boolean): number => credentials.filter(which).reduce((sum, each) => sum + (each.count ?? 1), 0);
  const progress = `${count((each) => each.state === 'Confirmed')}/${count(() => true)}`;
  return wrap(`${marks[state]} ${name.padEnd(names)}  ${state}  ${progress}  ${message}`, width, '  ', '      ');
};

/** Until when something not confirmed could still work: as long as that is. */
const residual = ({ residualUntil, completedAt, startedAt }: OffboardingStatus, now: Date, width: number): string => {
  if (residualUntil === 'unknown') return wrap('residual access: nobody can say yet until when', width, '  ', '    ');
  if (residualUntil !== undefined) return wrap(`residual access until ${residualUntil} (${until(residualUntil, now)})`, width, '  ', '    ');
  return completedAt === undefined || startedAt === undefined ? '' : '  residual access: none that is known\n';
};

const outlook = ({ conditions = [], summary }: OffboardingStatus, width: number): readonly string[] => {
  const of = (type: string) => conditions.find((each) => each.type === type);
  const stalled = of(conditionTypes.stalled);
  const locked = of(conditionTypes.locked);
  return [
    ...(stalled === undefined ? [] : [wrap(`waits for a person: ${stalled.message}`, width, '  ', '    ')]),
    ...(locked === undefined || locked.status === 'True' ? [] : [wrap(`not locked: ${locked.message}`, width, '  ', '    ')]),
    ...((summary?.notProvable ?? 0) === 0 ? [] : [wrap(`not provable: ${String(summary?.notProvable ?? 0)}, named in the findings of its status`, width, '  ', '    ')]),
  ];
};

const since = (time: string, now: Date): string => lasting(now.getTime() - Date.parse(time));

const until = (time: string, now: Date): string => {
  const left = Date.parse(time) - now.getTime();
  if (Number.isNaN(left)) return escapeControls(time);
  return left <= 0 ? 'over, and looked at again' : `in ${lasting(left)}`;
};

/** As kubectl has it: the two largest units. */
export const lasting = (milliseconds: number): string => {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${String(days)}d${String(hours)}h`;
  if (hours > 0) return `${String(hours)}h${String(minutes)}m`;
  return minutes > 0 ? `${String(minutes)}m${String(seconds % 60)}s` : `${String(seconds)}s`;
};
