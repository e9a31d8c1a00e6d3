/** Which connectors whoever asks may use. Few may list connectors, and whoever may use one need not know what else there is. */
import type { ConnectorSpec, ConnectorStatus } from '../../api/v1alpha1/index.ts';
import { conditionOf, conditionTypes } from '../../api/v1alpha1/conditions.ts';
import { isForbidden } from '../../kube/errors.ts';
import type { KubeObject, SelfSubjectAccessReview, SelfSubjectRulesReview } from '../../kube/objects.ts';
import { connectors, selfSubjectAccessReviews, selfSubjectRulesReviews } from '../../kube/resources.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import type { Cluster } from '../cluster.ts';
import { typeOf } from './candidates.ts';
import type { UsableConnector } from './candidates.ts';
import { usableBy } from './rules.ts';

export interface Askable {
  readonly connectors: readonly UsableConnector[];
  /** Who is not asked, and why. */
  readonly unasked: readonly string[];
}

interface ConnectorObject extends KubeObject {
  readonly spec: ConnectorSpec;
  readonly status?: ConnectorStatus;
}

/** One that was named, or is there; `object` where it could be read. */
interface Known {
  readonly name: string;
  readonly object?: ConnectorObject;
}

const concurrency = 4;

/** `named` are those that were asked for; all that may be used where there are none. */
export const askable = async (cluster: Cluster, named: readonly string[]): Promise<Askable> => {
  const { known, unasked } = named.length > 0 ? { known: await readAll(cluster, named), unasked: [] } : await allOf(cluster);
  const judged = await mapBounded(known.toSorted((one, other) => (one.name < other.name ? -1 : 1)), concurrency, (each) => judge(cluster, each), cluster.signal);
  return { connectors: judged.flatMap(({ connector }) => connector ?? []), unasked: [...judged.flatMap(({ why }) => why ?? []), ...unasked] };
};

const readAll = ({ client, signal }: Cluster, names: readonly string[]): Promise<readonly Known[]> =>
  mapBounded(
    [...new Set(names)],
    concurrency,
    async (name) => {
      try {
        return { name, object: await client.get<ConnectorObject>(connectors, { name }, { signal }) };
      } catch (error) {
        if (isForbidden(error)) return { name };
        throw error;
      }
    },
    signal,
  );

const allOf = async (cluster: Cluster): Promise<{ readonly known: readonly Known[]; readonly unasked: readonly string[] }> => {
  const { client, namespace, signal } = cluster;
  try {
    const { items } = await client.list<ConnectorObject>(connectors, {}, { signal });
    return { known: items.map((object) => ({ name: object.metadata.name, object })), unasked: [] };
  } catch (error) {
    if (!isForbidden(error)) throw error;
  }
  const { status } = await client.review<SelfSubjectRulesReview>(selfSubjectRulesReviews, { spec: { namespace } }, { signal });
  const { names, all, incomplete } = status === undefined ? { names: [], all: false, incomplete: true } : usableBy(status);
  const others = all || incomplete || names.length === 0;
  const why = `connectors ${names.length === 0 ? '' : 'beside these '}that you may use and not list, if there are any: name them with --connector`;
  return { known: await readAll(cluster, names), unasked: others ? [why] : [] };
};

interface Judged {
  readonly connector?: UsableConnector;
  readonly why?: string;
}

const judge = async ({ client, signal }: Cluster, { name, object }: Known): Promise<Judged> => {
  const resourceAttributes = { verb: 'use', group: connectors.group, resource: connectors.plural, name };
  const { status } = await client.review<SelfSubjectAccessReview>(selfSubjectAccessReviews, { spec: { resourceAttributes } }, { signal });
  if (status?.allowed !== true) return { why: `connector ${name}: you lack the verb "use" on connectors.offboard.dev "${name}"` };
  const ready = conditionOf(object?.status, conditionTypes.ready);
  if (ready !== undefined && ready.status !== 'True') return { why: `connector ${name} is not ready: ${ready.message}` };
  return { connector: { name, type: object === undefined ? undefined : typeOf(object.spec) } };
};
