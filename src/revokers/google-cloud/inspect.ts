/** One look at Google Cloud with Offboard's own login, for the status of its Connector. */
import type { Grant } from '../../api/v1alpha1/index.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { type OutcomeError, needsPerson, retryable } from '../../runtime/outcome.ts';
import { textsOf } from '../fields.ts';
import type { InspectConnector } from '../connector.ts';
import { describeAnswer } from './answers.ts';
import type { GoogleAnswer, GoogleClient, GoogleRequest } from './api.ts';
import type { GoogleConnectorsOwner } from './connectors.ts';

/** What is needed in a project whose policy is read and written, and in one whose service accounts are retired. */
const permissions = {
  projects: ['resourcemanager.projects.getIamPolicy', 'resourcemanager.projects.setIamPolicy'],
  serviceAccounts: [
    'iam.serviceAccounts.get', 'iam.serviceAccounts.update', 'iam.serviceAccounts.disable', 'iam.serviceAccounts.enable',
    'iam.serviceAccounts.getIamPolicy', 'iam.serviceAccounts.setIamPolicy', 'iam.serviceAccountKeys.list', 'iam.serviceAccountKeys.delete',
    'storage.hmacKeys.list', 'storage.hmacKeys.update', 'storage.hmacKeys.delete',
  ],
} as const;

/** Projects that are asked about in one look. */
const mostProjects = 64;

/**
 * Of a project that a grant names without a star, what is missing is told before an identity needs it. That nothing is said to be
 * missing proves nothing: the service may say yes to all, and what a pattern covers is not known here.
 */
export const createGoogleInspection =
  (connectors: Pick<GoogleConnectorsOwner, 'open'>): InspectConnector =>
  async (connector, signal) => {
    const { spec, connection } = connectors.open(connector);
    const { self } = await connection.hold(signal);
    const { client } = connection;
    const wanted = [...wantedIn(connector.spec.grants ?? [])].slice(0, mostProjects);
    const missing = await mapBounded(wanted, spec.maxConcurrent, ([project, names]) => missingIn(client, project, [...names], signal), signal);
    const searches = spec.assetScope === undefined ? [] : await missingSearches(client, spec.assetScope, signal);
    return { account: self.name, missingPermissions: [...missing.flat(), ...searches], troubles: [] };
  };

const wantedIn = (grants: readonly Grant[]): Map<string, ReadonlySet<string>> => {
  const wanted = new Map<string, Set<string>>();
  const add = (project: string | undefined, names: readonly string[]): void => {
    if (project === undefined || !/^[a-z0-9][-a-z0-9.:]*$/.test(project)) return;
    wanted.set(project, new Set([...(wanted.get(project) ?? []), ...names]));
  };
  for (const { googleCloud = {} } of grants) {
    for (const project of googleCloud.projects ?? []) add(project, permissions.projects);
    for (const account of googleCloud.serviceAccounts ?? []) add(projectOf(account), permissions.serviceAccounts);
  }
  return wanted;
};

/** In a domain of its own, an organisation's project is called DOMAIN:NAME, and in e-mails NAME.DOMAIN. */
const projectOf = (email: string): string | undefined => {
  const [, name, domain] = /@([^.@]+)(?:\.([^@]+))?\.iam\.gserviceaccount\.com$/.exec(email) ?? [];
  return name === undefined || domain === undefined ? name : `${domain}:${name}`;
};

const missingIn = async (client: GoogleClient, project: string, names: readonly string[], signal: AbortSignal): Promise<readonly string[]> => {
  const where = `projects/${project}`;
  const request: GoogleRequest = {
    method: 'POST', service: 'cloudresourcemanager', path: ['v3', 'projects', project], verb: 'testIamPermissions', body: { permissions: names },
  };
  const answer = await client.request(request, signal);
  // Also of a project that is not there.
  if (answer.status === 403 || answer.status === 404) return [`${names[0] ?? ''} on ${where}, if there is such a project: ${describeAnswer(answer)}`];
  if (answer.status !== 200) throw failureOf(answer, `testing permissions on ${where}`);
  const has = new Set(answer.body === undefined ? [] : (textsOf(answer.body, 'permissions') ?? []));
  return names.filter((name) => !has.has(name)).map((name) => `${name} on ${where}`);
};

/** A real search of one result. */
const missingSearches = async (client: GoogleClient, scope: string, signal: AbortSignal): Promise<readonly string[]> => {
  const verbs = ['searchAllIamPolicies', 'searchAllResources'];
  const found = await Promise.all(
    verbs.map(async (verb) => {
      const answer = await client.request({ method: 'GET', service: 'cloudasset', path: ['v1', ...scope.split('/')], verb, query: { pageSize: '1' } }, signal);
      if (answer.status === 403) return [`cloudasset.assets.${verb} on ${scope}: ${describeAnswer(answer)}`];
      if (answer.status !== 200) throw failureOf(answer, `${verb} beneath ${scope}`);
      return [];
    }),
  );
  return found.flat();
};

const failureOf = (answer: GoogleAnswer, doing: string): OutcomeError => {
  const message = `${doing}: ${describeAnswer(answer)}`;
  return answer.status >= 500 ? retryable('Unavailable', message) : needsPerson('Rejected', message);
};
