/** Times of a record, in UTC as it holds them: the page says the same wherever it is made. Pure. */
import { html } from './html.ts';
import type { Html } from './html.ts';

const shape = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/;

interface Read {
  readonly day: string;
  readonly clock: string;
}

/** Undefined for what is no time. A fraction of nothing is left out. */
const read = (time: string): Read | undefined => {
  const at = Date.parse(time);
  if (Number.isNaN(at)) return undefined;
  const [, day = '', clock = '', fraction = ''] = shape.exec(time) ?? shape.exec(new Date(at).toISOString()) ?? [];
  return { day, clock: `${clock}${/[1-9]/.test(fraction) ? fraction : ''}` };
};

/** Milliseconds since 1970; undefined for what is no time. */
export const instantOf = (time: string | undefined): number | undefined => {
  const at = time === undefined ? Number.NaN : Date.parse(time);
  return Number.isNaN(at) ? undefined : at;
};

/** `2026-11-23 10:00:05.5 UTC`; what is no time stays as it is written. */
export const timeText = (time: string): string => {
  const known = read(time);
  return known === undefined ? time : `${known.day} ${known.clock} UTC`;
};

export const timeOf = (time: string): Html => (read(time) === undefined ? html`${time}` : html`<time datetime="${time}">${timeText(time)}</time>`);

/** `2026-11-23`, of which most times of a run are. */
export const dayOf = (time: string): string => read(time)?.day ?? '';

/** Without the day where that is the one that is known. */
export const clockText = (time: string, day: string): string => {
  const known = read(time);
  if (known === undefined) return time;
  return known.day === day ? known.clock : `${known.day} ${known.clock}`;
};

/** `820 ms`, `11.9 s`, `3 h 5 min`: the two largest units. */
export const lengthText = (milliseconds: number): string => {
  if (milliseconds < 1_000) return `${String(Math.round(milliseconds))} ms`;
  if (milliseconds < 60_000) return `${String(Math.round(milliseconds / 100) / 10)} s`;
  const seconds = Math.round(milliseconds / 1_000);
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60];
  const both = (large: number, unit: string, small: number, smaller: string): string => `${String(large)} ${unit}${small === 0 ? '' : ` ${String(small)} ${smaller}`}`;
  if (days > 0) return both(days, days === 1 ? 'day' : 'days', hours, 'h');
  return hours > 0 ? both(hours, 'h', minutes, 'min') : both(minutes, 'min', seconds % 60, 's');
};

/** Undefined where one of them is no time, or they are the other way round. */
export const between = (from: string | undefined, to: string | undefined): string | undefined => {
  const [start, end] = [instantOf(from), instantOf(to)];
  return start === undefined || end === undefined || end < start ? undefined : lengthText(end - start);
};
