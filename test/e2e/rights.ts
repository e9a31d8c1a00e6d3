/** What the operator's account was granted, one by one, as the cluster has it. */
import type { PolicyRule, RoleBinding } from '../../src/kube/objects.ts';
import type { ControlPlane } from '../env/control-plane.ts';

export interface Right {
  /** As a reason of the authorizer names it: `ClusterRole "offboard"`. */
  readonly role: string;
  readonly verb: string;
  readonly apiGroup: string;
  /** With its subresource. */
  readonly resource: string;
  /** Absent: all of them. */
  readonly name?: string;
  /** For people. */
  readonly text: string;
}

export const rightsOf = async (cluster: ControlPlane): Promise<readonly Right[]> => {
  const get = async <T>(...args: readonly string[]): Promise<T> => JSON.parse(await cluster.kubectl(['get', ...args, '-o', 'json'])) as T;
  const { items } = await get<{ readonly items: readonly RoleBinding[] }>('clusterrolebindings,rolebindings', '-A');
  const own = items.filter(({ subjects = [] }) => subjects.some(({ kind, namespace, name }) => kind === 'ServiceAccount' && namespace === 'offboard-system' && name === 'offboard'));
  const granted = await Promise.all(
    own.map(async ({ roleRef, metadata }) => {
      const { rules = [] } = await get<{ readonly rules?: readonly PolicyRule[] }>(roleRef.kind, roleRef.name, '-n', metadata.namespace ?? 'default');
      return rules.flatMap((rule) => expand(rule, `${roleRef.kind} "${roleRef.name}"`));
    }),
  );
  return granted.flat();
};

const expand = ({ verbs, apiGroups = [], resources = [], resourceNames }: PolicyRule, role: string): readonly Right[] =>
  verbs.flatMap((verb) =>
    apiGroups.flatMap((apiGroup) =>
      resources.flatMap((resource) =>
        (resourceNames ?? [undefined]).map((name) => ({
          role,
          verb,
          apiGroup,
          resource,
          ...(name === undefined ? {} : { name }),
          text: `${role}: ${verb} ${resource}${apiGroup === '' ? '' : `.${apiGroup}`}${name === undefined ? '' : ` ${name}`}`,
        })),
      ),
    ),
  );
