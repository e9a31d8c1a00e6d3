/** One look at Google Cloud with Offboard's own login, for the status of its Connector. */
import type { Grant } from '../../api/v1alpha1/index.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { type OutcomeError, needsPerson, retryable } from '../../runtime/outcome.ts';
import { textsOf } from '../fields.ts';
import type { InspectConnector } from '../connector.ts';
import { describeAnswer } from './answers.ts';
import type { GoogleAnswer, GoogleClient, GoogleRequest } from './api.ts';
import type { GoogleConnectorsOwner } from './connectors.ts';

/** In a project whose policy is read and written. */
const ofProject = ['resourcemanager.projects.getIamPolicy', 'resourcemanager.projects.setIamPolicy'];
/** On a service account that is retired. */
const ofAccount = [
  'iam.serviceAccounts.get', 'iam.serviceAccounts.update', 'iam.serviceAccounts.disable', 'iam.serviceAccounts.enable',
  'iam.serviceAccounts.getIamPolicy', 'iam.serviceAccounts.setIamPolicy', 'iam.serviceAccountKeys.list', 'iam.serviceAccountKeys.delete',
];
/** In its project, beside that. */
const ofAccounts = [...ofAccount, 'storage.hmacKeys.list'];

/** Projects and accounts that are asked about in one look. */
const mostPlaces = 64;

/** Something on which permissions are tested. */
interface Place {
  readonly name: string;
  readonly at: Pick<GoogleRequest, 'service' | 'path'>;
  readonly permissions: ReadonlySet<string>;
}

/**
 * Of what a grant names without a star, what is missing is told before an identity needs it. That nothing is said to be missing
 * proves nothing: the service may say yes to all, and what a pattern covers is not known here.
 */
export const createGoogleInspection =
  (connectors: Pick<GoogleConnectorsOwner, 'open'>): InspectConnector =>
  async (connector, signal) => {
    const { spec, connection } = connectors.open(connector);
    const { self } = await connection.hold(signal);
    const { client } = connection;
    const places = placesIn(connector.spec.grants ?? []).slice(0, mostPlaces);
    const missing = await mapBounded(places, spec.maxConcurrent, (place) => missingIn(client, place, signal), signal);
    const searches = spec.assetScope === undefined ? [] : await missingSearches(client, spec.assetScope, signal);
    return { account: self.name, missingPermissions: [...missing.flat(), ...searches], troubles: [] };
  };

const placesIn = (grants: readonly Grant[]): readonly Place[] => {
  const places = new Map<string, Place>();
  const add = (name: string, at: Place['at'], permissions: readonly string[]): void => {
    places.set(name, { name, at, permissions: new Set([...(places.get(name)?.permissions ?? []), ...permissions]) });
  };
  const addProject = (project: string, permissions: readonly string[]): void => {
    if (!project.includes('*')) add(`projects/${project}`, { service: 'cloudresourcemanager', path: ['v3', 'projects', project] }, permissions);
  };
  for (const { googleCloud = {} } of grants) {
    for (const project of googleCloud.projects ?? []) addProject(project, ofProject);
    for (const email of googleCloud.serviceAccounts ?? []) {
      const project = projectOf(email);
      // The role may be given on just the accounts, where they are named one by one.
      if (email.includes('*')) addProject(project, ofAccounts);
      else add(email, { service: 'iam', path: ['v1', 'projects', project, 'serviceAccounts', email] }, ofAccount);
    }
  }
  return [...places.values()];
};

/** In a domain of its own, an organisation's project is called DOMAIN:NAME, and in e-mails NAME.DOMAIN. A star where it cannot be told. */
const projectOf = (email: string): string => {
  const [, name, domain] = /@([^.@]+)(?:\.([^@]+))?\.iam\.gserviceaccount\.com$/.exec(email) ?? [];
  return domain === undefined ? (name ?? '*') : `${domain}:${name ?? '*'}`;
};

const missingIn = async (client: GoogleClient, { name, at, permissions }: Place, signal: AbortSignal): Promise<readonly string[]> => {
  const wanted = [...permissions];
  const answer = await client.request({ method: 'POST', ...at, verb: 'testIamPermissions', body: { permissions: wanted } }, signal);
  // Not every permission can be tested everywhere; a run names what it lacks.
  if (answer.status === 400) return [];
  // Also of one that is not there: an account may be gone for good, while its grant is still written.
  if (answer.status === 403 || answer.status === 404) return at.service === 'iam' ? [] : [`${wanted[0] ?? ''} on ${name}, if there is such a project: ${describeAnswer(answer)}`];
  if (answer.status !== 200) throw failureOf(answer, `testing permissions on ${name}`);
  const has = new Set(answer.body === undefined ? [] : (textsOf(answer.body, 'permissions') ?? []));
  return wanted.filter((permission) => !has.has(permission)).map((permission) => `${permission} on ${name}`);
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
