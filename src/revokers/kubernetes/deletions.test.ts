import { expect, it } from 'vitest';

import { createDeletions } from './deletions.ts';

it('knows what it saw, and the last ones for certain when there were too many', () => {
  const deletions = createDeletions(2);
  for (const uid of ['a', 'b', 'c', 'd', 'e']) deletions.add(uid);
  expect(['a', 'b', 'c', 'd', 'e', 'never'].map(deletions.has)).toEqual([false, false, true, true, true, false]);
});
