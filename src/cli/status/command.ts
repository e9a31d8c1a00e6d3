/** `offboard status`: one Offboarding as it is, or until it has ended. */
import { conditionTypes } from '../../api/v1alpha1/conditions.ts';
import { sleep } from '../../runtime/clock.ts';
import { withCluster } from '../cluster.ts';
import { exitCodes } from '../command.ts';
import type { Command, Io } from '../command.ts';
import { serialised, withoutManagedFields } from '../output.ts';
import type { Format } from '../output.ts';
import { getRun } from '../runs.ts';
import type { RunObject } from '../runs.ts';
import { widthOf } from '../screen.ts';
import { readOptions, statusFlags } from './options.ts';
import { printed } from './print.ts';

/** Milliseconds between two looks at a terminal, on which times count down, and elsewhere. */
const often = 1_000;
const seldom = 5_000;

export const statusCommand: Command = {
  name: 'status',
  summary: 'shows how far an Offboarding is, and what access may be left',
  about: ['Shows how far one Offboarding is: each dependency, what access may be left and for how long, and the record of its end.'],
  usage: 'NAME [flags]',
  flags: statusFlags,
  exitCodes: {
    [exitCodes.yes]: 'the run is Ready: its end is proven, or given up by waivers',
    [exitCodes.no]: 'it is not',
    [exitCodes.unusable]: 'it could not be asked: wrong flags, no such Offboarding, no cluster',
  },
  examples: [{ line: 'kubectl offboard status build-agent-7-retired -n ci' }, { line: 'kubectl offboard status build-agent-7-retired -n ci --watch' }],
  completes: 'offboardings',
  run: async (args, io) => {
    const { name, watch, format, cluster: values } = readOptions(args);
    return withCluster(values, io, async (cluster) => {
      const get = (): Promise<RunObject> => getRun(cluster, name);
      return watch ? follow(get, io) : show(await get(), format, io);
    });
  },
};

const textOf = (run: RunObject, { columns, clock }: Io): string => printed(run, clock.now(), widthOf(columns));

const show = (run: RunObject, format: Format | undefined, io: Io): number => {
  io.out(format === undefined ? textOf(run, io) : serialised(format, withoutManagedFields(run)));
  return isReady(run) ? exitCodes.yes : exitCodes.no;
};

const isReady = ({ status }: RunObject): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === conditionTypes.ready && value === 'True') === true;

/** On a terminal the lines are drawn anew each second; elsewhere what differs is told once. */
const follow = async (get: () => Promise<RunObject>, io: Io): Promise<number> => {
  let before = '';
  for (;;) {
    const run = await get();
    const text = textOf(run, io);
    const isTerminal = io.columns !== undefined;
    if (isTerminal && before !== '') io.out(`\u001b[${String(before.split('\n').length - 1)}A\u001b[0J`);
    if (isTerminal || withoutTimes(text) !== withoutTimes(before)) io.out(text);
    before = text;
    if (run.status?.completedAt !== undefined) return isReady(run) ? exitCodes.yes : exitCodes.no;
    await sleep(io.clock, isTerminal ? often : seldom, io.signal);
  }
};

/** What passes by itself is nothing new. */
const withoutTimes = (text: string): string => text.replaceAll(/\b\d+[dhms]\w* ago|\(in [^)]*\)/g, '');
