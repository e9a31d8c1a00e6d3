/** What this version cannot retire, and therefore must not claim to have retired. */
import { limit } from '../runtime/redact.ts';

const mostNamed = 4;
const longestName = 64;

/**
 * Why an identity that depends on systems other than the cluster is not touched. The schema refuses such an identity; one that
 * was stored under another version's schema is only ever met here. `field` says where it was found.
 */
export const unsupported = (dependencies: readonly object[] | undefined, field: string): string | undefined => {
  if (dependencies === undefined || dependencies.length === 0) return undefined;
  const names = dependencies.map((dependency) => ('name' in dependency && typeof dependency.name === 'string' ? dependency.name : 'one without a name'));
  const shown = names.slice(0, mostNamed).map((name) => `"${limit(name, longestName)}"`);
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : '';
  return (
    `${field}: this version retires access to the cluster only, and would leave what ${shown.join(', ')}${more} holds; ` +
    'retire that access yourself and remove the entry, or run a version of Offboard that supports it'
  );
};
