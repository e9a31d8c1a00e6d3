/** What has an allow policy: how it is named, and how its policy is asked for and written. Pure. */
import type { GoogleRequest } from './api.ts';

export interface Resource {
  /** As a dependency names it: `projects/P`, `folders/N`, `organizations/N`, or a full resource name. The same for every way of naming it. */
  readonly name: string;
  readonly service: string;
  /** From the version on. */
  readonly path: readonly string[];
  readonly form: 'Get' | 'Post' | 'Bucket';
  /** Before `.getIamPolicy` in the name of a permission, such as `secretmanager.secrets`. */
  readonly permissions: string;
  /** Of the account, where it is a service account: by e-mail or unique id, as it was named. */
  readonly account?: { readonly project: string; readonly key: string };
}

const hierarchy = /^(projects|folders|organizations)\/([a-z0-9](?:[-a-z0-9.:]*[a-z0-9])?)$/;
const fullName = /^\/\/([a-z](?:[-a-z0-9]*[a-z0-9])?)\.googleapis\.com\/(.+)$/;
const segment = /^[A-Za-z0-9_](?:[-A-Za-z0-9_.@:~+%()]*[A-Za-z0-9_)~+%])?$/;

/** Services whose policies are asked for by POST, as their discovery documents have it. */
const byPost: ReadonlySet<string> = new Set([
  'accesscontextmanager', 'aiplatform', 'cloudtasks', 'containeranalysis', 'datacatalog', 'dataproc', 'iam', 'iap', 'logging', 'securitycenter', 'servicedirectory', 'servicemanagement', 'spanner',
]);
/** Services that have policies only in this version. */
const versions: ReadonlyMap<string, string> = new Map([['cloudbuild', 'v2'], ['cloudtasks', 'v2'], ['logging', 'v2']]);
/** Services that give no policy by `NAME:getIamPolicy`, or only in a version that may change. */
const otherApi: ReadonlySet<string> = new Set(['bigquery', 'bigtable', 'bigtableadmin', 'compute', 'dataform', 'datafusion', 'deploymentmanager', 'dns']);

/** Undefined when it is no name of a resource whose policy can be asked for. */
export const parseResource = (name: string): Resource | undefined => {
  const plain = name.replace(/^\/\/cloudresourcemanager\.googleapis\.com\//, '');
  const [, collection, id] = hierarchy.exec(plain) ?? [];
  if (collection !== undefined && id?.includes('..') === false)
    return { name: plain, service: 'cloudresourcemanager', path: ['v3', collection, id], form: 'Post', permissions: `resourcemanager.${collection}` };
  const [, service, rest = ''] = fullName.exec(name) ?? [];
  const segments = rest.split('/');
  if (service === undefined || service === 'cloudresourcemanager' || otherApi.has(service) || !segments.every((each) => segment.test(each) && !each.includes('..'))) return undefined;
  if (service === 'storage') return bucket(segments);
  if (service === 'iam') return serviceAccount(segments);
  const kind = segments.at(-2);
  if (kind === undefined) return undefined;
  return { name, service, path: [versions.get(service) ?? 'v1', ...segments], form: byPost.has(service) ? 'Post' : 'Get', permissions: `${service}.${kind}` };
};

/**
 * Cloud Asset Inventory, Cloud Storage and conditions name buckets in three ways, none by a project: a bucket does not lie in one by
 * its name, and by one that it is not in it would be granted to whom it is not.
 */
const bucket = (segments: readonly string[]): Resource | undefined => {
  const isLong = segments.length === 4 && segments[0] === 'projects' && segments[1] === '_' && segments[2] === 'buckets';
  const name = isLong ? segments[3] : segments.length === 1 ? segments[0] : undefined;
  if (name === undefined) return undefined;
  return { name: `//storage.googleapis.com/${name}`, service: 'storage', path: ['storage', 'v1', 'b', name, 'iam'], form: 'Bucket', permissions: 'storage.buckets' };
};

const serviceAccount = (segments: readonly string[]): Resource | undefined => {
  const [projects, project, accounts, key] = segments;
  if (segments.length !== 4 || projects !== 'projects' || accounts !== 'serviceAccounts' || project === undefined || key === undefined) return undefined;
  // By a project that it is not in it would be granted to whom it is not.
  return isElsewhere(project, key) ? undefined : accountResource(project, key);
};

/** An e-mail tells the project of a user-managed account, and of a domain's project in other words, which are left to Google. */
const isElsewhere = (project: string, key: string): boolean => {
  const place = /@([^.]+)\.iam\.gserviceaccount\.com$/.exec(key)?.[1];
  return place !== undefined && place !== project && !/^\d+$/.test(project);
};

/** The policy of a service account: of who may act as it. */
export const accountResource = (project: string, key: string): Resource => ({
  name: `//iam.googleapis.com/projects/${project}/serviceAccounts/${key}`,
  service: 'iam',
  path: ['v1', 'projects', project, 'serviceAccounts', key],
  form: 'Post',
  permissions: 'iam.serviceAccounts',
  account: { project, key },
});

/** Whether the policy of what a search found can be asked for. */
export const isReadable = (name: string): boolean => parseResource(name) !== undefined;

const projectNumber = /(?<=^(?:\/\/[a-z0-9.-]+\/)?projects\/)\d+(?=\/|$)/;

/** The number of the project in a name that has it where others have its id. */
export const projectNumberIn = (name: string): string | undefined => projectNumber.exec(name)?.[0];

export const withProjectId = (name: string, id: string): string => name.replace(projectNumber, () => id);

/** By version 3, so that conditions are told. */
export const getPolicy = ({ service, path, form }: Resource): GoogleRequest => {
  switch (form) {
    case 'Bucket':
      return { method: 'GET', service, path, query: { optionsRequestedPolicyVersion: '3' } };
    case 'Get':
      return { method: 'GET', service, path, verb: 'getIamPolicy', query: { 'options.requestedPolicyVersion': '3' } };
    case 'Post':
      // The API of service accounts takes it in the query.
      return service === 'iam'
        ? { method: 'POST', service, path, verb: 'getIamPolicy', query: { 'options.requestedPolicyVersion': '3' }, body: {} }
        : { method: 'POST', service, path, verb: 'getIamPolicy', body: { options: { requestedPolicyVersion: 3 } } };
  }
};

export const setPolicy = ({ service, path, form }: Resource, policy: object): GoogleRequest =>
  form === 'Bucket' ? { method: 'PUT', service, path, body: policy } : { method: 'POST', service, path, verb: 'setIamPolicy', body: { policy } };

export const testPermissions = ({ service, path, form }: Resource, permissions: readonly string[]): readonly GoogleRequest[] =>
  form === 'Bucket'
    ? permissions.map((permission) => ({ method: 'GET', service, path: [...path, 'testPermissions'], query: { permissions: permission } }))
    : [{ method: 'POST', service, path, verb: 'testIamPermissions', body: { permissions } }];
