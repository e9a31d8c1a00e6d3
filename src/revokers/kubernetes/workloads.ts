/** What runs as the identity, and what would start more of it. */
import type { Finding } from '../../api/v1alpha1/index.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { CronJob, KubeObject, Pod, PodSpec, Workload as RawWorkload } from '../../kube/objects.ts';
import {
  cronJobs,
  daemonSets,
  deployments,
  jobs,
  pods,
  replicaSets,
  replicationControllers,
  type Resource,
  statefulSets,
} from '../../kube/resources.ts';
import { createKeyedCoalescer } from '../../runtime/coalesce.ts';
import type { Clock } from '../../runtime/clock.ts';
import { createTimedMemory } from '../../runtime/timed-memory.ts';
import { withDeadline } from '../../runtime/with-deadline.ts';
import { collect } from './client.ts';
import type { AccountName } from './identity.ts';
import { printable } from '../text.ts';

/** A template that names a ServiceAccount. */
export interface Workload {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  /** What holds it back from starting pods right now: it still names the identity. */
  readonly atRest?: string;
}

export interface RunningPod {
  readonly namespace: string;
  readonly name: string;
  readonly phase: string;
}

export interface WorkloadReader {
  /** Pods that run, or are about to, as the ServiceAccount, and the templates that name it. */
  readonly usageOf: (account: AccountName, signal: AbortSignal) => Promise<readonly Finding[]>;
}

/** Every resource that stamps out pods and is listed here. */
export const workloadResources: readonly Resource[] = [
  deployments,
  statefulSets,
  daemonSets,
  replicaSets,
  replicationControllers,
  jobs,
  cronJobs,
];

const listedKinds: ReadonlySet<string> = new Set(workloadResources.map(({ kind }) => kind));
const maxNamed = 8;
/** Milliseconds for all pages of all lists in one namespace. */
const listDeadline = 30_000;
/** Milliseconds for which runs in the same namespace share those lists. Running pods are looked for each time. */
const trustUnused = 2_000;
const maxNamespaces = 1_000;

type Templates = ReadonlyMap<string, readonly Workload[]>;

export const createWorkloadReader = ({
  client,
  clock,
}: {
  readonly client: KubeClient;
  readonly clock: Clock;
}): WorkloadReader => {
  const known = createTimedMemory<Templates>(clock, maxNamespaces);
  const byNamespace = createKeyedCoalescer(async (namespace, signal) => {
    const until = clock.monotonic() + trustUnused;
    const templates = await withDeadline(clock, listDeadline, `listing workloads in ${namespace}`, signal, (bounded) =>
      listTemplates(client, namespace, bounded),
    );
    known.set(namespace, templates, until);
    return templates;
  });
  /** That nothing names an account may be a moment old; that something does holds a run up, and is asked anew. */
  const templatesOf = async ({ namespace, name }: AccountName, signal: AbortSignal): Promise<readonly Workload[]> => {
    const remembered = known.get(namespace);
    if (remembered !== undefined && !remembered.has(name)) return [];
    return (await byNamespace.read(namespace, signal)).get(name) ?? [];
  };
  return {
    usageOf: async ({ namespace, name }, signal) => {
      const [running, templates] = await Promise.all([
        collect(
          client,
          pods,
          { namespace, fieldSelector: `spec.serviceAccountName=${name}` },
          (pod: Pod) => projectPod(pod, name),
          signal,
        ),
        templatesOf({ namespace, name }, signal),
      ]);
      return inUseFindings(running, templates);
    },
  };
};

/** `undefined` for a pod that has ended: its tokens are invalid since. */
export const projectPod = ({ metadata, spec, status }: Pod, account: string): RunningPod | undefined => {
  const phase = status?.phase ?? 'Pending';
  if (phase === 'Succeeded' || phase === 'Failed' || spec.serviceAccountName !== account) return undefined;
  return { namespace: metadata.namespace ?? '', name: metadata.name, phase };
};

const listTemplates = async (
  client: KubeClient,
  namespace: string,
  signal: AbortSignal,
): Promise<Templates> => {
  const lists = await Promise.all(
    workloadResources.map((resource) =>
      collect(client, resource, { namespace }, (raw: KubeObject) => projectTemplate(resource.kind, raw), signal),
    ),
  );
  const byAccount = new Map<string, Workload[]>();
  for (const workload of lists.flat()) {
    const same = byAccount.get(workload.serviceAccount);
    if (same === undefined) byAccount.set(workload.serviceAccount, [workload]);
    else same.push(workload);
  }
  return byAccount;
};

/** `undefined` for what names no account, what another listed workload stamps out, and Jobs that have finished. */
export const projectTemplate = (kind: string, raw: RawWorkload | CronJob): Workload | undefined => {
  if (raw.metadata.ownerReferences?.some((owner) => owner.controller === true && listedKinds.has(owner.kind)))
    return undefined;
  if (kind === 'Job' && hasFinished(raw)) return undefined;
  const serviceAccount = accountOf(templateOf(kind, raw));
  if (serviceAccount === undefined) return undefined;
  const atRest = restOf(kind, raw);
  return {
    kind,
    namespace: raw.metadata.namespace ?? '',
    name: raw.metadata.name,
    serviceAccount,
    ...(atRest !== undefined && { atRest }),
  };
};

const templateOf = (kind: string, raw: RawWorkload | CronJob): PodSpec | undefined =>
  kind === 'CronJob'
    ? (raw as CronJob).spec?.jobTemplate?.spec?.template?.spec
    : (raw as RawWorkload).spec?.template?.spec;

const accountOf = (spec: PodSpec | undefined): string | undefined => {
  const name = spec?.serviceAccountName ?? spec?.serviceAccount;
  return name === '' ? undefined : name;
};

const restOf = (kind: string, raw: RawWorkload | CronJob): string | undefined => {
  const spec = raw.spec as { readonly suspend?: boolean; readonly replicas?: number } | undefined;
  if (spec?.suspend === true) return 'suspended';
  return kind !== 'CronJob' && spec?.replicas === 0 ? 'scaled to 0' : undefined;
};

const hasFinished = (raw: KubeObject): boolean => {
  const { status } = raw as {
    readonly status?: { readonly conditions?: readonly { readonly type?: string; readonly status?: string }[] };
  };
  return (
    status?.conditions?.some(({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True') ??
    false
  );
};

/** Sorted, each by name, and how many more there are. */
export const inUseFindings = (running: readonly RunningPod[], templates: readonly Workload[]): readonly Finding[] => [
  ...named(templates, 'workloads', ({ kind, namespace, name, atRest }) => ({
    object: `${kind} ${namespace}/${name}`,
    message: `its pod template names the identity${atRest === undefined ? '' : ` (${atRest}: it would start pods as it again)`}`,
  })),
  ...named(running, 'pods', ({ namespace, name, phase }) => ({
    object: `Pod ${namespace}/${name}`,
    message: `runs as the identity (${phase})`,
  })),
];

const named = <T>(
  items: readonly T[],
  what: string,
  describe: (item: T) => { readonly object: string; readonly message: string },
): readonly Finding[] => {
  const all = items.map(describe).sort((one, other) => (one.object < other.object ? -1 : 1));
  const shown = all
    .slice(0, maxNamed)
    .map(({ object, message }): Finding => ({
      type: 'InUse',
      object: printable(object, 400),
      message: printable(message),
    }));
  const more = all.length - shown.length;
  return more === 0
    ? shown
    : [
        ...shown,
        {
          type: 'InUse',
          object: `${String(more)} more ${what}`,
          message: `${String(more)} more ${what} that are not listed here`,
        },
      ];
};
