/**
 * The page of `offboard report` in a real browser, made of the record of a real run: by day, by night, on a phone and on paper. Leaves
 * what it saw in coverage/report-{light,dark,print}.png.
 */
import { readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keysById, readPublicKeys } from '../../src/evidence/keys.ts';
import { materialOf } from '../../src/evidence/material.ts';
import type { Predicate } from '../../src/evidence/predicate.ts';
import { pageOf } from '../../src/cli/report/page.ts';
import { checked } from '../../src/cli/report/subject.ts';
import { readInput } from '../../src/cli/verify/input.ts';
import { aPredicate, aRecordedCredential, aRecordedDependency, aSigningKey } from '../builders/predicate.ts';
import { aRecord } from '../builders/record.ts';
import { locateChromium } from '../env/tools/chromium.ts';

const program = await locateChromium();
const folder = fileURLToPath(new URL('./report-of-a-run/', import.meta.url));
const pictures = fileURLToPath(new URL('../../coverage/', import.meta.url));
const given = readInput('records.yaml', readFileSync(`${folder}records.yaml`, 'utf8'));
const ownersKey = keysById(readPublicKeys(readFileSync(`${folder}signing-key.pub`, 'utf8')));

const pageAbout = (material: typeof given.material, trusted: typeof ownersKey, published: typeof ownersKey = new Map()): string => {
  const found = checked({ material, unreadable: [], subject: { kind: 'Only' }, aftermath: [] }, { trusted, published });
  if (typeof found === 'string') throw new Error(found);
  return pageOf(found, '0.1.0');
};

const real = pageAbout(given.material, ownersKey);

/** With every kind of end, names as long and as hostile as they come, and more rows than are shown at once. */
const variants = (): Readonly<Record<string, string>> => {
  const key = aSigningKey();
  const known = keysById(readPublicKeys(key.publicKeyPem));
  const material = (predicate: Predicate) => {
    const { metadata: { name }, spec } = aRecord(predicate, key);
    return [materialOf(name, name, spec)];
  };
  const long = `</script><b onclick=x>"'\u202e${'supercalifragilistic'.repeat(60)}`;
  const hostile = aPredicate({
    outcome: 'CompletedWithWaivers',
    people: { requestedBy: { username: 'a' }, cancel: { reason: long, accepted: false }, waivers: [{ name: long, dependency: long, approvedBy: long, expiresAt: '2027-01-31T00:00:00Z', reason: long }], glassBroken: true },
    dependencies: [
      aRecordedDependency(),
      aRecordedDependency({
        name: long, kind: long, state: 'Waived', message: long,
        credentials: [
          { id: long, class: long, grants: [long], uid: long, method: long, state: 'Present', strength: 'Waived', message: long, foundAt: '2026-11-23T10:00:02Z', residualUntil: '2026-12-24T10:00:00Z' },
          aRecordedCredential({ id: 'tried', strength: 'Probed', probe: { controlAt: '2026-11-23T10:00:02Z', refusedAt: '2026-11-23T10:00:06.000Z', lastRefusedAt: '2026-11-23T10:00:18.000Z', refusals: 2, servers: 1 } }),
          aRecordedCredential({ id: 'certificate', strength: 'WaitedOut', expiresAt: '2026-11-23T10:00:05Z' }),
          ...Array.from({ length: 60 }, (_, index) => aRecordedCredential({ id: `rolebindings/ci/${String(index)}`, class: 'RoleBinding' })),
        ],
        outlasting: [{ class: long, kind: 'OfflineVerifier', message: long }],
        findings: [{ type: 'NotProvable', object: long, message: long }, { type: 'NotProbed', message: long }],
      }),
    ],
  });
  const [record] = material(aPredicate());
  return { 'a record that is hostile': pageAbout(material(hostile), known), 'a key that is not independent': pageAbout(material(aPredicate()), new Map(), known), 'a signature that nobody can check': pageAbout(record === undefined ? [] : [record], new Map()) };
};

let browser: Browser;
const trouble: string[] = [];

