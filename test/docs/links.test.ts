/** Every link in the documents leads somewhere, and every page of docs/ can be reached from its first. */
import { existsSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';
import { headingsIn, pages, proseOf } from './pages.ts';

interface Link {
  readonly page: string;
  /** As it is written. */
  readonly to: string;
  /** Relative to the root; that of the page itself for an anchor alone. */
  readonly path: string;
  readonly anchor: string | undefined;
}

/** Those within the repository. */
const linksOf = (page: string): readonly Link[] =>
  [...proseOf(page).replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, '')).matchAll(/\]\(([^()\s]+(?:\([^()]*\))?)\)/g)]
    .map(([, to = '']) => to)
    .filter((to) => !/^[a-z]+:/.test(to))
    .map((to) => {
      const [path = '', anchor] = to.split('#');
      return { page, to, path: path === '' ? page : normalize(join(dirname(page), path)), anchor };
    });

/** As GitHub makes them of headings. */
const anchorsOf = (page: string): ReadonlySet<string> => {
  const anchors = new Set<string>();
  for (const heading of headingsIn(proseOf(page))) {
    const slug = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase().replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-');
    let name = slug;
    for (let again = 1; anchors.has(name); again += 1) name = `${slug}-${String(again)}`;
    anchors.add(name);
  }
  return anchors;
};

const leads = ({ path, anchor }: Link): boolean => existsSync(path) && (anchor === undefined || (path.endsWith('.md') ? anchorsOf(path).has(anchor) : /^L\d+/.test(anchor)));

it('every link leads to a file that is there, and to a heading of it', () => {
  const links = pages.flatMap(linksOf);
  expect(links.length).toBeGreaterThan(100);
  expect(links.filter((link) => !leads(link)).map(({ page, to }) => `${page}: ${to}`)).toEqual([]);
});

it('every page of docs/ is reached from docs/README.md', () => {
  const within = (path: string): readonly string[] => (existsSync(path) && statSync(path).isDirectory() ? pages.filter((page) => dirname(page) === normalize(path).replace(/\/$/, '')) : [path]);
  const reached = new Set(['docs/README.md']);
  for (const page of reached) {
    if (!page.startsWith('docs/') || !page.endsWith('.md') || !existsSync(page)) continue;
    for (const path of linksOf(page).flatMap((link) => within(link.path))) reached.add(path);
  }
  expect(pages.filter((page) => page.startsWith('docs/') && !reached.has(page))).toEqual([]);
});
