/**
 * What stands in one identity's way to a dependency: nothing, until a fault is raised, and nothing again once it is lifted.
 *
 *     const obstacle = createObstacle(wire);       // its gates are for a proxy of test/env/proxy.ts
 *     obstacle.raise(fault);  …  obstacle.lift();
 *     obstacle.struck()                            // requests that met a fault so far
 */
import type { Edited, Exchange, Gates, Heard, Late, OwnAnswer, Rewritten, Stalled } from '../env/proxy.ts';
import type { Effect, Fault, Scope } from './catalogue.ts';

/** What a dependency's own answers look like, and which requests are about one identity. */
export interface Wire {
  readonly concerns: (asked: Exchange) => boolean;
  /** Whether it locks or revokes. */
  readonly changes: (asked: Exchange) => boolean;
  /** Whether it asks which there are. */
  readonly lists: (asked: Exchange) => boolean;
  /** An error in its form, about nothing in particular. */
  readonly refusal: (status: number, asked: Exchange) => object;
  /** In its own words: there is no such thing. Undefined where it would say something else. */
  readonly gone: (asked: Exchange) => OwnAnswer | undefined;
  /** What it answers when it has done it; or what to ask instead, so that it answers this and does nothing. */
  readonly done: (asked: Exchange) => OwnAnswer | Rewritten;
  /** An answer without what is the identity's own. */
  readonly leaveOut: (body: string, asked: Exchange) => string;
  /** What is said for as long as a lie lasts, where that is not `gone` and `done`, and of whatever else it takes to believe it. */
  readonly lie?: (asked: Exchange) => OwnAnswer | Rewritten | undefined;
  /** What `leaveOut` leaves of a watch; all of it where there is none. */
  readonly keeps?: (line: string) => boolean;
}

/** Somebody who waits for a request, and is faster than it. Undefined where it is another one that he waits for. */
export type Ambush = (asked: Exchange) => Promise<unknown> | undefined;

export interface Obstacle {
  readonly concerns: (asked: Exchange) => boolean;
  readonly gates: Required<Gates>;
  /** What would be answered to this now. */
  readonly remember: (asked: Exchange, answered: Pick<OwnAnswer, 'status' | 'body'>) => void;
  /** Of a line of a watch. */
  readonly keeps: (line: string) => boolean;
  readonly isRaised: () => boolean;
  readonly raise: (fault: Fault, ambush?: Ambush) => void;
  readonly lift: () => void;
  readonly struck: () => number;
}

interface Raised {
  readonly fault: Fault;
  readonly ambush: Ambush | undefined;
  /** Requests that are on their way. */
  readonly late: Set<string>;
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

  const concerns = (asked: Exchange): boolean => wire.concerns(asked) || (raised?.fault.does.kind === 'Lie' && wire.lie?.(asked) !== undefined);
  const meets = (asked: Exchange): Raised | undefined => {
    if (raised === undefined || !concerns(asked)) return undefined;
    return isIn(raised.fault.on, asked, wire) ? raised : undefined;
  };
  const strikes = <T>(what: T): T => {
    struck += 1;
    return what;
  };
  const broken = async ({ over }: Raised): Promise<false> => {
    await over;
    return false;
  };

  const before = (asked: Exchange): boolean | OwnAnswer | Rewritten | Late | Promise<boolean> => {
    const met = meets(asked);
    if (met === undefined) return true;
    if (met.fault.does.kind === 'None') return ambushed(met, asked);
    if (met.fault.does.kind === 'Late') return held(met, asked);
    const instead = insteadOf(met.fault.does, asked, wire, remembered.get(keyOf(asked)));
    if (instead === undefined) return true;
    return strikes(instead === 'never' ? broken(met) : instead);
  };
  const ambushed = ({ ambush }: Raised, asked: Exchange): boolean | Promise<true> => {
    const acting = ambush?.(asked);
    // Who keeps what is ended waits for nothing.
    if (ambush === undefined) return strikes(true);
    return acting === undefined ? true : strikes(acting.then(() => true as const));
  };
  const held = ({ late, over }: Raised, asked: Exchange): boolean | Late => {
    const key = `${asked.method} ${asked.path.split('?')[0] ?? ''}`;
    if (late.has(key)) return true;
    late.add(key);
    return strikes({ late: over });
  };
  const after = (seen: Exchange & { readonly status: number }): boolean | 'cut' | Edited | Heard | Stalled | Promise<false> => {
    const met = meets(seen);
    if (met === undefined) return wire.concerns(seen) && !wire.changes(seen) && raised === undefined ? remembering(seen) : true;
    switch (met.fault.does.kind) {
      case 'Hang':
        return strikes(broken(met));
      case 'Break':
        return strikes(false);
      case 'Stall':
        return strikes({ stalled: met.over });
      case 'Cut':
        return strikes('cut');
      case 'Lie':
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
    concerns,
    gates: { onRequest: before, onAnswer: after },
    remember,
    keeps: (line) => raised?.fault.does.kind !== 'LeaveOut' || (wire.keeps?.(line) ?? true) || strikes(false),
    isRaised: () => raised !== undefined,
    raise: (fault, ambush) => {
      const { promise: over, resolve } = Promise.withResolvers<undefined>();
      raised = { fault, ambush, late: new Set(), over, end: () => { resolve(undefined); } };
    },
    lift: () => {
      raised?.end();
      raised = undefined;
    },
    struck: () => struck,
  };
};

const isIn = (scope: Scope, asked: Exchange, wire: Wire): boolean => {
  switch (scope) {
    case 'Everything':
      return true;
    case 'Changes':
      return wire.changes(asked);
    case 'Reads':
      return !wire.changes(asked);
    case 'Lists':
      return wire.lists(asked);
    case 'Releases':
      return wire.changes(asked) && !asked.path.includes('/status') && asked.body.includes('finalizers');
  }
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
    case 'Lie':
      return wire.lie === undefined ? (wire.changes(asked) ? wire.done : wire.gone)(asked) : wire.lie(asked);
    case 'Stale':
      return old;
    case 'None':
    case 'Late':
    case 'Stall':
    case 'Cut':
    case 'LeaveOut':
    case 'NoSecondPage':
    case 'Deafen':
      return undefined;
  }
};
