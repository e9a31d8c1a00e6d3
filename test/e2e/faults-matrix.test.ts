/** A few rows of `make faults`, one of each dependency, so that what measures them all is seen to work: each fault is met, and nothing is claimed that is not true. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { faults } from '../faults/catalogue.ts';
import { casesOf, runCases } from '../faults/matrix.ts';
import { startSite } from '../faults/site.ts';
import type { Site } from '../faults/site.ts';
import { subjects } from '../faults/subjects.ts';

let site: Site;

beforeAll(async () => {
  // None of these faults is told from the truth by the settle time.
  site = await startSite({ settle: 1 });
});
afterAll(async () => {
  await site.stop();
});

it('nothing is Ready, and nobody is let go, while a fault lasts, and everything is once it is over', async () => {
  const few = ['kubernetes: 200, and nothing happened', 'run: connection broken after the effect', 'vault: 400', 'google: 200, and nothing happened'];
  const cases = casesOf(subjects, faults).filter(({ subject, fault }) => few.includes(`${subject.name}: ${fault.name}`));
  const outcomes = await runCases(site, cases, { atOnce: few.length, onEnd: () => undefined });
  expect(outcomes.map(({ subject, end, lies }) => ({ subject, end, lies }))).toEqual(
    expect.arrayContaining(subjects.filter(({ special }) => special !== true).map(({ name }) => ({ subject: name, end: 'Ready', lies: [] }))),
  );
  for (const { struck, claims } of outcomes) expect([struck > 0, claims >= 2]).toEqual([true, true]);
});
