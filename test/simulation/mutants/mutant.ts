/** A variant of the operator that is broken on purpose, in one place, and how it comes to be. */

/** A text of one file that is put in place of another. It must be there, once: then a mutant that has grown old is told, and not run. */
export interface Patch {
  /** From the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  readonly name: string;
  /** What it would make the operator say, or do. */
  readonly lie: string;
  /** Whose mistake it is. */
  readonly who: string;
  /** Where it can be read, when somebody ships it. */
  readonly source?: string;
  readonly patches: readonly Patch[];
}

export const aTiredEngineer = 'a tired engineer';

export const filesOf = ({ patches }: Mutant): readonly string[] => [...new Set(patches.map(({ file }) => file))];

/** The text of one of its files, broken. */
export const broken = ({ name, patches }: Mutant, wanted: string, text: string): string =>
  patches
    .filter(({ file }) => file === wanted)
    .reduce((before, { find, replace }) => {
      const times = before.split(find).length - 1;
      if (times !== 1) throw new Error(`mutant ${name}: ${wanted} has ${String(times)} times, and not once: ${find}`);
      // As a function, since a text may hold what is taken for a pattern.
      return before.replace(find, () => replace);
    }, text);
