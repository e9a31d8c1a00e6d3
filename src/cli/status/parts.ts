/** What of an Offboarding is shown, part by part: pure, of the object and the time. Without a time, what is true of no single moment. */
import { conditionOf, conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import type { CredentialStatus, DependencyState, DependencyStatus, OffboardingSpec, OffboardingStatus } from '../../api/v1alpha1/index.ts';
import { parseDuration } from '../../runtime/duration.ts';
import { clockTime, lasting, since, until, withCountdowns } from '../time.ts';

/** What of it is shown. */
export interface Shown {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly creationTimestamp: string; readonly deletionTimestamp?: string };
  readonly spec: Pick<OffboardingSpec, 'reason'> & Partial<OffboardingSpec>;
  readonly status?: OffboardingStatus;
}

export const isReady = (run: Pick<Shown, 'status'>): boolean => conditionOf(run.status, conditionTypes.ready)?.status === 'True';

/** Nothing more happens, but for what people do: it is at its end, or is a plan that is made. */
export const isOver = (run: Pick<Shown, 'status'>): boolean =>
  run.status?.completedAt !== undefined || conditionOf(run.status, conditionTypes.ready)?.reason === reasons.planOnly;

/** `build-agent-7 (ci)`. */
export const identityOf = ({ metadata, spec, status }: Shown): string => {
  const [namespace, name] = status?.identity?.split('/') ?? [metadata.namespace, spec.workloadIdentityRef?.name ?? spec.identity?.serviceAccount.name];
  return `${name ?? metadata.name}${namespace === undefined ? '' : ` (${namespace})`}`;
};

export const askedBy = ({ metadata, spec }: Shown, now: Date | undefined): string => {
  const ago = now === undefined ? `at ${metadata.creationTimestamp}` : `${since(metadata.creationTimestamp, now) ?? 'some time'} ago`;
  const how = [spec.reason, ...(spec.urgency === 'Emergency' ? ['Emergency'] : []), ...(spec.mode === 'Plan' ? ['a plan'] : [])];
  return `${how.join(', ')}, asked by ${spec.requestedBy?.username ?? 'nobody known'} ${ago}`;
};

export interface Row {
  readonly name: string;
  readonly mark: string;
  readonly state: string;
  readonly progress: string;
  readonly text: string;
}

const marks: Readonly<Record<DependencyState, string>> = {
  Confirmed: '✔', Waived: '~', Settling: '◔', Waiting: '◔', Revoking: '●', Locked: '●', Pending: '·', Unknown: '?', Blocked: '✖',
};

export const rowsOf = (run: Shown, now: Date | undefined): readonly Row[] =>
  (run.status?.dependencies ?? []).map((dependency) => {
    const { name, state, credentials = [] } = dependency;
    return { name, mark: marks[state], state: state.toLowerCase(), progress: `${String(countOf(credentials.filter((each) => each.state === 'Confirmed')))}/${String(countOf(credentials))}`, text: textOf(dependency, run, now) };
  });

export const countOf = (credentials: readonly CredentialStatus[]): number => credentials.reduce((sum, each) => sum + (each.count ?? 1), 0);

const textOf = (dependency: DependencyStatus, run: Shown, now: Date | undefined): string => {
  if (dependency.state === 'Confirmed') return proofOf(dependency, run.metadata.creationTimestamp) ?? dependency.message ?? '';
  const message = dependency.message ?? '';
  const failing = dependency.state === 'Unknown' && dependency.lastError !== undefined && now !== undefined ? `; failing for ${since(dependency.lastError.since, now) ?? 'some time'}` : '';
  return now === undefined ? message : `${withCountdowns(message, now)}${failing}`;
};

/** What the end of it rests on: what was tried first, as that is worth more than what was observed. */
const proofOf = ({ credentials = [] }: DependencyStatus, requestedAt: string): string | undefined => {
  const of = (strength: CredentialStatus['strength']): number => countOf(credentials.filter((each) => each.state === 'Confirmed' && each.strength === strength));
  const [probed, observed, waited] = [of('Probed'), of('Observed'), of('WaitedOut')];
  const probe = credentials.find((each) => each.strength === 'Probed' && each.probe?.refusedAt !== undefined);
  const tried = probe === undefined ? undefined : refusalsOf(probe, requestedAt);
  const counted = [
    ...(tried === undefined ? (probed === 0 ? [] : [`${String(probed)} tried and refused`]) : [tried, ...(probed > 1 ? [`${String(probed - 1)} more tried`] : [])]),
    ...(observed === 0 ? [] : [`${String(observed)} observed gone`]),
    ...(waited === 0 ? [] : [`${String(waited)} waited out`]),
  ];
  return counted.length === 0 ? undefined : counted.join(', ');
};

