/** The questions that are asked of Google Cloud. Each gives a whole answer, or throws what it means that there is none. */
import { retryable } from '../../runtime/outcome.ts';
import type { GoogleAnswer, GoogleClient, GoogleRequest } from './api.ts';
import {
  type Account,
  classifyAccount,
  classifyHmacKeys,
  classifyKeys,
  classifyPolicy,
  classifyPolicySearch,
  classifyProject,
  classifyResourceSearch,
  failureOf,
  type HmacKey,
  type Key,
  type ListVerdict,
  type Question,
} from './errors.ts';
import type { Policy } from './policies.ts';
import { getPolicy, type Resource } from './resources.ts';

/** Undefined when there is no such resource. */
export const readPolicy = async (client: GoogleClient, resource: Resource, signal: AbortSignal): Promise<Policy | undefined> => {
  const answer = await client.request(getPolicy(resource), signal);
  const verdict = classifyPolicy(answer, resource);
  if (verdict.state === 'Policy') return verdict.policy;
  if (verdict.state === 'NoResource' || (await wentWithItsAccount(client, resource, signal))) return undefined;
  throw failureOf(answer, { doing: `reading the policy of ${resource.name}`, permission: `${resource.permissions}.getIamPolicy`, on: resource.name }, verdict.message);
};

/** Of what belongs to a service account that was deleted, Google may say that we lack the permission, as seen of keys; of the account itself it says that it is gone. */
export const wentWithItsAccount = async (client: GoogleClient, { account }: Pick<Resource, 'account'>, signal: AbortSignal): Promise<boolean> =>
  account !== undefined && /^\d+$/.test(account.key) && (await readAccount(client, { project: account.project, uniqueId: account.key }, signal)) === undefined;

/** Where a service account is, by which it is always asked for. */
export type AccountName = { readonly project: string } & ({ readonly email: string } | { readonly uniqueId: string });

export const accountPath = (name: AccountName): readonly string[] => ['v1', 'projects', name.project, 'serviceAccounts', 'email' in name ? name.email : name.uniqueId];

/** Undefined when there is none. */
export const readAccount = async (client: GoogleClient, name: AccountName, signal: AbortSignal): Promise<Account | undefined> => {
  const answer = await client.request({ method: 'GET', service: 'iam', path: accountPath(name) }, signal);
  const verdict = classifyAccount(answer, name);
  const on = accountPath(name).slice(1).join('/');
  if (verdict.state === 'Unknown') throw failureOf(answer, { doing: `reading ${on}`, permission: 'iam.serviceAccounts.get', on }, verdict.message);
  return verdict.state === 'Present' ? verdict.account : undefined;
};

export const keysPath = (project: string, uniqueId: string): readonly string[] => [...accountPath({ project, uniqueId }), 'keys'];

export const listKeys = async (client: GoogleClient, project: string, uniqueId: string, signal: AbortSignal): Promise<readonly Key[]> => {
  const path = keysPath(project, uniqueId);
  const on = path.slice(1, -1).join('/');
  const request: GoogleRequest = { method: 'GET', service: 'iam', path, query: { keyTypes: 'USER_MANAGED' } };
  return (await onePage(client, request, classifyKeys, { doing: `listing the keys of ${on}`, permission: 'iam.serviceAccountKeys.list', on }, signal)).items;
};

export const hmacKeysPath = (project: string): readonly string[] => ['storage', 'v1', 'projects', project, 'hmacKeys'];

export const listHmacKeys = async (client: GoogleClient, project: string, email: string, signal: AbortSignal): Promise<readonly HmacKey[]> => {
  const request: GoogleRequest = { method: 'GET', service: 'storage', path: hmacKeysPath(project), query: { serviceAccountEmail: email } };
  const question = { doing: `listing the HMAC keys of ${email}`, permission: 'storage.hmacKeys.list', on: `projects/${project}` };
  const keys = await allPages(client, request, classifyHmacKeys, question, signal);
  return keys.filter((key) => key.email === email && key.state !== 'DELETED');
};

