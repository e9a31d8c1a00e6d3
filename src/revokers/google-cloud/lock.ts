/**
 * Stops the service account from being used by disabling it, with a mark in its description, so that it is known who did.
 *
 *   enabled ──marked, by the etag──▶ enabled, marked ──:disable──▶ disabled, marked ──unlock: :enable──▶ enabled, marked ──▶ enabled
 *
 * What somebody else disabled has no mark, and stays as it is. What others use as well is not disabled.
 */
import { createHash } from 'node:crypto';

import { alreadyLocked } from '../../kube/tokens.ts';
import { OutcomeError, needsPerson, retryable } from '../../runtime/outcome.ts';
import type { Observation } from '../revoker.ts';
import { readSharers, readStanding, sharedBy, type Standing } from './account.ts';
import { describeAnswer } from './answers.ts';
import { type Account, classifyEnd, failureOf } from './errors.ts';
import { identityKey, type Look } from './look.ts';
import { accountPath, readAccount } from './reads.ts';

type Current = Extract<Standing, { readonly state: 'Current' }>;

export const lock = async (look: Look): Promise<void> => {
  const standing = await readStanding(look);
  if (standing.state !== 'Current') return;
  // The last question before the account is touched.
  if ((await readSharers(look, standing, 'Fresh')).length > 0) return;
  if (!standing.account.disabled) await disable(look, standing, true);
};

/**
 * Before any lock, after which nobody could tell a refusal that it caused from any other. Where the cluster has locked the identity
 * already, as one did that ended half-way, there is no token to try, and its policies are observed instead.
 */
export const takeControl = async (look: Look): Promise<void> => {
  const { probe, dependency, target, connection, memory, signal } = look;
  if (probe === undefined || dependency.probe !== true) return;
  const standing = await readStanding(look);
  if (standing.state !== 'Current' || standing.account.disabled) return;
  const worked = await probe.control({ target, dependency, settings: connection.settings }, signal).catch((error: unknown) => {
    if (error instanceof OutcomeError && error.reason === alreadyLocked) return 'Refused';
    throw error;
  });
  memory.refusedControls.set(identityKey(look), worked === 'Refused');
};

/** Without a mark where the account is not meant to be enabled again. */
export const disable = async (look: Look, { project, account }: Current, marked: boolean): Promise<void> => {
  const text = markOf(look);
  if (marked && !isMarked(account, text) && hasRoom(account, text)) await describe(look, project, account, `${account.description}${text}`);
  await switchTo(look, project, account, 'disable');
};

/** Takes back what {@link lock} did for this identity, and nothing that somebody else did. */
export const unlock = async (look: Look): Promise<void> => {
  const standing = await readStanding(look);
  if (standing.state !== 'Current') return;
  const { project, account } = standing;
  const text = markOf(look);
  if (!isMarked(account, text)) {
    if (account.disabled && !hasRoom(account, text)) throw undecided(standing);
    return;
  }
  if (account.disabled) await switchTo(look, project, account, 'enable');
  // What changed by enabling it is its etag.
  const now = account.disabled ? await readAccount(look.connection.client, { project, uniqueId: account.uniqueId }, look.signal) : account;
  if (now === undefined || !isMarked(now, text)) return;
  await describe(look, project, now, now.description.replace(text, ''));
};

const undecided = ({ email, project }: Current): Error =>
  needsPerson(
    'LockUnmarked',
    `${email} is disabled, and its description has no room for the mark by which Offboard would know that it did that. If nobody else did: gcloud iam service-accounts enable ${email} --project=${project}`,
  );

/** The same length whatever the identity is called, and no name of it for all to read. */
const markOf = ({ target: { serviceAccount } }: Look): string => {
  const { namespace, name, uid = '' } = serviceAccount;
  return ` [disabled by Offboard: ${createHash('sha256').update(JSON.stringify([namespace, name, uid])).digest('hex').slice(0, 16)}]`;
};

/** Bytes of a description, by the API. */
const longestDescription = 256;

/** Anywhere: somebody may have written more since. */
const isMarked = ({ description }: Account, text: string): boolean => description.includes(text);

const hasRoom = ({ description }: Account, text: string): boolean => Buffer.byteLength(description + text) <= longestDescription;

const describe = async ({ connection: { client }, signal }: Look, project: string, { uniqueId, etag }: Account, description: string): Promise<void> => {
  const path = accountPath({ project, uniqueId });
  const answer = await client.request({ method: 'PATCH', service: 'iam', path, body: { serviceAccount: { description, etag }, updateMask: 'description' } }, signal);
  // It is told what the mask names, and not the whole account.
  const verdict = classifyEnd(answer);
  if (verdict.state === 'Unknown') throw failureOf(answer, { doing: 'marking the service account', permission: 'iam.serviceAccounts.update', on: path.slice(1).join('/') }, verdict.message);
  if (verdict.state === 'NothingThere') throw retryable('Conflict', `the service account went while it was being marked: ${describeAnswer(answer)}`);
};

const switchTo = async ({ connection: { client }, signal }: Look, project: string, { uniqueId }: Account, verb: 'disable' | 'enable'): Promise<void> => {
  const path = accountPath({ project, uniqueId });
  const answer = await client.request({ method: 'POST', service: 'iam', path, verb, body: {} }, signal);
  const verdict = classifyEnd(answer);
  if (verdict.state === 'Unknown') throw failureOf(answer, { doing: `${verb.slice(0, -1)}ing the service account`, permission: `iam.serviceAccounts.${verb}`, on: path.slice(1).join('/') }, verdict.message);
};

const method = 'get/serviceAccounts';

/** Seen to hold when the account is disabled, and where there is none, or none that may be disabled. */
export const observeLock = async (look: Look): Promise<Observation> => {
  const standing = await readStanding(look);
  if (standing.state !== 'Current') return { state: 'Present', method, message: 'there is no service account to disable' };
  const { account, email } = standing;
  if (account.disabled) {
    const unmarked = !isMarked(account, markOf(look)) && !hasRoom(account, markOf(look));
    return { state: 'Present', method, ...(unmarked && { message: 'its description has no room for a mark, so that a cancel would ask a person to enable it' }) };
  }
  const sharers = await readSharers(look, standing, 'Fresh');
  if (sharers.length > 0) return { state: 'Present', method, message: `${email} is not disabled, since others use it: ${sharedBy(sharers)}` };
  return { state: 'Absent', method, message: `${email} is not disabled` };
};
