/** The few expressions that the fake reads. Any other counts as true, which is the side that shows more access. */
import type { Condition } from './world.ts';

export interface Asked {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly resource: string;
}

export const holds = (condition: Condition | undefined, asked: Asked): boolean => condition === undefined || condition.expression.split('&&').every((part) => holdsPart(part.trim(), asked));

const holdsPart = (part: string, asked: Asked): boolean => {
  const until = /^request\.time\s*<\s*timestamp\(["']([^"']+)["']\)$/.exec(part)?.[1];
  if (until !== undefined) return asked.time < Date.parse(until);
  const prefix = /^resource\.name\.startsWith\(["']([^"']+)["']\)$/.exec(part)?.[1];
  return prefix === undefined || asked.resource.startsWith(prefix);
};
