/** What a command is, and what it has of the process that runs it. */
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

/** What went wrong, fit for a terminal whatever is in it. */
export const wordsOf = (error: unknown): string => escapeControls(error instanceof Error ? error.message : String(error));