const refusalsOf = ({ class: kind, probe }: CredentialStatus, requestedAt: string): string => {
  const { refusals, servers, refusedAt = '' } = probe ?? {};
  const often = refusals === undefined ? '' : ` ${String(refusals)}×`;
  const where = servers === undefined ? '' : ` on ${String(servers)} ${servers === 1 ? 'server' : 'servers'}`;
  return `${kind} refused${often}${where}, ${lasting(Date.parse(refusedAt) - Date.parse(requestedAt))} after the request`;
};

/** What there is to say beside the dependencies, a line each. */
export const notesOf = (run: Shown, now: Date | undefined): readonly string[] => [
  ...residual(run, now),
  ...outlook(run, now),
  ...due(run, now),
  ...ended(run),
];

/** Until when something not confirmed could still work: as long as that is. */
const residual = ({ status = {} }: Shown, now: Date | undefined): readonly string[] => {
  const { residualUntil, completedAt, startedAt, dependencies = [] } = status;
  const through = dependencies.filter(({ state }) => state !== 'Confirmed').map(({ name }) => name).join(', ');
  const where = through === '' ? '' : `: ${through}`;
  if (residualUntil === 'unknown') return [`residual access: nobody can say yet until when${where}`];
  if (residualUntil !== undefined) return [`residual access until ${now === undefined ? residualUntil : `${clockTime(residualUntil, now)} (${until(residualUntil, now)})`}${where}`];
  return completedAt === undefined || startedAt === undefined ? [] : ['residual access: none that is known'];
};

/** Of what nobody can observe, so many are named. */
const mostNamed = 3;

const outlook = (run: Shown, now: Date | undefined): readonly string[] => {
  const { status = {}, metadata } = run;
  const stalled = conditionOf(run.status, conditionTypes.stalled);
  const locked = conditionOf(run.status, conditionTypes.locked);
  const ready = conditionOf(run.status, conditionTypes.ready);
  const isQuiet = stalled === undefined && conditionOf(run.status, conditionTypes.reconciling) === undefined && ready?.status === 'False';
  const unprovable = (status.dependencies ?? []).flatMap(({ findings = [] }) => findings.filter(({ type }) => type === 'NotProvable'));
  const told = (message: string): string => (now === undefined ? message : withCountdowns(message, now));
  return [
    ...(stalled === undefined ? [] : [`waits for a person: ${told(stalled.message)}`]),
    ...(isQuiet ? [`${status.phase ?? 'Pending'}: ${told(ready.message)}`] : []),
    ...(status.phase === 'Soaking' && ready !== undefined ? [told(ready.message)] : []),
    ...(locked === undefined || locked.status === 'True' || isQuiet || status.phase === 'Pending' ? [] : [`not locked: ${told(locked.message)}`]),
    ...((status.summary?.notProvable ?? 0) === 0 ? [] : [`not provable: ${String(status.summary?.notProvable ?? 0)}${named(unprovable.map(({ message }) => message))}`]),
    ...[conditionOf(run.status, conditionTypes.cancelled), conditionOf(run.status, conditionTypes.glassBroken)].flatMap((each) => (each === undefined || (each.type === conditionTypes.cancelled && each.status === 'True') ? [] : [told(each.message)])),
    ...(metadata.deletionTimestamp === undefined || status.completedAt !== undefined ? [] : ['it is being deleted, and goes once it has ended']),
  ];
};

const named = (messages: readonly string[]): string => {
  if (messages.length === 0) return ', named in the findings of its status';
  const more = messages.length - mostNamed;
  return ` (${messages.slice(0, mostNamed).join('; ')}${more > 0 ? `; and ${String(more)} more` : ''})`;
};

const due = ({ metadata, spec, status }: Shown, now: Date | undefined): readonly string[] => {
  if (spec.deadline === undefined || status?.completedAt !== undefined || now === undefined) return [];
  const left = Date.parse(metadata.creationTimestamp) + durationOf(spec.deadline) - now.getTime();
  if (Number.isNaN(left)) return [];
  return [left > 0 ? `due in ${lasting(left)}` : `overdue for ${lasting(-left)}; work goes on`];
};

const durationOf = (text: string): number => {
  try {
    return parseDuration(text);
  } catch {
    return Number.NaN;
  }
};

const ended = ({ metadata, status = {} }: Shown): readonly string[] => {
  const { completedAt, recordRef } = status;
  const took = completedAt === undefined ? Number.NaN : Date.parse(completedAt) - Date.parse(metadata.creationTimestamp);
  return [
    ...(Number.isNaN(took) ? [] : [`ended at ${completedAt ?? ''}, ${lasting(took)} after it was asked for`]),
    ...(recordRef === undefined ? [] : [`record ${recordRef.name} (${recordRef.outcome}), ${recordRef.digest}`]),
  ];
};