/** The id of the project with this number, which stays the same. */
export const readProjectId = async (client: GoogleClient, number: string, signal: AbortSignal): Promise<string> => {
  const answer = await client.request({ method: 'GET', service: 'cloudresourcemanager', path: ['v3', 'projects', number] }, signal);
  const verdict = classifyProject(answer, number);
  if (verdict.state === 'Unknown') throw failureOf(answer, { doing: `reading the id of projects/${number}`, permission: 'resourcemanager.projects.get', on: `projects/${number}` }, verdict.message);
  return verdict.id;
};

/** Of Cloud Asset Inventory, which takes no more. */
const pageSize = '500';

/** Full names of the resources whose policies mention one of the terms, as of some time ago: what is found is a place to look at. */
export const searchPolicies = async (client: GoogleClient, scope: string, terms: readonly string[], signal: AbortSignal): Promise<readonly string[]> => {
  const found: string[] = [];
  for (const query of policyQueries(terms)) {
    const request: GoogleRequest = { method: 'GET', service: 'cloudasset', path: ['v1', ...scope.split('/')], verb: 'searchAllIamPolicies', query: { query, pageSize } };
    const question = { doing: `searching policies under ${scope}`, permission: 'cloudasset.assets.searchAllIamPolicies', on: scope };
    found.push(...(await allPages(client, request, classifyPolicySearch, question, signal)));
  }
  return [...new Set(found)];
};

/** Of a query, by https://cloud.google.com/asset-inventory/docs/query-syntax: comparisons, and characters. */
const longestQuery = { terms: 10, characters: 2_048 };

const policyQueries = (terms: readonly string[]): readonly string[] => {
  const queryOf = (some: readonly string[]): string => `policy:(${some.map((term) => `"${term}"`).join(' OR ')})`;
  const groups: string[][] = [];
  for (const term of terms) {
    const last = groups.at(-1);
    if (last !== undefined && last.length < longestQuery.terms && queryOf([...last, term]).length <= longestQuery.characters) last.push(term);
    else groups.push([term]);
  }
  return groups.map(queryOf);
};

/** Resources whose metadata mention the service account, as of some time ago; itself and its keys left out. */
export const searchAttached = async (client: GoogleClient, scope: string, email: string, signal: AbortSignal): Promise<readonly string[]> => {
  const found = await allPages(
    client,
    { method: 'GET', service: 'cloudasset', path: ['v1', ...scope.split('/')], verb: 'searchAllResources', query: { query: `"${email}"`, pageSize } },
    classifyResourceSearch,
    { doing: `searching resources under ${scope}`, permission: 'cloudasset.assets.searchAllResources', on: scope },
    signal,
  );
  return found.filter(({ assetType }) => !assetType.startsWith('iam.googleapis.com/ServiceAccount')).map(({ name }) => name);
};

type Classify<Item> = (answer: GoogleAnswer) => ListVerdict<Item>;

const onePage = async <Item>(client: GoogleClient, request: GoogleRequest, classify: Classify<Item>, question: Question, signal: AbortSignal): Promise<Extract<ListVerdict<Item>, { readonly state: 'Listed' }>> => {
  const answer = await client.request(request, signal);
  const verdict = classify(answer);
  if (verdict.state === 'Unknown') throw failureOf(answer, question, verdict.message);
  return verdict;
};

/** A page that leads to itself would never end. */
const mostPages = 1_000;

const allPages = async <Item>(client: GoogleClient, request: GoogleRequest, classify: Classify<Item>, question: Question, signal: AbortSignal): Promise<readonly Item[]> => {
  const items: Item[] = [];
  let token: string | undefined;
  for (let page = 0; page < mostPages; page += 1) {
    const query = { ...request.query, ...(token !== undefined && { pageToken: token }) };
    const listed = await onePage(client, { ...request, query }, classify, question, signal);
    items.push(...listed.items);
    token = listed.next;
    if (token === undefined) return items;
  }
  throw retryable('Garbage', `${question.doing}: more than ${String(mostPages)} pages`);
};
