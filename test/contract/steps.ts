/** What the rules are told in. */
import { expect } from 'vitest';

import type { Credential, Inventory, Observation, Revoker } from '../../src/revokers/revoker.ts';
import type { Fault, Stage } from './stage.ts';

export interface Rule {
  readonly name: string;
  readonly check: (stage: Stage) => Promise<void>;
}

/** How many requests in a row are tried as the first that goes wrong. */
export const faultDepth = 8;
/** Virtual milliseconds in which every call must have ended. */
const longestCall = 120_000;
export const never = (): AbortSignal => new AbortController().signal;

export const key = ({ id, uid }: Credential): string => `${id} ${uid ?? ''}`;

export const fresh = async ({ revoker, target }: Stage): Promise<Inventory> => revoker.inventory(target, 'Fresh', never());

export const revocable = async (stage: Stage): Promise<readonly Credential[]> => {
  const found = (await fresh(stage)).credentials.filter(({ end }) => end.by === 'Revoke');
  expect(found, 'the stage must hold something to revoke').not.toEqual([]);
  return found;
};

export const observe = (stage: Stage, credential: Credential, revoker: Revoker = stage.revoker): Promise<Observation> =>
  revoker.observe(credential, stage.target, never());

/** What is left of a credential in a status, for the process after this one. */
export const remembered = ({ id, uid, class: kind, grants, end }: Credential): Credential => ({
  id,
  ...(uid === undefined ? {} : { uid }),
  class: kind,
  ...(grants === undefined ? {} : { grants }),
  end: end.by === 'Expiry' ? end : { by: 'Others' },
  seen: false,
});

/** Runs a call under a fault; a hanging one is helped along by the clock, until the revoker's own deadline ends it. */
export const under = async <T>(
  stage: Stage,
  fault: Fault,
  after: number,
  call: () => Promise<T>,
): Promise<PromiseSettledResult<T>> => {
  stage.breakWith(fault, after);
  try {
    const running = Promise.allSettled([call()]);
    const ended = await Promise.race([running, stage.advance(longestCall).then(() => Promise.race([running, soon()]))]);
    if (ended === undefined) throw new Error(`a call did not end within its deadline (fault: ${fault})`);
    return ended[0];
  } finally {
    stage.breakWith(undefined);
  }
};

/** Real time, for what still has to come out of the event loop once the clock was moved. */
export const soon = (): Promise<undefined> => new Promise((resolve) => setTimeout(resolve, 1_000, undefined));

export const failed = (result: PromiseSettledResult<unknown>): unknown =>
  result.status === 'rejected' ? result.reason : undefined;
