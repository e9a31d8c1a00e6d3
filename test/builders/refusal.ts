import { OutcomeError } from '../../src/runtime/outcome.ts';

/** What is said of a spec that is refused for good. */
export const refusalOf = (check: () => unknown): string => {
  try {
    check();
  } catch (error) {
    if (error instanceof OutcomeError && error.kind === 'Invalid' && error.reason === 'InvalidSpec') return error.message;
    throw error;
  }
  throw new Error('it was not refused');
};
