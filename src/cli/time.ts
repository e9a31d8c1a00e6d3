/** Times as people read them: how long ago, how long still. Pure, of the time and now. */
import { inWholeSeconds } from '../runtime/clock.ts';

/** As kubectl has it: the two largest units. */
export const lasting = (milliseconds: number): string => {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${String(days)}d${hours === 0 ? '' : `${String(hours)}h`}`;
  if (hours > 0) return `${String(hours)}h${minutes === 0 ? '' : `${String(minutes)}m`}`;
  return minutes > 0 ? `${String(minutes)}m${seconds % 60 === 0 ? '' : `${String(seconds % 60)}s`}` : `${String(seconds)}s`;
};

/** How long since; undefined where it is no time. */
export const since = (time: string, now: Date): string | undefined => {
  const at = Date.parse(time);
  return Number.isNaN(at) ? undefined : lasting(now.getTime() - at);
};

/** What is left until then, or that it is over. */
export const until = (time: string, now: Date): string => {
  const left = Date.parse(time) - now.getTime();
  return left > 0 ? `in ${lasting(left)}` : 'over, and looked at again';
};

/** Without the date where that is today's, and without parts of a second. */
export const clockTime = (time: string, now: Date): string => {
  const at = Date.parse(time);
  if (Number.isNaN(at)) return time;
  const whole = inWholeSeconds(new Date(at));
  return whole.slice(0, 10) === now.toISOString().slice(0, 10) ? whole.slice(11) : whole;
};

const timestamps = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z/g;

/** A message with its times made short, and what is left of those that are to come. */
export const withCountdowns = (message: string, now: Date): string =>
  message.replace(timestamps, (time) => (Date.parse(time) > now.getTime() ? `${clockTime(time, now)} (${until(time, now)})` : clockTime(time, now)));
