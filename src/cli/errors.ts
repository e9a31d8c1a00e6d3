/** What a command ends with when it cannot. */
import { escapeControls } from '../runtime/redact.ts';

/** Wrong flags or arguments, or something that cannot be read: `message` is for whoever typed them. */
export class UsageError extends Error {}

/** It cannot be done as things are: `message` says why, and the way out. */
export class CannotError extends Error {}

/** Of a file that could not be read: which, and the system's word for why. */
export const unreadable = (file: string, error: unknown): Error =>
  new CannotError(`cannot read ${file}: ${error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'}`);

/** What went wrong, fit for a terminal whatever is in it. */
export const wordsOf = (error: unknown): string => escapeControls(error instanceof Error ? error.message : String(error));
