/** Every credential of every dependency, as far as a page can hold them; what it cannot hold is counted, and where it is, told. Pure. */
import type { Predicate, RecordedCredential, RecordedDependency } from '../../evidence/predicate.ts';
import { clipped, code, html, said } from './html.ts';
import type { Html, Part } from './html.ts';
import { markOf } from './marks.ts';
import { clockText, dayOf, lengthText, timeOf } from './time.ts';
import { countOf, lockWords, plural, stateWords, strengthOf, strengthWords, strengths } from './words.ts';
import type { Strength } from './words.ts';

/** Characters of all rows together: a page of two megabytes is still read on a phone. */
const mostText = 1_800_000;
/** More rows than these are folded. */
const mostOpen = 40;

export const credentials = (predicate: Predicate): Html => {
  let room = mostText;
  const day = dayOf(predicate.run.completedAt);
  return html`<section aria-labelledby="credentials"><h2 id="credentials">Every credential, system by system</h2>
<p class="soft small">Times are in UTC${day === '' ? undefined : `, on ${day} where no day is given`}. “Asked to end” is when the intent to revoke was stored. “Confirmed” is the last of at least two observations that found it absent.</p>
${predicate.dependencies.map((dependency, index) => {
    const { rows, length } = rowsOf(dependency, day, room);
    room -= length;
    return dependencyPart(dependency, `dependency-${String(index + 1)}`, rows, predicate);
  })}
</section>`;
};

const rowsOf = ({ credentials: all }: RecordedDependency, day: string, room: number): { readonly rows: readonly Html[]; readonly length: number } => {
  const rows: Html[] = [];
  let length = 0;
  for (const credential of worstFirst(all)) {
    const row = rowOf(credential, day);
    if (length + row.html.length > room) break;
    rows.push(row);
    length += row.html.length;
  }
  return { rows, length };
};

/** What may still work is on the page before all that is gone; otherwise in the order of the record. */
const worstFirst = (all: readonly RecordedCredential[]): readonly RecordedCredential[] => {
  const worth: Readonly<Record<Strength, number>> = { Open: 0, Waived: 1, Probed: 2, Observed: 2, WaitedOut: 2 };
  return all.toSorted((a, b) => worth[strengthOf(a)] - worth[strengthOf(b)]);
};

const dependencyPart = (dependency: RecordedDependency, id: string, rows: readonly Html[], predicate: Predicate): Html => {
  const { name, kind, state, message, lock, lockMessage, settleMilliseconds, enumeratedAt, credentials: all } = dependency;
  const tone = state === 'Confirmed' ? 'good' : state === 'Waived' ? 'care' : 'bad';
  const isLong = all.length > mostOpen;
  const table = html`<div class="wide" role="group" aria-labelledby="${id}" tabindex="0"><table class="credentials"><caption>${plural(rows.length, 'row')}${rows.length < all.length ? ` of ${all.length.toLocaleString('en')}` : undefined}, ${plural(countOf(all), 'credential')}</caption>
<thead><tr><th scope="col">Credential</th><th scope="col">Rests on</th><th scope="col">Found</th><th scope="col">Asked to end</th><th scope="col">First absent</th><th scope="col">Confirmed</th><th scope="col">How</th></tr></thead><tbody>
${rows}</tbody></table></div>`;
  return html`<h3 id="${id}">${said(name)}${name === kind ? undefined : html` <span class="soft">(${said(kind)})</span>`}</h3>
<p><span class="word ${tone}">${state}</span>: ${stateWords[state]}${message === undefined ? undefined : html` (${said(message)})`}. It was ${lockWords[lock]}${lockMessage === undefined ? undefined : html` (${said(lockMessage)})`}. An absence had to hold for ${lengthText(settleMilliseconds)}. ${enumeratedAt === undefined ? html`<strong>Nobody looked for more at the end.</strong>` : html`The last look for more found nothing new, at ${timeOf(enumeratedAt)}.`}</p>
${all.length === 0 && partsOf(predicate, name).length === 0 ? html`<p>It held no credential of the identity.</p>` : undefined}
${isLong ? summary(dependency, id) : undefined}
${rows.length === 0 ? undefined : isLong ? html`<details><summary>${rows.length < all.length ? `The first ${plural(rows.length, 'row')}` : `All ${plural(rows.length, 'row')}`}</summary>${table}</details>` : table}
${elsewhere(dependency, rows.length, predicate)}`;
};

