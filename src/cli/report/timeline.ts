/** Each access path from discovery to proof, as a picture. What it shows is in the tables, too, to the millisecond. Pure. */
import type { Predicate } from '../../evidence/predicate.ts';
import { html, said } from './html.ts';
import type { Html, Part } from './html.ts';
import { groupsOf } from './lanes.ts';
import type { Group, Lane } from './lanes.ts';
import { markAt, markOf } from './marks.ts';
import { scaleOf } from './scale.ts';
import type { Scale } from './scale.ts';
import { clockText, dayOf, instantOf, lengthText } from './time.ts';
import { strengthWords, strengths } from './words.ts';

interface Drawn {
  readonly moments: readonly Moment[];
  readonly scale: Scale;
  /** Of most times. */
  readonly day: string;
  /** When the first revoke was sent: what ends with another is not asked itself. */
  readonly revoking: number | undefined;
}

interface Moment {
  readonly what: string;
  readonly time: string;
  readonly at: number;
}

export const timeline = (predicate: Predicate): Part => {
  const moments = momentsOf(predicate.run);
  const groups = groupsOf(predicate.dependencies).filter(({ lanes }) => lanes.length > 0);
  const scale = scaleOf([...moments.map(({ at }) => at), ...groups.flatMap(({ lanes }) => lanes.flatMap(({ found, asked, absent, confirmed }) => [found, asked, absent, confirmed].filter((each) => each !== undefined)))]);
  const day = dayOf(predicate.run.completedAt);
  return html`<figure aria-labelledby="timeline-is">
<ol class="lanes">
<li><div class="name small soft">${dayText(predicate.run)}</div>${axis(moments, scale)}</li>
${groups.map((group) => lanesOf(group, { moments, scale, day, revoking: instantOf(predicate.run.revokeStartedAt) }))}
</ol>
${legend()}
<ol class="moments">${moments.map(({ what, time }, index) => html`<li><b>${index + 1}</b>${what} <time datetime="${time}">${clockText(time, day)}</time></li>`)}</ol>
<figcaption id="timeline-is">Every access path from the time it was found to the time its end was proven. The same times are in the tables below. ${breaksText(scale)}</figcaption>
</figure>`;
};

const momentsOf = (run: Predicate['run']): readonly Moment[] => {
  const all: readonly (readonly [string, string | undefined])[] = [
    ['asked for', run.createdAt],
    ['begun', run.startedAt],
    ['locked', run.lockedAt],
    ['first revoke', run.revokeStartedAt],
    ['all asked to end', run.revokedAt],
    ['ended', run.completedAt],
  ];
  return all.flatMap(([what, time]) => {
    const at = instantOf(time);
    return time === undefined || at === undefined ? [] : [{ what, time, at }];
  }).sort((a, b) => a.at - b.at);
};

const dayText = ({ createdAt, completedAt }: Predicate['run']): string => (dayOf(createdAt) === dayOf(completedAt) ? `${dayOf(completedAt)}, UTC` : `${dayOf(createdAt)} to ${dayOf(completedAt)}, UTC`);

const breaksText = ({ breaks }: Scale): string =>
  breaks.length === 0 ? 'It is to scale.' : `It is to scale, but for ${breaks.length === 1 ? 'a pause' : 'pauses'} of ${breaks.map(({ length }) => lengthText(length)).join(', ')}, drawn shorter where the line is broken.`;

const percent = (value: number): string => `${String(Math.round(value * 100) / 100)}%`;

/** Numbers above each other where they would be over each other. */
const nearest = 6;

const axis = (moments: readonly Moment[], scale: Scale): Html => {
  const levels: number[] = [];
  const placed = moments.map(({ at }, index) => {
    const x = scale.at(at);
    const free = levels.findIndex((last) => x - last >= nearest);
    const level = free === -1 ? levels.length : free;
    levels[level] = x;
    return { x: percent(x), level, number: index + 1 };
  });
  const height = levels.length * 19 + 10;
  const at = (level: number): number => height - 18 - level * 19;
  return html`<svg height="${height}" aria-hidden="true">
<line x1="0" x2="100%" y1="${height - 1}" y2="${height - 1}" stroke="var(--rule)"/>
${placed.map(({ x, level }) => html`<line class="line" x1="${x}" x2="${x}" y1="${at(level)}" y2="${height}"/>`)}
${placed.map(({ x, level, number }) => html`<svg x="${x}" y="${at(level)}" overflow="visible"><circle class="disc" r="8.5"/><text y="4">${number}</text></svg>`)}
${scale.breaks.map(({ at: place }) => html`<svg x="${percent(place)}" y="${height - 1}" overflow="visible"><path class="break" d="M-3 0H3"/><path class="zig" d="M-6 5L-1-5M1 5L6-5"/></svg>`)}
</svg>`;
};

const lanesOf = ({ dependency, lanes }: Group, drawn: Drawn): Part => [
  html`<li class="group">${said(dependency)}</li>`,
  lanes.map((lane) => html`<li><div class="name"><b>${lane.title}</b>${said(lane.text)}</div>${picture(lane, drawn)}</li>\n`),
];

const height = 26;
const middle = height / 2;

const picture = (lane: Lane, { moments, scale, day, revoking }: Drawn): Html => {
  const { found, absent, confirmed, end } = lane;
  const asked = lane.asked ?? (found !== undefined && revoking !== undefined ? Math.max(found, revoking) : undefined);
  const last = confirmed ?? moments.at(-1)?.at ?? found ?? 0;
  const bar = (name: string, thickness: number, from: number | undefined, to: number | undefined): Part => {
    if (from === undefined || to === undefined || to <= from) return undefined;
    return html`<rect class="${name}" x="${percent(scale.at(from))}" y="${middle - thickness / 2}" width="${percent(scale.at(to) - scale.at(from))}" height="${thickness}"/>`;
  };
  return html`<svg height="${height}" role="img" aria-label="${alternative(lane, day)}">
${moments.map(({ at }) => html`<line class="line" x1="${percent(scale.at(at))}" x2="${percent(scale.at(at))}" y1="0" y2="${height}"/>`)}
${bar('known', 4, found, least(asked, absent) ?? last)}
${bar('live', 8, asked, absent ?? last)}
${bar('gone', 8, absent, last)}
${markAt(end, percent(scale.at(last)), middle)}
</svg>`;
};

const least = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined || b === undefined ? (a ?? b) : Math.min(a, b));

const alternative = ({ title, text, found, asked, absent, confirmed, end }: Lane, day: string): string => {
  const when = (what: string, instant: number | undefined): readonly string[] => (instant === undefined ? [] : [`${what} ${clockText(new Date(instant).toISOString(), day)}`]);
  return [`${title} ${text}`, ...when('found', found), ...when('asked to end', asked), ...when('first seen absent', absent), ...when('confirmed', confirmed), strengthWords[end].name.toLowerCase()].join(', ');
};

const legend = (): Html => html`<ul class="legend">
<li><svg viewBox="0 0 30 14" aria-hidden="true"><rect class="known" y="5" width="30" height="4"/></svg>found</li>
<li><svg viewBox="0 0 30 14" aria-hidden="true"><rect class="live" y="3" width="30" height="8"/></svg>asked to end, may still work</li>
<li><svg viewBox="0 0 30 14" aria-hidden="true"><rect class="gone" x="1" y="3" width="28" height="8"/></svg>absent, not believed yet</li>
${strengths.map((each) => html`<li>${markOf(each)}${strengthWords[each].name.toLowerCase()}</li>`)}
</ul>`;
