/** The Markdown of this repository that is for people, and what is in it. Paths are relative to the root, where tests run. */
import { globSync, readFileSync } from 'node:fs';

export interface Block {
  /** The nearest one above, as it is written. */
  readonly heading: string;
  readonly language: string;
  readonly text: string;
}

export const pages: readonly string[] = globSync(['*.md', '{docs,charts,config,crds,src,test}/**/*.md'], { exclude: (path) => path.includes('node_modules') }).toSorted();

/** Without what is in blocks of code. */
export const proseOf = (page: string): string => read(page).replaceAll(fence, '');

export const headingsIn = (prose: string): readonly string[] => [...prose.matchAll(heading)].map(([, text = '']) => text.trim());

export const blocksOf = (page: string): readonly Block[] => {
  const text = read(page);
  return [...text.matchAll(fence)].map(({ 1: indent = '', 2: language = '', 3: body = '', index }) => ({
    heading: headingsIn(text.slice(0, index).replaceAll(fence, '')).at(-1) ?? '',
    language,
    text: body.split('\n').map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line)).join('\n'),
  }));
};

const fence = /^([ ]*)```(\w*)\n([\s\S]*?)^\1```$/gm;
const heading = /^#{1,6} (.*)$/gm;
const read = (page: string): string => readFileSync(page, 'utf8');
