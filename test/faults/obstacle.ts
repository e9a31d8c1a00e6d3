/**
 * What stands in one identity's way to a dependency: nothing, until a fault is raised, and nothing again once it is lifted.
 *
 *     const obstacle = createObstacle(wire);       // its gates are for a proxy of test/env/proxy.ts
 *     obstacle.raise(fault);  …  obstacle.lift();
 *     obstacle.struck()                            // requests that met a fault so far
 */
import type { Edited, Exchange, Gates, Heard, OwnAnswer, Rewritten } from '../env/proxy.ts';
import type { Effect, Fault } from './catalogue.ts';

/** What a dependency's own answers look like, and which requests are about one identity. */
export interface Wire {
  readonly concerns: (asked: Exchange) => boolean;
  /** Whether it locks or revokes. */
  readonly changes: (asked: Exchange) => boolean;
  /** An error in its form, about nothing in particular. */
  readonly refusal: (status: number, asked: Exchange) => object;
  /** In its own words: there is no such thing. Undefined where it would say something else. */
  readonly gone: (asked: Exchange) => OwnAnswer | undefined;
  /** What it answers when it has done it; or what to ask instead, so that it answers this and does nothing. */
  readonly done: (asked: Exchange) => OwnAnswer | Rewritten;
  /** An answer without what is the identity's own. */
  readonly leaveOut: (body: string, asked: Exchange) => string;
}

export interface Obstacle {
  readonly concerns: (asked: Exchange) => boolean;
  readonly gates: Required<Gates>;
  /** What would be answered to this now. */
  readonly remember: (asked: Exchange, answered: Pick<OwnAnswer, 'status' | 'body'>) => void;
  readonly raise: (fault: Fault) => void;
  readonly lift: () => void;
  readonly struck: () => number;
}

interface Raised {
  readonly fault: Fault;
  /** Resolves when it is lifted. */
  readonly over: Promise<undefined>;
  readonly end: () => void;
}

const page = '<!doctype html><html><body><h1>It works!</h1></body></html>';
const json = { 'content-type': 'application/json' };

export const createObstacle = (wire: Wire): Obstacle => {
  /** What was answered to each read, when nothing stood in the way. */
  const remembered = new Map<string, OwnAnswer>();
  let raised: Raised | undefined;
  let struck = 0;

  const meets = (asked: Exchange): Raised | undefined => {
    if (raised === undefined || !wire.concerns(asked)) return undefined;
    const { on } = raised.fault;
    return on === 'Everything' || (on === 'Changes') === wire.changes(asked) ? raised : undefined;
  };
  const strikes = <T>(what: T): T => {
    struck += 1;
    return what;
  };
  const broken = async ({ over }: Raised): Promise<false> => {
    await over;
    return false;
  };

  const before = (asked: Exchange): boolean | OwnAnswer | Rewritten | Promise<false> => {
    const met = meets(asked);
    if (met === undefined) return true;
    const instead = insteadOf(met.fault.does, asked, wire, remembered.get(keyOf(asked)));
    if (instead === undefined) return true;
    return strikes(instead === 'never' ? broken(met) : instead);
  };
  const after = (seen: Exchange & { readonly status: number }): boolean | 'cut' | Edited | Heard | Promise<false> => {
    const met = meets(seen);
    if (met === undefined) return wire.concerns(seen) && !wire.changes(seen) && raised === undefined ? remembering(seen) : true;
    switch (met.fault.does.kind) {
      case 'Hang':
        return strikes(broken(met));
      case 'Break':
        return strikes(false);
      case 'Cut':
        return strikes('cut');
      case 'LeaveOut':
        return { edit: (body) => editing(body, wire.leaveOut(body, seen)) };
      default:
        return true;
    }
  };
  const editing = (body: string, edited: string): string => (body === edited ? body : strikes(edited));
  const remember: Obstacle['remember'] = (asked, answered) => void remembered.set(keyOf(asked), { ...answered, headers: json });
  const remembering = (seen: Exchange & { readonly status: number }): Edited => ({
    edit: (body) => {
      remember(seen, { status: seen.status, body });
      return body;
    },
  });

  return {
    concerns: wire.concerns,
    gates: { onRequest: before, onAnswer: after },
    remember,
    raise: (fault) => {
      const { promise: over, resolve } = Promise.withResolvers<undefined>();
      raised = { fault, over, end: () => { resolve(undefined); } };
    },
    lift: () => {
      raised?.end();
      raised = undefined;
    },
    struck: () => struck,
  };
};

const keyOf = ({ method, path, body }: Exchange): string => `${method} ${path} ${body}`;

/** What comes of a request that meets a fault; undefined where it is passed on, and `never` where it is not answered. */
const insteadOf = (does: Effect, asked: Exchange, wire: Wire, old: OwnAnswer | undefined): false | 'never' | OwnAnswer | Rewritten | undefined => {
  switch (does.kind) {
    case 'Hang':
      return does.when === 'Before' ? 'never' : undefined;
    case 'Break':
      return does.when === 'Before' ? false : undefined;
    case 'Refuse': {
      const patience = does.retryAfter === undefined ? {} : { 'retry-after': String(does.retryAfter) };
      return { status: does.status, headers: { ...json, ...patience }, body: JSON.stringify(wire.refusal(does.status, asked)) };
    }
    case 'Gone':
      return wire.gone(asked);
    case 'Page':
      return { status: does.status, headers: { 'content-type': 'text/html' }, body: page };
    case 'Empty':
      return { status: 200, headers: json, body: '{}' };
    case 'Pretend':
      return wire.done(asked);
    case 'Stale':
      return old;
    case 'Cut':
    case 'LeaveOut':
    case 'NoSecondPage':
    case 'Deafen':
      return undefined;
  }
};
