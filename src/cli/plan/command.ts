/** `offboard plan`: what an end would come to, before anything is touched. */
import { readFile } from 'node:fs/promises';
import { withCluster } from '../cluster.ts';
import { UsageError, exitCodes, unreadable } from '../command.ts';
import type { Command, Io } from '../command.ts';
import { serialised } from '../output.ts';
import { planned } from '../plans.ts';
import { widthOf } from '../screen.ts';
import { byName, readWanted } from './input.ts';
import type { Wanted } from './input.ts';
import { planFlags, readOptions } from './options.ts';
import type { PlanOptions } from './options.ts';
import { isBlocked, printed } from './print.ts';

/** Whoever asks may not go on: it would be held, or nobody could tell. */
const blocked = exitCodes.unusable;

export const planCommand: Command = {
  name: 'plan',
  summary: 'says what the end of an identity would come to, and what blocks it',
  about: [
    'Says what the end of an identity would come to: for each dependency, in the order in which it would happen, what is locked, revoked and deleted; who else has it, and keeps it; what nobody can prove, and why; what access may be left, and for how long; and what is missing, as the line to add.',
    'Offboard looks, by an Offboarding in mode Plan that is removed afterwards. Nothing else is written anywhere. You need the rights to retire the identity.',
  ],
  usage: '(IDENTITY | -f FILE) [flags]',
  flags: planFlags,
  exitCodes: {
    [exitCodes.yes]: 'nothing blocks it',
    [blocked]: 'something blocks it, or that could not be told: a dependency that could not be asked, wrong flags, no permission, no cluster',
    [exitCodes.interrupted]: 'it was interrupted; the plan is removed',
  },
  examples: [
    { line: 'kubectl offboard plan build-agent-7 -n ci' },
    { text: 'before it is committed:', line: 'kubectl offboard plan -f offboarding.yaml' },
    { text: 'in a pipeline, as the operator has it:', line: 'kubectl offboard plan -f identity.yaml -o json' },
  ],
  completes: 'workloadidentities',
  run: async (args, io) => {
    const options = readOptions(args);
    const wanted = await wantedOf(options, io);
    const values = { ...options.cluster, ...namespaceOf(options, wanted) };
    return withCluster(values, io, async (cluster) => {
      const plan = await planned(cluster, { name: `${wanted.name}-plan`, spec: wanted.spec, timeout: options.timeout, keep: options.keep }, io);
      io.out(options.format === undefined ? printed(plan, widthOf(io.columns)) : serialised(options.format, plan.status ?? {}));
      return isBlocked(plan) ? blocked : exitCodes.yes;
    });
  },
};

const wantedOf = async ({ of }: PlanOptions, io: Io): Promise<Wanted> => {
  if ('identity' in of) return byName(of.identity);
  return of.file === '-' ? readWanted('standard input', await io.stdin()) : readWanted(of.file, await textOf(of.file));
};

const textOf = async (file: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
};

/** As kubectl has it: what the file says, and not two things. */
const namespaceOf = ({ cluster: { namespace: asked } }: PlanOptions, { namespace }: Wanted): { readonly namespace?: string } => {
  if (namespace === undefined) return {};
  if (asked !== undefined && asked !== namespace) throw new UsageError(`--namespace is ${asked}, and the file says ${namespace}`);
  return { namespace };
};
