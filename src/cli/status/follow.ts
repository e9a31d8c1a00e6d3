/**
 * Looks at an Offboarding again and again until it is over. On a terminal the lines are drawn over; elsewhere what is new is told
 * once, a line each. An API server that is away for a while is waited for.
 */
import { ApiError, isNotFound, isRetryable } from '../../kube/errors.ts';
import { offboardings } from '../../kube/resources.ts';
import { inWholeSeconds, sleep } from '../../runtime/clock.ts';
import type { Cluster } from '../cluster.ts';
import { CannotError, wordsOf } from '../errors.ts';
import type { Io } from '../command.ts';
import { serialised, withoutManagedFields } from '../output.ts';
import type { Format } from '../output.ts';
import type { RunObject } from '../runs.ts';
import { fitted, widthOf, wrap } from '../screen.ts';
import { offboardLine } from '../shell.ts';
import { lasting } from '../time.ts';
import { isOver } from './parts.ts';
import { entriesOf, printed } from './print.ts';

/** Milliseconds between two looks at a terminal, on which times count down, and elsewhere. */
const often = 1_000;
const seldom = 2_000;

export interface Following {
  readonly format: Format | undefined;
  /** Milliseconds; undefined: for as long as it takes. */
  readonly timeout: number | undefined;
}

/** Resolves to the run as it is when it is over; undefined when that takes too long. */
export const follow = async (cluster: Cluster, first: RunObject, io: Io, { format, timeout }: Following): Promise<RunObject | undefined> => {
  const show = format === undefined ? (io.columns === undefined ? logTo(io) : drawOn(io)) : writeTo(io, format);
  const start = io.clock.monotonic();
  let run = first;
  let trouble: Trouble | undefined;
  for (;;) {
    const over = trouble === undefined && isOver(run);
    show(run, trouble, over);
    if (over) return run;
    const left = timeout === undefined ? Infinity : start + timeout - io.clock.monotonic();
    if (left <= 0) {
      io.err(`not over after ${lasting(timeout ?? 0)}: ${offboardLine('why', run.metadata.name, '-n', run.metadata.namespace ?? '')}\n`);
      return undefined;
    }
    await sleep(io.clock, Math.min(left, io.columns === undefined ? seldom : often), io.signal);
    try {
      run = await again(cluster, run);
      trouble = undefined;
    } catch (error) {
      if (!(error instanceof ApiError) || !isRetryable(error)) throw error;
      trouble = { message: wordsOf(error), since: trouble?.since ?? io.clock.monotonic() };
    }
  }
};

interface Trouble {
  readonly message: string;
  /** On the monotonic clock. */
  readonly since: number;
}

type Show = (run: RunObject, trouble: Trouble | undefined, last: boolean) => void;

const again = async ({ client, signal }: Cluster, { metadata: { name, namespace = '', uid } }: RunObject): Promise<RunObject> => {
  const gone = (): CannotError => new CannotError(`Offboarding "${name}" is gone; where it had come to its end, its record says so: ${offboardLine('records')}`);
  try {
    const run = await client.get<RunObject>(offboardings, { namespace, name }, { signal });
    if (run.metadata.uid !== uid) throw gone();
    return run;
  } catch (error) {
    throw isNotFound(error, offboardings, name) ? gone() : error;
  }
};

const drawOn = (io: Io): Show => {
  let drawn = 0;
  return (run, trouble, last) => {
    const { columns = 80, rows = 24 } = io;
    const width = widthOf(columns);
    const away = trouble === undefined ? '' : wrap(`cannot be asked for ${lasting(io.clock.monotonic() - trouble.since)}, and is as it was then: ${trouble.message}`, width, '  ', '    ');
    const whole = `${printed(run, io.clock.now(), width)}${away}`;
    // The end stays on the screen: all of it.
    const text = fitted(whole, columns, last ? Infinity : rows);
    io.out(`${drawn === 0 ? '' : `\u001b[${String(drawn)}A\u001b[0J`}${text}`);
    drawn = text.split('\n').length - 1;
  };
};

const logTo = (io: Io): Show => {
  let before: readonly string[] = [];
  return (run, trouble, last) => {
    const entries = trouble === undefined ? entriesOf(run) : [...before.filter((entry) => !entry.startsWith(away)), `${away}${trouble.message}`];
    const time = inWholeSeconds(io.clock.now());
    for (const entry of entries) if (!before.includes(entry)) io.out(`${time}  ${entry}\n`);
    before = entries;
    if (last) io.out(`\n${printed(run, io.clock.now(), widthOf(undefined))}`);
  };
};

const away = 'cannot be asked: ';

/** As `kubectl get --watch` has it: each state of it that was seen. */
const writeTo = (io: Io, format: Format): Show => {
  let before: string | undefined;
  return (run) => {
    const { resourceVersion } = run.metadata;
    if (resourceVersion !== before) io.out(`${format === 'yaml' && before !== undefined ? '---\n' : ''}${serialised(format, withoutManagedFields(run))}`);
    before = resourceVersion;
  };
};
