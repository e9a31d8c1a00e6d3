/** Whatever calls come, how they end, and who gives up meanwhile. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createFakeClock } from '../../test/fakes/clock.ts';
import type { FakeClock } from '../../test/fakes/clock.ts';
import { command, inOrder } from '../../test/fuzz/commands.ts';
import { holdsInTime } from '../../test/fuzz/property.ts';
import { createBreaker } from './breaker.ts';
import type { Breaker, Diagnosis } from './breaker.ts';

const limit = 3;
const tolerance = 2;
/** Milliseconds: no pause between two trials is shorter, by what chance takes off the first, and none longer. */
const [shortest, longest] = [800, 30_000];

interface Call {
  readonly giveUp: AbortController;
  /** Ends it; undefined until the service is asked. */
  end?: (diagnosis: Diagnosis) => void;
  outcome?: 'answered' | Error;
  isTrial?: true;
}

/** What the service has seen. */
interface Model {
  readonly calls: Call[];
  readonly troubles: Error[];
  troublesInARow: number;
  /** When it was last known not to answer, until it is well. */
  openSince: number | undefined;
}

interface Real {
  readonly clock: FakeClock;
  readonly breaker: Breaker;
}

const isOver = ({ outcome }: Call): boolean => outcome !== undefined;
const running = (model: Readonly<Model>): readonly Call[] => model.calls.filter((each) => each.end !== undefined && !isOver(each));
const waiting = (model: Readonly<Model>): readonly Call[] => model.calls.filter((each) => each.end === undefined && !isOver(each));
const nth = (all: readonly Call[], index: number): Call => {
  const found = all[index % all.length];
  if (found === undefined) throw new Error('there is none');
  return found;
};

const agree = async (model: Model, { clock }: Real): Promise<void> => {
  await clock.settle();
  if (running(model).length > limit) throw new Error('more at the same time than it takes');
  if (waiting(model).length > 0 && running(model).length < limit) throw new Error('one waits, and nothing runs in its place');
};

const ask = async (model: Model, real: Real): Promise<Call> => {
  const mine: Call = { giveUp: new AbortController() };
  const asked = (): Promise<Diagnosis> =>
    new Promise((resolve) => {
      mine.end = resolve;
    });
  model.calls.push(mine);
  void real.breaker
    .run(asked, (settled) => (settled.status === 'fulfilled' ? settled.value : 'untold'), mine.giveUp.signal)
    .then(() => (mine.outcome = 'answered'), (error: unknown) => (mine.outcome = error as Error));
  await agree(model, real);
  return mine;
};

const call = fc.constant(
  command('call', async (model: Model, real: Real) => {
    const { openSince } = model;
    const before = running(model).length;
    const mine = await ask(model, real);
    if (openSince === undefined) {
      if (isOver(mine)) throw new Error('refused, and the service is well');
      expect(mine.end !== undefined).toBe(before < limit);
    } else if (isOver(mine)) {
      expect(model.troubles).toContain(mine.outcome);
    } else if (real.clock.monotonic() - openSince < shortest || model.calls.some((each) => each.isTrial && !isOver(each))) {
      throw new Error('the service is asked, and was in trouble just now, or is tried already');
    } else {
      mine.isTrial = true;
    }
  }),
);

const end = fc.tuple(fc.nat({ max: 5 }), fc.constantFrom('well' as const, 'untold' as const, 'trouble' as const, 'trouble' as const)).map(([index, how]) =>
  command(
    `call ${index} ends ${how}`,
    async (model: Model, real: Real) => {
      const trouble = new Error(`trouble ${model.troubles.length}`);
      const before = waiting(model);
      const mine = nth(running(model), index);
      mine.end?.(how === 'trouble' ? trouble : how);
      if (how === 'well') {
        model.troublesInARow = 0;
        model.openSince = undefined;
      }
      if (how === 'trouble') {
        model.troubles.push(trouble);
        model.troublesInARow += 1;
        if (model.openSince === undefined ? model.troublesInARow >= tolerance : mine.isTrial) model.openSince = real.clock.monotonic();
      }
      await agree(model, real);
      if (how === 'trouble' && model.troublesInARow === tolerance) expect(before.map(({ outcome }) => outcome)).toEqual(before.map(() => trouble));
    },
    (model) => running(model).length > 0,
  ),
);

const giveUp = fc.nat({ max: 5 }).map((index) =>
  command(
    `call ${index} that waits is given up`,
    async (model: Model, real: Real) => {
      const reason = new Error('gave up');
      const mine = nth(waiting(model), index);
      mine.giveUp.abort(reason);
      await agree(model, real);
      expect([mine.outcome, mine.end]).toEqual([reason, undefined]);
    },
    (model) => waiting(model).length > 0,
  ),
);

const pass = fc.constantFrom(1, 500, 1_000, 5_000, longest).map((ms) =>
  command(`${ms} ms pass`, async (model: Model, real: Real) => {
    await real.clock.advance(ms);
    await agree(model, real);
  }),
);

const commands = fc.array(fc.oneof({ weight: 6, arbitrary: call }, { weight: 6, arbitrary: end }, { weight: 1, arbitrary: giveUp }, { weight: 2, arbitrary: pass }), { size: '+2', maxLength: 60 });

it('a breaker asks no more than it may, leaves a service in trouble alone, and is as new once that is well', async () => {
  await holdsInTime(
    fc.asyncProperty(commands, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (all, chance) => {
      const clock = createFakeClock();
      const real: Real = { clock, breaker: createBreaker({ clock, random: () => chance, limit, tolerance }) };
      const model: Model = { calls: [], troubles: [], troublesInARow: 0, openSince: undefined };
      await inOrder(all, model, real);
      for (let left = running(model); left.length > 0; left = running(model)) {
        for (const each of left) each.end?.('untold');
        await agree(model, real);
      }
      expect(model.calls.every(isOver)).toBe(true);
      // After the longest pause one is let through, and with it all.
      await clock.advance(longest);
      const trial = await ask(model, real);
      trial.end?.('well');
      await agree(model, real);
      const next = [await ask(model, real), await ask(model, real), await ask(model, real), await ask(model, real)];
      expect(next.map((each) => each.end !== undefined)).toEqual([true, true, true, false]);
    }),
  );
});
