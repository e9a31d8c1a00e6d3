/** What a command is, and what it has of the process that runs it. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { escapeControls } from '../runtime/redact.ts';

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** All of standard input. */
  readonly stdin: () => Promise<string>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Characters in a line, of a terminal. */
  readonly columns: number | undefined;
  /** Aborted when somebody wants it to end. */
  readonly signal: AbortSignal;
  readonly version: string;
}

export interface Command {
  readonly name: string;
  /** In a line, for the list of commands. */
  readonly summary: string;
  readonly help: string;
  /** Resolves to the exit code. */
  readonly run: (args: readonly string[], io: Io) => Promise<number>;
}

/** Wrong flags or arguments, or something that cannot be read: `message` is for whoever typed them. */
export class UsageError extends Error {}

/** As `parseArgs` of Node, whose complaints are for whoever typed them. */
export const parseFlags = <Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> => {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
};

/** Of a file that could not be read: which, and the system's word for why. */
export const unreadable = (file: string, error: unknown): Error =>
  new Error(`cannot read ${file}: ${error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'}`);

/** What went wrong, fit for a terminal whatever is in it. */
export const wordsOf = (error: unknown): string => escapeControls(error instanceof Error ? error.message : String(error));
