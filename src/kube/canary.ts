/**
 * Canaries for the API servers themselves: tokens of a ServiceAccount that they take, bound to an empty Secret beside it. With that
 * Secret the token ends, whatever becomes of the account; by its name, which is made of the account's UID, any process finds it again; and
 * the account owns it, so that the garbage collector takes it where no run does.
 * https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
 */
import { createHash } from 'node:crypto';

import type { Clock } from '../runtime/clock.ts';
import { retryable } from '../runtime/outcome.ts';
import type { KubeClient } from './client.ts';
import { isAdmissionDenied, isDeniedByLock, isAlreadyExists, isConflict, isNamespaceTerminating, isNotFound, isRbacForbidden, toOutcome } from './errors.ts';
import type { KubeObject } from './objects.ts';
import { apiVersionOf, namespaces, secrets, serviceAccounts } from './resources.ts';
import { type CanaryAccount, lifetimeSeconds, mayNot, requestToken, uidIn } from './tokens.ts';
import type { Transport } from './transport.ts';

/** In memory alone. */
export interface BoundCanary {
  readonly token: string;
  /** A monotonic time by which it is over, in the words of our own clock. */
  readonly until: number;
}

/** Nothing can be tried, for a reason that lies in the account or its namespace, and that nobody needs to mend. */
export interface NoCanary {
  readonly impossible: string;
}

export interface BoundCanaries {
  /**
   * One for the audience that the API servers have for themselves, in place of any that was made for the account before. Rejects with
   * an `OutcomeError`: `NeedsPerson` names the right that is missing, or the policy that says no.
   */
  readonly make: (account: CanaryAccount, signal: AbortSignal) => Promise<BoundCanary | NoCanary>;
  /** Deletes the Secret, whoever made it, and sees that it is gone; with it go all canaries of the account. Rejects until that was seen. */
  readonly remove: (account: CanaryAccount, signal: AbortSignal) => Promise<void>;
}

interface Options {
  readonly client: KubeClient;
  /** As the operator, to the server that is configured. */
  readonly transport: Transport;
  readonly clock: Clock;
}

/** What the admission policies of Offboard's own account know its Secrets by. The type of a Secret never changes. */
export const canaryType = 'offboard.dev/canary';
const canaryPrefix = 'offboard-canary-';

/** Of the account as it is, not as it is called: one that was made anew has another. */
export const canaryName = (uid: string): string => `${canaryPrefix}${createHash('sha256').update(uid).digest('hex').slice(0, 32)}`;

export const createBoundCanaries = (options: Options): BoundCanaries => ({
  make: async (account, signal) => {
    try {
      return await make(options, account, signal);
    } catch (error) {
      const impossible = signal.aborted ? undefined : whyImpossible(error, account);
      if (impossible !== undefined) return { impossible };
      throw told(error, 'create serviceaccounts/token', account, signal);
    }
  },
  remove: (account, signal) => remove(options, account, signal),
});

const make = async ({ client, transport, clock }: Options, account: CanaryAccount, signal: AbortSignal): Promise<BoundCanary | NoCanary> => {
  const name = canaryName(account.uid);
  const bound = await createSecret(client, account, signal);
  if (bound === 'NotOurs') return { impossible: `a Secret "${name}" that is not Offboard's is in the way` };
  if (bound === 'Held') return { impossible: `a Secret "${name}" is in the way, and stays when it is deleted: something holds it, such as a finalizer` };
  const until = clock.monotonic() + lifetimeSeconds * 1000;
  const token = await requestToken(transport, account, { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name, uid: bound.uid } }, signal);
  // Not every API server holds a token to the UID that it was asked for.
  return uidIn(token) === account.uid ? { token, until } : { impossible: 'the token that was made is not one of this account' };
};

/**
 * `NotOurs`: one of another type has the name. `Held`: one that does not go when it is deleted. Whoever may make Secrets beside the account
 * can put either there beforehand, and keeps nobody from being retired by it.
 */
