/** Which lists each process of the operator was shown, whole and as the server gave them, and as of when. */
import type { WireAnswer, WireRequest, WireStream } from './engine/wire.ts';
import type { Realm } from './realm.ts';
import { isPassedOff } from './short-lists.ts';

export interface Looks {
  /** The server has answered; whether that arrives is not known. */
  readonly onAnswered: (request: WireRequest, realm: Realm, answer: WireAnswer | WireStream) => void;
  /** Something has arrived in answer to it. */
  readonly onDelivered: (request: WireRequest, answer: WireAnswer) => void;
  /** As of when a process knows such a list last; 0 when it never saw it. */
  readonly last: (process: string, realm: Realm, list: string) => number;
}

interface Pending {
  readonly key: string;
  readonly answer: WireAnswer;
  readonly asOf: number;
}

/** What is told of a list that is empty, or of a thing that is not there. */
const isTold = (status: number): boolean => status < 300 || status === 404;

export const createLooks = (now: () => number): Looks => {
  const last = new Map<string, number>();
  /** When the first page of each was given. */
  const begun = new Map<string, number>();
  const pending = new WeakMap<WireRequest, Pending>();
  return {
    onAnswered: (request, realm, answer) => {
      const list = realm.listed(request);
      if (list === undefined || 'open' in answer || !isTold(answer.status)) return;
      const key = `${request.from} ${realm.name} ${list}`;
      if (!request.path.includes('continue=')) begun.set(key, now());
      pending.set(request, { key, answer, asOf: begun.get(key) ?? 0 });
    },
    onDelivered: (request, answer) => {
      const given = pending.get(request);
      // What came in its place, or was changed on its way, shows nothing; nor does a part.
      if (given === undefined || (given.answer !== answer && !isPassedOff(answer)) || /"continue":"[^"]/.test(answer.body)) return;
      last.set(given.key, given.asOf);
    },
    last: (process, realm, list) => last.get(`${process} ${realm.name} ${list}`) ?? 0,
  };
};
