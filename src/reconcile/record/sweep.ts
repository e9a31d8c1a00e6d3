/**
 * Goes round all records, one after another, so slowly that it costs nothing: each is looked at about once a day, with its signature, whatever
 * the watches told or did not tell. In a small cluster that is sooner: there is one look a minute.
 */
import { isRoot } from '../../policy/tombstone.ts';
import type { Clock } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Random } from '../../runtime/random.ts';
import { jitter } from '../../runtime/random.ts';
import type { OffboardingRecordObject } from '../objects.ts';

export interface SweepOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly list: () => readonly OffboardingRecordObject[];
  readonly get: (name: string) => OffboardingRecordObject | undefined;
  /** Has one looked at, with its signature. */
  readonly visit: (record: OffboardingRecordObject) => void;
  /** Deletes what is past its time. */
  readonly tidy: (signal: AbortSignal) => Promise<void>;
  /** Milliseconds for which a record stays; 0 for ever. */
  readonly retention: number;
}

/** Milliseconds. */
const round = 24 * 3_600_000;
const longestPause = 60_000;
const longestTidyPause = 600_000;

export const sweep = async (options: SweepOptions, signal: AbortSignal): Promise<void> => {
  await Promise.all([goRound(options, signal), tidyUp(options, signal)]);
};

const goRound = async ({ clock, random, list, get, visit }: SweepOptions, signal: AbortSignal): Promise<void> => {
  let names: readonly string[] = [];
  let next = 0;
  for (;;) {
    if (next >= names.length) {
      names = list().filter(isRoot).map(({ metadata }) => metadata.name).toSorted();
      // Each process begins elsewhere, so that one that is started often does not look at the same ones all the time.
      next = next === 0 ? Math.floor(random() * names.length) : 0;
    }
    if (!(await slept(clock, jitter(random, Math.min(round / Math.max(names.length, 1), longestPause), 0.2), signal))) return;
    const record = get(names[next] ?? '');
    if (record !== undefined) visit(record);
    next += 1;
  }
};

/** Nothing stays much longer than it is meant to. What never goes leaves orphans all the same. */
const tidyUp = async (options: SweepOptions, signal: AbortSignal): Promise<void> => {
  const { clock, random, retention } = options;
  const pause = retention === 0 ? longestTidyPause : Math.min(longestTidyPause, Math.max(1_000, retention / 10));
  while (await slept(clock, jitter(random, pause, 0.2), signal)) await tidied(options, signal);
};

const tidied = async ({ tidy, log }: SweepOptions, signal: AbortSignal): Promise<void> => {
  try {
    await tidy(signal);
  } catch (error) {
    if (!signal.aborted) log.warn('Records past their time could not be deleted; they are next time', { error });
  }
};

const slept = (clock: Clock, milliseconds: number, signal: AbortSignal): Promise<boolean> => sleep(clock, milliseconds, signal).then(() => true, () => false);
