/** Who acts, and whether they mean it. */
import { selfSubjectReviews } from '../kube/resources.ts';
import type { Cluster } from './cluster.ts';
import { exitCodes } from './command.ts';
import type { Io } from './command.ts';
import type { Flags } from './flags.ts';
import { widthOf, wrap } from './screen.ts';

export const yesFlag = {
  yes: { type: 'boolean', short: 'y', text: 'do not ask whether it is meant (nobody is asked where there is no terminal)' },
} as const satisfies Flags;

/** Asks on a terminal; elsewhere, and with --yes, it is meant. */
export const isMeant = async (question: string, yes: boolean, io: Io): Promise<boolean> => {
  if (yes || io.ask === undefined) return true;
  io.err(wrap(question, widthOf(io.columns), ''));
  const answer = (await io.ask('[y/N] ')).trim();
  if (/^y(es)?$/i.test(answer)) return true;
  io.err(`${answer === '' ? '\n' : ''}nothing was done\n`);
  return false;
};

/** Of what was not meant. */
export const notMeant = exitCodes.no;

interface SelfSubjectReview {
  readonly status?: { readonly userInfo?: { readonly username?: string } };
}

/**
 * As the API server knows who asks. Clusters that are older than Kubernetes 1.36 cannot stamp who asked, and only hold a claim to
 * the truth; so it is claimed, and newer ones write over it. Undefined where they do not tell.
 */
export const whoAmI = async ({ client, signal }: Cluster): Promise<string | undefined> => {
  try {
    const { status } = await client.review<SelfSubjectReview>(selfSubjectReviews, {}, { signal });
    return status?.userInfo?.username === '' ? undefined : status?.userInfo?.username;
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
};
