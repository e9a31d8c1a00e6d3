/** `offboard why`: why an Offboarding is not done, in a paragraph, and the next command. */
import { namespacedFlags, everywhereFlag } from '../cluster-flags.ts';
import { withCluster } from '../cluster.ts';
import { UsageError, exitCodes } from '../command.ts';
import type { Command } from '../command.ts';
import { parseFlags } from '../flags.ts';
import type { Flags } from '../flags.ts';
import { getRun } from '../runs.ts';
import { widthOf } from '../screen.ts';
import { isReady } from '../status/parts.ts';
import { explanationOf, printed } from './explanation.ts';

const flags = { ...namespacedFlags, ...everywhereFlag } as const satisfies Flags;

export const whyCommand: Command = {
  name: 'why',
  summary: 'says why an Offboarding is not done, and what to do',
  about: [
    "Says in a paragraph why an Offboarding is not done: what it waits for and since when, in the words of the system that it waits for, and the next command. Of one that is done it says what that rests on: what was tried, observed or waited out, and what nobody can prove.",
  ],
  usage: 'NAME [flags]',
  flags,
  exitCodes: {
    [exitCodes.yes]: 'it is done',
    [exitCodes.no]: 'it is not',
    [exitCodes.unusable]: 'it could not be asked: wrong flags, no such Offboarding, no cluster, no permission',
  },
  examples: [{ line: 'kubectl offboard why build-agent-4-retired -n ci' }],
  completes: 'offboardings',
  run: async (args, io) => {
    const { values, positionals } = parseFlags(flags, args);
    const [name, ...more] = positionals;
    if (name === undefined || more.length > 0) throw new UsageError('name one Offboarding');
    return withCluster(values, io, async (cluster) => {
      const run = await getRun(cluster, name);
      io.out(printed(explanationOf(run, io.clock.now()), widthOf(io.columns)));
      return isReady(run) ? exitCodes.yes : exitCodes.no;
    });
  },
};
