/**
 * A control plane with Offboard installed and the operator beside it as a process, and short words for what tests do. The
 * operator runs as its own account, and when the stage ends the audit log must not hold a request of it that was denied.
 */
import { expect } from 'vitest';
import type { Condition, OffboardingStatus } from '../../src/api/v1alpha1/index.ts';
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import { describeRequest, isDenied, isNamespaceTerminating, isTryOfTheLock, requestsOf } from '../env/audit.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { startControlPlane, waitFor } from '../env/control-plane.ts';
import type { ControlPlane, ControlPlaneOptions } from '../env/control-plane.ts';
import { kstatusViolations } from '../env/kstatus.ts';
import { startOperator } from '../env/operator.ts';
import type { OperatorProcess } from '../env/operator.ts';
import { operatorUser } from '../env/operator-account.ts';
import type { Rights } from '../env/operator-account.ts';
import { installPublicKeys } from '../env/signing-key.ts';
import { installOffboard } from '../integration/install.ts';

export interface Stage {
  readonly cluster: ControlPlane;
  readonly operator: () => OperatorProcess;
  /** Ends the operator by a signal and starts another. */
  readonly restartOperator: (signal: NodeJS.Signals) => Promise<void>;
  readonly apply: (yaml: string) => Promise<void>;
  /** An Offboarding; `undefined` when it is gone. Its conditions are held to kstatus each time. */
  readonly run: (namespace: string, name: string) => Promise<OffboardingObject | undefined>;
  /** Waits until the Ready condition has this reason, for 150 s unless told (in milliseconds). */
  readonly reason: (namespace: string, name: string, reason: string, timeout?: number) => Promise<OffboardingStatus>;
  readonly exists: (...args: readonly string[]) => Promise<boolean>;
  readonly stop: () => Promise<void>;
}

export const readyOf = (status: OffboardingStatus | undefined): Condition | undefined =>
  status?.conditions?.find(({ type }) => type === 'Ready');

export interface StageOptions {
  readonly cluster?: ControlPlaneOptions;
  readonly args?: readonly string[];
  /** The optional ones; unless told, it may shrink bindings of the ClusterRole `view`. */
  readonly rights?: Rights;
  /** For whom it may make tokens, beside Vault. */
  readonly tokenAudiences?: readonly string[];
  /** The operator makes the key that records are signed with. */
  readonly ownKey?: boolean;
  /** For tests that take rights away. */
  readonly mayBeDenied?: boolean;
}

export const startStage = async (options: StageOptions = {}): Promise<Stage> => {
  const cluster = await startControlPlane({ audit: true, ...options.cluster });
  await installOffboard(cluster, { tokenAudiences: options.tokenAudiences ?? [] });
  const { args = ['--kubernetes-settle=1s'], rights = { sharedBindings: { clusterRoles: ['view'] } }, ownKey = false } = options;
  if (ownKey) await installPublicKeys(cluster);
  const start = (): Promise<OperatorProcess> => startOperator(cluster, { args, rights, ownKey });
  let operator = await start();

  const run = async (namespace: string, name: string): Promise<OffboardingObject | undefined> => {
    const text = await cluster.kubectl(['get', 'offboarding', name, '-n', namespace, '-o', 'json', '--ignore-not-found']);
    if (text === '') return undefined;
    const object = JSON.parse(text) as OffboardingObject;
    const violations = kstatusViolations(object);
    if (violations.length > 0) throw new Error(`kstatus: ${violations.join('; ')}`);
    return object;
  };

  return {
    cluster,
    operator: () => operator,
    restartOperator: async (signal) => {
      await operator.stop(signal);
      operator = await start();
    },
    apply: async (yaml) => {
      await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: yaml });
    },
    run,
    reason: async (namespace, name, reason, timeout = 150_000) => {
      let last: OffboardingStatus | undefined;
      try {
        return await waitFor(
          async () => {
            last = (await run(namespace, name))?.status;
            return readyOf(last)?.reason === reason ? last : undefined;
          },
          { timeout, interval: 200, what: `${name} to be ${reason}` },
        );
      } catch (error) {
        const connectors = await cluster.kubectl(['get', 'connectors.offboard.dev', '-o', 'custom-columns=:.metadata.name,:.status.conditions[*].message', '--no-headers']);
        throw new Error(`${String(error)}; it is ${JSON.stringify(readyOf(last))}\n${connectors}\n${operator.process.tail(5)}`);
      }
    },
    exists: async (...args) => (await cluster.kubectl(['get', ...args, '--ignore-not-found', '-o', 'name'])) !== '',
    stop: async () => {
      await operator.stop();
      const denied = options.mayBeDenied === true ? [] : await deniedRequests(cluster);
      await cluster.stop();
      expect(denied).toEqual([]);
    },
  };
};

const deniedRequests = async ({ auditLog = '', startups }: ControlPlane): Promise<readonly string[]> => {
  const denied: string[] = [];
  for await (const event of requestsOf(auditLog, operatorUser)) {
    const at = Date.parse(event.requestReceivedTimestamp);
    const tooEarly = startups().some(({ from, until }) => from <= at && at <= until);
    if (isDenied(event) && !isTryOfTheLock(event) && !isNamespaceTerminating(event) && !tooEarly) denied.push(describeRequest(event));
  }
  return denied;
};

export const identityOf = ({ namespace, name }: Pick<BuildAgent, 'namespace' | 'name'>, spec = ''): string => `
apiVersion: offboard.dev/v1alpha1
kind: WorkloadIdentity
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  serviceAccount: {name: ${name}}
  ${spec}
`;

export const offboardingOf = ({ namespace, name }: Pick<BuildAgent, 'namespace' | 'name'>, run = 'retire', spec = ''): string => `
apiVersion: offboard.dev/v1alpha1
kind: Offboarding
metadata: {name: ${run}, namespace: ${namespace}}
spec:
  identity: {serviceAccount: {name: ${name}}}
  reason: Retired
  ${spec.includes('mode:') ? '' : 'mode: Enforce'}
  ${spec}
`;

/**
 * Every access path is tried now and refused. With a settle time below the ten seconds for which an API server caches a
 * token that was used, a token may still be known (403) and is good for nothing; `make demo` shows the 401.
 */
export const expectRefused = async (agent: BuildAgent): Promise<void> => {
  expect((await attempt(agent)).map((status) => (status === 401 ? 403 : status))).toEqual(agent.paths.map(() => 403));
};

export const expectAlive = async (agent: BuildAgent): Promise<void> => {
  expect(await attempt(agent)).toEqual(agent.paths.map(() => 200));
};

/** The answers of every access path, tried now. */
export const attempt = (agent: BuildAgent): Promise<readonly number[]> => Promise.all(agent.paths.map((path) => path.attempt()));
