/** What was really tried: it worked before, and was refused after. Pure. */
import type { Predicate } from '../../evidence/predicate.ts';
import { clipped, code, html, said } from './html.ts';
import type { Html } from './html.ts';
import { clockText, dayOf } from './time.ts';
import { plural } from './words.ts';

const mostRows = 200;

export const probes = ({ dependencies, run }: Predicate): Html => {
  const tried = dependencies.flatMap(({ name, credentials }) => credentials.flatMap(({ id, class: kind, probe }) => (probe === undefined ? [] : [{ name, id, kind, probe }])));
  const untried = dependencies.flatMap(({ name, findings }) => findings.filter(({ type }) => type === 'NotProbed').map(({ message, object }) => ({ name, message, object })));
  const day = dayOf(run.completedAt);
  const at = (time: string | undefined): Html => (time === undefined ? html`<td class="soft">never</td>` : html`<td class="t">${clockText(time, day)}</td>`);
  return html`<section aria-labelledby="probes"><h2 id="probes">What was tried: it worked, then it was refused</h2>
<p>A refusal means something only where the same try worked before. So each was tried before the lock (the positive control), and again after its end.</p>
${tried.length === 0 ? html`<p><strong>Nothing was tried.</strong> The ends above were observed, or waited out.</p>` : html`<div class="wide" role="group" aria-labelledby="probes" tabindex="0"><table><caption>${plural(tried.length, 'credential')} tried</caption><thead><tr><th scope="col">Credential</th><th scope="col">Last worked</th><th scope="col">First refused at its source</th><th scope="col">Refused everywhere since</th><th scope="col">Last refused</th><th scope="col">Refusals</th><th scope="col">Servers</th></tr></thead><tbody>
${tried.slice(0, mostRows).map(({ name, id, kind, probe }) => html`<tr><th scope="row">${code(id)}<small>${clipped(kind)}, ${clipped(name)}</small></th><td class="t">${clockText(probe.controlAt, day)}</td>${at(probe.deadAt)}${at(probe.refusedAt)}${at(probe.lastRefusedAt)}<td>${probe.refusals ?? 0}</td><td>${probe.servers ?? 'not told'}</td></tr>\n`)}
</tbody></table></div>${tried.length > mostRows ? html`<p>And ${plural(tried.length - mostRows, 'more', 'more')}; the signed record has them.</p>` : undefined}`}
${untried.length === 0 ? undefined : html`<h3>Was to be tried, and could not be</h3><ul>${untried.slice(0, mostRows).map(({ name, message, object }) => html`<li>${said(name)}${object === undefined ? undefined : html`, ${code(object)}`}: ${said(message)}</li>\n`)}</ul>`}
</section>`;
};
