/** Projects, folders and organisations, as the resource manager tells of them. */
import { denied, ok } from './answers.ts';
import { type Authorise, refusal } from './authorise.ts';
import type { Call, Route } from './router.ts';
import { findProject, findResource, type Project, shortHash, type World } from './world.ts';

interface Site {
  readonly world: World;
  readonly authorise: Authorise;
}

const created = '2024-01-01T00:00:00Z';

export const projectRoutes = ({ world, authorise }: Site): readonly Route[] => {
  const project = (version: string, show: (project: Project) => object): Route => ({
    service: 'cloudresourcemanager',
    method: 'GET',
    pattern: `/${version}/projects/{id}`,
    handle: (call, { id = '' }) => {
      const permission = 'resourcemanager.projects.get';
      const refused = refusal(authorise, { caller: call.caller, permission, resource: `projects/${id}` });
      const found = findProject(world, id);
      return refused ?? (found === undefined ? denied(permission, `projects/${id}`) : ok(show(found)));
    },
  });
  const container = (kind: 'folders' | 'organizations'): Route => ({
    service: 'cloudresourcemanager',
    method: 'GET',
    pattern: `/v3/${kind}/{id}`,
    handle: (call: Call, { id = '' }) => {
      const permission = `resourcemanager.${kind}.get`;
      const found = findResource(world, `${kind}/${id}`);
      const refused = refusal(authorise, { caller: call.caller, permission, resource: `${kind}/${id}` });
      if (refused !== undefined || found === undefined) return refused ?? denied(permission, `${kind}/${id}`);
      return ok({ name: found.name, ...(found.parent === undefined ? {} : { parent: found.parent }), state: 'ACTIVE', displayName: id, createTime: created, updateTime: created, etag: `W/"${shortHash(found.name)}"` });
    },
  });
  return [
    project('v3', (found) => ({
      name: `projects/${found.number}`,
      ...(found.parent === undefined ? {} : { parent: found.parent }),
      projectId: found.id,
      state: 'ACTIVE',
      displayName: found.id,
      createTime: created,
      updateTime: created,
      etag: `W/"${shortHash(found.id)}"`,
    })),
    project('v1', (found) => {
      const [kind = '', id = ''] = found.parent?.split('/') ?? [];
      return { projectNumber: found.number, projectId: found.id, lifecycleState: 'ACTIVE', name: found.id, createTime: created, ...(kind === '' ? {} : { parent: { type: kind.replace(/s$/, ''), id } }) };
    }),
    container('folders'),
    container('organizations'),
  ];
};
