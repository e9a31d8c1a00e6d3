/** An Offboarding as text: for people, whole and with what is left of times to come; for a log, what is new of it. */
import { escapeControls } from '../../runtime/redact.ts';
import { labelled, table, wrap } from '../screen.ts';
import { since, until } from '../time.ts';
import { askedBy, identityOf, notesOf, rowsOf } from './parts.ts';
import type { Shown } from './parts.ts';

export const printed = (run: Shown, now: Date, width: number): string => {
  const rows = rowsOf(run, now);
  const widest = (pick: (row: (typeof rows)[number]) => string): number => Math.max(0, ...rows.map((row) => pick(row).length));
  const [names, states, counts] = [widest(({ name }) => name), widest(({ state }) => state), widest(({ progress }) => progress)];
  return [
    headOf(run, now, width),
    '\n',
    ...rows.map(({ name, mark, state, progress, text }) => labelled(`  ${name.padEnd(names)}  ${mark} ${state.padEnd(states)}  ${progress.padStart(counts)}  `, text, width)),
    ...(rows.length === 0 ? [] : ['\n']),
    ...notesOf(run, now).map((note) => wrap(note, width, '  ', '    ')),
  ].join('');
};

/** The phase at the right, where there is room. */
const headOf = (run: Shown, now: Date, width: number): string => {
  const left = escapeControls(`${identityOf(run)}  ${askedBy(run, now)}`);
  const phase = run.status?.phase ?? 'Pending';
  const gap = width - left.length - phase.length;
  return gap < 2 ? wrap(`${left}  ${phase}`, width, '', '  ') : `${left}${' '.repeat(gap)}${phase}\n`;
};

/** Each thing that is true of it, on a line of its own and without what passes by itself: a log shows those that are new. */
export const entriesOf = (run: Shown): readonly string[] =>
  [
    `${identityOf(run)}  ${run.status?.phase ?? 'Pending'}`,
    ...rowsOf(run, undefined).map(({ name, state, progress, text }) => `${name}  ${state}  ${progress}  ${text}`),
    ...notesOf(run, undefined),
  ].map(escapeControls);

/** Many of them, one a line. */
export const listed = (runs: readonly Shown[], now: Date, everywhere: boolean): string =>
  table(
    [...(everywhere ? ['NAMESPACE'] : []), 'NAME', 'IDENTITY', 'PHASE', 'CONFIRMED', 'WAITING ON', 'RESIDUAL', 'AGE'],
    runs.map((run) => {
      const { metadata, status = {} } = run;
      const { phase = 'Pending', progress = '', waitingOn = '', residualUntil } = status;
      const identity = identityOf(run).replace(/ \(.*\)$/, '');
      return [...(everywhere ? [metadata.namespace ?? ''] : []), metadata.name, identity, phase, progress, waitingOn, left(residualUntil, now), since(metadata.creationTimestamp, now) ?? ''];
    }),
  );

const left = (residualUntil: string | undefined, now: Date): string => {
  if (residualUntil === undefined) return '';
  if (Number.isNaN(Date.parse(residualUntil))) return residualUntil;
  return Date.parse(residualUntil) > now.getTime() ? until(residualUntil, now).replace(/^in /, '') : 'over';
};
