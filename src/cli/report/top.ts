/** The head of the page: whose end it was, how it ended, and what was checked of that. Pure. */
import type { Predicate } from '../../evidence/predicate.ts';
import type { Check, Report } from '../../evidence/report.ts';
import { code, html, optional, said } from './html.ts';
import type { Html, Part } from './html.ts';
import { markOf, sealOf } from './marks.ts';
import type { Tone } from './marks.ts';
import type { Checked } from './subject.ts';
import { between, timeOf } from './time.ts';
import { countOf, outcomeWords, plural, strengthOf, strengthWords, strengths } from './words.ts';

export interface Verdict {
  readonly tone: Tone;
  readonly title: string;
  readonly text: string;
  /** For every sheet of paper; nothing where all is well. */
  readonly stamp: string | undefined;
}

/** What the page says first. */
export const verdictOf = ({ verdict, signature, predicate }: Checked): Verdict => {
  if (signature === 'Invalid') return { tone: 'bad', title: 'This record does not hold: its signature fails', text: 'What it says may have been changed, or never was signed. So nothing of it is shown.', stamp: 'SIGNATURE FAILS: PROVES NOTHING' };
  if (signature === 'Unknown') return { tone: 'bad', title: 'The signature was not checked: nobody here has the key', text: 'It is not known whether anybody signed this record. So nothing of what it says is shown.', stamp: 'SIGNATURE NOT CHECKED: PROVES NOTHING' };
  if (predicate === undefined) return { tone: 'bad', title: 'This record does not hold: what is signed cannot be read', text: 'So nothing of it is shown.', stamp: 'DOES NOT HOLD: PROVES NOTHING' };
  if (verdict === 'DoesNotHold') return { tone: 'bad', title: 'This record does not hold', text: 'It is signed, and something about it is not as it must be. What it says is shown below, and is not proven.', stamp: 'DOES NOT HOLD: PROVES NOTHING' };
  if (signature === 'Untrusted') return { tone: 'care', title: 'The signature is valid, and its key is not independent', text: 'The key was taken from the cluster, as the record was, and is not independent: whoever could forge the one could publish the other. Check it with the key that its owner kept elsewhere.', stamp: 'KEY NOT INDEPENDENT: SEE THE FIRST PAGE' };
  return { tone: 'good', title: 'The record holds', text: 'It is signed by a key that whoever made this page trusts, has not changed since, and what it claims adds up.', stamp: undefined };
};

/** With the list of what was checked below it. */
export const seal = (checked: Checked): Html => {
  const { tone, title, text } = verdictOf(checked);
  return html`<div class="seal ${tone}" role="group" aria-labelledby="seal-title">${sealOf(tone)}<div><h2 id="seal-title">${title}</h2><p>${text}</p>
${checked.problems.length === 0 ? undefined : html`<ul>${checked.problems.map(({ message, check }) => html`<li><strong>Does not hold</strong> (${checkWords[check]}): ${said(message)}</li>`)}</ul>`}</div></div>`;
};

const checkWords: Readonly<Record<Check, string>> = {
  input: 'what was given', signature: 'signature', schema: 'form', fields: 'the object around it', chunks: 'its parts', claims: 'what it claims', chain: 'chain of records',
};

