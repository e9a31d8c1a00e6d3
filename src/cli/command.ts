/** What a command is, and what it has of the process that runs it. */
import type { Clock } from '../runtime/clock.ts';
import type { Completes, Flags } from './flags.ts';

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** All of standard input. */
  readonly stdin: () => Promise<string>;
  /** A line typed after the question, where somebody sits at a terminal; undefined elsewhere. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Characters in a line, of a terminal; undefined where the output is none. */
  readonly columns: number | undefined;
  /** Lines of it. */
  readonly rows: number | undefined;
  /** Aborted when somebody wants it to end. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly version: string;
}

/** The same of every command. Each says in its own words what is asked of it. */
export const exitCodes = {
  /** It is so, or was done. */
  yes: 0,
  /** It was asked, and the answer is no, or not yet. */
  no: 1,
  /** It could not be asked or done: wrong flags, no such object, no cluster, no permission. */
  unusable: 2,
  /** Somebody ended it (Ctrl-C). */
  interrupted: 130,
} as const;

export interface Example {
  /** What it is for, where its line does not say. */
  readonly text?: string;
  /** One line, as typed. */
  readonly line: string;
}

export interface Command {
  readonly name: string;
  /** In a line, for the list of commands. */
  readonly summary: string;
  /** What it does, in paragraphs. */
  readonly about: readonly string[];
  /** What follows the name: "NAME [flags]". */
  readonly usage: string;
  readonly flags: Flags;
  readonly exitCodes: Readonly<Record<number, string>>;
  readonly examples: readonly Example[];
  /** All that an argument may be, where that is known. */
  readonly arguments?: readonly string[];
  /** What a shell may offer in the place of an argument. */
  readonly completes: Completes;
  /** Resolves to the exit code. */
  readonly run: (args: readonly string[], io: Io) => Promise<number>;
}

export { CannotError, UsageError, unreadable, wordsOf } from './errors.ts';
