/** What may still work, and until when; and what nobody could tell. It comes before all that is well. Pure. */
import type { Predicate, RecordedCredential, RecordedDependency } from '../../evidence/predicate.ts';
import { code, html, optional, said } from './html.ts';
import type { Html, Part } from './html.ts';
import { markOf } from './marks.ts';
import { timeOf } from './time.ts';
import { countOf, findingWords, plural, strengthOf, strengthWords } from './words.ts';

type Finding = RecordedDependency['findings'][number];

/** More lines than these are counted: the tables of the dependencies have all of them. */
const mostListed = 25;

export const residual = (predicate: Predicate): Html => {
  const left = predicate.dependencies.flatMap((dependency) => dependency.credentials.filter(isLeft).map((credential) => ({ dependency, credential })));
  const outlasting = predicate.dependencies.flatMap((dependency) => dependency.outlasting.map((each) => ({ dependency, each })));
  const found = findingsOf(predicate.dependencies);
  const unprovable = found.filter(({ finding }) => finding.type === 'NotProvable');
  const isNothing = left.length + outlasting.length + unprovable.length === 0;
  return html`<section aria-labelledby="residual"><h2 id="residual">What may still work, and until when</h2>
${isNothing ? html`<p>The record names nothing that may still work. It speaks of the systems that were declared, and of what those tell.</p>` : undefined}
${listed('Credentials whose end is not proven', left, ({ dependency, credential }) => item(dependency, html`${code(credential.id)} <span class="soft">${said(credential.class)}${credential.count === undefined ? undefined : html`, ${credential.count.toLocaleString('en')} of them`}</span>`, html`${markOf(strengthOf(credential))}<strong>${strengthWords[strengthOf(credential)].name}</strong>, ${untilWhen(credential)}.${credential.message === undefined ? undefined : html` ${said(credential.message)}`}`))}
${listed('Accepted for longer by whoever does not ask', outlasting, ({ dependency, each }) => item(dependency, code(each.class), html`<strong>${each.until === undefined ? 'No end is known' : html`Until ${timeOf(each.until)}`}</strong>: ${said(each.message)}.`))}
${listed('Not provable: its end cannot be observed by anybody', unprovable, findingLine)}
${listed('Not looked at, or left to others', found.filter(({ finding }) => finding.type !== 'NotProvable' && finding.type !== 'NotProbed'), findingLine)}
</section>`;
};

const isLeft = (credential: RecordedCredential): boolean => ['Waived', 'Open'].includes(strengthOf(credential));

const untilWhen = ({ residualUntil, expiresAt }: RecordedCredential): Part => {
  const end = residualUntil ?? expiresAt;
  return end === undefined ? html`<strong>no end is known</strong>` : html`<strong>until ${timeOf(end)}</strong>`;
};

interface Found {
  readonly dependency: RecordedDependency;
  readonly finding: Finding;
}

const findingsOf = (dependencies: readonly RecordedDependency[]): readonly Found[] => dependencies.flatMap((dependency) => dependency.findings.map((finding) => ({ dependency, finding })));

const findingLine = ({ dependency, finding }: Found): Html =>
  item(dependency, optional(finding.object, code), html`${finding.type === 'NotProvable' ? undefined : html`<strong>${capital(findingWords[finding.type])}</strong>: `}${said(finding.message)}.`);

const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;

/** Where, what, and what of it. */
const item = ({ name }: RecordedDependency, what: Part, text: Html): Html => html`<li><span class="where">${said(name)}</span><span class="what">${what}</span><p>${text}</p></li>\n`;

const listed = <T>(title: string, all: readonly T[], line: (each: T) => Html): Part => {
  if (all.length === 0) return undefined;
  const rest = all.length - mostListed;
  return html`<h3>${title}</h3><ul class="items">${all.slice(0, mostListed).map(line)}</ul>${rest > 0 ? html`<details><summary>${plural(rest, 'more', 'more')}</summary><ul class="items">${all.slice(mostListed, mostListed + mostFolded).map(line)}</ul>${rest > mostFolded ? html`<p>And ${plural(rest - mostFolded, 'more', 'more')}; the signed record has them all.</p>` : undefined}</details>` : undefined}`;
};

/** Beyond these a page is no help any more. */
const mostFolded = 500;

/** For the line of numbers elsewhere: what is left of credentials. */
export const leftOf = ({ dependencies }: Predicate): number => countOf(dependencies.flatMap(({ credentials }) => credentials.filter(isLeft)));
