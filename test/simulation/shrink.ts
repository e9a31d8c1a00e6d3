/** Makes a failing plan small: without this incident, does the same promise still break? */
import type { Plan } from './plan.ts';
import { without } from './plan.ts';
import type { Outcome } from './universe.ts';

export interface Shrunk {
  /** The indices, in the whole plan, of the incidents that it takes. */
  readonly kept: readonly number[];
  readonly outcome: Outcome;
}

/** Every try is a run of its own; no more than `limit` of them. */
export const shrink = async (plan: Plan, failed: Outcome, run: (plan: Plan) => Promise<Outcome>, limit = 200): Promise<Shrunk> => {
  let kept = plan.incidents.map((_, index) => index);
  let outcome = failed;
  let left = limit;
  for (let size = Math.ceil(kept.length / 2); size >= 1 && left > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < kept.length && left > 0; ) {
      const fewer = kept.filter((_, at) => at < start || at >= start + size);
      left -= 1;
      const next = await run(without(plan, (index) => fewer.includes(index)));
      if (next.violation?.invariant === failed.violation?.invariant) {
        kept = fewer;
        outcome = next;
      } else start += size;
    }
  }
  return { kept, outcome };
};
