/**
 * The page about one record, whole in one file: no script, no network, the same bytes for the same record. Pure.
 *
 *   verdict ▶ what was checked ▶ numbers ▶ what may still work ▶ who decided ▶ timeline ▶ every credential ▶ what was tried ▶ evidence ▶ controls
 */
import type { Predicate } from '../../evidence/predicate.ts';
import { controls } from './controls.ts';
import { credentials } from './credentials.ts';
import { evidence } from './evidence.ts';
import { code, html, said } from './html.ts';
import type { Html, Part } from './html.ts';
import { markShapes, sealOf } from './marks.ts';
import { people } from './people.ts';
import { probes } from './probes.ts';
import { residual } from './residual.ts';
import { style } from './style.ts';
import type { Checked } from './subject.ts';
import { timeline } from './timeline.ts';
import { checksSection, outcome, seal, tiles, verdictOf } from './top.ts';

/** Of a record that proves nothing it says that, and nothing of what stands in it. */
export const pageOf = (checked: Checked, version: string): string => {
  const { predicate } = checked;
  const title = predicate === undefined ? `Record ${checked.name}` : `Retirement of ${predicate.identity.serviceAccount.namespace}/${predicate.identity.serviceAccount.name}`;
  return `<!doctype html>\n${document(title, checked, predicate === undefined ? unread(checked) : contents(checked, predicate), version).html}\n`;
};

/** Nothing is loaded from anywhere, and nothing runs, whatever gets into the page. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

const document = (title: string, checked: Checked, body: Part, version: string): Html => {
  const { stamp } = verdictOf(checked);
  return html`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title.slice(0, 200)}, record ${checked.name.slice(0, 200)}</title>
<style>${raw(style)}</style>
</head>
<body>
${stamp === undefined ? undefined : html`<div class="stamp" aria-hidden="true">${stamp}</div>`}
${markShapes}
${body}
<footer><p>Made from the signed record by kubectl offboard ${version}. It loads nothing and runs nothing. Times are UTC, as the record has them.</p></footer>
</body>
</html>`;
};

/** Ours, word for word. */
const raw = (text: string): Html => ({ html: text });

const contents = (checked: Checked, predicate: Predicate): Part => {
  const { identity: { serviceAccount }, record } = predicate;
  return html`<header>
<p class="kicker">Offboarding record ${record.name}</p>
<h1>Retirement of ${said(`${serviceAccount.namespace}/${serviceAccount.name}`)}</h1>
<div class="pair">${seal(checked)}
${outcome(predicate, checked.verdict)}</div>
${since(checked)}
<nav aria-label="On this page"><ul>${sections.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
</header>
<main>
${checksSection(checked)}
${tiles(predicate)}
${residual(predicate)}
${people(predicate)}
<section aria-labelledby="timeline"><h2 id="timeline">From discovery to proof</h2>${timeline(predicate)}</section>
${credentials(predicate)}
${probes(predicate)}
${evidence(checked, predicate)}
${limits()}
${controls(predicate, checked.verdict)}
</main>`;
};

const sections = [
  ['checked', 'What was checked'],
  ['rests-on', 'In numbers'],
  ['residual', 'What may still work'],
  ['people', 'Who decided'],
  ['timeline', 'Timeline'],
  ['credentials', 'Every credential'],
  ['probes', 'What was tried'],
  ['evidence', 'Evidence'],
  ['limits', 'Limits'],
  ['controls', 'Controls'],
] as const;

/** What is known of the record and is not in it. */
const since = ({ revisedBy, aftermath }: Checked): Part => {
  if (revisedBy === undefined && aftermath.length === 0) return undefined;
  return html`<div class="seal care" role="group" aria-labelledby="since">${sealOf('care')}<div><h2 id="since">And since then</h2>
${revisedBy === undefined ? undefined : html`<p><strong>Record ${code(revisedBy)} revises this one.</strong> It is of the same run, and says how that went on: read it instead.</p>`}
${aftermath.map((concern) => html`<p><strong>The cluster says of this record, and nobody signed that:</strong> ${said(concern)}</p>`)}</div></div>`;
};

const limits = (): Html => html`<section aria-labelledby="limits"><h2 id="limits">What it does not prove</h2><ul>
<li>That Offboard told the truth. It proves that whoever holds the key said this, and that it has not changed since. Whoever controls the cluster can have Offboard see what he likes.</li>
<li>That nothing else gave access. A record speaks of the systems that were declared, and of what those tell.</li>
<li>That the identity has not come back since. ${code('kubectl offboard records')} says what the cluster saw.</li>
<li>When it happened, by any other clock than Offboard’s.</li>
</ul></section>`;

const unread = (checked: Checked): Html => html`<header>
<p class="kicker">Offboarding record ${said(checked.name)}</p>
<h1>This record proves nothing</h1>
${seal(checked)}
</header>
<main>
<section aria-labelledby="given"><h2 id="given">What was given</h2><dl class="facts">
<dt>Record</dt><dd>${code(checked.name)}</dd>
<dt>Read from</dt><dd>${said(checked.source)}</dd>
<dt>Digest</dt><dd>${checked.digest === undefined ? 'there is nothing that could be signed' : code(checked.digest)}</dd>
<dt>Says it is signed by key</dt><dd>${checked.keyid === undefined ? 'it does not say' : code(checked.keyid)}</dd>
</dl></section>
<section aria-labelledby="next"><h2 id="next">What to do</h2>${checked.signature === 'Unknown' ? html`<p>Get the public key whose SHA-256 is the key id above from whoever keeps it, and give it: <code>--key FILE</code>.</p>` : html`<p>Get the record from where it was kept elsewhere, and compare. In the cluster its condition <code>Intact</code> says whether Offboard itself still finds it as it was signed. Treat the identity as one whose access was not ended until there is a record that holds.</p>`}
<pre>kubectl offboard verify records.yaml --key signing-key.pub</pre></section>
${checksSection(checked)}
</main>`;
