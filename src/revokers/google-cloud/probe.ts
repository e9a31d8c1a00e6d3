/**
 * Acts as the service account as the identity does: a token of its ServiceAccount, exchanged at the security token service, asks for
 * an access token of the account. It must work before the lock; a refusal means something only then.
 */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { CanaryAccount, Canaries } from '../../kube/tokens.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Connect } from '../../runtime/http-pool.ts';
import { type HttpClient, HttpError, createHttpClient } from '../../runtime/http.ts';
import { OutcomeError, invalid, needsPerson, retryable } from '../../runtime/outcome.ts';
import { redactText } from '../../runtime/redact.ts';
import { createTimedMemory } from '../../runtime/timed-memory.ts';
import { fieldOf, jsonOf, textOf } from '../fields.ts';
import type { Observation, Tried } from '../revoker.ts';
import type { Attempt, ImpersonationProbe, WorkloadIdentityPool } from './api.ts';
import type { AccessTokenAnswer } from './iam-credentials.ts';
import { exchangeForm } from './token-exchange.ts';

export interface ProbeOptions {
  readonly canaries: Canaries;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly connect?: Connect | undefined;
}

export interface OwnImpersonationProbe extends ImpersonationProbe {
  readonly close: () => Promise<void>;
}

const method = 'probe/generateAccessToken';
/** Milliseconds. What is tried in the last moments of a canary may be refused because it is over. */
const margin = 15_000;
/** Milliseconds that a canary must have left for a run not to take another one. */
const enough = 300_000;
/** Of identities that are being retired at the same time. */
const mostRemembered = 10_000;
const maxBody = 2 ** 20;

type Provider = NonNullable<WorkloadIdentityPool['provider']>;

/** What worked: the canary that did, in memory alone, and the way in for which it was made. */
interface Control {
  readonly provider: Provider;
  readonly token: string;
  readonly until: number;
  readonly workedAt: Date;
}

type Addresses = Readonly<Record<'sts' | 'iamcredentials', HttpClient>>;

export const createImpersonationProbe = ({ canaries, clock, userAgent, connect }: ProbeOptions): OwnImpersonationProbe => {
  const controls = createTimedMemory<readonly Control[]>(clock, mostRemembered);
  const clients = new Map<string, HttpClient>();
  const clientOf = (base: string): HttpClient => {
    const client = clients.get(base) ?? createHttpClient({ base, clock, userAgent, maxBody, connect });
    clients.set(base, client);
    return client;
  };
  const addressesOf = ({ settings: { endpoints } }: Attempt): Addresses => ({
    sts: clientOf(endpoints['sts'] ?? 'https://sts.googleapis.com'),
    iamcredentials: clientOf(endpoints['iamcredentials'] ?? 'https://iamcredentials.googleapis.com'),
  });

  const controlOne = async (attempt: Attempt, provider: Provider, signal: AbortSignal): Promise<Control | undefined> => {
    const name = nameOf(attempt);
    const { token, until } = await canaries.issue(accountOf(attempt), provider.tokenAudience, signal);
    const answer = await tryWith(addressesOf(attempt), attempt, { provider, token }, signal);
    if (answer.granted) return { provider, token, until: until - margin, workedAt: clock.now() };
    if (isRefusal(answer)) return undefined;
    throw unexpected(`asking for an access token of ${name}`, answer.status, whyOf(answer));
  };

  return {
    control: async (attempt, signal) => {
      const providers = attempt.settings.pools.flatMap(({ provider }) => provider ?? []);
      if (providers.length === 0) throw invalid(reasons.invalidSpec, 'a probe is asked for, and no workload identity pool of the Connector names a provider to log in by');
      const key = keyOf(attempt);
      if ((controls.get(key) ?? []).some(({ until }) => until - clock.monotonic() >= enough)) return 'Worked';
      const worked: Control[] = [];
      try {
        for (const provider of providers) {
          const control = await telling(controlOne(attempt, provider, signal), signal);
          if (control !== undefined) worked.push(control);
        }
      } catch (error) {
        // The one from before goes on while it lives.
        if (signal.aborted || (controls.get(key) ?? []).length === 0) throw error;
        return 'Worked';
      }
      // What worked before and does not any more proves nothing from now on.
      controls.set(key, worked, Math.min(...worked.map(({ until }) => until)));
      return worked.length > 0 ? 'Worked' : 'Refused';
    },
    attempt: async (attempt, signal) => {
      const worked = controls.get(keyOf(attempt)) ?? [];
      if (worked.length === 0) return undefined;
      const told: Observation[] = [];
      for (const control of worked) told.push(await observeWith(addressesOf(attempt), attempt, control, signal));
      const open = told.find(({ state }) => state === 'Present') ?? told.find(({ state }) => state === 'Unknown');
      if (open?.state === 'Present') return { ...open, tried: { ...triedBy(worked), refusals: 0 } };
      // A canary that ran out meanwhile may have been refused for that.
      if (worked.some(({ until }) => until <= clock.monotonic())) return undefined;
      return open ?? { state: 'Absent', method, tried: triedBy(worked) };
    },
    close: async () => {
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };
};

/**
 * Google answers at one address for servers that nobody can tell apart, and that learn of a change for up to seven minutes: no refusal
 * there is one of the source itself. That two of them span the settle time is what counts.
 */
const triedBy = (worked: readonly Control[]): Tried => ({
  controlAt: new Date(Math.min(...worked.map(({ workedAt }) => workedAt.getTime()))),
  refusals: worked.length,
  servers: 1,
});

const observeWith = async (addresses: Addresses, attempt: Attempt, control: Control, signal: AbortSignal): Promise<Observation> => {
  try {
    const answer = await tryWith(addresses, attempt, control, signal);
    if (answer.granted) return { state: 'Present', method, message: `a login by the ServiceAccount still gets an access token of ${nameOf(attempt)}` };
    if (isRefusal(answer)) return { state: 'Absent', method };
    return { state: 'Unknown', method, message: unexpected(`asking for an access token of ${nameOf(attempt)}`, answer.status, whyOf(answer)).message };
  } catch (error) {
    return { state: 'Unknown', method, message: redactText(error instanceof Error ? error.message : 'the probe failed') };
  }
};

const tryWith = async ({ sts, iamcredentials }: Addresses, attempt: Attempt, control: Pick<Control, 'provider' | 'token'>, signal: AbortSignal): Promise<AccessTokenAnswer> => {
  const token = await exchange(sts, control, signal);
  // Loaded by the first who has a use for it.
  const { generateAccessToken } = await import('./iam-credentials.ts');
  return generateAccessToken({ http: iamcredentials, account: nameOf(attempt), token, signal });
};

const exchange = async (http: HttpClient, { provider, token }: Pick<Control, 'provider' | 'token'>, signal: AbortSignal): Promise<string> => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
  const { status, body } = await http.request({ method: 'POST', path: '/v1/token', headers, body: exchangeForm(token, provider.audience), signal });
  const answer = jsonOf(body);
  const granted = textOf(answer, 'access_token') ?? '';
  if (status === 200 && granted !== '') return granted;
  throw unexpected('exchanging a token of the ServiceAccount', status, textOf(answer, 'error_description') ?? textOf(answer, 'error'));
};

