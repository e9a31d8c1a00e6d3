/** What a process knows of the records beyond their status, and when it looks at their signatures. */
import { saysSound } from '../../policy/tombstone.ts';
import type { Soundness } from '../../policy/tombstone.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { OffboardingRecordObject } from '../objects.ts';

export interface RecordMemory {
  /** What of the object it is about. */
  readonly version: string;
  /** What the last look at the signature said, in this process. */
  checked: Soundness | undefined;
  /** True when the signature is to be looked at again, whatever is known. */
  isDue: boolean;
  /** Monotonic time before which the signature is not looked at. */
  checkAt: number;
  /** Monotonic time from which on the other systems are asked again. */
  elsewhereAt: number;
}

export interface RecordMemories {
  readonly of: (record: OffboardingRecordObject) => RecordMemory;
  /** False when nothing was known of it. */
  readonly forget: (name: string) => boolean;
  /** Its signature is looked at at the next look. */
  readonly makeDue: (record: OffboardingRecordObject) => void;
  /** The other systems are asked at the next look. */
  readonly askElsewhere: (record: OffboardingRecordObject) => void;
}

/** Signatures a second, also when a restored backup brings all records back without a status. */
const checksPerSecond = 50;
/** Milliseconds between two looks at the other systems, as for a run that watches on (docs/adr/0027). */
export const betweenLooksElsewhere = 3_600_000;

export const createRecordMemories = ({ clock, random }: { readonly clock: Clock; readonly random: Random }): RecordMemories => {
  const memories = new Map<string, RecordMemory>();
  let free = 0;

  /** A place in the line, so that each waits once. */
  const takePlace = (): number => {
    const place = Math.max(free, clock.monotonic());
    free = place + 1_000 / checksPerSecond;
    return place;
  };

  const of = (record: OffboardingRecordObject): RecordMemory => {
    const { name } = record.metadata;
    const version = versionOf(record);
    const known = memories.get(name);
    if (known?.version === version) return known;
    const memory: RecordMemory = {
      version,
      checked: undefined,
      // One that is not what this process had seen is looked at at once, whatever its status says.
      isDue: known !== undefined,
      // One that an earlier process has looked at may wait for the sweep, and takes no place.
      checkAt: known === undefined && saysSound(record) ? 0 : takePlace(),
      elsewhereAt: clock.monotonic() + random() * betweenLooksElsewhere,
    };
    memories.set(name, memory);
    return memory;
  };

  return {
    of,
    forget: (name) => memories.delete(name),
    makeDue: (record) => {
      of(record).isDue = true;
    },
    askElsewhere: (record) => {
      of(record).elsewhereAt = 0;
    },
  };
};

const versionOf = ({ metadata: { uid, generation = 0 }, spec: { digest = '' } }: OffboardingRecordObject): string => `${uid} ${generation} ${digest}`;
