/** The signs of the page: each has a shape of its own, so that none needs its colour. Pure. */
import { html } from './html.ts';
import type { Html } from './html.ts';
import { strengths } from './words.ts';
import type { Strength } from './words.ts';

export type Tone = 'good' | 'care' | 'bad';

/** Around the middle, 14 high. `currentColor` is that of their strength. */
const shapes: Readonly<Record<Strength, Html>> = {
  Probed: html`<path d="M0-7L7 0 0 7-7 0z" fill="currentColor"/>`,
  Observed: html`<circle r="5.6" fill="currentColor"/>`,
  WaitedOut: html`<path d="M-5-6H5L-5 6H5z" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round"/>`,
  Waived: html`<path d="M-5-5L5 5M5-5L-5 5" stroke="currentColor" stroke-width="3" stroke-linecap="round"/>`,
  Open: html`<path d="M-4-6L5 0-4 6" fill="none" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/>`,
};

const strengthClass = (strength: Strength): string => strength.toLowerCase();

/** Once in a page, before the marks: each is drawn once, and shown thousands of times. */
export const markShapes = html`<svg class="shapes" aria-hidden="true">${strengths.map((strength) => html`<symbol id="mark-${strengthClass(strength)}" viewBox="-8 -8 16 16">${shapes[strength]}</symbol>`)}</svg>`;

/** Beside its word, so nothing for who does not see it. */
export const markOf = (strength: Strength): Html => marks[strength];

const markWith = (name: string): Html => html`<svg class="mark ${name}" aria-hidden="true"><use href="#mark-${name}"/></svg>`;

const marks: Readonly<Record<Strength, Html>> = { Probed: markWith('probed'), Observed: markWith('observed'), WaitedOut: markWith('waitedout'), Waived: markWith('waived'), Open: markWith('open') };

/** At a place of a picture, percent from the left. */
export const markAt = (strength: Strength, x: string, y: number): Html => html`<svg x="${x}" y="${y}" overflow="visible" class="${strengthClass(strength)}">${shapes[strength]}</svg>`;

const seals: Readonly<Record<Tone, Html>> = {
  good: html`<circle cx="20" cy="20" r="17"/><path d="M12 21l6 6 11-13"/>`,
  care: html`<path d="M20 4L37 35H3z"/><path d="M20 15v9M20 29v1.5"/>`,
  bad: html`<path d="M13 4h14l9 9v14l-9 9H13l-9-9V13z"/><path d="M14 14l12 12M26 14L14 26"/>`,
};

export const sealOf = (tone: Tone): Html => html`<svg viewBox="0 0 40 40" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${seals[tone]}</svg>`;
