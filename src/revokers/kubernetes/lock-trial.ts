/**
 * Whether the lock holds, tried on every API server: a ServiceAccount by the name that was locked just now is created as a dry run,
 * and it must be the policy of the lock that denies that. Each sees what was locked a little later than it was stored; one that
 * does not within a short time has lost sight of it (kubernetes/kubernetes#130887), and only a restart of it helps.
 *
 * Never tried by a token: a dry run of that gives a real one.
 */
import { denyingPolicy } from '../../kube/admission.ts';
import type { ApiServer, ApiServers } from '../../kube/api-servers.ts';
import { ApiError } from '../../kube/errors.ts';
import { pathTo } from '../../kube/path.ts';
import { apiVersionOf, serviceAccounts } from '../../kube/resources.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import type { Observation } from '../revoker.ts';
import { printable, someOf } from '../text.ts';
import type { AccountName } from './identity.ts';
import { identityPolicy } from './lock-policies.ts';

/** Tries it by an account that nobody bears and that is locked. Rejects when it could not be told which API servers there are. */
export type LockTrial = (nonce: AccountName, signal: AbortSignal) => Promise<Observation>;

/** Milliseconds for which an API server may not know yet what was stored; it takes 50 at most when all is well. */
const patience = 2_000;
const pause = 50;
/** Milliseconds for one answer. */
const answerWithin = 5_000;
/**
 * Milliseconds for which one that has answered before must answer again. One that never did is out of our reach, as behind a firewall:
 * it is named, and what it would say is not waited for.
 */
const mustAnswerAgain = 60_000;

export const lockTrialMethod = 'dry-run/serviceaccounts';

type Answer =
  | { readonly kind: 'Denied' | 'Admitted'; readonly server: string }
  | { readonly kind: 'Unreachable' | 'Other'; readonly server: string; readonly message: string };

export const createLockTrial = ({ clock, servers }: { readonly clock: Clock; readonly servers: ApiServers }): LockTrial => {
  const answeredAt = new Map<string, number>();
  const ask = async (server: ApiServer, nonce: AccountName, signal: AbortSignal): Promise<Answer> => {
    const until = clock.monotonic() + patience;
    for (;;) {
      const answer = await askOnce(server, nonce, signal);
      if (answer.kind !== 'Unreachable') answeredAt.set(server.name, clock.monotonic());
      if (answer.kind !== 'Admitted' || clock.monotonic() >= until) return answer;
      await sleep(clock, pause, signal);
    }
  };
  const isOutOfReach = ({ server }: Answer): boolean => clock.monotonic() - (answeredAt.get(server) ?? -Infinity) > mustAnswerAgain;
  return async (nonce, signal) => {
    const all = await servers.all(signal);
    return verdictOf(await Promise.all(all.map((server) => ask(server, nonce, signal))), isOutOfReach);
  };
};

/** The worst of them is the verdict. */
const verdictOf = (answers: readonly Answer[], isOutOfReach: (answer: Answer) => boolean): Observation => {
  const method = lockTrialMethod;
  const named = (kind: Answer['kind']): readonly string[] => answers.filter((answer) => answer.kind === kind).map(({ server }) => server);
  const admitting = named('Admitted');
  if (admitting.length > 0) {
    const message = `API server ${list(admitting)} does not deny what is locked: it sees the ConfigMap of the lock change no more, and must be restarted (kubernetes/kubernetes#130887)`;
    return { state: 'Absent', method, message };
  }
  const [open] = answers.filter((answer) => answer.kind === 'Other' || (answer.kind === 'Unreachable' && !isOutOfReach(answer)));
  if (open !== undefined && 'message' in open) return { state: 'Unknown', method, message: `API server ${open.server}: ${open.message}` };
  const [denying, silent] = [named('Denied'), named('Unreachable')];
  if (denying.length === 0) return { state: 'Unknown', method, message: `no API server could be reached: ${list(silent)}` };
  const beside = silent.length === 0 ? '' : `; not tried, as it cannot be reached: ${list(silent)}`;
  return { state: 'Present', method, message: `tried on ${denying.length} API server${denying.length === 1 ? '' : 's'}${beside}` };
};

const list = (names: readonly string[]): string => printable(someOf([...names].sort(), 8), 300);

const askOnce = async ({ name: server, transport }: ApiServer, { namespace, name }: AccountName, signal: AbortSignal): Promise<Answer> => {
  try {
    const answer = await transport.request({
      verb: 'create',
      resource: serviceAccounts.plural,
      method: 'POST',
      path: pathTo(serviceAccounts, { namespace }, { dryRun: 'All', fieldManager: 'offboard' }),
      body: { apiVersion: apiVersionOf(serviceAccounts), kind: serviceAccounts.kind, metadata: { name, namespace } },
      timeout: answerWithin,
      signal,
    });
    return isThat(answer, name) ? { kind: 'Admitted', server } : { kind: 'Other', server, message: 'the answer is not that of an API server' };
  } catch (error) {
    if (signal.aborted) throw error;
    return { server, ...classifyRefusal(error) };
  }
};

/** Only the policy itself says that it denies; all else leaves open what it would have said. */
export const classifyRefusal = (error: unknown): { readonly kind: 'Denied' } | { readonly kind: 'Unreachable' | 'Other'; readonly message: string } => {
  const policy = denyingPolicy(error);
  if (policy === identityPolicy) return { kind: 'Denied' };
  if (policy !== undefined) return { kind: 'Other', message: `the policy ${printable(policy)} answered before ${identityPolicy} could` };
  const isSilent = error instanceof ApiError && error.code === 0 && (error.reason === 'Transport' || error.reason === 'Timeout');
  return { kind: isSilent ? 'Unreachable' : 'Other', message: error instanceof ApiError ? error.message : 'the request failed' };
};

const isThat = (answer: unknown, name: string): boolean => {
  const { kind, metadata } = (answer ?? {}) as { readonly kind?: unknown; readonly metadata?: { readonly name?: unknown } };
  return kind === serviceAccounts.kind && metadata?.name === name;
};
