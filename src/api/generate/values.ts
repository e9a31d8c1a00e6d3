/**
 * The values of the chart, as its README lists them: from the comments of `values.yaml`, which is where people change them. A comment
 * right above a value is of that value; one with an empty line below it is of the section that a line of dashes begins.
 */
import { readFile, writeFile } from 'node:fs/promises';

const chart = new URL('../../../charts/offboard/', import.meta.url);

const begin = '<!-- From values.yaml, by `npm run generate`. -->';
const end = '<!-- /values -->';

export interface Value {
  /** `image.tag`. */
  readonly path: string;
  /** As it is written; undefined for one that only has others below it. */
  readonly fallback: string | undefined;
  readonly text: string;
}

export interface Section {
  /** Empty for what comes before the first. */
  readonly title: string;
  readonly text: string;
  readonly values: readonly Value[];
}

/** Two spaces a level; nothing else of YAML is understood, so that the file stays easy to read. */
const keyLine = /^(?<indent>(?: {2})*)(?<key>[A-Za-z][A-Za-z0-9]*):(?: (?<value>.+))?$/;

/** @throws for a line that is none of those that the file is to be made of. */
export const sectionsOf = (yaml: string): readonly Section[] => {
  const sections: { title: string; text: string; values: Value[] }[] = [{ title: '', text: '', values: [] }];
  let comment: string[] = [];
  let path: readonly string[] = [];
  for (const line of yaml.trimEnd().split('\n')) {
    const section = sections.at(-1);
    if (section === undefined) break;
    const title = /^# --- (.+?) -+$/.exec(line)?.[1];
    const text = /^ *# ?(.*)$/.exec(line)?.[1];
    if (title !== undefined) sections.push({ title, text: '', values: [] });
    else if (text !== undefined) comment.push(text);
    else if (line === '') {
      section.text = [section.text, ...comment].filter((each) => each !== '').join(' ');
      comment = [];
    } else {
      const { indent = '', key = '', value } = keyLine.exec(line)?.groups ?? {};
      if (key === '') throw new Error(`values.yaml: "${line}" is neither a comment nor a value on one line`);
      path = [...path.slice(0, indent.length / 2), key];
      section.values.push({ path: path.join('.'), fallback: value, text: comment.join(' ') });
      comment = [];
    }
  }
  return sections;
};

const cell = (text: string): string => text.replaceAll('|', '\\|');

const row = ({ path, fallback, text }: Value): string => `| \`${path}\` | ${fallback === undefined ? '' : `\`${cell(fallback)}\``} | ${cell(text)} |`;

const sectionText = ({ title, text, values }: Section): string =>
  [
    ...(title === '' ? [] : [`### ${title}`, '']),
    ...(text === '' ? [] : [text, '']),
    '| value | default | |',
    '|---|---|---|',
    // One that has only others below it is worth a row where something is said of all of them.
    ...values.filter((value) => value.fallback !== undefined || value.text !== '').map(row),
    '',
  ].join('\n');

export const withValues = (readme: string, yaml: string): string => {
  const [before, rest] = readme.split(`${begin}\n`);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`the README of the chart has no place for its values, from "${begin}" to "${end}"`);
  return [before, `${begin}\n\n`, sectionsOf(yaml).map(sectionText).join('\n'), `\n${end}`, after].join('');
};

export const writeValues = async (): Promise<void> => {
  const readme = new URL('README.md', chart);
  const [text, yaml] = await Promise.all([readFile(readme, 'utf8'), readFile(new URL('values.yaml', chart), 'utf8')]);
  await writeFile(readme, withValues(text, yaml));
};
