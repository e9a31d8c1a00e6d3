/**
 * One process of the operator: its clock, its way to the network, and its death. What dies leaves nothing behind but the requests that
 * are on their way; every promise it waits for stays as it is for ever. What is frozen is told everything late, and all at once.
 */
import type { Clock } from '../../../src/runtime/clock.ts';
import type { Connect, HttpHead, HttpHeaders } from '../../../src/runtime/http-pool.ts';
import type { Network } from './network.ts';
import { orderedSink } from './network.ts';
import type { Scheduler } from './scheduler.ts';
import type { WireAnswer, WireRequest, WireSink, WireStream } from './wire.ts';

export interface Process {
  readonly name: string;
  readonly clock: Clock;
  readonly connect: Connect;
  readonly isAlive: () => boolean;
  /** As SIGKILL does. */
  readonly kill: () => void;
  /** As SIGSTOP and SIGCONT do: its clocks go on. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** Steps its wall clock, as a correction of the time does; the monotonic one goes on. */
  readonly stepWall: (milliseconds: number) => void;
}

export interface ProcessOptions {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly network: Network;
  /** The wall-clock time at the beginning of the universe, in milliseconds since 1970. */
  readonly epoch: number;
  /** How far its wall clock is off. */
  readonly wallOffset?: number;
}

export const createProcess = ({ name, scheduler, network, epoch, wallOffset = 0 }: ProcessOptions): Process => {
  const started = scheduler.now();
  let offset = wallOffset;
  let alive = true;
  let frozen: (() => void)[] | undefined;
  /** What servers still hold open for it. */
  const held = new Set<() => void>();

  /** Everything from outside enters here. */
  const enter = (action: () => void): void => {
    if (!alive) return;
    if (frozen === undefined) action();
    else frozen.push(action);
  };

  const clock: Clock = {
    now: () => new Date(epoch + scheduler.now() + offset),
    // From an arbitrary start, another one in each process.
    monotonic: () => scheduler.now() - started + 1_000,
    schedule: (delay, action) => {
      let cancelled = false;
      const cancel = scheduler.after(delay, () => {
        enter(() => {
          if (!cancelled) action();
        });
      });
      return () => {
        cancelled = true;
        cancel();
      };
    },
  };

  const connect: Connect = ({ base }) => {
    const { origin, pathname } = new URL(base);
    const prefix = pathname.replace(/\/$/, '');
    const open = new Set<(why: string) => void>();
    return {
      send: (request, deadline) => {
        // What of it still runs after its death reaches nobody.
        if (!alive) return new Promise<never>(() => undefined);
        const wire: WireRequest = { from: name, method: request.method, path: prefix + request.path, headers: lowered(request.headers), body: request.body };
        let fail = (_: unknown): void => undefined;
        const settled = new Promise<HttpHead>((resolve, reject) => {
          fail = reject;
          const gone = network.send(origin, wire, {
            answer: (answer) => {
              enter(() => { resolve(wholeAnswer(answer)); });
            },
            stream: (stream) => {
              enter(() => { resolve(openStream(stream, { scheduler, network, enter, open, held, signal: deadline.signal })); });
            },
            broken: (why) => {
              enter(() => { reject(new Error(why)); });
            },
          });
          deadline.signal.addEventListener('abort', gone, { once: true });
        });
        const breakIt = (why: string): void => { fail(new Error(why)); };
        open.add(breakIt);
        settled.then(() => open.delete(breakIt), () => open.delete(breakIt));
        return deadline.race(settled);
      },
      close: () => {
        for (const breakIt of [...open]) breakIt('the connection was closed');
        return Promise.resolve();
      },
    };
  };

  return {
    name,
    clock,
    connect,
    isAlive: () => alive,
    kill: () => {
      alive = false;
      frozen = undefined;
      for (const letGo of held) letGo();
      held.clear();
    },
    freeze: () => {
      frozen ??= [];
    },
    thaw: () => {
      const late = frozen ?? [];
      frozen = undefined;
      for (const action of late) scheduler.after(0, () => { enter(action); });
    },
    stepWall: (milliseconds) => {
      offset += milliseconds;
    },
  };
};

const json: HttpHeaders = { 'content-type': 'application/json' };

const lowered = (headers: HttpHeaders): HttpHeaders => {
  const result: Record<string, string | string[] | undefined> = {};
  for (const name in headers) result[name.toLowerCase()] = headers[name];
  return result;
};

const wholeAnswer = ({ status, headers = json, body }: WireAnswer): HttpHead => ({ status, headers, body: once(body) });

// eslint-disable-next-line @typescript-eslint/require-await -- a body is read asynchronously
async function* once(text: string): AsyncGenerator<Buffer, void, undefined> {
  if (text !== '') yield Buffer.from(text);
}

interface Streaming {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly enter: (action: () => void) => void;
  readonly open: Set<(why: string) => void>;
  readonly held: Set<() => void>;
  readonly signal: AbortSignal;
}

const openStream = (stream: WireStream, { scheduler, network, enter, open, held, signal }: Streaming): HttpHead => {
  const arrived: Buffer[] = [];
  let over: Error | 'ended' | undefined;
  let wake = (): void => undefined;
  const finish = (how: Error | 'ended'): void => {
    if (over !== undefined) return;
    over = how;
    open.delete(breakIt);
    wake();
  };
  const breakIt = (why: string): void => { finish(new Error(why)); };
  open.add(breakIt);
  const sink: WireSink = {
    write: (text) => {
      enter(() => {
        if (over !== undefined) return;
        arrived.push(Buffer.from(text));
        wake();
      });
    },
    end: () => { enter(() => { finish('ended'); }); },
    cut: () => { enter(() => { finish(new Error('read ECONNRESET')); }); },
  };
  const gone = stream.open(orderedSink(scheduler, network, sink));
  held.add(gone);
  signal.addEventListener('abort', () => {
    gone();
    finish(signal.reason as Error);
  }, { once: true });
  const read = async function* (): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        for (let chunk = arrived.shift(); chunk !== undefined; chunk = arrived.shift()) yield chunk;
        if (over === 'ended') return;
        if (over !== undefined) throw over;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      held.delete(gone);
      gone();
    }
  };
  return { status: stream.status, headers: json, body: read() };
};
