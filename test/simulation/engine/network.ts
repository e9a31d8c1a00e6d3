/**
 * The network between processes and servers. Each request takes time on its way there and back, and may meet a fault: on the way
 * there nothing has happened, on the way back it has.
 */
import type { Random } from '../../../src/runtime/random.ts';
import { between } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { WireAnswer, WireRequest, WireServer, WireSink, WireStream } from './wire.ts';

/** What one request meets. */
export type WireFault =
  /** It never arrives, and nobody says so. */
  | { readonly kind: 'LostBefore' }
  /** It arrives and takes effect; the answer never comes. */
  | { readonly kind: 'LostAfter' }
  /** The connection is refused or breaks before it arrives. */
  | { readonly kind: 'BrokenBefore' }
  /** It takes effect, and the connection breaks before the answer is whole. */
  | { readonly kind: 'BrokenAfter' }
  /** Something in between answers in place of the server. */
  | { readonly kind: 'Instead'; readonly answer: WireAnswer }
  /** It takes effect, and of the answer come the head and half of the body, and then nothing more, nor an end. Of a watch comes the head. */
  | { readonly kind: 'Stalled' }
  /** It takes effect, and this comes back in place of the answer; of a watch, in place of a line of it. */
  | { readonly kind: 'Garbled'; readonly garble: (answer: WireAnswer) => WireAnswer }
  /** So many milliseconds more on the way there. */
  | { readonly kind: 'Slow'; readonly delay: number };

/** Decides what a request meets; undefined lets it pass. Called once for each request, when it is sent; and of a watch for each line, which can only be garbled. */
export type FaultsOf = (request: WireRequest, server: WireServer) => WireFault | undefined;

/** Whoever sends is told in one of these ways, once; never after `gone`. */
export interface Receiver {
  readonly answer: (answer: WireAnswer) => void;
  /** The beginning of a stream; then what is in it. */
  readonly stream: (stream: WireStream) => void;
  readonly broken: (why: string) => void;
}

export interface Network {
  /** Returns what is called when the sender has given up: what is on its way arrives all the same. */
  readonly send: (origin: string, request: WireRequest, receiver: Receiver) => () => void;
  /** One direction, in milliseconds. */
  readonly latency: () => number;
}

export interface NetworkOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly servers: readonly WireServer[];
  readonly faults: FaultsOf;
  /** Told of every request that took effect, and of each that met a fault. */
  readonly trace: (line: string) => void;
}

const leastLatency = 0.2;
const mostLatency = 4;

export const createNetwork = ({ scheduler, random, servers, faults, trace }: NetworkOptions): Network => {
  const byOrigin = new Map(servers.map((server) => [server.origin, server]));
  const latency = (): number => between(random, leastLatency, mostLatency);
  return {
    latency,
    send: (origin, request, receiver) => {
      let listening = true;
      const tell = (delay: number, deliver: () => void): void => {
        scheduler.after(delay, () => {
          if (listening) deliver();
        });
      };
      const server = byOrigin.get(origin);
      const there = latency();
      const back = latency();
      const gone = (): void => {
        listening = false;
      };
      if (server === undefined) {
        tell(there, () => { receiver.broken('getaddrinfo ENOTFOUND'); });
        return gone;
      }
      const fault = faults(request, server);
      if (fault !== undefined) trace(`${request.from} ${request.method} ${server.name}${request.path} meets ${fault.kind}`);
      if (fault?.kind === 'LostBefore') return gone;
      if (fault?.kind === 'BrokenBefore') {
        tell(there, () => { receiver.broken('read ECONNRESET'); });
        return gone;
      }
      if (fault?.kind === 'Instead') {
        const { answer } = fault;
        tell(there + back, () => { receiver.answer(answer); });
        return gone;
      }
      const ofLine = (): WireFault | undefined => {
        const met = faults(request, server);
        if (met?.kind === 'Garbled') trace(`${request.from} ${request.method} ${server.name}${request.path} is told a garbled line`);
        return met;
      };
      scheduler.after(there + (fault?.kind === 'Slow' ? fault.delay : 0), () => {
        const answer = server.handle(request);
        trace(`${request.from} ${request.method} ${server.name}${request.path} → ${String(answer.status)}`);
        if (fault?.kind === 'LostAfter') return;
        if (fault?.kind === 'BrokenAfter') {
          tell(back, () => { receiver.broken('read ECONNRESET'); });
          return;
        }
        const arrives = arriving(answer, fault, ofLine);
        tell(back, () => {
          if ('open' in arrives) receiver.stream(arrives);
          else receiver.answer(arrives);
        });
      });
      return gone;
    },
  };
};

const arriving = (answer: WireAnswer | WireStream, fault: WireFault | undefined, ofLine: () => WireFault | undefined): WireAnswer | WireStream => {
  if (fault?.kind === 'Stalled') return stalled(answer);
  if ('open' in answer) return lineByLine(answer, ofLine);
  return fault?.kind === 'Garbled' ? fault.garble(answer) : answer;
};

const lineByLine = ({ status, open }: WireStream, ofLine: () => WireFault | undefined): WireStream => ({
  status,
  open: (sink) => open({
    ...sink,
    write: (text) => {
      const met = ofLine();
      sink.write(met?.kind === 'Garbled' ? met.garble({ status, body: text }).body : text);
    },
  }),
});

/** Where there is no body, the head is all of it. */
const stalled = (answer: WireAnswer | WireStream): WireAnswer | WireStream => {
  const body = 'open' in answer ? '' : answer.body;
  if (body === '' && !('open' in answer)) return answer;
  return {
    status: answer.status,
    open: (sink) => {
      if (body !== '') sink.write(body.slice(0, Math.ceil(body.length / 2)));
      return () => undefined;
    },
  };
};

/** Puts a stream's parts in the order in which they were written, each after a latency of its own. */
export const orderedSink = (scheduler: Scheduler, network: Pick<Network, 'latency'>, to: WireSink): WireSink => {
  let free = 0;
  const inOrder = (deliver: () => void): void => {
    free = Math.max(free, scheduler.now() + network.latency());
    scheduler.after(free - scheduler.now(), deliver);
  };
  return {
    write: (text) => { inOrder(() => { to.write(text); }); },
    end: () => { inOrder(to.end); },
    cut: () => { inOrder(to.cut); },
  };
};