/** Whatever the page asks of the network, or complains of, is remembered. */
const opened = async (html: string, options: { readonly colorScheme?: 'light' | 'dark'; readonly width?: number } = {}): Promise<Page> => {
  const page = await browser.newPage({ colorScheme: options.colorScheme ?? 'light', viewport: { width: options.width ?? 1280, height: 900 } });
  page.on('console', (message) => trouble.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => trouble.push(`error: ${error.message}`));
  await page.route('**', (route) => {
    if (route.request().url() === address) return route.fulfill({ contentType: 'text/html; charset=utf-8', body: html });
    trouble.push(`request: ${route.request().url()}`);
    return route.abort();
  });
  await page.goto(address);
  return page;
};
const address = 'https://report.invalid/';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const violations = async (page: Page): Promise<readonly string[]> => {
  const results = await ask<AxeResults>(page, `${axeSource};axe.run(document)`);
  expect(results.passes.length).toBeGreaterThan(20);
  return results.violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary = '' }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`));
};

/** What a page is asked is text: these tests are not compiled for a browser. */
const ask = <T>(page: Page, question: string): Promise<T> => page.evaluate(question);
const ground = 'getComputedStyle(document.body).backgroundColor';

/** The share of its picture that has another colour than its corner: of a picture of nothing, nothing. */
const inked = async (page: Page, path: string): Promise<number> => {
  const picture = await page.screenshot({ path, fullPage: true });
  const reader = await browser.newPage();
  const share = await ask<number>(reader, `(async () => {
    const image = new Image();
    image.src = 'data:image/png;base64,${picture.toString('base64')}';
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    let other = 0;
    for (let at = 0; at < data.length; at += 4) if (Math.abs(data[at] - data[0]) > 40) other += 1;
    return (4 * other) / data.length;
  })()`);
  await reader.close();
  return share;
};

// A machine that cannot have a browser does not run these, and says so.
describe.skipIf(program === undefined)(`the report in Chromium${program === undefined ? ', which could not be had here' : ''}`, () => {
  beforeAll(async () => {
    if (program === undefined) throw new Error('this is skipped without a browser');
    mkdirSync(pictures, { recursive: true });
    browser = await chromium.launch({ executablePath: program, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
  });
  afterAll(async () => {
    await browser.close();
  });

  it.each(['light', 'dark'] as const)('can be read in %s, by everybody, and asks nothing of the network', async (colorScheme) => {
    const page = await opened(real, { colorScheme });
    expect(await violations(page)).toEqual([]);
    expect(await inked(page, `${pictures}report-${colorScheme}.png`)).toBeGreaterThan(0.02);
    expect(await ask(page, ground)).toBe(colorScheme === 'light' ? 'rgb(247, 246, 242)' : 'rgb(20, 23, 26)');
    await page.close();
    expect(trouble).toEqual([]);
  });

  it.each([320, 390, 768, 1280])('fits a window of %i pixels, with nothing to be pushed aside but tables', async (width) => {
    for (const [what, html] of Object.entries({ 'the real one': real, ...variants() })) {
      const page = await opened(html, { width });
      expect(await ask(page, 'document.documentElement.scrollWidth'), what).toBe(width);
      await page.close();
    }
    expect(trouble).toEqual([]);
  });

  it('is as good on paper: all that is folded is open, in black on white, and nothing is cut off', async () => {
    for (const html of [real, ...Object.values(variants())]) {
      const page = await opened(html, { colorScheme: 'dark', width: 700 });
      await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
      expect(await ask(page, ground)).toBe('rgb(255, 255, 255)');
      expect(await ask(page, "[...document.querySelectorAll('tbody tr')].filter((row) => !row.checkVisibility() || row.getBoundingClientRect().height === 0).length")).toBe(0);
      const pdf = await page.pdf({ preferCSSPageSize: true, printBackground: true });
      expect(pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0).toBeGreaterThan(0);
      if (html === real) expect(await inked(page, `${pictures}report-print.png`)).toBeGreaterThan(0.02);
      await page.close();
    }
    expect(trouble).toEqual([]);
  });

  it.each(Object.keys(variants()))('is accessible, and does nothing that it is told: %s', async (what) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await opened(variants()[what] ?? '', { colorScheme });
      await ask(page, "document.querySelectorAll('details').forEach((each) => { each.open = true; })");
      expect(await violations(page)).toEqual([]);
      expect(await ask(page, "document.querySelectorAll('script, [onclick], img').length")).toBe(0);
      await page.close();
    }
    expect(trouble).toEqual([]);
  });

  it('says who is who to whoever does not see it: headings in order, one main, a name for each picture', async () => {
    const page = await opened(real);
    const levels = await ask<readonly number[]>(page, "[...document.querySelectorAll('h1, h2, h3')].map(({ tagName }) => Number(tagName.slice(1)))");
    expect(levels[0]).toBe(1);
    for (const [index, level] of levels.entries()) expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1);
    expect(await page.getByRole('main').count()).toBe(1);
    expect(await page.getByRole('img', { name: /^BoundTokens .*, found 10:19:06\.242, first seen absent 10:19:20\.688, confirmed 10:19:36\.119, probed$/ }).count()).toBe(1);
    expect(await page.getByRole('heading', { name: 'The record holds' }).count()).toBe(1);
    await page.close();
  });
});
