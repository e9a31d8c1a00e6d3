/** What access is for: objects in buckets and versions of secrets; and the policies of buckets, which have a form of their own. */
import { type Answer, ok, storageFailure } from './answers.ts';
import { type Authorise, refusal } from './authorise.ts';
import type { Knobs } from './knobs.ts';
import { principalName } from './members.ts';
import { showPolicy, writePolicy } from './policies.ts';
import { meddle } from './policy-routes.ts';
import type { Call, Route } from './router.ts';
import { canonicalName, findProject, type Policy, type Resource, type World } from './world.ts';

interface Site {
  readonly world: World;
  readonly knobs: Knobs;
  readonly authorise: Authorise;
}

const bucketName = (bucket: string): string => `//storage.googleapis.com/${bucket}`;

export const protectedRoutes = (site: Site): readonly Route[] => {
  const onBucket = (method: string, pattern: string, permission: string, handle: (call: Call, bucket: Resource, parameters: Readonly<Record<string, string>>) => Answer): Route => ({
    service: 'storage',
    method,
    pattern: `/storage/v1/b/{bucket}${pattern}`,
    handle: (call, parameters) => {
      const name = bucketName(parameters['bucket'] ?? '');
      const object = parameters['object'];
      const conditionName = `projects/_/buckets/${parameters['bucket'] ?? ''}${object === undefined ? '' : `/objects/${object}`}`;
      if (!site.authorise({ caller: call.caller, permission, resource: name, conditionName })) return { ...forbidden(principalName(site.world, call.caller), permission), policyOf: name };
      const bucket = site.world.resources.get(name);
      return bucket === undefined ? storageFailure(404, 'notFound', 'The specified bucket does not exist.') : { ...handle(call, bucket, parameters), policyOf: name };
    },
  });
  return [
    onBucket('GET', '/iam', 'storage.buckets.getIamPolicy', (call, bucket) => {
      const version = Number(call.query.get('optionsRequestedPolicyVersion') ?? 0);
      return ok(showBucketPolicy(site, bucket, bucket.policy.ago(site.knobs.settings.stalePolicies), version));
    }),
    onBucket('PUT', '/iam', 'storage.buckets.setIamPolicy', (call, bucket) => {
      meddle(site, bucket);
      return writePolicy(site.world, { resource: bucket, policy: call.body, storage: true, show: (policy) => showBucketPolicy(site, bucket, policy, 3) });
    }),
    { service: 'storage', method: 'GET', pattern: '/storage/v1/b/{bucket}/iam/testPermissions', handle: (call, { bucket = '' }) => testPermissions(site, call, bucketName(bucket)) },
    onBucket('GET', '/o/{object...}', 'storage.objects.get', (_, bucket, { object = '' }) => content(site, `${bucket.name}/${object}`)),
    { service: 'secretmanager', method: 'GET', pattern: '/v1/projects/{project}/secrets/{secret}/versions/{version}:access', handle: (call, { project = '', secret = '' }) => accessSecret(site, call, project, secret) },
  ];
};

const forbidden = (caller: string, permission: string): Answer =>
  storageFailure(403, 'forbidden', `${caller.replace(/^\w+:(?!\/\/)/, '')} does not have ${permission} access to the Google Cloud Storage resource. Permission '${permission}' denied on resource (or it may not exist).`);

const showBucketPolicy = ({ world }: Site, bucket: Resource, policy: Policy, version: number): object => ({
  kind: 'storage#policy',
  resourceId: `projects/_/buckets/${bucket.name.replace('//storage.googleapis.com/', '')}`,
  ...showPolicy(world, policy, version),
});

const testPermissions = ({ authorise, knobs }: Site, call: Call, resource: string): Answer => {
  const permissions = call.query.getAll('permissions').filter((permission) => knobs.settings.testPermissionsFailOpen || authorise({ caller: call.caller, permission, resource }));
  return ok({ kind: 'storage#testIamPermissionsResponse', ...(permissions.length > 0 ? { permissions } : {}) });
};

const content = ({ world }: Site, name: string): Answer => {
  const stored = world.contents.get(name);
  return stored === undefined ? storageFailure(404, 'notFound', 'No such object.') : { status: 200, body: stored, headers: { 'content-type': 'application/octet-stream' } };
};

const accessSecret = ({ world, authorise }: Site, call: Call, project: string, secret: string): Answer => {
  const resource = canonicalName(world, `//secretmanager.googleapis.com/projects/${project}/secrets/${secret}`);
  const number = findProject(world, project)?.number ?? project;
  const refused = refusal(authorise, { caller: call.caller, permission: 'secretmanager.versions.access', resource, conditionName: `projects/${number}/secrets/${secret}/versions/1` });
  if (refused !== undefined) return refused;
  const stored = world.contents.get(resource);
  if (stored === undefined) return storageFailure(404, 'notFound', 'Secret not found or has no versions.');
  return ok({ name: `${resource.replace('//secretmanager.googleapis.com/', '')}/versions/1`, payload: { data: Buffer.from(stored).toString('base64') } });
};
