/**
 * Who a Connector grants anything, and what its patterns cover. Pure, and strict: what a tenant wrote is compared only after it is
 * known to be plain, so that no way of writing a name means another thing to the server than it does here.
 */
import type { Grant } from '../api/v1alpha1/index.ts';

/** The namespace of the identity, with its labels as they are now; undefined when they are not known. */
export interface GrantedNamespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
}

/** What one segment may be made of, whole, in a name and in a pattern. */
export interface Alphabet {
  readonly name: RegExp;
  readonly pattern: RegExp;
}

const plain: Alphabet = { name: /^[A-Za-z0-9_](?:[-A-Za-z0-9_.]*[A-Za-z0-9_])?$/, pattern: /^[-A-Za-z0-9_.*]+$/ };
const longest = 512;

/** A path as the CRD takes it: plain segments, none of them empty, a dot, or with two dots in a row. */
const isPlain = (path: string, { name }: Alphabet): boolean =>
  path.length <= longest && path.split('/').every((segment) => name.test(segment) && !segment.includes('..'));

const isPattern = (text: string, { pattern }: Alphabet): boolean =>
  text.length <= longest &&
  text.split('/').every((segment) => pattern.test(segment) && !segment.includes('..') && !segment.includes('**'));

/** True when the pattern covers the path: as many segments, each equal but for `*`, which stands for anything within one. */
export const matches = (pattern: string, path: string, alphabet = plain): boolean => {
  if (!isPattern(pattern, alphabet) || !isPlain(path, alphabet)) return false;
  const patterns = pattern.split('/');
  const segments = path.split('/');
  return patterns.length === segments.length && patterns.every((each, index) => matchesSegment(each, segments[index] ?? ''));
};

/** By hand, since a regular expression with many stars takes longer than anybody waits. Goes back to the last star only. */
const matchesSegment = (pattern: string, text: string): boolean => {
  let at = 0;
  let next = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    if (pattern[next] === '*') {
      star = next;
      next += 1;
      resume = at;
    } else if (pattern[next] === text[at]) {
      next += 1;
      at += 1;
    } else if (star >= 0) {
      next = star + 1;
      resume += 1;
      at = resume;
    } else {
      return false;
    }
  }
  while (pattern[next] === '*') next += 1;
  return next === pattern.length;
};

export const anyMatches = (patterns: readonly string[] | undefined, path: string, alphabet = plain): boolean =>
  (patterns ?? []).some((pattern) => matches(pattern, path, alphabet));

/** Whether labels have to be known to tell: a namespace by its name is told without them. */
export const needsLabels = (grants: readonly Grant[] | undefined): boolean => (grants ?? []).some(({ namespaces }) => namespaces.selector !== undefined);

const coversNamespace = ({ namespaces }: Grant, namespace: GrantedNamespace): boolean => {
  if (namespaces.names !== undefined) return namespaces.names.includes(namespace.name);
  const wanted = Object.entries(namespaces.selector?.matchLabels ?? {});
  // A selector of nothing would select everybody.
  return wanted.length > 0 && wanted.every(([key, value]) => labelOf(namespace, key) === value);
};

const labelOf = ({ labels = {} }: GrantedNamespace, key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);

/** The grants to this namespace of which each alone covers all that is asked for. None means that it may not use the connector. */
export const grantsFor = (grants: readonly Grant[] | undefined, namespace: GrantedNamespace, covers: (grant: Grant) => boolean): readonly Grant[] =>
  (grants ?? []).filter((grant) => coversNamespace(grant, namespace) && covers(grant));
