/** What can go wrong at the server itself. What goes wrong on the way there or back is the network's. */
import type { Answer } from '../../fakes/google-cloud/answers.ts';
import { failure, notFound } from '../../fakes/google-cloud/answers.ts';
import type { Core } from '../../fakes/google-cloud/core.ts';
import type { Match } from '../../fakes/google-cloud/knobs.ts';

export type Refusal = 'Unauthenticated' | 'Forbidden' | 'NotFound' | 'Conflict' | 'TooManyRequests' | 'ServerError' | 'Unavailable';

export interface Delays {
  /** Milliseconds for which what was taken away goes on working. */
  readonly propagation?: number;
  /** Milliseconds by which policies, accounts with keys, and the search of assets are read as they were. */
  readonly stalePolicies?: number;
  readonly staleAccounts?: number;
  readonly assetLag?: number;
}

export interface Refusing extends Match {
  readonly times: number;
  /** In seconds, as `Retry-After` has it. */
  readonly retryAfter?: number;
  /** The refusal is a lie: it was done. */
  readonly applied?: boolean;
}

/** Takes back what is left of it, and nothing else. */
export type Undo = () => void;

export interface GoogleKnobs {
  readonly delay: (delays: Delays) => void;
  /** The next so many of these calls are refused. A 403 does not tell whether there is such a thing, nor does a 404 name it. */
  readonly refuse: (how: Refusal, which: Refusing) => Undo;
  /** The next so many writes are answered as if they were done, and nothing happens. */
  readonly swallow: (times: number, match?: Match) => Undo;
  /** The next so many writes are answered as if they were done, and are decided on in so many milliseconds: by then they may fail. */
  readonly queue: (times: number, delay: number, match?: Match) => Undo;
  /** `testIamPermissions` says yes to all. */
  readonly failOpen: (on: boolean) => void;
  /** Nothing goes wrong any more. What is queued still comes. */
  readonly calm: () => void;
}

/** What becomes of a write; undefined: it is done. */
export type Fate = 'Swallowed' | { readonly inMilliseconds: number };

interface Doomed {
  readonly match: Match;
  readonly path: RegExp | undefined;
  readonly fate: Fate;
  left: number;
}

export interface ServerFaults extends GoogleKnobs {
  /** Milliseconds, as it was turned. */
  readonly propagation: () => number;
  readonly fateOf: (write: { readonly service: string; readonly method: string; readonly path: string }) => Fate | undefined;
}

const answers: Readonly<Record<Refusal, Answer>> = {
  Unauthenticated: failure(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.'),
  Forbidden: failure(403, 'PERMISSION_DENIED', 'Permission denied on resource (or it may not exist).'),
  NotFound: notFound('Requested entity was not found.'),
  Conflict: failure(409, 'ABORTED', 'There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.'),
  TooManyRequests: failure(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded for quota metric.'),
  ServerError: failure(500, 'INTERNAL', 'Internal error encountered.'),
  Unavailable: failure(503, 'UNAVAILABLE', 'The service is currently unavailable.'),
};

/** `turned` is told when what was true may be so no more because of that. */
export const createServerFaults = ({ knobs }: Pick<Core, 'knobs'>, turned: () => void): ServerFaults => {
  let propagation = 0;
  const doomed: Doomed[] = [];
  const doom = (left: number, fate: Fate, match: Match): Undo => {
    const one: Doomed = { match, path: match.path === undefined ? undefined : new RegExp(match.path), fate, left };
    doomed.push(one);
    return () => {
      const index = doomed.indexOf(one);
      if (index >= 0) doomed.splice(index, 1);
    };
  };
  return {
    propagation: () => propagation,
    delay: (delays) => {
      knobs.set(delays);
      propagation = delays.propagation ?? propagation;
      turned();
    },
    refuse: (how, { times, retryAfter, applied, ...match }) => {
      const { status, body } = answers[how];
      const id = knobs.add({ match, times, fault: { kind: 'status', status, body, ...(retryAfter !== undefined && { retryAfter: String(retryAfter) }), ...(applied !== undefined && { applied }) } });
      return () => { knobs.remove(id); };
    },
    swallow: (times, match = {}) => doom(times, 'Swallowed', match),
    queue: (times, delay, match = {}) => doom(times, { inMilliseconds: delay }, match),
    failOpen: (on) => { knobs.set({ testPermissionsFailOpen: on }); },
    calm: () => {
      knobs.reset();
      doomed.length = 0;
      propagation = 0;
      turned();
    },
    fateOf: ({ service, method, path }) => {
      const index = doomed.findIndex(({ match, path: pattern }) => (match.service ?? service) === service && (match.method ?? method) === method && pattern?.test(path) !== false);
      const found = doomed[index];
      if (found === undefined) return undefined;
      found.left -= 1;
      if (found.left <= 0) doomed.splice(index, 1);
      return found.fate;
    },
  };
};
