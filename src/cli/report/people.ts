/** Who asked for it, let it act, called it off, or gave a part of it up; and whose identity it was. Pure. */
import type { Person, Predicate } from '../../evidence/predicate.ts';
import { code, html, optional, said } from './html.ts';
import type { Html, Part } from './html.ts';
import { timeOf } from './time.ts';

export const people = (predicate: Predicate): Html => html`<div class="pair">
<section aria-labelledby="identity"><h2 id="identity">The identity</h2>${identity(predicate)}</section>
<section aria-labelledby="people"><h2 id="people">The run, and who decided</h2>${decisions(predicate)}</section>
</div>${waivers(predicate)}`;

const row = (name: string, value: Part): Part => (value === undefined ? undefined : html`<dt>${name}</dt><dd>${value}</dd>\n`);

const identity = ({ identity: { serviceAccount, workloadIdentity, certificates, probe }, record: { cluster }, dependencies }: Predicate): Html => html`<dl class="facts">
${row('ServiceAccount', html`${code(`${serviceAccount.namespace}/${serviceAccount.name}`)}<small>UID ${serviceAccount.uid === undefined ? 'never seen' : code(serviceAccount.uid)}</small>`)}
${optional(workloadIdentity, ({ namespace, name, uid, generation }) => row('WorkloadIdentity', html`${code(`${namespace}/${name}`)}<small>UID ${code(uid)}, generation ${generation}</small>`))}
${row('Cluster', html`${code(cluster)}<small>UID of its namespace kube-system</small>`)}
${row('Systems', dependencies.map(({ name, kind }, index) => html`${index === 0 ? undefined : ', '}${said(name)}${name === kind ? undefined : html` (${said(kind)})`}`))}
${certificates === undefined || certificates.length === 0 ? undefined : row('Certificates', certificates.map(({ commonName, notAfter }) => html`${code(commonName)}<small>waited out until ${timeOf(notAfter)}</small>`))}
${row('Tokens tried', probe ? 'yes, as was asked for' : 'no: that was not asked for')}
</dl>`;

const nobody = html`<strong>nobody is known</strong>`;

const personOf = (person: Person | undefined): Html => (person === undefined ? nobody : said(person.username));

const decisions = ({ run, people: { requestedBy, enforcedBy, cancel, waivers: given, glassBroken } }: Predicate): Html => html`<dl class="facts">
${row('Offboarding', html`${code(`${run.namespace}/${run.name}`)}<small>UID ${code(run.uid)}</small>`)}
${row('Why', html`${said(run.reason)}, ${said(run.urgency.toLowerCase())}${run.soak === undefined || run.soak === '0s' ? undefined : html`, locked for ${said(run.soak)} before the first revoke`}`)}
${row('Asked for by', html`${personOf(requestedBy)}${requestedBy?.isOffboard === true ? html` (Offboard itself, because the identity was deleted, or had expired; who did that is in the audit log)` : undefined}<small>${timeOf(run.createdAt)}</small>`)}
${row('Allowed to act by', personOf(enforcedBy))}
${row('Called off', cancel === undefined ? 'no' : html`<strong>${cancel.accepted ? 'by' : 'asked too late by'} ${personOf(cancel.requestedBy)}</strong>: ${said(cancel.reason)}`)}
${row('Given up', given.length === 0 ? 'nothing was waived' : html`<strong>${given.length} ${given.length === 1 ? 'waiver' : 'waivers'}</strong>, below`)}
${row('Begun', timeOf(run.startedAt))}
${optional(run.lockedAt, (at) => row('Locked', timeOf(at)))}
${optional(run.lockLostAt, (at) => row('Lock lost', html`<strong>a lock was seen not to hold</strong>, last at ${timeOf(at)}`))}
${optional(run.revokeStartedAt, (at) => row('First revoke', timeOf(at)))}
${optional(run.revokedAt, (at) => row('All asked to end', timeOf(at)))}
${row('Ended', timeOf(run.completedAt))}
${glassBroken ? row('Glass broken', html`<strong>somebody took the finalizer off</strong>, so that the run could have been deleted before its end`) : undefined}
</dl>`;

const waivers = ({ people: { waivers: all, requestedBy } }: Predicate): Part => {
  if (all.length === 0) return undefined;
  return html`<section aria-labelledby="waivers"><h2 id="waivers">What people gave up</h2>
<p>A waiver ends no access. It says that a person answers for what is left, until a time. Whoever asked for the run${optional(requestedBy, ({ username }) => html` (${said(username)})`)} cannot give one.${requestedBy?.isOffboard === true ? ' Here it was Offboard itself: whoever gave one may be who deleted the identity, or let it expire, and only the audit log tells.' : undefined}</p>
<div class="wide" role="group" aria-labelledby="waivers" tabindex="0"><table><thead><tr><th scope="col">Waiver</th><th scope="col">System</th><th scope="col">Approved by</th><th scope="col">Until</th><th scope="col">Reason</th></tr></thead><tbody>
${all.map(({ name, dependency, approvedBy, expiresAt, reason }) => html`<tr><th scope="row">${code(name)}</th><td>${said(dependency)}</td><td>${said(approvedBy)}</td><td class="t">${timeOf(expiresAt)}</td><td>${reason === undefined ? 'none was given' : said(reason)}</td></tr>\n`)}
</tbody></table></div></section>`;
};