const createSecret = async (client: KubeClient, account: CanaryAccount, signal: AbortSignal): Promise<{ readonly uid: string } | 'NotOurs' | 'Held'> => {
  const { namespace, name, uid } = account;
  // Where nobody is left to delete it, it goes with the account.
  const owner = { apiVersion: apiVersionOf(serviceAccounts), kind: serviceAccounts.kind, name, uid };
  const body = { type: canaryType, metadata: { name: canaryName(uid), labels: { 'app.kubernetes.io/managed-by': 'offboard' }, ownerReferences: [owner] } };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { uid: (await client.create(secrets, namespace, body, { signal, metadataOnly: true })).metadata.uid };
    } catch (error) {
      if (!isAlreadyExists(error)) throw told(error, 'create secrets', account, signal);
      if (attempt > 1) return 'Held';
    }
    // Left by a process that is gone, with a token that nobody has any more.
    if ((await deleteOnce(client, account, signal)) === 'NotOurs') return 'NotOurs';
  }
};

const remove = async ({ client }: Options, account: CanaryAccount, signal: AbortSignal): Promise<void> => {
  const first = await deleteOnce(client, account, signal);
  // It may not be read, so that only the next deletion tells whether it is gone.
  if (first !== 'Accepted' || (await deleteOnce(client, account, signal)) !== 'Accepted') return;
  const what = `Secret "${canaryName(account.uid)}" in namespace "${account.namespace}"`;
  throw retryable('CanaryLeft', `${what}, to which a canary is bound, is still there after its deletion: something holds it, such as a finalizer`);
};

/**
 * Without a precondition: whatever is ours under that name is of this very account, and is to go. `NotOurs`: it is of another type, and
 * the fence around Offboard's account keeps it; so that there is none of ours.
 */
const deleteOnce = async (client: KubeClient, account: CanaryAccount, signal: AbortSignal): Promise<'Accepted' | 'Gone' | 'NotOurs'> => {
  const { namespace, uid } = account;
  const name = canaryName(uid);
  try {
    await client.delete(secrets, { namespace, name }, {}, { signal });
    return 'Accepted';
  } catch (error) {
    if (isNotFound(error, secrets, name)) return 'Gone';
    if (isRbacForbidden(error) && (await wentWithNamespace(client, namespace, signal))) return 'Gone';
    if (isAdmissionDenied(error) && (error as Error).message.includes("'offboard-fence-removals'")) return 'NotOurs';
    throw told(error, 'delete secrets', account, signal);
  }
};

/**
 * The right to delete it may have gone with the namespace before the last of what is in there has, such as the Offboarding itself. The
 * namespace tells what is left, once everything was deleted.
 */
const wentWithNamespace = async (client: KubeClient, name: string, signal: AbortSignal): Promise<boolean> => {
  try {
    const { metadata, status } = await client.get<Namespace>(namespaces, { name }, { signal });
    if (metadata.deletionTimestamp === undefined) return false;
    const remaining = status?.conditions?.find(({ type }) => type === 'NamespaceContentRemaining');
    if (remaining !== undefined && !/\bsecrets\. has\b/.test(remaining.message ?? '')) return true;
    throw retryable('CanaryLeft', `namespace "${name}" is being deleted, and the Secret of the canary with it`);
  } catch (error) {
    if (isNotFound(error, namespaces, name)) return true;
    throw signal.aborted ? error : toOutcome(error);
  }
};

interface Namespace extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly message?: string }[] };
}

const whyImpossible = (error: unknown, { namespace, name }: CanaryAccount): string | undefined => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (isNamespaceTerminating(cause)) return 'its namespace is being deleted, and nothing can be made there any more';
  if (isNotFound(cause, namespaces, namespace)) return 'its namespace is gone';
  if (isNotFound(cause, serviceAccounts, name)) return 'it was gone before the run could try it';
  // A conflict of the Secret, which somebody has replaced, is none of the account.
  if (isConflict(cause) && (cause as Error).message.includes('the UID in the token request')) return 'another ServiceAccount has its name by now';
  if (isDeniedByLock(cause)) return 'it was locked already, and tokens of it are not made any more';
  return undefined;
};

const told = (error: unknown, what: string, { namespace }: CanaryAccount, signal: AbortSignal): unknown => {
  if (signal.aborted) return error;
  return isRbacForbidden(error) ? mayNot(what, namespace) : toOutcome(error);
};
