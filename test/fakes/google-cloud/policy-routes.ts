/** get, set and test of the policies of everything but buckets: `v1/{resource}:getIamPolicy` in its forms. */
import { type Answer, denied, notFound, ok } from './answers.ts';
import { type Authorise, refusal } from './authorise.ts';
import { fields, list, optionalText, text } from './json.ts';
import type { Knobs } from './knobs.ts';
import { changeMember, missing, showPolicy, writePolicy } from './policies.ts';
import type { Call, Route } from './router.ts';
import { canonicalName, findProject, findResource, newEtag, type Policy, type Resource, type World } from './world.ts';

interface Site {
  readonly world: World;
  readonly knobs: Knobs;
  readonly authorise: Authorise;
}

type Verb = 'getIamPolicy' | 'setIamPolicy' | 'testIamPermissions';

export const policyRoutes = (site: Site): readonly Route[] => {
  const routes = (service: string, pattern: string, read: 'GET' | 'POST', nameOf: (parameters: Readonly<Record<string, string>>) => string): readonly Route[] =>
    (['getIamPolicy', 'setIamPolicy', 'testIamPermissions'] as const).map((verb) => ({
      service,
      method: verb === 'getIamPolicy' ? read : 'POST',
      pattern: `${pattern}:${verb}`,
      handle: (call, parameters) => answer(site, verb, call, nameOf(parameters)),
    }));
  const container =
    (kind: string) =>
    ({ id = '' }): string =>
      `${kind}/${id}`;
  return [
    ...['v1', 'v3'].flatMap((version) => routes('cloudresourcemanager', `/${version}/projects/{id}`, 'POST', container('projects'))),
    ...['v2', 'v3'].flatMap((version) => routes('cloudresourcemanager', `/${version}/folders/{id}`, 'POST', container('folders'))),
    ...['v1', 'v3'].flatMap((version) => routes('cloudresourcemanager', `/${version}/organizations/{id}`, 'POST', container('organizations'))),
    ...routes('iam', '/v1/projects/{project}/serviceAccounts/{account}', 'POST', ({ project = '', account = '' }) => `//iam.googleapis.com/projects/${project}/serviceAccounts/${account}`),
    ...['secrets', 'keyRings', 'repositories'].flatMap((collection) => generic(site, collection, routes)),
    // Whatever else was furnished, by the name that it has, where its own service has it.
    ...(['v1', 'v2'] as const).flatMap((version) =>
      (['GET', 'POST'] as const).flatMap((read) =>
        routes('other', `/${version}/{name...}`, read, ({ name = '' }) => elsewhere(site.world, name)).map((route) => ({
          ...route,
          handle: (call: Call, parameters: Readonly<Record<string, string>>) => {
            const service = serviceOf(elsewhere(site.world, parameters['name'] ?? ''));
            const isThere = (others[service]?.version ?? 'v1') === version && (call.verb !== 'getIamPolicy' || (others[service]?.read ?? 'GET') === read);
            return isThere ? route.handle(call, parameters) : notFound('The requested URL was not found on this server.');
          },
        })),
      ),
    ),
  ];
};

/** By their discovery documents: services that are asked for policies otherwise than by GET in their first version. */
const others: Readonly<Record<string, { readonly version?: 'v2'; readonly read: 'POST' }>> = {
  cloudtasks: { version: 'v2', read: 'POST' },
  dataproc: { read: 'POST' },
  iap: { read: 'POST' },
  logging: { version: 'v2', read: 'POST' },
  spanner: { read: 'POST' },
};

/** Such as `pubsub` of `//pubsub.googleapis.com/projects/P/topics/T`. */
export const serviceOf = (fullName: string): string => /^\/\/([^.]+)\./.exec(fullName)?.[1] ?? 'unknown';

const services: Readonly<Record<string, string>> = { secrets: 'secretmanager', keyRings: 'cloudkms', repositories: 'artifactregistry' };

const generic = (_: Site, collection: string, routes: (service: string, pattern: string, read: 'GET', nameOf: (parameters: Readonly<Record<string, string>>) => string) => readonly Route[]): readonly Route[] => {
  const service = services[collection] ?? collection;
  const full = ({ project = '', location, id = '', key }: Readonly<Record<string, string>>): string =>
    `//${service}.googleapis.com/projects/${project}${location === undefined ? '' : `/locations/${location}`}/${collection}/${id}${key === undefined ? '' : `/cryptoKeys/${key}`}`;
  const located = `/v1/projects/{project}/locations/{location}/${collection}/{id}`;
  return [
    ...routes(service, `/v1/projects/{project}/${collection}/{id}`, 'GET', full),
    ...routes(service, located, 'GET', full),
    ...(collection === 'keyRings' ? routes(service, `${located}/cryptoKeys/{key}`, 'GET', full) : []),
  ];
};

