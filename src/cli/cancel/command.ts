/** `offboard cancel`: gives a run up, and takes its lock back. */
import { conditionOf, conditionTypes } from '../../api/v1alpha1/conditions.ts';
import { isConflict } from '../../kube/errors.ts';
import { offboardings } from '../../kube/resources.ts';
import { awaited } from '../awaited.ts';
import { namespacedFlags } from '../cluster-flags.ts';
import { withCluster } from '../cluster.ts';
import type { Cluster } from '../cluster.ts';
import { CannotError, UsageError, exitCodes } from '../command.ts';
import type { Command, Io } from '../command.ts';
import { durationOf } from '../durations.ts';
import { parseFlags } from '../flags.ts';
import type { Flags } from '../flags.ts';
import { isMeant, notMeant, whoAmI, yesFlag } from '../people.ts';
import { getRun } from '../runs.ts';
import type { RunObject } from '../runs.ts';
import { offboardLine } from '../shell.ts';
import { cancellationOf } from './cancellation.ts';

const flags = {
  reason: { type: 'string', value: 'TEXT', text: 'why, for the audit; must be given', completes: 'nothing' },
  timeout: { type: 'string', value: 'DURATION', text: 'how long to wait for Offboard to say that it is cancelled; 0s waits for nothing (default: 1m)', completes: 'nothing' },
  ...yesFlag,
  ...namespacedFlags,
} as const satisfies Flags;

export const cancelCommand: Command = {
  name: 'cancel',
  summary: 'gives a run up before anything is revoked, and unlocks',
  about: [
    'Gives an Offboarding up and takes its lock back. Accepted until the first revoke is sent: what was revoked cannot be given back, and this says so. Never accepted while the identity or its namespace is being deleted.',
  ],
  usage: 'NAME --reason TEXT [flags]',
  flags,
  exitCodes: {
    [exitCodes.yes]: 'it is cancelled; with --timeout 0s: it was asked for',
    [exitCodes.no]: 'it is too late for that, it was not meant, or it is not known in time',
    [exitCodes.unusable]: 'it could not be asked for: wrong flags, no such Offboarding, refused, no cluster',
  },
  examples: [{ line: 'kubectl offboard cancel build-agent-7-retired -n ci --reason "still needed"' }],
  completes: 'offboardings',
  run: async (args, io) => {
    const { values: { reason = '', timeout = '1m', yes = false, ...where }, positionals: [name, ...more] } = parseFlags(flags, args);
    if (name === undefined || more.length > 0) throw new UsageError('name one Offboarding');
    if (reason.trim() === '') throw new UsageError('say why, for the audit: --reason TEXT');
    const patience = durationOf('timeout', timeout);
    return withCluster(where, io, (cluster) => cancel(cluster, { name, reason, yes, patience }, io));
  },
};

interface Asked {
  readonly name: string;
  readonly reason: string;
  readonly yes: boolean;
  /** Milliseconds. */
  readonly patience: number;
}

const cancel = async (cluster: Cluster, asked: Asked, io: Io): Promise<number> => {
  const run = await getRun(cluster, asked.name);
  const { possible, words } = cancellationOf(run, io.clock.now());
  if (!possible) {
    io.err(`offboard cancel: ${words}\n`);
    return exitCodes.no;
  }
  if (run.spec.cancel === undefined) {
    if (!(await isMeant(`${words} Cancel it?`, asked.yes, io))) return notMeant;
    await ask(cluster, run, asked.reason);
  }
  return asked.patience === 0 ? exitCodes.yes : await answer(cluster, run, asked.patience, io);
};

/** Of this very run, as it is by now: whether it is too late is for Offboard to say. */
const ask = async (cluster: Cluster, { metadata: { name, namespace = '', uid } }: RunObject, reason: string): Promise<void> => {
  const me = await whoAmI(cluster);
  const cancel = { reason, ...(me === undefined ? {} : { requestedBy: { username: me } }) };
  try {
    await cluster.client.patch(offboardings, { namespace, name }, { type: 'merge', body: { metadata: { uid }, spec: { cancel } } }, { signal: cluster.signal });
  } catch (error) {
    if (isConflict(error)) throw new CannotError(`Offboarding "${name}" is another one by now; look again`);
    throw error;
  }
};

const answer = async (cluster: Cluster, run: RunObject, patience: number, io: Io): Promise<number> => {
  const { name, namespace = '' } = run.metadata;
  const said = await awaited(() => getRun(cluster, name), (each) => conditionOf(each.status, conditionTypes.cancelled) !== undefined, patience, io);
  const condition = said === undefined ? undefined : conditionOf(said.status, conditionTypes.cancelled);
  if (condition === undefined) {
    io.err(`it was asked for, and Offboard has not answered yet: ${offboardLine('why', name, '-n', namespace)}\n`);
    return exitCodes.no;
  }
  io.out(`offboarding.offboard.dev/${name} ${condition.status === 'True' ? condition.message : `goes on: it ${condition.message}`}\n`);
  return condition.status === 'True' ? exitCodes.yes : exitCodes.no;
};
