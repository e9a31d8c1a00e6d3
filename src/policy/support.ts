/** What this version cannot retire, and therefore must not claim to have retired. */
import { limit } from '../runtime/redact.ts';

const mostNamed = 4;
const longestName = 64;

/**
 * Why an identity that depends on systems of a kind nobody here knows is not touched. The schema refuses such an identity; one
 * that was stored under another version's schema is only ever met here. `field` says where it was found.
 */
export const unsupported = (unknown: readonly object[], field: string): string | undefined => {
  if (unknown.length === 0) return undefined;
  const names = unknown.map((dependency) => ('name' in dependency && typeof dependency.name === 'string' ? dependency.name : 'one without a name'));
  const shown = names.slice(0, mostNamed).map((name) => `"${limit(name, longestName)}"`);
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : '';
  return (
    `${field}: this version does not know what type of system ${shown.join(', ')}${more} is, and would leave what it holds; ` +
    'retire that access yourself and remove the entry, or run a version of Offboard that supports it'
  );
};
