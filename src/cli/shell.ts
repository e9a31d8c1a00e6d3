/** Words of a command line that is shown to be copied: whatever is in them, a shell reads each as one word. */
import { escapeControls } from '../runtime/redact.ts';

export const quoted = (word: string): string => {
  const visible = escapeControls(word);
  return /^[\w@%+=:,./-]+$/.test(visible) ? visible : `'${visible.replaceAll("'", `'\\''`)}'`;
};

/** `kubectl offboard …`, to be copied. */
export const offboardLine = (...words: readonly string[]): string => ['kubectl', 'offboard', ...words].map(quoted).join(' ');
