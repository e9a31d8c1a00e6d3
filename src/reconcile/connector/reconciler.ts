/**
 * One look at one Connector: does its system answer, and may the operator do there what it must. Looked at again about once a
 * minute, since nothing tells when that changes; what is as it was is not written.
 */
import { conditionOf, conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import type { ConnectorStatus } from '../../api/v1alpha1/index.ts';
import type { KubeClient } from '../../kube/client.ts';
import { toOutcome } from '../../kube/errors.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { connectors } from '../../kube/resources.ts';
import { conditionsOf, factsOf } from '../../policy/conditions.ts';
import { told } from '../../policy/told.ts';
import { stalled, verdictOfError } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { ConnectorObject, ConnectorReport, InspectConnector } from '../../revokers/connector.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ReconcileResult } from '../../runtime/controller.ts';
import type { Random } from '../../runtime/random.ts';
import { jitter } from '../../runtime/random.ts';
import { writeStatus } from '../status.ts';

export interface ConnectorContext {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventRecorder;
  readonly inspect: InspectConnector;
  readonly read: (key: string) => ConnectorObject | undefined;
  /** The answer of a write, so that the next look does not start from before it. */
  readonly keep: (connector: ConnectorObject) => void;
}

/** Milliseconds. Sooner where it cannot be used: whoever waits for it goes on when this shows that it can. */
const lookAgain = { usually: 60_000, unready: 15_000 };

/** As the schema has it. */
const mostMissing = 64;

export const createConnectorReconciler =
  (context: ConnectorContext) =>
  async (key: string, signal: AbortSignal): Promise<ReconcileResult> => {
    const { client, clock, random, read, keep } = context;
    const connector = read(key);
    if (connector === undefined || connector.metadata.deletionTimestamp !== undefined) return { kind: 'done' };
    const { report, verdict } = await look(connector, context, signal);
    const status = statusOf(connector, report, verdict, clock.now());
    const written = await writeStatus(client, connectors, connector, status, signal);
    keep(written);
    announce(connector, status, context);
    // Wrong until the spec changes, which wakes this.
    if (verdict.reason === reasons.invalidSpec) return { kind: 'done' };
    return { kind: 'again', after: jitter(random, verdict.kind === 'Confirmed' ? lookAgain.usually : lookAgain.unready, 0.1) };
  };

interface Look {
  readonly report?: ConnectorReport;
  readonly verdict: Verdict;
}

const look = async (connector: ConnectorObject, { inspect }: ConnectorContext, signal: AbortSignal): Promise<Look> => {
  try {
    const report = await inspect(connector, signal);
    return { report, verdict: verdictOf(report) };
  } catch (error) {
    if (signal.aborted) throw error;
    return { verdict: verdictOfError(toOutcome(error)) };
  }
};

const verdictOf = ({ missingPermissions, troubles }: ConnectorReport): Verdict => {
  const [missing, ...more] = missingPermissions;
  if (missing !== undefined) {
    const others = more.length === 0 ? '' : `, and ${more.length} more in status.missingPermissions`;
    return stalled(reasons.permissionMissing, `the operator lacks ${missing}${others}`);
  }
  const [trouble] = troubles;
  if (trouble !== undefined) return stalled(trouble.reason, trouble.message);
  return { kind: 'Confirmed', reason: reasons.connected, message: 'the system answers, and the operator may do all that it must' };
};

/** Of a system that does not answer, what it was is still what is known. */
const statusOf = ({ metadata, status }: ConnectorObject, report: ConnectorReport | undefined, verdict: Verdict, now: Date): ConnectorStatus => {
  const generation = metadata.generation ?? 0;
  const { serverVersion, clusterId, account, token } = report ?? { serverVersion: status?.serverVersion, clusterId: status?.clusterId, account: status?.account };
  const missing = report?.missingPermissions ?? [];
  return {
    observedGeneration: generation,
    ...(serverVersion !== undefined && { serverVersion: told(serverVersion, 64) }),
    ...(clusterId !== undefined && { clusterId: told(clusterId, 128) }),
    ...(account !== undefined && { account: told(account, 512) }),
    ...(token !== undefined && { token }),
    ...(missing.length > 0 && { missingPermissions: missing.slice(0, mostMissing).map((line) => told(line, 1_024)) }),
    conditions: conditionsOf(factsOf(verdict), status?.conditions ?? [], generation, now),
  };
};

const readyOf = (status: ConnectorStatus | undefined) => conditionOf(status, conditionTypes.ready);

/** What is new to whoever looks after it: it works, or it does not, and why. */
const announce = (connector: ConnectorObject, status: ConnectorStatus, { events }: ConnectorContext): void => {
  const [before, now] = [readyOf(connector.status), readyOf(status)];
  if (now === undefined || (before?.status === now.status && before.reason === now.reason)) return;
  const works = now.status === 'True';
  const note = works ? `Connected: ${now.message}` : `Cannot be used: ${now.message}`;
  events.record({ regarding: connector, type: works ? 'Normal' : 'Warning', reason: now.reason, action: 'Connect', note });
};
