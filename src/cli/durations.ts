/** How long, as people type it. */
import { InvalidDurationError, parseDuration } from '../runtime/duration.ts';
import { UsageError } from './errors.ts';

const day = 86_400_000;

/** Milliseconds of "90s", "1h30m", and of days as well: "7d", "1d12h". @throws UsageError that names the flag */
export const durationOf = (flag: string, text: string): number => {
  const [, days = '0', rest = ''] = /^(?:(\d{1,5})d)?(.*)$/s.exec(text) ?? [];
  try {
    return Number(days) * day + (days !== '0' && rest === '' ? 0 : parseDuration(rest));
  } catch (error) {
    if (error instanceof InvalidDurationError) throw new UsageError(`--${flag} must be how long, such as 90s, 1h30m or 7d, not "${text}"`);
    throw error;
  }
};
