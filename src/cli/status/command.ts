/** `offboard status`: one Offboarding as it is, or until it is over; or all of them, a line each. */
import { withCluster } from '../cluster.ts';
import type { Cluster } from '../cluster.ts';
import { exitCodes } from '../command.ts';
import type { Command, Io } from '../command.ts';
import { serialised, withoutManagedFields } from '../output.ts';
import { getRun, listRuns } from '../runs.ts';
import { widthOf } from '../screen.ts';
import { follow } from './follow.ts';
import { readOptions, statusFlags } from './options.ts';
import type { StatusOptions } from './options.ts';
import { isReady } from './parts.ts';
import { listed, printed } from './print.ts';

export const statusCommand: Command = {
  name: 'status',
  summary: 'shows how far Offboardings are, and what access may be left',
  about: [
    'Shows how far an Offboarding is: each dependency, what access may be left and for how long, and the record of its end. Without a name, all of them, a line each.',
    'With --watch it goes on until the run is over: on a terminal the lines are drawn anew and times count down, elsewhere what is new is told, a line each.',
  ],
  usage: '[NAME] [flags]',
  flags: statusFlags,
  exitCodes: {
    [exitCodes.yes]: 'the run is Ready: its end is proven, or given up by waivers; or all of them were listed',
    [exitCodes.no]: 'it is not, or not in time',
    [exitCodes.unusable]: 'it could not be asked: wrong flags, no such Offboarding, no cluster, no permission',
  },
  examples: [
    { line: 'kubectl offboard status -A' },
    { line: 'kubectl offboard status build-agent-7-retired -n ci' },
    { text: 'in a pipeline', line: 'kubectl offboard status build-agent-7-retired -n ci --watch --timeout 30m' },
  ],
  completes: 'offboardings',
  run: async (args, io) => {
    const options = readOptions(args);
    return withCluster(options.cluster, io, (cluster) => (options.name === undefined ? list(cluster, options, io) : one(cluster, options.name, options, io)));
  },
};

const list = async (cluster: Cluster, { format }: StatusOptions, io: Io): Promise<number> => {
  const runs = await listRuns(cluster);
  if (format !== undefined) io.out(serialised(format, { apiVersion: 'v1', kind: 'List', items: runs.map(withoutManagedFields) }));
  else if (runs.length > 0) io.out(listed(runs, io.clock.now(), cluster.everywhere));
  else io.err(`no Offboardings ${cluster.everywhere ? 'in any namespace' : `in namespace ${cluster.namespace}`}\n`);
  return exitCodes.yes;
};

const one = async (cluster: Cluster, name: string, { watch, timeout, format }: StatusOptions, io: Io): Promise<number> => {
  const run = await getRun(cluster, name);
  if (watch) {
    const last = await follow(cluster, run, io, { format, timeout });
    return last !== undefined && isReady(last) ? exitCodes.yes : exitCodes.no;
  }
  io.out(format === undefined ? printed(run, io.clock.now(), widthOf(io.columns)) : serialised(format, withoutManagedFields(run)));
  return isReady(run) ? exitCodes.yes : exitCodes.no;
};
