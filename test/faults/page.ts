/** docs/fault-matrix.md: written from what was measured, and read back by a test that holds it to the code. */
import { lasting } from './catalogue.ts';
import type { Case, Outcome } from './matrix.ts';
import { isExcused, windows } from './matrix.ts';
import type { Comparison } from './comparison.ts';
import type { Fault } from './catalogue.ts';
import type { Policy } from './policies.ts';
import type { Subject } from './subjects.ts';

export interface Measured {
  readonly outcomes: readonly Outcome[];
  readonly comparisons: readonly Comparison[];
  /** Cores, and the versions of what ran. */
  readonly machine: string;
  readonly minutes: number;
  /** Seconds. */
  readonly settle: number;
}

export interface Plan {
  readonly subjects: readonly Subject[];
  readonly cases: readonly Case[];
  readonly policies: readonly Policy[];
}

const scopes: Readonly<Record<Fault['on'], string>> = { Changes: 'writes', Reads: 'reads', Lists: 'lists', Releases: 'writes of finalizers', Everything: 'every request' };

const row = (...cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => [row(...head), row(...head.map(() => '---')), ...rows.map((cells) => row(...cells))].join('\n');

const heads = {
  subject: ['fault', 'meets', 'what was seen meanwhile', 'time to the honest state', 'false completions'],
  lasting: ['dependency', 'requests that were lied to', 'what was said while the lie lasted', 'how sure it is said to be', 'whether it was believed'],
  policies: ['it says that it is over when', 'as in', 'faults that it met', 'said that it was over', 'false completions'],
  summary: ['dependency', 'offboardings', 'false completions', 'longest time to the honest state'],
} as const;

/** What names this run alone, or is somebody's own words at length. */
const told = (message: string): string =>
  message
    .replace(/https?:\/\/127\.0\.0\.1:\d+/g, 'the server')
    .replace(/\b(?:kubernetes|run|vault|google)-\d+\b/g, 'agent')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '…')
    .replace(/\b[0-9]{15,}\b|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{40}\b|(?<=creds\/ci-agent\/)\w+/g, '…')
    .replace(/`/g, '');

const shortened = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, text.lastIndexOf(' ', most))} …`);

const seconds = (value: number): string => `${value.toFixed(1)} s`;

const honestState = ({ end, seconds: time }: Outcome): string => (end === 'Ready' ? `Ready after ${seconds(time)}` : 'blocked, visibly; Ready once it was woken');

const countLies = (outcomes: readonly Outcome[]): number => outcomes.reduce((sum, { lies }) => sum + falseClaims(lies), 0);

/** Several credentials may have worked when one claim was made. */
export const falseClaims = (lies: readonly string[]): number => new Set(lies.map((lie) => lie.split(', and ')[0])).size;

const isOrdinary = (name: string) => ({ subject, fault }: Case): boolean => subject.name === name && fault.name !== lasting;

const subjectPart = ({ name, title, words }: Subject, cases: readonly Case[], outcomes: readonly Outcome[]): string => {
  const rows = cases
    .filter(isOrdinary(name))
    .map(({ fault }) => {
      const outcome = outcomes.find((each) => each.subject === name && each.fault === fault.name);
      if (outcome === undefined) throw new Error(`${name}: ${fault.name} was not measured`);
      const seen = `\`${outcome.seen.reason}\`: ${shortened(told(outcome.seen.message), 110)}`;
      return [fault.name, scopes[fault.on], seen, honestState(outcome), String(falseClaims(outcome.lies))];
    });
  return `## ${title}\n\nIn the way: ${words}.\n\n${table(heads.subject, rows)}`;
};

/** Those that have a table of their own. */
const ordinaryOf = (subjects: readonly Subject[], cases: readonly Case[]): readonly Subject[] => subjects.filter(({ name }) => cases.some(isOrdinary(name)));

