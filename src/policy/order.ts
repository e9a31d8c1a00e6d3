/** The order of the dependencies of one identity: what must be proven gone before what. */

/** A dependency, or the revoker of one. */
export interface Ordered {
  readonly name: string;
  readonly after?: readonly string[];
  readonly issuers?: readonly string[];
}

/** All that one waits for, at its beginning or its end. */
const waitsFor = ({ after = [], issuers = [] }: Ordered): readonly string[] => [...after, ...issuers];

/** Why the order cannot be kept, in words that name the dependencies. Undefined when it can. */
export const orderDefect = (all: readonly Ordered[]): string | undefined => {
  const byName = new Map(all.map((each) => [each.name, each]));
  for (const each of all) {
    const unknown = waitsFor(each).find((name) => !byName.has(name));
    if (unknown !== undefined) return `"${each.name}" is to come after "${unknown}", which is not a dependency of this identity; there are ${[...byName.keys()].join(', ')}`;
  }
  const sound = new Set<string>();
  const cycle = all.map((each) => cycleFrom(each, { byName, sound }, [])).find((found) => found !== undefined);
  return cycle === undefined ? undefined : `these come after each other, so that none could be first: ${cycle.join(' after ')}`;
};

/** Each is walked once: those from which no cycle was found are `sound`. */
const cycleFrom = (
  each: Ordered,
  known: { readonly byName: ReadonlyMap<string, Ordered>; readonly sound: Set<string> },
  path: readonly string[],
): readonly string[] | undefined => {
  const at = path.indexOf(each.name);
  if (at >= 0) return [...path.slice(at), each.name];
  if (known.sound.has(each.name)) return undefined;
  for (const name of waitsFor(each)) {
    const before = known.byName.get(name);
    const cycle = before === undefined ? undefined : cycleFrom(before, known, [...path, each.name]);
    if (cycle !== undefined) return cycle;
  }
  known.sound.add(each.name);
  return undefined;
};
