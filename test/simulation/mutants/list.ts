/** All mutants. To add one, put it where its kind is, and run `make mutants`. */
import { belief } from './belief.ts';
import { classification } from './classification.ts';
import { effects } from './effects.ts';
import { ends } from './ends.ts';
import { looking } from './looking.ts';
import type { Mutant } from './mutant.ts';
import { people } from './people.ts';
import { processes } from './processes.ts';
import { records } from './records.ts';

export const mutants: readonly Mutant[] = [...classification, ...belief, ...looking, ...effects, ...processes, ...people, ...records, ...ends];

export const mutantNamed = (name: string): Mutant => {
  const found = mutants.find((mutant) => mutant.name === name);
  if (found === undefined) throw new Error(`there is no mutant "${name}"; there are ${mutants.map((mutant) => mutant.name).join(', ')}`);
  return found;
};
