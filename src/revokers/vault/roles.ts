/** Whom a role of a Kubernetes auth mount lets in: pure. */
import type { Target } from '../../api/v1alpha1/index.ts';
import { fieldOf, textOf, textsOf } from '../fields.ts';

export interface AuthRole {
  readonly names: readonly string[];
  readonly namespaces: readonly string[];
  /** Of namespaces, by their labels; empty where there is none. */
  readonly selector: string;
  readonly aliasSource: string;
  readonly tokenType: string;
}

/** Undefined when the answer is not such a role. */
export const readRole = (data: object): AuthRole | undefined => {
  const [names, namespaces] = [textsOf(data, 'bound_service_account_names'), textsOf(data, 'bound_service_account_namespaces')];
  // Servers that know no selector tell none.
  const selector = fieldOf(data, 'bound_service_account_namespace_selector') ?? '';
  if (names === undefined || namespaces === undefined || typeof selector !== 'string') return undefined;
  return {
    names,
    namespaces,
    selector,
    aliasSource: textOf(data, 'alias_name_source') ?? 'serviceaccount_uid',
    tokenType: textOf(data, 'token_type') ?? 'default',
  };
};

export type Coverage =
  /** It lets in this ServiceAccount and nobody else. */
  | { readonly covers: 'Only' }
  /** It lets others in as well, or may: `by` says by which field. */
  | { readonly covers: 'Shared'; readonly by: string }
  /** It does not let this ServiceAccount in: `by` says because of which field. */
  | { readonly covers: 'None'; readonly by: string };

/** Vault matches both fields as globs in which only `*` means anything. */
export const coverageOf = (role: AuthRole, { namespace, name }: Target['serviceAccount']): Coverage => {
  const { names, namespaces, selector } = role;
  if (!names.some((pattern) => globMatches(pattern, name))) return { covers: 'None', by: `bound_service_account_names ${shown(names)}` };
  // Which namespaces a selector takes in only their labels tell, and those change.
  if (selector === '' && !namespaces.some((pattern) => globMatches(pattern, namespace)))
    return { covers: 'None', by: `bound_service_account_namespaces ${shown(namespaces)}` };
  if (selector !== '') return { covers: 'Shared', by: 'bound_service_account_namespace_selector' };
  if (names.some((each) => each !== name)) return { covers: 'Shared', by: `bound_service_account_names ${shown(names)}` };
  if (namespaces.some((each) => each !== namespace)) return { covers: 'Shared', by: `bound_service_account_namespaces ${shown(namespaces)}` };
  return { covers: 'Only' };
};

const shown = (values: readonly string[]): string => `(${values.slice(0, 4).join(', ')}${values.length > 4 ? ', …' : ''})`;

/** Without a regular expression, in which a pattern of many stars takes longer than anybody waits. */
const globMatches = (pattern: string, text: string): boolean => {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === text;
  const last = rest.at(-1) ?? '';
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest.slice(0, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
};
