/** The search of Cloud Asset Inventory: who is named in which policy beneath a scope, and what runs as whom. */
import { type Answer, ok } from './answers.ts';
import { type Authorise, refusal } from './authorise.ts';
import { page } from './accounts.ts';
import type { Knobs } from './knobs.ts';
import { showMember } from './members.ts';
import type { Call, Route } from './router.ts';
import { canonicalName, findAccount, findResource, lineage, type Resource, type World } from './world.ts';

interface Site {
  readonly world: World;
  readonly knobs: Knobs;
  readonly authorise: Authorise;
}

export const assetRoutes = (site: Site): readonly Route[] =>
  ['projects', 'folders', 'organizations'].flatMap((kind) => {
    const search = (verb: string, answer: (call: Call, scope: string) => Answer): Route => ({
      service: 'cloudasset',
      method: 'GET',
      pattern: `/v1/${kind}/{id}:${verb}`,
      handle: (call, { id = '' }) => {
        const scope = canonicalName(site.world, `${kind}/${id}`);
        return refusal(site.authorise, { caller: call.caller, permission: `cloudasset.assets.${verb}`, resource: scope }) ?? answer(call, scope);
      },
    });
    return [search('searchAllIamPolicies', (call, scope) => ok(page(policies(site, call, scope), 'results', call, 500))), search('searchAllResources', (call, scope) => ok(page(resources(site, call, scope), 'results', call, 500)))];
  });

const beneath = (world: World, resource: Resource | undefined, scope: string): boolean => resource !== undefined && lineage(world, resource).some(({ name }) => name === scope);

const policies = ({ world, knobs }: Site, call: Call, scope: string): readonly object[] => {
  const wanted = words(call.query.get('query') ?? '');
  return [...world.resources.values()]
    .filter((resource) => beneath(world, resource, scope))
    .flatMap((resource) => {
      const bindings = resource.policy
        .ago(knobs.settings.assetLag)
        .bindings.map((binding) => ({ ...binding, members: binding.members.map((member) => showMember(world, member)) }))
        .filter(({ members, role }) => wanted.length === 0 || wanted.some((word) => role.includes(word) || members.some((member) => member.includes(word))));
      return bindings.length === 0 ? [] : [{ resource: fullName(world, resource), ...places(world, resource), policy: { bindings } }];
    });
};

const resources = ({ world }: Site, call: Call, scope: string): readonly object[] => {
  const wanted = words(call.query.get('query') ?? '');
  return [...world.attachments.values()]
    .filter((attachment) => beneath(world, findResource(world, `projects/${attachment.project}`), scope))
    .filter((attachment) => wanted.length === 0 || wanted.some((word) => attachment.email.includes(word) || attachment.name.includes(word)))
    .map((attachment) => ({
      name: attachment.name,
      assetType: attachment.assetType,
      ...places(world, findResource(world, `projects/${attachment.project}`)),
      displayName: attachment.name.split('/').at(-1),
      location: 'europe-west1',
      additionalAttributes: { serviceAccount: attachment.email },
      state: 'ACTIVE',
    }));
};

const places = (world: World, resource: Resource | undefined): object => {
  const above = resource === undefined ? [] : lineage(world, resource).map(({ name }) => name);
  const project = world.projects.get(above.find((name) => name.startsWith('projects/'))?.slice('projects/'.length) ?? '');
  const folders = above.filter((name) => name.startsWith('folders/'));
  const organization = above.find((name) => name.startsWith('organizations/'));
  return { ...(project === undefined ? {} : { project: `projects/${project.number}` }), ...(folders.length > 0 ? { folders } : {}), ...(organization === undefined ? {} : { organization }) };
};

const fullName = (world: World, { name }: Resource): string => {
  if (!name.startsWith('//')) return `//cloudresourcemanager.googleapis.com/${name}`;
  const [, way = '', account = ''] = /^(\/\/iam\..*\/serviceAccounts\/)(.+)$/.exec(name) ?? [];
  return way === '' ? name : `${way}${findAccount(world, account)?.uniqueId ?? account}`;
};

/** The values of a query such as `policy:("a" OR "b")`: whatever is in quotes, else each word without the field before it. */
const words = (query: string): readonly string[] => {
  const quoted = [...query.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, value = '']) => value.replaceAll('\\', ''));
  if (quoted.length > 0) return quoted;
  return query.split(/[\s()]+/).filter((word) => word !== '' && word !== 'OR' && word !== 'AND').map((word) => word.replace(/^[a-zA-Z.]+[:=]/, ''));
};
