/** What the words of a record mean, for whoever reads one for the first time. docs/record.md has them too. */
import type { Outcome } from '../../api/v1alpha1/index.ts';
import type { RecordedCredential, RecordedDependency } from '../../evidence/predicate.ts';

/** What the end of a credential rests on, the best first; `Open` where there is no end. */
export const strengths = ['Probed', 'Observed', 'WaitedOut', 'Waived', 'Open'] as const;
export type Strength = (typeof strengths)[number];

export const strengthOf = ({ strength }: RecordedCredential): Strength => strength ?? 'Open';

/** For so many: an entry for a class stands for more than one. */
export const countOf = (credentials: readonly RecordedCredential[]): number => credentials.reduce((sum, { count = 1 }) => sum + count, 0);

export interface StrengthWords {
  readonly name: string;
  readonly means: string;
}

export const strengthWords: Readonly<Record<Strength, StrengthWords>> = {
  Probed: { name: 'Probed', means: 'It, or one of its kind, worked before the lock, and was refused each time after its end.' },
  Observed: { name: 'Observed', means: 'The system that holds it said twice, a settle time apart, that it is gone.' },
  WaitedOut: { name: 'Waited out', means: 'Nobody can revoke it; its own time was over.' },
  Waived: { name: 'Waived', means: 'It may still work. A person gave it up.' },
  Open: { name: 'Open', means: 'It may still work. Its end was not proven, and nobody gave it up.' },
};

export const outcomeWords: Readonly<Record<Outcome, { readonly short: string; readonly long: string; readonly tone: 'good' | 'care' | 'bad' }>> = {
  Confirmed: { tone: 'good', short: 'Confirmed', long: 'Every credential that was found is gone, and the end of each was proven.' },
  ConfirmedWithUnprovable: { tone: 'care', short: 'Confirmed, but for access that nobody can observe', long: 'Every credential that was found is gone, and the end of each was proven. There was also access whose end nobody can observe; it is named below.' },
  CompletedWithWaivers: { tone: 'care', short: 'Completed with waivers', long: 'Not all of it is gone. A person gave up what is left, and it may still work.' },
  Cancelled: { tone: 'bad', short: 'Cancelled', long: 'It was called off before anything was revoked. The identity may have all of its access.' },
  Abandoned: { tone: 'bad', short: 'Abandoned', long: 'Somebody took the finalizer off, and it was gone before its end. What is not confirmed may still work.' },
};

export const stateWords: Readonly<Record<RecordedDependency['state'], string>> = {
  Confirmed: 'every credential here is confirmed gone',
  Waived: 'a person gave it up: what is open here may still work',
  Open: 'not confirmed: what is open here may still work',
};

export const lockWords: Readonly<Record<RecordedDependency['lock'], string>> = {
  Locked: 'locked against new credentials',
  NotLocked: 'not locked',
  NotLockable: 'not locked, for it has no lock',
  Unknown: 'not known to be locked at the end',
};

export const findingWords: Readonly<Record<RecordedDependency['findings'][number]['type'], string>> = {
  NotProvable: 'access whose end nobody can observe',
  Inherited: 'access through a group',
  NotEnumerated: 'cannot be listed',
  InUse: 'a workload that ran as it, or named it',
  Shared: 'others use it as well, and it was left to them',
  NotProbed: 'was to be tried, and could not be; it was observed instead',
};

export const plural = (count: number, one: string, many = `${one}s`): string => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