const summaryPart = (subjects: readonly Subject[], outcomes: readonly Outcome[]): string => {
  const rows = subjects.map(({ name, title }) => {
    const own = outcomes.filter(({ subject, fault }) => subject === name && fault !== lasting);
    return [title, String(own.length), String(countLies(own)), seconds(Math.max(...own.map((each) => each.seconds)))];
  });
  return table(heads.summary, rows);
};

const lastingPart = (cases: readonly Case[], outcomes: readonly Outcome[]): string => {
  const rows = cases
    .filter(({ fault }) => fault.name === lasting)
    .map(({ subject: { name, title } }) => {
      const outcome = outcomes.find((each) => each.subject === name && each.fault === lasting);
      if (outcome === undefined) throw new Error(`${name}: ${lasting} was not measured`);
      if (!isExcused(outcome)) throw new Error(`${name}: ${lasting} was believed, and must not be: ${outcome.lies.join('; ')}`);
      const { seen, struck, believed = false, strengths = [] } = outcome;
      const wasBelieved = believed ? `**believed**: ${outcome.lies.length === 0 ? 'by the lock alone nothing of it worked' : `${String(falseClaims(outcome.lies))} claims were not true`}` : `not believed; ${honestState(outcome)}`;
      return [title, String(struck), `\`${seen.reason}\`: ${shortened(told(seen.message), 110)}`, strengths.map((each) => `\`${each}\``).join(', '), wasBelieved];
    });
  return table(heads.lasting, rows);
};

const policiesPart = (policies: readonly Policy[], comparisons: readonly Comparison[]): string => {
  const rows = policies.map(({ name, words, shownBy, source }) => {
    const own = comparisons.filter((each) => each.policy === name && each.met);
    return [`**${name}**: ${words}`, `[${shownBy}](${source})`, String(own.length), String(own.filter(({ over }) => over).length), `**${String(own.filter(({ lied }) => lied).length)}**`];
  });
  return table(heads.policies, rows);
};

const undisturbed = (comparisons: readonly Comparison[]): string => {
  const own = comparisons.filter(({ fault }) => fault === undefined);
  return `${String(own.filter(({ over }) => over).length)} of ${String(own.length)} said that it was over, and ${String(own.filter(({ lied }) => lied).length)} of those were wrong`;
};

export const renderPage = ({ subjects, cases, policies }: Plan, { outcomes, comparisons, machine, minutes, settle }: Measured): string => {
  const ordinary = ordinaryOf(subjects, cases);
  return `# The fault matrix

What Offboard says when the way to a dependency fails while it revokes. A proxy stands between the operator, which is a process of its own,
and real servers. It lets an identity be locked, breaks one thing from the first request on that meets it, for 8 s (12 s for what hangs), and lets
everything through again. Beside it an oracle, which goes past the proxy, tries every credential of the identity the instant anything claims that it is
gone: \`Ready=True\`, a WorkloadIdentity that says \`Retired\`, or one that is let go. A **false completion** is such a claim while a credential worked.

\`make faults\` wrote this page, in ${minutes.toFixed(0)} minutes. ${machine}. Each row is one
offboarding; several run side by side, and the times are those of a busy machine. One replica, without leader election. An absence must hold for ${String(settle)} s everywhere, which is in each time.

${summaryPart(ordinary, outcomes)}

- **What was seen meanwhile** is the condition \`Ready\`, which is \`False\`, when the fault ends.
- **Time to the honest state** is from there to \`Ready=True\`, with nobody's help. Where a run is blocked until a person does something, that is to be seen before
  the fault ends; it is looked at again within five minutes, or at once when it is woken.
- A watch that stays open and tells nothing is given up within three minutes; until then nobody's wishes are seen, and nothing more is claimed.
- A lie in a dependency's own words (“there is no such thing”; left out of lists; done, and nothing happened) is found out where it ends before the settle
  time does. One that lasts longer is not in these figures, but [below](#what-no-observation-can-tell).
- A fault begins with the first revoke where its name does not say otherwise. At the release the run is \`Ready\` already, and what is timed is until all is let go.

${ordinary.map((subject) => subjectPart(subject, cases, outcomes)).join('\n\n')}

## What no observation can tell

The same, and the lie does not end: every change is answered as done, and whoever asks is told that there is no such thing, for ${String((windows.Lie ?? 0) / 1_000)} s or until
it is believed. What the lock has not ended already works all the time. Only who tries it knows: with [the probe](probe.md) the lie is found out. Where nothing is tried, by choice or because the
dependency offers nothing to try, Offboard has no more than the dependency's word: what it claims then is called \`Observed\` in status and record, never \`Probed\`, and is
not true if that word is not.

${lastingPart(cases, outcomes)}

## The same faults, and other ways to let go

How others decide that a thing is over, each as a small function through the same proxies and judged by the same use of the credential: a RoleBinding, a leased
database user, a service account of Google Cloud. What an error means to them is theirs; that they try again after one which they do not take for the
end is given to all. The credential is tried a second after the claim, not at once as Offboard's are. Nothing else of these programs is
judged by this: most of them promise less than the end of every access.

${table(['without a fault'], [[undisturbed(comparisons)]])}

${policiesPart(policies, comparisons)}
`;
};

