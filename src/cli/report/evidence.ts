/** The evidence itself: its digest, its place among the records, and how anybody checks it without this page. Pure. */
import type { Predicate } from '../../evidence/predicate.ts';
import { predicateType } from '../../evidence/predicate.ts';
import { offboardLine } from '../shell.ts';
import { code, html, optional, said } from './html.ts';
import type { Html, Part } from './html.ts';
import type { Checked } from './subject.ts';
import { plural } from './words.ts';

export const evidence = ({ digest = '', keyid, chain }: Checked, predicate: Predicate): Html => {
  const { record, versions, chunks = [] } = predicate;
  return html`<section aria-labelledby="evidence"><h2 id="evidence">The evidence, and how to verify it</h2>
<p>This page is a reading of the record. It proves nothing by itself, and is not signed: whoever gets it checks the record.</p>
<dl class="facts">
${row('Record', code(record.name))}
${row('Digest', html`${code(digest)}<small>of the payload that is signed</small>`)}
${optional(keyid, (id) => row('Signed by key', html`${code(id)}<small>SHA-256 of the public key, Ed25519</small>`))}
${row('Record before', record.previous === undefined ? 'none: it is the first of its cluster' : html`${code(record.previous.name)}<small>${code(record.previous.digest)}</small>`)}
${optional(record.revises, (name) => row('Revises', html`${code(name)}<small>an earlier record of the same run, which waivers had completed</small>`))}
${optional(record.supersedes, (name) => row('Supersedes', html`${code(name)}<small>whose name this identity used again</small>`))}
${optional(chain, ({ last }) => row('Head of the chain', html`${code(last.name)}<small>${code(last.digest)}, when this page was made</small>`))}
${row('Form', html`in-toto Statement in a DSSE envelope, ${code(predicateType)}`)}
${row('Made by', html`Offboard ${said(versions.offboard)}${optional(versions.kubernetes, (version) => html`, Kubernetes ${said(version)}`)}`)}
</dl>
${parts(chunks)}
<h3>Verify it</h3>
<p>With the public key that its owner kept where nobody of the cluster can change it. The second line needs no cluster.</p>
<pre>${lines(['kubectl get offboardingrecords -o yaml > records.yaml', offboardLine('verify', 'records.yaml', '--key', 'signing-key.pub', '--expect-head', `${record.name}@${digest}`)])}</pre>
<p>Without Offboard: the digest of what is signed, and the id of the key, by tools that are everywhere.</p>
<pre>${lines([`kubectl get offboardingrecord ${record.name} -o jsonpath='{.spec.envelope.payload}' | base64 -d | sha256sum`, 'openssl pkey -pubin -in signing-key.pub -outform DER | sha256sum'])}</pre>
<p>All that is signed${chunks.length === 0 ? undefined : ', and one of its parts'}, to read:</p>
<pre>${lines([`kubectl get offboardingrecord ${record.name} -o jsonpath='{.spec.envelope.payload}' | base64 -d`, ...chunks.slice(0, 1).map(({ name }) => `kubectl get offboardingrecord ${name} -o jsonpath='{.spec.chunk.credentials}' | base64 -d`)])}</pre>
<p>This page again, from a file: the same records give the same page.</p>
<pre>${offboardLine('report', `record/${record.name}`, '-f', 'records.yaml', '--key', 'signing-key.pub')} &gt; report.html</pre>
</section>`;
};

const row = (name: string, value: Part): Html => html`<dt>${name}</dt><dd>${value}</dd>\n`;

/** One below the other. */
const lines = (commands: readonly string[]): Part => commands.map((command, index) => (index === 0 ? command : html`<br>${command}`));

const parts = (chunks: NonNullable<Predicate['chunks']>): Part => {
  if (chunks.length === 0) return undefined;
  const total = chunks.reduce((sum, { count }) => sum + count, 0);
  return html`<h3>Its parts</h3><p>${plural(total, 'entry', 'entries')} for credentials are in ${plural(chunks.length, 'part')}: OffboardingRecords of these names.</p>
<details${chunks.length <= 10 ? html` open` : undefined}><summary>${plural(chunks.length, 'part')}</summary><div class="wide" role="group" aria-label="Parts of the record" tabindex="0"><table><thead><tr><th scope="col">Part</th><th scope="col">System</th><th scope="col">Entries</th><th scope="col">Digest</th></tr></thead><tbody>
${chunks.slice(0, 1_000).map(({ name, dependency, count, digest }) => html`<tr><th scope="row">${code(name)}</th><td>${said(dependency)}</td><td>${count.toLocaleString('en')}</td><td>${code(digest)}</td></tr>\n`)}
</tbody></table></div></details>`;
};
