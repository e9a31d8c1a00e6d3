/**
 * As much of an API server as the Kubernetes revoker meets, in memory: objects with UIDs and versions, preconditions,
 * finalizers, the rules for binding changes, and access reviews that are evaluated against the stored bindings.
 */
import type { DeleteOptions, KubeClient, ListQuery, ObjectKey, Patch } from '../../src/kube/client.ts';
import { type ApiError, errorFromStatus } from '../../src/kube/errors.ts';
import type {
  ConfigMap,
  KubeObject,
  ResourceAttributes,
  Role,
  RoleBinding,
  Subject,
  SubjectAccessReview,
} from '../../src/kube/objects.ts';
import { clusterRoleBindings, clusterRoles, configMaps, type Resource, roleBindings, roles } from '../../src/kube/resources.ts';
import { holds } from '../../src/revokers/kubernetes/lock-entries.ts';
import { mergePatch } from './kube-api/patches.ts';

/** What a test writes down of an object; the rest is filled in. */
export type Sketch = Readonly<Record<string, unknown>> & {
  readonly metadata: Partial<KubeObject['metadata']> & { readonly name: string };
};

export interface FakeKube {
  readonly client: KubeClient;
  /** Creates or replaces it, with a new UID unless the sketch has one. */
  readonly put: (resource: Resource, sketch: Sketch) => KubeObject;
  readonly drop: (resource: Resource, key: ObjectKey) => void;
  readonly find: (resource: Resource, key: ObjectKey) => KubeObject | undefined;
  readonly all: (resource: Resource) => readonly KubeObject[];
  /** What the operator itself may do; everything at first. */
  readonly allow: (decide: (attributes: ResourceAttributes) => boolean) => void;
  /** Called before each request. */
  readonly onRequest: (listener: (verb: string, resource: Resource, key: Partial<ObjectKey>) => void) => void;
}

const rbac = 'rbac.authorization.k8s.io';
const pathOf = (resource: Resource, { namespace, name }: Partial<ObjectKey>): string =>
  [resource.group, resource.plural, namespace ?? '', name ?? ''].join('/');

const refuse = (code: number, reason: string, message: string, verb: string, details: object = {}): ApiError =>
  errorFromStatus({ kind: 'Status', status: 'Failure', code, reason, message, details }, code, { verb });

const notFound = (verb: string, resource: Resource, name: string): ApiError =>
  refuse(404, 'NotFound', `${resource.plural} "${name}" not found`, verb, {
    name,
    group: resource.group,
    kind: resource.plural,
  });