// ---- reading it back -------------------------------------------------------------------------------------------

export interface PageRow {
  /** Its heading. */
  readonly part: string;
  readonly cells: readonly string[];
}

/** Every row of every table, but for their heads. */
export const rowsOf = (page: string): readonly PageRow[] => {
  const rows: PageRow[] = [];
  let part = '';
  let body = false;
  for (const line of page.split('\n')) {
    if (line.startsWith('#')) part = line.replace(/^#+ /, '');
    if (!line.startsWith('| ')) body = false;
    else if (body) rows.push({ part, cells: line.slice(2, -2).split(/(?<!\\) \| /).map((cell) => cell.replaceAll('\\|', '|')) });
    else if (line.startsWith('| ---')) body = true;
  }
  return rows;
};

/** What the page and the code do not agree about, and every claim of ours in it that was not true. */
export const complaintsAbout = (page: string, { subjects, cases, policies }: Plan): readonly string[] => {
  const rows = rowsOf(page);
  const part = (title: string): readonly PageRow[] => rows.filter((each) => each.part === title);
  const summary = part('The fault matrix');
  const perSubject = ordinaryOf(subjects, cases).flatMap(({ name, title }) => {
    const expected = cases.filter(isOrdinary(name)).map(({ fault }) => fault.name);
    const found = part(title).map(({ cells: [fault = ''] }) => fault);
    const lies = part(title).filter(({ cells }) => cells.length !== heads.subject.length || cells.at(-1) !== '0');
    const own = summary.find(({ cells: [first] }) => first === title)?.cells;
    return [
      ...expected.filter((fault) => !found.includes(fault)).map((fault) => `${title}: "${fault}" is missing`),
      ...found.filter((fault) => !expected.includes(fault)).map((fault) => `${title}: "${fault}" is none of the code's`),
      ...lies.map(({ cells }) => `${title}: false completions in "${cells.join(' | ')}"`),
      ...(own?.[1] === String(expected.length) && own[2] === '0' ? [] : [`${title}: the summary does not say ${String(expected.length)} offboardings without a false completion`]),
    ];
  });
  const lied = cases.filter(({ fault }) => fault.name === lasting).flatMap(({ subject: { name, title } }) => {
    const cells = part('What no observation can tell').find(({ cells: [first] }) => first === title)?.cells ?? [];
    if (cells.length !== heads.lasting.length) return [`${title}: a lie that lasts is not told of`];
    return name === 'kubernetes' && !(cells.at(-1) ?? '').startsWith('not believed') ? [`${title}: a lie that lasts was believed, whatever the probe said`] : [];
  });
  const compared = part('The same faults, and other ways to let go').map(({ cells }) => cells.join(' | '));
  const missing = policies.filter(({ name, words, source }) => !compared.some((each) => each.includes(`**${name}**: ${words}`) && each.includes(`(${source})`)));
  return [...perSubject, ...lied, ...missing.map(({ name }) => `the policy "${name}" is missing, or another source is named`)];
};
