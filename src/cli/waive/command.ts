/** `offboard waive`: gives one dependency of a run up, for a reason and until a time. */
import { conditionOf, conditionTypes } from '../../api/v1alpha1/conditions.ts';
import type { OffboardingWaiverStatus } from '../../api/v1alpha1/index.ts';
import { isAlreadyExists } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { offboardingWaivers } from '../../kube/resources.ts';
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
import { quoted } from '../shell.ts';
import { checked, expiryOf, questionOf, waiverOf } from './waiver.ts';
import type { Manifest, Wanted } from './waiver.ts';

const flags = {
  dependency: { type: 'string', value: 'NAME', text: 'which to give up, as status names it; must be given', completes: 'nothing' },
  justification: { type: 'string', value: 'TEXT', text: 'why, for the audit; must be given', completes: 'nothing' },
  expires: { type: 'string', value: 'WHEN', text: 'until when: 7d, 2027-01-10 or 2027-01-10T09:00:00Z; must be given', completes: 'nothing' },
  name: { type: 'string', value: 'NAME', text: 'of the waiver (default: of the run and the dependency)', completes: 'nothing' },
  timeout: { type: 'string', value: 'DURATION', text: 'how long to wait for Offboard to say whether it counts; 0s waits for nothing (default: 1m)', completes: 'nothing' },
  ...yesFlag,
  ...namespacedFlags,
} as const satisfies Flags;

export const waiveCommand: Command = {
  name: 'waive',
  summary: 'gives one dependency of a run up, for a reason and a time',
  about: [
    'Gives one dependency of an Offboarding up, whole, until a time: the run may end without the proof for it, and says so, in its conditions, its record and the metrics. What is left is worked on as before. When the waiver ends or is deleted, the run is open again.',
    'It takes the verb "waive" on that Offboarding, and is never for the one who asked for the run.',
  ],
  usage: 'NAME --dependency NAME --justification TEXT --expires WHEN [flags]',
  flags,
  exitCodes: {
    [exitCodes.yes]: 'the waiver is in force; with --timeout 0s: it was created',
    [exitCodes.no]: 'it does not count, it was not meant, or it is not known in time',
    [exitCodes.unusable]: 'it could not be created: wrong flags, no such run, refused, no cluster',
  },
  examples: [
    { line: 'kubectl offboard waive build-agent-4-retired -n ci --dependency vault \\\n    --justification "the database is gone for good" --expires 7d' },
    { text: 'to take it back', line: 'kubectl delete offboardingwaiver build-agent-4-retired-vault -n ci' },
  ],
  completes: 'offboardings',
  run: async (args, io) => {
    const { values, positionals: [run, ...more] } = parseFlags(flags, args);
    const { dependency = '', justification = '', expires = '', name, timeout = '1m', yes = false, ...where } = values;
    if (run === undefined || more.length > 0) throw new UsageError('name one Offboarding');
    for (const [flag, value] of Object.entries({ dependency, justification, expires })) if (value.trim() === '') throw new UsageError(`--${flag} must be given`);
    const patience = durationOf('timeout', timeout);
    const expiresAt = expiryOf(expires, io.clock.now());
    return withCluster(where, io, (cluster) => waive(cluster, { wanted: { run, dependency, justification, expires, name }, expiresAt, yes, patience }, io));
  },
};

interface Asked {
  readonly wanted: Wanted;
  readonly expiresAt: string;
  readonly yes: boolean;
  /** Milliseconds. */
  readonly patience: number;
}

interface WaiverObject extends KubeObject {
  readonly status?: OffboardingWaiverStatus;
}

const waive = async (cluster: Cluster, { wanted, expiresAt, yes, patience }: Asked, io: Io): Promise<number> => {
  const run = await getRun(cluster, wanted.run);
  const me = await whoAmI(cluster);
  const dependency = checked(run, wanted.dependency, me);
  if (!(await isMeant(questionOf(run, dependency, expiresAt, io.clock.now()), yes, io))) return notMeant;
  const { metadata } = await create(cluster, waiverOf(run, wanted, expiresAt, me));
  io.out(`offboardingwaiver.offboard.dev/${metadata.name} created, until ${expiresAt}\n`);
  return patience === 0 ? exitCodes.yes : await answer(cluster, metadata, patience, io);
};

const create = async ({ client, signal }: Cluster, manifest: Manifest): Promise<WaiverObject> => {
  const { name, namespace } = manifest.metadata;
  try {
    return await client.create<WaiverObject>(offboardingWaivers, namespace, manifest, { signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    throw new CannotError(`there is a waiver "${name}" in namespace ${namespace} already: ${['kubectl', 'describe', 'offboardingwaiver', name, '-n', namespace].map(quoted).join(' ')} shows it, and --name gives this one another name`);
  }
};

const answer = async ({ client, signal }: Cluster, { name, namespace = '' }: WaiverObject['metadata'], patience: number, io: Io): Promise<number> => {
  const readyIn = ({ status }: WaiverObject) => conditionOf(status, conditionTypes.ready);
  const said = await awaited(() => client.get<WaiverObject>(offboardingWaivers, { namespace, name }, { signal }), (each) => readyIn(each) !== undefined, patience, io);
  const ready = said === undefined ? undefined : readyIn(said);
  if (ready === undefined) {
    io.err('Offboard has not said yet whether it counts\n');
    return exitCodes.no;
  }
  if (ready.status === 'True') io.out(`it is in force: ${ready.message}\n`);
  else io.err(`it does not count (${ready.reason}): ${ready.message}\n`);
  return ready.status === 'True' ? exitCodes.yes : exitCodes.no;
};