/** The full name of what has that name in its own service. */
export const elsewhere = (world: World, path: string): string => [...world.resources.keys()].find((name) => name.startsWith('//') && name.replace(/^\/\/[^/]+\//, '') === path) ?? `//unknown.googleapis.com/${path}`;

const answer = (site: Site, verb: Verb, call: Call, name: string): Answer => {
  const { world, authorise } = site;
  // Only the account itself could say where it lives, and it is not asked.
  const project = /\/projects\/-\/serviceAccounts\//.test(name) ? undefined : name;
  const resource = project === undefined ? anywhere(world, name) : findResource(world, canonicalName(world, name));
  const kind = resource?.kind ?? kindOf(name);
  const question = { caller: call.caller, permission: `${kind}.${verb}`, resource: resource?.name ?? name };
  if (verb === 'testIamPermissions') return { ...test(site, call, resource, name), policyOf: name };
  const refused = refusal(authorise, question);
  if (refused !== undefined) return { ...refused, policyOf: resource?.name ?? name };
  // Nobody is told whether a project is there, nor where an account might be.
  if (resource === undefined) return project === undefined || hidden(world, name) ? denied(question.permission, name) : missing(name.replace(/^\/\/[^/]+\//, ''));
  if (verb === 'getIamPolicy') return { ...ok(showPolicy(world, resource.policy.ago(site.knobs.settings.stalePolicies), requestedVersion(call))), policyOf: resource.name };
  meddle(site, resource);
  const mask = optionalText(call.body['updateMask']);
  const write = { resource, policy: call.body['policy'], storage: false, show: (policy: Policy) => showPolicy(world, policy, 3), ...(mask === undefined ? {} : { updateMask: mask }) };
  return { ...writePolicy(world, write), policyOf: resource.name };
};

const anywhere = (world: World, name: string): Resource | undefined => {
  const id = name.split('/').at(-1) ?? '';
  const project = [...world.accounts.values()].map((account) => account.now()).find((account) => !account.deleted && (account.email === id || account.uniqueId === id))?.project;
  return project === undefined ? undefined : findResource(world, name.replace('/projects/-/', `/projects/${project}/`));
};

const hidden = (world: World, name: string): boolean => {
  const project = /projects\/([^/]+)/.exec(name)?.[1];
  return !name.startsWith('//') || (project !== undefined && findProject(world, project) === undefined);
};

/** What its permissions begin with: `//secretmanager.googleapis.com/projects/P/secrets/S` is `secretmanager.secrets`. */
export const kindOf = (name: string): string => {
  const service = /^\/\/([^.]+)\./.exec(name)?.[1];
  return service === undefined ? `resourcemanager.${name.split('/')[0] ?? ''}` : `${service}.${name.split('/').at(-2) ?? ''}`;
};

const requestedVersion = (call: Call): number => Number(fields(call.body['options'])['requestedPolicyVersion'] ?? call.query.get('options.requestedPolicyVersion') ?? 0);

const test = ({ authorise, knobs }: Site, call: Call, resource: Resource | undefined, name: string): Answer => {
  const asked = list(call.body['permissions']).map(text);
  const may = (permission: string): boolean => knobs.settings.testPermissionsFailOpen || authorise({ caller: call.caller, permission, resource: resource?.name ?? name });
  const permissions = asked.filter(may);
  return ok(permissions.length > 0 ? { permissions } : {});
};

const isGiven = ({ bindings }: Policy, grant: { readonly role: string; readonly member: string }): boolean =>
  bindings.some(({ role, members, condition }) => role === grant.role && condition === undefined && members.includes(grant.member));

/** Somebody else is quicker, as often as a test says. */
export const meddle = ({ world, knobs }: Pick<Site, 'world' | 'knobs'>, resource: Resource): void => {
  for (const meddler of knobs.meddlers) {
    if (meddler.times <= 0 || canonicalName(world, meddler.resource) !== resource.name) continue;
    meddler.times -= 1;
    const { grant } = meddler;
    const policy = resource.policy.now();
    if (grant === undefined) resource.policy.set({ ...policy, etag: newEtag(world) });
    else changeMember(world, resource, { give: !isGiven(policy, grant), ...grant });
  }
};
