/** What a shell may offer for the last word of a command line. Pure: names of objects are asked for by whoever may ask. */
import type { Command } from '../command.ts';
import { namespacedFlags } from '../cluster-flags.ts';
import type { Completes, Flag, Flags } from '../flags.ts';

export interface Candidate {
  readonly word: string;
  readonly text: string;
}

/** - `Words`: these, and no files. - `Names`: those that the cluster has. - `Files`: what the shell finds. */
export type Offer =
  | { readonly kind: 'Words'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'Names'; readonly of: Exclude<Completes, 'files' | 'nothing'>; readonly prefix: string }
  | { readonly kind: 'Files' };

/** `words` stand before the one that is typed, which may be empty. */
export const offerFor = (commands: readonly Command[], words: readonly string[], current: string): Offer => {
  const at = words.findIndex((word, index) => !word.startsWith('-') && !isValueOf(namespacedFlags, words[index - 1]));
  const command = commands.find(({ name }) => name === words[at]);
  if (at === -1) return wordsFor(current, current.startsWith('-') ? flagsIn(namespacedFlags) : commands.map(({ name, summary }) => ({ word: name, text: summary })));
  if (command === undefined) return nothing;
  const flagBefore = flagOf(command.flags, words.at(-1));
  if (flagBefore?.type === 'string' && !(words.at(-1) ?? '').includes('=')) return valuesOf(flagBefore, current, current);
  const set = /^(--[a-z-]+)=(.*)$/s.exec(current);
  if (set !== null) {
    const flag = flagOf(command.flags, set[1]);
    return flag === undefined ? nothing : valuesOf(flag, set[2] ?? '', current);
  }
  if (current.startsWith('-')) return wordsFor(current, [...flagsIn(command.flags), { word: '--help', text: 'says more' }]);
  return argumentsOf(command, current);
};

const nothing: Offer = { kind: 'Words', candidates: [] };

const wordsFor = (prefix: string, candidates: readonly Candidate[]): Offer => ({ kind: 'Words', candidates: candidates.filter(({ word }) => word.startsWith(prefix)) });

const flagsIn = (flags: Flags): readonly Candidate[] => Object.entries(flags).map(([name, { text }]) => ({ word: `--${name}`, text }));

const flagOf = (flags: Flags, word: string | undefined): Flag | undefined => {
  if (word === undefined || !word.startsWith('-')) return undefined;
  return Object.entries(flags).find(([name, { short }]) => word === `--${name}` || (short !== undefined && word === `-${short}`))?.[1];
};

const isValueOf = (flags: Flags, word: string | undefined): boolean => flagOf(flags, word)?.type === 'string';

/** Behind `--flag=` the shell replaces the whole word. */
const valuesOf = ({ choices, completes = 'nothing' }: Flag, prefix: string, whole: string): Offer => {
  const before = whole.slice(0, whole.length - prefix.length);
  if (choices !== undefined) return wordsFor(whole, choices.map((choice) => ({ word: `${before}${choice}`, text: '' })));
  return completes === 'files' ? { kind: 'Files' } : completes === 'nothing' || before !== '' ? nothing : { kind: 'Names', of: completes, prefix };
};

const argumentsOf = ({ completes, arguments: words = [] }: Command, prefix: string): Offer => {
  if (words.length > 0) return wordsFor(prefix, words.map((word) => ({ word, text: '' })));
  return completes === 'files' ? { kind: 'Files' } : completes === 'nothing' ? nothing : { kind: 'Names', of: completes, prefix };
};

/** As Cobra's shell code reads it, which kubectl expects of `kubectl_complete-offboard`: a line each, and last how to go on. */
export const inCobrasWords = (candidates: readonly Candidate[], files: boolean): string =>
  [...candidates.map(({ word, text }) => (text === '' ? word : `${word}\t${text}`)), files ? ':0' : ':4', ''].join('\n');
