/** The commands of docs/gitops.md. */
import { readFileSync } from 'node:fs';

/** The words of the line that begins so, without `kubectl` in front. */
export const shown = (start: string): readonly string[] => {
  const line = readFileSync('docs/gitops.md', 'utf8').split('\n').find((each) => each.startsWith(`kubectl ${start}`));
  if (line === undefined) throw new Error(`docs/gitops.md has no line "kubectl ${start}"`);
  return line.split(' ').slice(1);
};