/** By its unique id where that is known: another account may have the e-mail. */
const nameOf = ({ dependency: { serviceAccount } }: Attempt): string => {
  if (serviceAccount === undefined) throw invalid(reasons.invalidSpec, 'a probe is asked for, and no serviceAccount is named that could be tried');
  return serviceAccount.uniqueId ?? serviceAccount.email;
};

const accountOf = ({ target: { serviceAccount } }: Attempt): CanaryAccount => {
  const { uid, ...account } = serviceAccount;
  if (uid === undefined) throw needsPerson(reasons.identityUnknown, `the UID of ServiceAccount "${account.name}" is not known, so that no token of it can be made for a probe`);
  return { ...account, uid };
};

/** The same way in of the same identity to the same account, by the same services. */
const keyOf = (attempt: Attempt): string => {
  const { target, dependency, settings } = attempt;
  return JSON.stringify([target.serviceAccount, dependency.serviceAccount ?? {}, settings.endpoints, settings.pools.map(({ provider }) => provider ?? {})]);
};

/**
 * Google itself says that the permission is missing. It answers 403 as well where an API is switched off or a perimeter is in the
 * way, and then names another reason: that proves nothing about the identity.
 */
const isRefusal = ({ status, body }: AccessTokenAnswer): boolean => {
  const error = fieldOf(body, 'error');
  if (status !== 403 || fieldOf(error, 'code') !== 403 || fieldOf(error, 'status') !== 'PERMISSION_DENIED') return false;
  const details = fieldOf(error, 'details');
  const named = (Array.isArray(details) ? (details as readonly unknown[]) : []).flatMap((each) => fieldOf(each, 'reason') ?? []);
  return named.every((reason) => reason === 'IAM_PERMISSION_DENIED');
};

const whyOf = ({ status, body, granted }: AccessTokenAnswer): string | undefined =>
  status === 200 && !granted ? 'there is no token in the answer' : textOf(fieldOf(body, 'error'), 'message');

const longestWords = 300;

/** What is our or Google's trouble passes; what somebody has set up otherwise does not. */
const unexpected = (what: string, status: number, words: string | undefined): OutcomeError => {
  const message = `the probe could not be made: ${what} is answered with HTTP ${String(status)}${words === undefined ? '' : `: ${redactText(words, longestWords)}`}`;
  const passes = status < 400 || status >= 500 || status === 429 || status === 408 || words === undefined;
  return passes ? retryable(reasons.dependencyUnavailable, message) : needsPerson(reasons.loginRefused, message);
};

const telling = async <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  try {
    return await work;
  } catch (error) {
    if (signal.aborted || error instanceof OutcomeError) throw error;
    const message = error instanceof HttpError ? error.message : 'the probe failed';
    throw retryable(reasons.dependencyUnavailable, redactText(message), { cause: error });
  }
};