export const createFakeKube = (): FakeKube => {
  const objects = new Map<string, KubeObject>();
  let serial = 0;
  let mayI: (attributes: ResourceAttributes) => boolean = () => true;
  let listener: (verb: string, resource: Resource, key: Partial<ObjectKey>) => void = () => undefined;

  const guard = (verb: string, resource: Resource, key: Partial<ObjectKey>, signal: AbortSignal | undefined): void => {
    signal?.throwIfAborted();
    listener(verb, resource, key);
    if (mayI({ verb, group: resource.group, resource: resource.plural, ...key })) return;
    const message = `${resource.plural} is forbidden: User "offboard" cannot ${verb} resource "${resource.plural}" in API group "${resource.group}"`;
    throw refuse(403, 'Forbidden', message, verb, { kind: resource.plural });
  };
  const store = (path: string, object: KubeObject): KubeObject => {
    serial += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(serial) } };
    objects.set(path, structuredClone(stored));
    return stored;
  };
  const demand = (verb: string, resource: Resource, key: ObjectKey): KubeObject => {
    const found = objects.get(pathOf(resource, key));
    if (found === undefined) throw notFound(verb, resource, key.name);
    return found;
  };
  const select = (resource: Resource, query: ListQuery): readonly KubeObject[] =>
    [...objects.entries()]
      .filter(([path]) =>
        path.startsWith(
          `${resource.group}/${resource.plural}/${query.namespace === undefined ? '' : `${query.namespace}/`}`,
        ),
      )
      .map(([, object]) => object)
      .filter((object) => matches(object, query.fieldSelector));

  const checkPreconditions = (object: KubeObject, { uid, resourceVersion }: DeleteOptions): void => {
    const { metadata } = object;
    if (uid !== undefined && uid !== metadata.uid)
      throw refuse(409, 'Conflict', `the UID in the precondition (${uid}) does not match`, 'delete');
    if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
      throw refuse(409, 'Conflict', 'the resourceVersion does not match', 'delete');
  };
  /** A write of a binding is a grant of its role, whatever was changed. */
  const checkEscalation = (resource: Resource, raw: RoleBinding): void => {
    const { namespace } = raw.metadata;
    const role = raw.roleRef.kind === 'Role' ? roles : clusterRoles;
    const where = namespace === undefined ? {} : { namespace };
    if (mayI({ verb: 'bind', group: rbac, resource: role.plural, name: raw.roleRef.name, ...where })) return;
    if (!objects.has(pathOf(role, { name: raw.roleRef.name, ...(raw.roleRef.kind === 'Role' && where) })))
      throw notFound('patch', resource, raw.roleRef.name);
    throw refuse(
      403,
      'Forbidden',
      'user "offboard" is attempting to grant RBAC permissions not currently held:',
      'patch',
    );
  };

  const client: KubeClient = {
    get: async (resource, key, options) => {
      guard('get', resource, key, options?.signal);
      const found = structuredClone(demand('get', resource, key));
      return Promise.resolve((options?.metadataOnly === true ? bare(found) : found) as never);
    },
    list: async (resource, query, options) => {
      guard('list', resource, query.namespace === undefined ? {} : { namespace: query.namespace }, options?.signal);
      const items = structuredClone(select(resource, query));
      return Promise.resolve({
        items: (query.metadataOnly === true ? items.map(bare) : items) as never[],
        resourceVersion: String(serial),
      });
    },
    async *listPages(resource, query, options) {
      const { items, resourceVersion } = await client.list<never>(resource, query, options);
      const size = 2;
      for (let start = 0; start === 0 || start < items.length; start += size) {
        yield { items: items.slice(start, start + size), resourceVersion };
      }
    },
    // ServiceAccounts only as a dry run: none is stored, and what the ConfigMap of the lock names is denied, as by the policies.
    create: async (resource, namespace, body, options) => {
      const { metadata, ...rest } = body as Sketch;
      const key = { name: metadata.name, ...(namespace !== undefined && { namespace }) };
      guard('create', resource, key, options?.signal);
      if (resource.plural === 'serviceaccounts') {
        const locked = select(configMaps, {}).some((each) => each.metadata.name === 'offboard-lock' && holds((each as ConfigMap).data ?? {}, { namespace: namespace ?? '', name: metadata.name }));
        if (locked) throw deniedByLock(namespace ?? '', metadata.name);
        return Promise.resolve({ ...(body as Sketch), kind: resource.kind, metadata: { ...metadata, uid: 'of a dry run' } } as never);
      }
      if (objects.has(pathOf(resource, key))) throw refuse(409, 'AlreadyExists', `${resource.plural} "${key.name}" already exists`, 'create');
      serial += 1;
      const created = { creationTimestamp: '2026-01-01T00:00:00Z', ...metadata, ...key, uid: `uid-${String(serial)}`, resourceVersion: '0' };
      const stored = store(pathOf(resource, key), { ...rest, metadata: created });
      return Promise.resolve((options?.metadataOnly === true ? bare(stored) : stored) as never);
    },
    review: async (resource, body, options) => {
      options?.signal?.throwIfAborted();
      const { spec } = body as SubjectAccessReview;
      if (resource.plural === 'selfsubjectaccessreviews') {
        return Promise.resolve({ ...body, status: { allowed: mayI(spec.resourceAttributes ?? {}) } });
      }
      guard('create', resource, {}, options?.signal);
      const binding = evaluate(objects, spec);
      return Promise.resolve({
        ...body,
        status: {
          allowed: binding !== undefined,
          ...(binding !== undefined && { reason: `RBAC: allowed by ${binding}` }),
        },
      });
    },
    delete: async (resource, key, preconditions = {}, options = {}) => {
      guard('delete', resource, key, options.signal);
      const found = demand('delete', resource, key);
      checkPreconditions(found, preconditions);
      const path = pathOf(resource, key);
      if (found.metadata.finalizers?.length) {
        store(path, { ...found, metadata: { ...found.metadata, deletionTimestamp: '2026-11-23T10:00:00Z' } });
      } else objects.delete(path);
      return Promise.resolve();
    },
    patch: async (resource, key, patch, options) => {
      guard('patch', resource, key, options?.signal);
      const found = demand('patch', resource, key);
      const { metadata, ...rest } = (patch as Patch & { readonly body: Sketch }).body;
      if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== found.metadata.resourceVersion) {
        throw refuse(409, 'Conflict', 'the object has been modified', 'patch');
      }
      if (resource === roleBindings || resource === clusterRoleBindings)
        checkEscalation(resource, found as RoleBinding);
      return Promise.resolve(store(pathOf(resource, key), { ...found, ...(mergePatch(found, rest) as object) }) as never);
    },
    watch: () => {
      throw new Error('the fake has no watch');
    },
  };

  return {
    client,
    put: (resource, sketch) => {
      serial += 1;
      const metadata = {
        uid: `uid-${String(serial)}`,
        resourceVersion: '0',
        creationTimestamp: '2026-01-01T00:00:00Z',
        ...sketch.metadata,
      };
      return store(pathOf(resource, metadata), { ...sketch, metadata });
    },
    drop: (resource, key) => {
      objects.delete(pathOf(resource, key));
    },
    find: (resource, key) => structuredClone(objects.get(pathOf(resource, key))),
    all: (resource) => structuredClone([...select(resource, {})]),
    allow: (decide) => {
      mayI = decide;
    },
    onRequest: (next) => {
      listener = next;
    },
  };
};

