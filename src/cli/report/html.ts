/**
 * HTML in which what comes from outside stays text. Whatever is put into a template is escaped, unless it is Html itself, so that
 * a value can be forgotten nowhere. Pure.
 */
import { escapeControls } from '../../runtime/redact.ts';
import { sha256Hex } from '../../evidence/digest.ts';

export interface Html {
  readonly html: string;
}

export type Part = Html | string | number | undefined | readonly Part[];

export const html = (strings: TemplateStringsArray, ...parts: readonly Part[]): Html => {
  let text = strings[0] ?? '';
  for (const [index, part] of parts.entries()) text += `${written(part)}${strings[index + 1] ?? ''}`;
  return { html: text };
};

const written = (part: Part): string => {
  if (part === undefined) return '';
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') return escaped(part);
  return 'html' in part ? part.html : part.map(written).join('');
};

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** For text and for quoted attributes alike. What cannot be seen, or turns text round, is written out. */
const escaped = (text: string): string => escapeControls(text).replace(/[&<>"']/g, (found) => entities[found] ?? found);

/** Longer than any name that Offboard itself takes. */
const longest = 1_024;
const shownOfLonger = 240;

/** A value from outside. One that is too long to read is cut, and can still be told from others by its digest. */
export const clipped = (text: string): string => {
  if (text.length <= longest) return text;
  const start = text.slice(0, shownOfLonger).replace(/[\ud800-\udbff]$/, '');
  return `${start}… (${text.length.toLocaleString('en')} characters, SHA-256 ${sha256Hex(text)})`;
};

/** A value from outside in a sentence: letters written from right to left change nothing around it. */
export const said = (text: string): Html => html`<bdi>${clipped(text)}</bdi>`;

/** The same for what people copy or compare: names, ids, digests. */
export const code = (text: string): Html => html`<code>${clipped(text)}</code>`;

/** Nothing where there is no text. */
export const optional = <T>(value: T | undefined, show: (value: T) => Part): Part => (value === undefined ? undefined : show(value));
