/** docs/reference/conditions.md, from the comments in v1alpha1/conditions.ts, which say when each is true. */
import { conditionTypes, reasons } from '../v1alpha1/conditions.ts';

const entry = /^ {2}\/\/ (?<section>.+)$|^ {2}\/\*\* (?<meaning>.+) \*\/\n {2}\w+: '(?<name>\w+)',$/gm;

interface Entry {
  readonly name: string;
  readonly meaning: string;
  /** The comment above the group that it is in. */
  readonly section: string | undefined;
}

/** `source` is the text of conditions.ts. */
export const conditionsReferenceOf = (source: string): string => {
  const [typesText = '', reasonsText = ''] = source.split('export const reasons');
  const types = entriesOf(typesText, conditionTypes);
  const all = entriesOf(reasonsText, reasons);
  const sections = [...new Set(all.map(({ section }) => section))];
  return [
    '<!-- Made from src/api/v1alpha1/conditions.ts by `make generate`. -->',
    '# Conditions and reasons',
    '',
    'Every object of Offboard says how it is by conditions, as kstatus, `kubectl wait` and Prometheus read them. `Ready` is always there; `Reconciling`',
    'and `Stalled` only while true. What to do about a stalled one is in its message, and by `kubectl offboard why`.',
    '',
    '## Types',
    '',
    ...table('type', types),
    '',
    '## Reasons',
    ...sections.flatMap((section) => ['', `### ${section ?? 'Others'}`, '', ...table('reason', all.filter((each) => each.section === section))]),
    '',
  ].join('\n');
};

/** Every name that the operator uses is told, or this throws. */
const entriesOf = (text: string, names: Readonly<Record<string, string>>): readonly Entry[] => {
  const entries: Entry[] = [];
  let section: string | undefined;
  for (const { groups } of text.matchAll(entry)) {
    const { name, meaning } = groups ?? {};
    if (name === undefined || meaning === undefined) section = groups?.section;
    else entries.push({ name, meaning, section });
  }
  const told = new Set(entries.map(({ name }) => name));
  const untold = Object.values(names).filter((name) => !told.has(name));
  if (untold.length > 0) throw new Error(`conditions.ts says of ${untold.join(', ')} not in one line when it is true`);
  return entries;
};

const table = (heading: string, entries: readonly Entry[]): readonly string[] => [
  `| ${heading} | when |`,
  '|---|---|',
  ...entries.map(({ name, meaning }) => `| \`${name}\` | ${meaning.replaceAll('|', '\\|')} |`),
];
