/** `offboard status`: one Offboarding as it is, or until it has ended. */
import { conditionTypes } from '../../api/v1alpha1/conditions.ts';
import { createKubeClient } from '../../kube/client.ts';
import { loadKubeConfig } from '../../kube/config.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { offboardings } from '../../kube/resources.ts';
import { createTransport } from '../../kube/transport.ts';
import { sleep, systemClock as clock } from '../../runtime/clock.ts';
import type { Command, Io } from '../command.ts';
import { widthOf } from '../screen.ts';
import { readOptions, statusHelp } from './options.ts';
import { printed } from './print.ts';
import type { Shown } from './print.ts';

type RunObject = KubeObject & Shown;

/** Milliseconds between two looks at a terminal, on which times count down, and elsewhere. */
const often = 1_000;
const seldom = 5_000;

export const statusCommand: Command = {
  name: 'status',
  summary: 'shows how far an Offboarding is, and what access may be left',
  help: statusHelp,
  run: async (args, io) => {
    const { name, namespace, kubeconfig, context, watch } = readOptions(args);
    const config = loadKubeConfig({ path: kubeconfig, context, env: io.env, clock });
    const transport = createTransport({ config, clock, version: io.version });
    try {
      const client = createKubeClient(transport);
      const get = (): Promise<RunObject> => client.get<RunObject>(offboardings, { namespace: namespace ?? config.namespace, name }, { signal: io.signal });
      return await (watch ? follow(get, io) : show(await get(), io));
    } finally {
      await transport.close();
    }
  },
};

const textOf = (run: RunObject, { columns }: Io): string => printed(run, clock.now(), widthOf(columns));

const show = (run: RunObject, io: Io): number => {
  io.out(textOf(run, io));
  return isReady(run) ? 0 : 1;
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
    if (run.status?.completedAt !== undefined) return isReady(run) ? 0 : 1;
    await sleep(clock, isTerminal ? often : seldom, io.signal);
  }
};

/** What passes by itself is nothing new. */
const withoutTimes = (text: string): string => text.replaceAll(/\b\d+[dhms]\w* ago|\(in [^)]*\)/g, '');
