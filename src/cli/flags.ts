/** The flags of a command, told once: what is read, what its help says, and what a shell completes come from the same words. */
import { parseArgs } from 'node:util';
import { UsageError } from './errors.ts';
import { nearest } from './near.ts';

/** What a shell may offer in the place of a value, or of an argument. */
export type Completes = 'files' | 'namespaces' | 'offboardings' | 'workloadidentities' | 'records' | 'nothing';

export interface Flag {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What its value is called in the help: NAME, FILE. */
  readonly value?: string;
  /** What it means, for the help: no sentence, no full stop at its end. */
  readonly text: string;
  /** All that it may be. Whoever reads the flag refuses the rest with `oneOf`. */
  readonly choices?: readonly string[];
  readonly completes?: Completes;
  /** Under which heading of the help; among the command's own when absent. */
  readonly heading?: string;
}

export type Flags = Readonly<Record<string, Flag>>;

/** Flags and arguments as typed. */
export type Parsed<F extends Flags> = ReturnType<typeof parseArgs<{ args: string[]; allowPositionals: true; options: F }>>;

/** As kubectl reads flags: also `-n=ci`, `--watch=true`, and arguments among them. @throws UsageError that names the flag. */
export const parseFlags = <const F extends Flags>(flags: F, args: readonly string[]): Parsed<F> => {
  try {
    return parseArgs({ args: args.flatMap((arg) => asNode(flags, arg)), allowPositionals: true, options: flags });
  } catch (error) {
    throw new UsageError(complaint(flags, error));
  }
};

const asNode = (flags: Flags, arg: string): readonly string[] => {
  const short = /^-([A-Za-z])=(.*)$/s.exec(arg);
  if (short !== null) {
    const long = Object.entries(flags).find(([, flag]) => flag.short === short[1])?.[0];
    return long === undefined ? [arg] : asNode(flags, `--${long}=${short[2] ?? ''}`);
  }
  const set = /^--([a-z-]+)=(true|false)$/.exec(arg);
  if (set === null || flags[set[1] ?? '']?.type !== 'boolean') return [arg];
  return set[2] === 'true' ? [`--${set[1] ?? ''}`] : [];
};

const complaint = (flags: Flags, error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error);
  const unknown = /^Unknown option '(--?[^']*)'/.exec(message)?.[1];
  if (unknown === undefined) return message;
  const near = unknown.startsWith('--') ? nearest(unknown.slice(2), Object.keys(flags)) : undefined;
  return `there is no flag ${unknown}${near === undefined ? '' : `: did you mean --${near}?`}`;
};

/** The value as one of those that it may be; undefined where it was not given. @throws UsageError */
export const oneOf = <const Choice extends string>(flag: string, value: string | undefined, choices: readonly Choice[]): Choice | undefined => {
  if (value === undefined) return undefined;
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  const listed = `${choices.slice(0, -1).join(', ')}${choices.length > 1 ? ' or ' : ''}${choices.at(-1) ?? ''}`;
  throw new UsageError(`--${flag} must be ${listed}, not "${value}"`);
};
