/** Times of day as records hold them: by the clocks of several machines, which differ, and which are set. */

/** Milliseconds. Two leaders, or one before and after its clock was set; more than that contradicts itself. */
export const clocksMayDiffer = 60_000;

/** True also when one of them is no time. */
export const isAfter = (earlier: string, later: string): boolean => !(Date.parse(earlier) <= Date.parse(later) + clocksMayDiffer);
