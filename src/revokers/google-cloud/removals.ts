/**
 * Takes members out of one policy, for all who wait for that: one read, one write.
 *
 *   read ──▶ is each e-mail still that account's? ──▶ without the members, all else as it was ──▶ write by the etag ──▶ accepted
 *     ▲                                                                                             │
 *     └──────────── somebody else was faster (409, 412): all of it again, after a pause ────────────┘
 */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { createBackoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/clock.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { needsPerson, type OutcomeError, retryable } from '../../runtime/outcome.ts';
import type { Random } from '../../runtime/random.ts';
import type { GoogleClient } from './api.ts';
import { classifySet, failureOf } from './errors.ts';
import { isMemberOf } from './members.ts';
import { type Policy, type Triple, tripleKey, triplesOf, withoutTriples } from './policies.ts';
import { type AccountName, readAccount, readPolicy } from './reads.ts';
import { parseResource, type Resource, setPolicy } from './resources.ts';

export interface Removal {
  /** Which members, of a policy as it is now. */
  readonly select: (triple: Triple) => boolean;
  /** Whose those are that are members by this e-mail, which may by now be another account's. */
  readonly heldBy?: { readonly project: string; readonly email: string; readonly uniqueId: string };
}

export type RemovalAnswer = 'Accepted' | 'NothingThere' | OutcomeError;

export interface RemovalOptions {
  readonly client: GoogleClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly concurrency: number;
}

/** Somebody else may be faster this often before a run backs off. */
const mostCycles = 12;

export const removeMembers = async (options: RemovalOptions, name: string, removals: readonly Removal[], signal: AbortSignal): Promise<readonly RemovalAnswer[]> => {
  const resource = parseResource(name);
  if (resource === undefined) throw new Error('a resource that cannot be named reached a policy');
  const pause = createBackoff({ base: 100, factor: 1.6, max: 4_000, jitter: 1, random: options.random });
  for (let cycle = 0; cycle < mostCycles; cycle += 1) {
    const answers = await oneCycle(options, resource, removals, signal);
    if (answers !== 'Conflict') return answers;
    await sleep(options.clock, pause.next(cycle), signal);
  }
  throw retryable('Conflict', `the policy of ${resource.name} keeps changing while members are being taken out of it`);
};

const oneCycle = async (
  options: RemovalOptions,
  resource: Resource,
  removals: readonly Removal[],
  signal: AbortSignal,
): Promise<readonly RemovalAnswer[] | 'Conflict'> => {
  const { client } = options;
  const policy = await readPolicy(client, resource, signal);
  if (policy === undefined) return removals.map(() => 'NothingThere');
  const wanted = removals.map(({ select }) => triplesOf(policy).filter(select));
  const refusals = await refusalsAmong(options, removals, wanted, signal);
  const leaving = uniqueTriples(wanted.filter((_, index) => refusals[index] === undefined).flat());
  const outcome = await write(client, resource, policy, leaving, signal);
  if (outcome === 'Conflict') return outcome;
  return removals.map((_, index) => refusals[index] ?? (wanted[index]?.length === 0 ? 'NothingThere' : 'Accepted'));
};

const uniqueTriples = (triples: readonly Triple[]): readonly Triple[] => [...new Map(triples.map((triple) => [tripleKey(triple), triple])).values()];

const write = async (client: GoogleClient, resource: Resource, policy: Policy, leaving: readonly Triple[], signal: AbortSignal): Promise<'Written' | 'Conflict'> => {
  const document = withoutTriples(policy, leaving);
  if (document === undefined) return 'Written';
  const answer = await client.request(setPolicy(resource, document), signal);
  const verdict = classifySet(answer);
  if (verdict.state === 'Unknown')
    throw failureOf(answer, { doing: `taking members out of the policy of ${resource.name}`, permission: `${resource.permissions}.setIamPolicy`, on: resource.name }, verdict.message);
  return verdict.state === 'Conflict' ? 'Conflict' : 'Written';
};

/**
 * Asked after the policy was read: an account that took the e-mail before that is seen here, and one that takes it later and gets a
 * role changes the etag.
 */
const refusalsAmong = async (
  { client, concurrency }: RemovalOptions,
  removals: readonly Removal[],
  wanted: readonly (readonly Triple[])[],
  signal: AbortSignal,
): Promise<readonly (OutcomeError | undefined)[]> => {
  const holders = removals.map(({ heldBy }, index) => (heldBy !== undefined && wanted[index]?.some(({ member }) => isMemberOf(member, heldBy.email)) === true ? heldBy : undefined));
  // Once for all roles of an account: the sooner the write, the fewer come between.
  const emails = new Map(holders.flatMap((holder) => (holder === undefined ? [] : [[holder.email, holder]])));
  const found = await mapBounded(
    [...emails.values()],
    concurrency,
    async ({ project, email }) => {
      const name: AccountName = { project, email };
      return [email, await readAccount(client, name, signal)] as const;
    },
    signal,
  );
  const accounts = new Map(found);
  return holders.map((holder) => {
    const account = holder === undefined ? undefined : accounts.get(holder.email);
    // Where nobody has the e-mail, the member is what is left of the account that had it.
    return holder === undefined || account === undefined || account.uniqueId === holder.uniqueId ? undefined : recreated(holder.email, holder.uniqueId, account.uniqueId);
  });
};

export const recreated = (email: string, uniqueId: string, now: string): OutcomeError =>
  needsPerson(reasons.identityRecreated, `${email} is by now another service account (unique id ${now}, not ${uniqueId}), which is left alone`);
