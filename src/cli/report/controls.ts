/**
 * Which controls the record is evidence for, and what of them it does not show. In our own words of what they ask; whether an organisation
 * meets one is for its assessor to say.
 * @see https://owasp.org/www-project-non-human-identities-top-10/2025/1-improper-offboarding/
 * @see https://csrc.nist.gov/pubs/cswp/29/the-nist-cybersecurity-framework-csf-20/final
 * @see https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final
 */
import type { Predicate } from '../../evidence/predicate.ts';
import type { Report } from '../../evidence/report.ts';
import { html, said } from './html.ts';
import type { Html, Part } from './html.ts';
import { leftOf } from './residual.ts';
import { between, timeText } from './time.ts';
import { countOf, plural } from './words.ts';

interface Control {
  readonly id: string;
  readonly from: string;
  readonly asks: string;
  readonly shows: Part;
  readonly leaves: string;
}

/** What does not hold is evidence for nothing. */
export const controls = (predicate: Predicate, verdict: Report['verdict']): Html => (verdict === 'DoesNotHold' ? nothing : table(predicate, verdict));

const nothing = html`<section aria-labelledby="controls"><h2 id="controls">Controls</h2><p>A record that does not hold is evidence for no control.</p></section>`;

const table = (predicate: Predicate, verdict: Report['verdict']): Html => html`<section aria-labelledby="controls"><h2 id="controls">Controls that it may be evidence for</h2>
${verdict === 'Proven' ? undefined : html`<p><strong>Only once its signature was checked with a key that is independent of the cluster.</strong></p>`}
<p>What the record supports for each of these, and what it leaves to other evidence. No record shows by itself that a control is met.</p>
<div class="wide" role="group" aria-labelledby="controls" tabindex="0"><table><thead><tr><th scope="col">Control</th><th scope="col">Asks for</th><th scope="col">This record shows</th><th scope="col">It does not show</th></tr></thead><tbody>
${controlsOf(predicate).map(({ id, from, asks, shows, leaves }) => html`<tr><th scope="row"><strong>${id}</strong><small>${from}</small></th><td>${asks}</td><td>${shows}</td><td>${leaves}</td></tr>\n`)}
</tbody></table></div></section>`;

const controlsOf = (predicate: Predicate): readonly Control[] => {
  const { run, identity, people, dependencies, outcome } = predicate;
  const all = countOf(dependencies.flatMap(({ credentials }) => credentials));
  const left = leftOf(predicate);
  const isCancelled = outcome === 'Cancelled';
  const took = between(run.createdAt, run.completedAt);
  const ended = isCancelled
    ? 'That the retirement was called off, so that nothing was ended.'
    : `That ${(all - left).toLocaleString('en')} of ${plural(all, 'credential')} in ${plural(dependencies.length, 'system')} ${all - left === 1 ? 'has' : 'have'} a proven end, by what it was proven${left === 0 ? '' : `, and which ${left.toLocaleString('en')} ${left === 1 ? 'has' : 'have'} none`}.`;
  return [
    { id: 'NHI1:2025', from: 'OWASP Non-Human Identities Top 10, Improper Offboarding', asks: 'Non-human identities and their credentials are deactivated when they are no longer needed.', shows: ended, leaves: 'Access in systems that were not declared, or that do not tell.' },
    { id: 'PR.AA-01', from: 'NIST CSF 2.0, PR.AA', asks: 'Identities and credentials of services are managed through their life.', shows: html`The end of one life: UID ${identity.serviceAccount.uid === undefined ? 'never seen' : said(identity.serviceAccount.uid)}, with every credential that was found, and when. ${isCancelled ? ended : undefined}`, leaves: 'How the identity was issued, and that there are no others.' },
    { id: 'PR.AA-05', from: 'NIST CSF 2.0, PR.AA', asks: 'Permissions and entitlements are managed, enforced and reviewed.', shows: isCancelled ? ended : 'Which grants were taken away, and which are left to others or could not be listed.', leaves: 'Whether the permissions were right while they stood.' },
    { id: 'AC-2(3)', from: 'NIST SP 800-53 Rev. 5, Disable Accounts', asks: 'Accounts are disabled within a time that the organisation sets, once they have expired or are nobody’s any more.', shows: isCancelled ? ended : html`Asked for at ${timeText(run.createdAt)}, ended at ${timeText(run.completedAt)}${took === undefined ? undefined : ` (${took})`}, for the reason ${said(run.reason)}. Compare it with the time that was set.`, leaves: 'When the account first should have been disabled.' },
    { id: 'IA-4', from: 'NIST SP 800-53 Rev. 5, Identifier Management', asks: 'Identifiers are not used again for a time that the organisation sets.', shows: 'Name and UID of the identity, which the tombstone of this record is held against; a name that is used again on purpose names the record that it supersedes.', leaves: 'That the name was kept from use since: that is the condition Resurrected of the record, which nobody signed.' },
    { id: 'PS-4', from: 'NIST SP 800-53 Rev. 5, Personnel Termination', asks: 'When somebody leaves, their access ends and their credentials are revoked.', shows: run.reason === 'OwnerLeft' && !isCancelled ? html`The end of a workload identity because its owner left, asked for by ${people.requestedBy === undefined ? 'nobody known' : said(people.requestedBy.username)}.` : 'Nothing of a person: the reason of this run is not that an owner left.', leaves: 'The person’s own accounts, and what else was theirs.' },
  ];
};