const deniedByLock = (namespace: string, name: string): ApiError => {
  const message = `ValidatingAdmissionPolicy 'offboard-lock-identity' with binding 'offboard-lock-identity' denied request: serviceaccount ${namespace}/${name} is offboarded`;
  return refuse(403, 'Forbidden', `serviceaccounts "${name}" is forbidden: ${message}`, 'create', { name, kind: 'serviceaccounts', causes: [{ message }] });
};

const bare = ({ metadata }: KubeObject): KubeObject => ({
  apiVersion: 'meta.k8s.io/v1',
  kind: 'PartialObjectMetadata',
  metadata,
});

const matches = (object: KubeObject, selector: string | undefined): boolean => {
  if (selector === undefined) return true;
  const [path = '', value] = selector.split('=');
  const found = path
    .split('.')
    .reduce<unknown>(
      (at, part) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[part] : undefined),
      object,
    );
  return found === value;
};

/** The first binding that allows it, by name. */
const evaluate = (
  objects: ReadonlyMap<string, KubeObject>,
  { user, groups = [], resourceAttributes }: SubjectAccessReview['spec'],
): string | undefined => {
  if (resourceAttributes === undefined) return undefined;
  for (const [path, object] of objects) {
    const namespaced = path.startsWith(`${rbac}/rolebindings/`);
    if (!namespaced && !path.startsWith(`${rbac}/clusterrolebindings/`)) continue;
    const binding = object as RoleBinding;
    const { namespace } = binding.metadata;
    if (namespaced && namespace !== resourceAttributes.namespace) continue;
    const isSubject = ({ kind, name, namespace: own }: Subject): boolean =>
      (kind === 'ServiceAccount' && user === `system:serviceaccount:${own ?? namespace ?? ''}:${name}`) ||
      (kind === 'User' && user === name) ||
      (kind === 'Group' && groups.includes(name));
    if (binding.subjects?.some(isSubject) !== true) continue;
    const role = binding.roleRef.kind === 'Role' ? roles : clusterRoles;
    const found = objects.get(
      pathOf(role, {
        name: binding.roleRef.name,
        ...(binding.roleRef.kind === 'Role' && namespace !== undefined && { namespace }),
      }),
    );
    const allows = (found as Role | undefined)?.rules?.some((rule) =>
      (
        [
          [rule.verbs, resourceAttributes.verb],
          [rule.apiGroups, resourceAttributes.group],
          [rule.resources, resourceAttributes.resource],
        ] as const
      ).every(([list, value]) => list?.includes('*') === true || list?.includes(value ?? '') === true),
    );
    if (allows === true) return `${namespaced ? 'RoleBinding' : 'ClusterRoleBinding'} "${binding.metadata.name}"`;
  }
  return undefined;
};
