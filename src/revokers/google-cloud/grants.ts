/**
 * What a Connector grants of Google Cloud. Pure, and strict: a name is compared only after it is known to be one of the forms in which
 * a dependency may name a thing, and what lies in a project is granted with that project and in no other way.
 *
 * A project has an id and a number, and nothing here knows which belong together: a resource that is named by the number of its
 * project is not covered by a pattern of ids, be it `*`, and a pattern of digits covers numbers alone.
 */
import type { GoogleCloudDependency, Grant } from '../../api/v1alpha1/index.ts';
import { type Alphabet, anyMatches } from '../grants.ts';
import { isEmail, isService } from './settings.ts';

const ids: Alphabet = { name: /^[a-z](?:[-a-z0-9.:]*[a-z0-9])?$/, pattern: /^[-a-z0-9.:*]+$/ };
const numbers: Alphabet = { name: /^[0-9]{1,20}$/, pattern: /^[0-9][0-9*]*$/ };
const emails: Alphabet = { name: /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?@[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/, pattern: /^[-a-z0-9*]+@[-a-z0-9.*]+$/ };
const resources: Alphabet = { name: /^[A-Za-z0-9_](?:[-A-Za-z0-9_.@:]*[A-Za-z0-9_])?$/, pattern: /^[-A-Za-z0-9_.@:*]+$/ };

/** Whether this grant alone covers all that the dependency names. */
export const covers = (grant: Grant, { serviceAccount, resources: named = [] }: GoogleCloudDependency): boolean =>
  (serviceAccount === undefined || coversAccount(grant, serviceAccount.email)) && named.every((name) => coversResource(grant, name));

export const coversAccount = ({ googleCloud }: Grant, email: string): boolean => isEmail(email) && anyMatches(googleCloud?.serviceAccounts, email, emails);

/** Whether the grant covers a resource, by the name that a dependency would give it. */
export const coversResource = ({ googleCloud = {} }: Grant, name: string): boolean => {
  const place = placeOf(name);
  if (place === undefined) return false;
  if (place.project !== undefined) return coversProject(googleCloud.projects, place.project);
  return (googleCloud.resources ?? []).some((pattern) => isAlike(pattern, name) && anyMatches([bare(pattern)], bare(name), resources));
};

const coversProject = (patterns: readonly string[] | undefined, project: string): boolean =>
  anyMatches(patterns, project, ids) || anyMatches(patterns, project, numbers);

/** Both are full names of one service, or neither is one: `folders/1` and `//folders/1` are not the same. */
const isAlike = (pattern: string, name: string): boolean =>
  pattern.startsWith('//') === name.startsWith('//') && bare(pattern).split('/')[0] === bare(name).split('/')[0];

const bare = (name: string): string => (name.startsWith('//') ? name.slice(2) : name);

/** Where a resource lies; undefined when it is not named as a dependency may name one. */
const placeOf = (name: string): { readonly project?: string } | undefined => {
  const segments = bare(name).split('/');
  if (!segments.every((segment) => resources.name.test(segment) && !segment.includes('..'))) return undefined;
  const [first = '', second = '', ...more] = segments;
  if (!name.startsWith('//')) return placeOfContainer(first, second, more.length);
  const service = /^(.+)\.googleapis\.com$/.exec(first)?.[1] ?? '';
  if (!isService(service) || second === '') return undefined;
  const [third] = more;
  if (second !== 'projects') return {};
  return third === undefined ? undefined : { project: third };
};

const placeOfContainer = (kind: string, id: string, more: number): { readonly project?: string } | undefined => {
  if (more > 0) return undefined;
  if (kind === 'projects' && id !== '') return { project: id };
  return (kind === 'folders' || kind === 'organizations') && numbers.name.test(id) ? {} : undefined;
};
