import { expect, it } from 'vitest';
import { tombstoneFigures } from './tombstone-figures.ts';
import type { RecordFacts } from './tombstone.ts';

const record = (number: number): RecordFacts => ({ metadata: { name: String(number).padStart(10, '0') }, spec: { identity: { namespace: 'ci', name: `agent-${number}` }, outcome: 'Confirmed' } });
const missing = (numbers: readonly number[], seen?: number): number => tombstoneFigures(numbers.map(record), seen).recordsMissing;

it('counts what is missing up to the last that was ever seen, so that the loss of the last one is told as well', () => {
  expect(missing([3, 4, 6], 6)).toBe(1);
  expect(missing([3, 4], 6)).toBe(2);
  expect(tombstoneFigures([record(3)], 6)).toMatchObject({ recordHead: 6, recordsMissing: 3 });
});

it('misses nothing of a chain whose beginning is past its time, and of one that has no record yet', () => {
  expect([missing([41, 42, 43], 43), missing([]), missing([7], 7)]).toEqual([0, 0, 0]);
});

it('misses the last one where none is left, which is never past its time', () => {
  expect(missing([], 9)).toBe(1);
});
