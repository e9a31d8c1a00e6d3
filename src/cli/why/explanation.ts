/** Why a run is not done, or what its end rests on: one paragraph, and the next command. Pure, of the object and the time. */
import { conditionOf, conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import type { Condition, CredentialStatus, DependencyStatus } from '../../api/v1alpha1/index.ts';
import { labelled, wrap } from '../screen.ts';
import { countOf, identityOf } from '../status/parts.ts';
import type { Shown } from '../status/parts.ts';
import { since, withCountdowns } from '../time.ts';
import { nextFor } from './next.ts';
import type { Next } from './next.ts';

export interface Explanation {
  /** What is so. */
  readonly what: string;
  /** In the words of whoever says so. */
  readonly words?: { readonly who: string; readonly text: string };
  /** Since when, how often it was tried, when it is tried again; and what else is so. */
  readonly facts: readonly string[];
  readonly next: Next;
}

export const printed = ({ what, words, facts, next }: Explanation, width: number): string =>
  [
    wrap(what, width, '', '  '),
    ...(words === undefined ? [] : [labelled(`  ${words.who} says: `, words.text, width)]),
    ...facts.map((fact) => wrap(fact, width, '  ', '    ')),
    wrap(next.text, width, '  ', '    '),
    // Not broken: they are there to be copied.
    ...next.commands.map((command) => `    ${command}\n`),
  ].join('');

export const explanationOf = (run: Shown, now: Date): Explanation => {
  const ready = conditionOf(run.status, conditionTypes.ready);
  if (ready === undefined) return unseen(run, now);
  const facts = [...standing(run, now), ...(ready.reason === reasons.reopened ? ['It is open again, for a waiver is not in force any more.'] : [])];
  const explained = ready.status === 'True' ? done(run, ready, now) : open(run, ready, now);
  return { ...explained, facts: [...explained.facts, ...facts] };
};

const unseen = (run: Shown, now: Date): Explanation => ({
  what: `${identityOf(run)} is not begun: Offboard has not looked at this run yet.`,
  facts: [`It was asked for ${since(run.metadata.creationTimestamp, now) ?? 'some time'} ago.`],
  next: {
    text: 'That takes seconds where Offboard runs. Does it?',
    commands: ['kubectl get pods -n offboard-system', 'kubectl logs -n offboard-system deployment/offboard --tail=20'],
  },
});

/** True of a run whatever it waits for. */
const standing = ({ metadata, status }: Shown, now: Date): readonly string[] => [
  ...(metadata.deletionTimestamp === undefined || status?.completedAt !== undefined ? [] : ['It is being deleted, which does not cancel it: it goes once it has ended.']),
  ...(status?.residualUntil === undefined || status.completedAt !== undefined ? [] : [withCountdowns(status.residualUntil === 'unknown' ? 'Until when access is left, nobody can say.' : `Access may be left until ${status.residualUntil}.`, now)]),
];

const done = (run: Shown, ready: Condition, now: Date): Explanation => {
  const { dependencies = [], recordRef, completedAt } = run.status ?? {};
  const waived = dependencies.filter(({ waiver }) => waiver !== undefined);
  const unprovable = dependencies.flatMap(({ name, findings = [] }) => findings.filter(({ type }) => type === 'NotProvable').map(({ message }) => `${name}: ${message}`));
  return {
    what: `${identityOf(run)} is done${completedAt === undefined ? '' : `, since ${since(completedAt, now) ?? 'some time'}`}: ${withCountdowns(ready.message, now)}.`,
    facts: [
      `It rests on: ${strengths(dependencies.flatMap(({ credentials = [] }) => credentials))}.`,
      ...unprovable.map((message) => `Not provable: ${message}`),
      ...(recordRef === undefined ? [] : [`Record ${recordRef.name} (${recordRef.outcome}) says so, signed.`]),
    ],
    next: nextFor(waived.length > 0 ? reasons.completedWithWaivers : reasons.confirmed, { run, dependency: waived[0] }),
  };
};

/** Tried is worth more than observed, and that more than waited for. */
export const strengths = (credentials: readonly CredentialStatus[]): string => {
  const gone = credentials.filter(({ state }) => state === 'Confirmed');
  const of = (strength: CredentialStatus['strength']): number => countOf(gone.filter((each) => each.strength === strength));
  const open = countOf(credentials) - countOf(gone);
  const parts: readonly (readonly [number, string])[] = [
    [of('Probed'), 'tried and refused'],
    [of('Observed'), 'observed gone'],
    [of('WaitedOut'), 'waited out'],
    [of(undefined), 'confirmed'],
    [open, 'not gone'],
  ];
  const told = parts.filter(([count]) => count > 0).map(([count, words]) => `${String(count)} ${words}`);
  return told.length === 0 ? 'no credential, for none was found' : `${String(countOf(credentials))} ${countOf(credentials) === 1 ? 'credential' : 'credentials'}, ${told.join(', ')}`;
};

const open = (run: Shown, ready: Condition, now: Date): Explanation => {
  const stalled = conditionOf(run.status, conditionTypes.stalled);
  const speaker = stalled ?? conditionOf(run.status, conditionTypes.reconciling) ?? ready;
  const { dependencies = [] } = run.status ?? {};
  const dependency = dependencies.find(({ name }) => speaker.message.startsWith(`${name}: `));
  const words = dependency === undefined ? undefined : wordsOf(run, dependency, speaker);
  return {
    what: `${whatIs(run, speaker, dependency, stalled !== undefined, words, now)}.`,
    ...(words === undefined ? {} : { words }),
    facts: [
      sinceWhen(speaker, dependency, stalled !== undefined, now),
      ...dependencies.filter((each) => each !== dependency && (each.state === 'Blocked' || each.state === 'Unknown')).map(({ name, state, message = '' }) => `Also, ${name} is ${verbs[state] ?? ''}: ${withCountdowns(message, now)}.`),
      ...[conditionOf(run.status, conditionTypes.cancelled)].flatMap((each) => (each?.status === 'False' ? [`It ${each.message}.`] : [])),
    ],
    next: nextFor(speaker.reason, { run, dependency }),
  };
};

const verbs: Readonly<Partial<Record<DependencyStatus['state'], string>>> = { Blocked: 'blocked', Unknown: 'not to be asked', Settling: 'settling', Revoking: 'revoking', Waiting: 'waiting' };

const whatIs = (run: Shown, { message }: Condition, dependency: DependencyStatus | undefined, isStalled: boolean, words: Explanation['words'], now: Date): string => {
  const short = withoutEnd(words === undefined ? message : message.replace(words.text, '').replace(/[:\s]+$/, ''));
  if (dependency === undefined) return `${identityOf(run)} ${isStalled ? 'waits for a person' : 'is not done'}: ${withCountdowns(short, now)}`;
  const rest = short.slice(dependency.name.length).replace(/^:\s*/, '');
  return `${dependency.name} is ${verbs[dependency.state] ?? (isStalled ? 'blocked' : 'not done')}${rest === '' ? '' : `: ${withCountdowns(rest, now)}`}`;
};

const withoutEnd = (text: string): string => text.replace(/\.+$/, '');

/** What the system itself said, where that is told apart from what Offboard makes of it. */
const wordsOf = (run: Shown, { name, credentials = [], lastError }: DependencyStatus, { reason }: Condition): Explanation['words'] => {
  const stuck = reason === reasons.revocationStuck ? credentials.find((each) => each.reason === reasons.revocationStuck)?.message : undefined;
  const text = stuck ?? lastError?.message;
  return text === undefined || text === '' ? undefined : { who: systemOf(run, name), text: withoutEnd(text) };
};

/** As people call it. */
const systemOf = ({ status }: Shown, name: string): string => {
  const declared = status?.target?.dependencies?.find((each) => each.name === name);
  if (declared?.vault !== undefined) return 'Vault';
  return declared?.googleCloud !== undefined ? 'Google Cloud' : name === 'kubernetes' ? 'Kubernetes' : name;
};

const sinceWhen = ({ lastTransitionTime }: Condition, dependency: DependencyStatus | undefined, isStalled: boolean, now: Date): string => {
  const began = dependency?.lastError?.since ?? lastTransitionTime;
  const attempts = dependency?.attempts ?? 0;
  const often = attempts > 1 ? `, ${String(attempts)} attempts or more` : '';
  // As the operator has it: longer pauses where a person must act.
  const again = isStalled ? 'looked at again within 5 minutes' : 'looked at again by itself';
  return `Since ${since(began, now) ?? 'some time'}${often}, ${again}.`;
};