export const checksSection = (checked: Checked): Html => {
  const { signature, keyid, chain, predicate, notes } = checked;
  const bad = (...which: readonly Check[]): boolean => checked.problems.some(({ check }) => which.includes(check));
  const row: Row = (what, tone, word, text) => html`<li><b>${what}</b> <span class="word ${tone}">${word}</span> <span>${text}</span></li>\n`;
  const held: Held = (what, text, ...which) => {
    if (predicate === undefined) return row(what, 'care', 'not checked', 'What is not known to be signed is not looked at.');
    return bad(...which) ? row(what, 'bad', 'does not hold', 'See above.') : row(what, 'good', 'holds', text);
  };
  return html`<section aria-labelledby="checked"><h2 id="checked">What was checked, and what was not</h2>
<ul class="checks">
${row('Signature', ...signatureWords(checked), html`${optional(keyid, (id) => html`Ed25519, key id ${code(id)}. `)}${signature === 'Untrusted' ? 'The key came with the records themselves.' : undefined}`)}
${held('Object', 'The fields of the OffboardingRecord beside what is signed say the same.', 'fields')}
${held('Form', 'Nothing is missing, and nothing is there that the schema does not know.', 'schema', 'input')}
${held('Parts', predicate?.chunks === undefined ? 'It is whole in one object.' : `All ${plural(predicate.chunks.length, 'part')} of it were there, each as signed.`, 'chunks')}
${held('Claims', 'No credential is confirmed without two absences that span its settle time, none is called probed without a try that worked before and two refusals after.', 'claims')}
${chainRow(checked, row, held)}
${row('The time', 'care', 'not checked', 'All times are those of the machines that Offboard ran on.')}
</ul>
${chain === undefined || chain.length === 1 ? undefined : html`<p class="small soft">Whether the chain was cut off behind ${chain.last.name} can only be told by a head that was noted down elsewhere.</p>`}
${notes.length === 0 ? undefined : html`<ul class="small">${notes.map((note) => html`<li>${said(note)}</li>`)}</ul>`}
</section>`;
};

type Row = (what: string, tone: Tone, word: string, text: Part) => Html;
type Held = (what: string, text: string, ...which: readonly Check[]) => Html;

const chainRow = ({ chain, problems }: Checked, row: Row, held: Held): Html => {
  if (chain?.length === 1 && !problems.some(({ check }) => check === 'chain')) return row('Chain', 'care', 'not checked', 'This record alone was given: whether one is missing before it or behind it cannot be told.');
  const text = chain === undefined ? '' : `${plural(chain.length, 'record')}, ${chain.first} to ${chain.last.name}, none missing between them, each with the digest of the one before.`;
  return held('Chain', text, 'chain');
};

const signatureWords = ({ signature, problems }: Checked): [Tone, string] => {
  switch (signature) {
    case 'Trusted':
      return ['good', 'valid, key trusted'];
    case 'Untrusted':
      return problems.some(({ check }) => check === 'signature') ? ['bad', 'valid, key not trusted'] : ['care', 'valid, key not independent'];
    case 'Unknown':
      return ['bad', 'not checked'];
    case 'Invalid':
      return ['bad', 'fails'];
  }
};

/** How it ended. What is not proven is a claim, and is not told in green, nor is an end that left something. */
export const outcome = ({ outcome: ended, run }: Predicate, verdict: Report['verdict']): Html => {
  const { short, long, tone } = outcomeWords[ended];
  const lasted = between(run.createdAt, run.completedAt);
  const shown = verdict === 'DoesNotHold' ? 'bad' : verdict === 'NotProven' && tone === 'good' ? 'care' : tone;
  return html`<div class="seal ${shown}" role="group" aria-labelledby="outcome">${sealOf(shown)}<div><h2 id="outcome">${verdict === 'Proven' ? undefined : 'It claims: '}${short}</h2><p>${long}</p><p>Ended ${timeOf(run.completedAt)}${lasted === undefined ? undefined : `, ${lasted} after it was asked for`}.</p></div></div>`;
};

/** What the ends rest on, counted. */
export const tiles = ({ dependencies }: Predicate): Html => {
  const all = dependencies.flatMap(({ credentials }) => credentials);
  return html`<section aria-labelledby="rests-on"><h2 id="rests-on">What the end of ${plural(countOf(all), 'credential')} rests on</h2>
<ul class="tiles">${strengths.map((strength) => {
    const count = countOf(all.filter((each) => strengthOf(each) === strength));
    return html`<li${count === 0 ? html` class="none"` : undefined}><b>${count.toLocaleString('en')}</b>${markOf(strength)}<strong>${strengthWords[strength].name}</strong><br><span class="small soft">${strengthWords[strength].means}</span></li>\n`;
  })}</ul></section>`;
};
