/** What goes over the simulated network: whole HTTP requests to servers that answer at the instant of arrival. */
import type { HttpHeaders } from '../../../src/runtime/http-pool.ts';

export interface WireRequest {
  /** Which process or person sent it, such as `operator-0.1` (the first replica, started for the second time). */
  readonly from: string;
  readonly method: string;
  /** Encoded, with its query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: HttpHeaders;
  readonly body: string | undefined;
}

export interface WireAnswer {
  readonly status: number;
  /** Names in lower case; `content-type: application/json` when absent. */
  readonly headers?: HttpHeaders;
  readonly body: string;
}

/** The rest of an answer that goes on, such as that of a watch. */
export interface WireStream {
  readonly status: number;
  /** Called once, when the answer has arrived; what is written from then on arrives in order. Returns what is called when the reader is gone. */
  readonly open: (sink: WireSink) => () => void;
}

export interface WireSink {
  readonly write: (text: string) => void;
  /** In good order. */
  readonly end: () => void;
  /** In the middle, as a connection breaks. */
  readonly cut: () => void;
}

export interface WireServer {
  /** `https://host:port`, without a slash at the end. */
  readonly origin: string;
  /** For faults and traces: `apiserver-a`, `vault`, `google`. */
  readonly name: string;
  /** Takes effect at this very instant, all of it or nothing. Must not throw for anything that a client may send. */
  readonly handle: (request: WireRequest) => WireAnswer | WireStream;
}
