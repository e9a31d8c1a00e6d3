/** What whoever lets Offboard in makes once: APIs that are enabled, custom roles, pools and their providers. */
import { type Answer, denied, invalid, ok } from './answers.ts';
import { type Authorise, refusal } from './authorise.ts';
import { fields, list, optionalText, text } from './json.ts';
import type { Call, Route } from './router.ts';
import { findProject, newEtag, type Project, type World } from './world.ts';

interface Site {
  readonly world: World;
  readonly authorise: Authorise;
}

export const setUpRoutes = (site: Site): readonly Route[] => {
  const on = (service: string, pattern: string, permission: string, handle: (call: Call, project: Project, parameters: Readonly<Record<string, string>>) => Answer): Route => ({
    service,
    method: 'POST',
    pattern: `/v1/projects/{project}/${pattern}`,
    handle: (call, parameters) => {
      const resource = `projects/${parameters['project'] ?? ''}`;
      const project = findProject(site.world, parameters['project'] ?? '');
      const refused = refusal(site.authorise, { caller: call.caller, permission, resource });
      return refused ?? (project === undefined ? denied(permission, resource) : handle(call, project, parameters));
    },
  });
  const pools = 'locations/global/workloadIdentityPools';
  return [
    { service: 'iam', method: 'POST', pattern: '/v1/permissions:queryTestablePermissions', handle: () => ok({}) },
    on('serviceusage', 'services:batchEnable', 'serviceusage.services.enable', () => done({})),
    on('iam', 'roles', 'iam.roles.create', (call, project) => addRole(site.world, call, project)),
    on('iam', pools, 'iam.workloadIdentityPools.create', (call, { number }) => done({ name: `projects/${number}/${pools}/${call.query.get('workloadIdentityPoolId') ?? ''}` })),
    on('iam', `${pools}/{pool}/providers`, 'iam.workloadIdentityPoolProviders.create', (call, { number }, { pool = '' }) =>
      addProvider(site.world, call, `projects/${number}/${pools}/${pool}`),
    ),
  ];
};

/** A long-running operation that is over at once. */
const done = (response: object, commit?: () => void): Answer => ok({ name: 'operations/of-the-fake', done: true, response }, commit);

const addRole = (world: World, { body }: Call, { id }: Project): Answer => {
  const name = `projects/${id}/roles/${text(body['roleId'])}`;
  const role = fields(body['role']);
  const permissions = list(role['includedPermissions']).map(text);
  const above = permissions.find((permission) => /^resourcemanager\.(?:folders|organizations)\./.test(permission));
  if (above !== undefined) return invalid(`Permission ${above} is not valid.`);
  return ok({ ...role, name, etag: newEtag(world) }, () => world.roles.set(name, permissions));
};

/** Only one whose subjects are those of its tokens. */
const addProvider = (world: World, { body, query }: Call, pool: string): Answer => {
  const oidc = fields(body['oidc']);
  if (fields(body['attributeMapping'])['google.subject'] !== 'assertion.sub') return invalid('The fake knows no other mapping than google.subject=assertion.sub.');
  const audience = `//iam.googleapis.com/${pool}/providers/${query.get('workloadIdentityPoolProviderId') ?? ''}`;
  const { keys } = fields(JSON.parse(optionalText(oidc['jwksJson']) ?? '{}'));
  const allowed = list(oidc['allowedAudiences']).map(text);
  const tokenAudiences = allowed.length > 0 ? allowed : [`https:${audience}`];
  return done({ name: audience.slice('//iam.googleapis.com/'.length) }, () => {
    world.pools.set(audience, { name: pool, audience, issuer: text(oidc['issuerUri']), jwks: list(keys).map(fields), tokenAudiences });
  });
};
