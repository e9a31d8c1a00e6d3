/** What somebody may have meant. */

/** Of the candidates the one that takes the fewest changes, where those are few for its length; the first of equals. */
export const nearest = (word: string, candidates: readonly string[]): string | undefined => {
  const allowed = Math.max(1, Math.floor(word.length / 4));
  const rated = candidates
    .filter((candidate) => candidate.length <= longest)
    .map((candidate) => ({ candidate, changes: changesBetween(word.slice(0, longest), candidate) }))
    .filter(({ changes }) => changes <= allowed)
    .sort((a, b) => a.changes - b.changes);
  return rated[0]?.candidate;
};

/** No name of Kubernetes is longer. */
const longest = 253;

/** Letters to put in, take out or change (Levenshtein). */
const changesBetween = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1];
    for (const [j, other] of Array.from(b).entries()) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
};