/** Of many, by class: nobody reads a thousand rows to learn that all are gone. */
const summary = ({ credentials: all }: RecordedDependency, id: string): Html => {
  const present = strengths.filter((strength) => all.some((each) => strengthOf(each) === strength));
  const classes = [...Map.groupBy(all, (each) => each.class).entries()];
  return html`<div class="wide" role="group" aria-labelledby="${id}" tabindex="0"><table><caption>By class</caption><thead><tr><th scope="col">Class</th><th scope="col">Credentials</th>${present.map((strength) => html`<th scope="col">${markOf(strength)}${strengthWords[strength].name}</th>`)}</tr></thead><tbody>
${classes.slice(0, 100).map(([name, members]) => html`<tr><th scope="row">${said(name)}</th><td>${countOf(members).toLocaleString('en')}</td>${present.map((strength) => html`<td>${countOf(members.filter((each) => strengthOf(each) === strength)).toLocaleString('en')}</td>`)}</tr>\n`)}
</tbody></table></div>${classes.length > 100 ? html`<p>And ${plural(classes.length - 100, 'more class', 'more classes')}.</p>` : undefined}`;
};

const partsOf = ({ chunks = [] }: Predicate, dependency: string): NonNullable<Predicate['chunks']> => chunks.filter((each) => each.dependency === dependency);

/** How many are not in this page, and where they are. */
const elsewhere = ({ name, credentials: all }: RecordedDependency, shown: number, predicate: Predicate): Part => {
  const parts = partsOf(predicate, name);
  const signed = parts.reduce((sum, { count }) => sum + count, 0);
  const total = Math.max(all.length, signed);
  if (shown >= total) return undefined;
  const where = parts.length === 0 ? html`They are in the signed record ${code(predicate.record.name)}` : html`They are in ${plural(parts.length, 'part')} of the signed record, ${code(parts[0]?.name ?? '')}${parts.length === 1 ? undefined : html` and those behind it`}, listed below`;
  return html`<p><strong>${plural(total - shown, 'more row', 'more rows')}</strong> ${total - shown === 1 ? 'is' : 'are'} not in this page. ${where}; the command to read them is under “The evidence”.</p>`;
};

const rowOf = (credential: RecordedCredential, day: string): Html => {
  const strength = strengthOf(credential);
  const at = (time: string | undefined, none: string): Html => (time === undefined ? html`<td class="soft">${none}</td>` : html`<td class="t">${clockText(time, day)}</td>`);
  return html`<tr><th scope="row">${code(credential.id)}<small>${clipped(credential.class)}${identified(credential)}</small>${granted(credential)}</th><td><span class="word">${markOf(strength)}${strengthWords[strength].name}</span>${strength === 'Open' || strength === 'Waived' ? html`<small>last seen: ${credential.state.toLowerCase()}</small>` : undefined}</td>${at(credential.foundAt, 'not told')}${at(credential.revokeRequestedAt, credential.foundAbsent === true ? 'gone before' : 'ends with another')}${at(credential.absentSince, 'never')}${at(credential.confirmedAt, 'not confirmed')}<td>${how(credential)}</td></tr>\n`;
};

const identified = ({ uid, count, digest }: RecordedCredential): Part => [
  count === undefined ? undefined : html`, ${count.toLocaleString('en')} of them${digest === undefined ? undefined : html`, SHA-256 of their ids ${code(digest)}`}`,
  uid === undefined ? undefined : html`, UID ${code(uid)}`,
];

const granted = ({ grants = [] }: RecordedCredential): Part => (grants.length === 0 ? undefined : html`<small>granted ${clipped(grants.join(', '))}</small>`);

const how = ({ method, absentMilliseconds, foundAbsent, returned, expiresAt, requestId, message, probe }: RecordedCredential): Part => [
  method === undefined ? 'not told' : code(method),
  absentMilliseconds === undefined ? undefined : html`<small>absent for ${lengthText(absentMilliseconds)}</small>`,
  probe?.refusals === undefined ? undefined : html`<small>tried: see below</small>`,
  foundAbsent === true ? html`<small>it was gone before it was asked to end</small>` : undefined,
  returned === undefined || returned === 0 ? undefined : html`<small>something put it back ${plural(returned, 'time')}</small>`,
  expiresAt === undefined ? undefined : html`<small>ends by itself ${timeOf(expiresAt)}</small>`,
  requestId === undefined ? undefined : html`<small>request ${code(requestId)}</small>`,
  message === undefined ? undefined : html`<small>${clipped(message)}</small>`,
];
