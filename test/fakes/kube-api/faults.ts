/** What may happen to a request instead of its answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';

import { sendJson, statusBody } from './exchange.ts';

export type Fault = (request: IncomingMessage, response: ServerResponse) => void;

/** None: this request is answered, the next one meets what follows. */
export const pass: Fault = () => undefined;

/** The server is there and says no. */
export const refuse = (code: number, reason: string, headers: Record<string, string> = {}): Fault => (_, response) => {
  sendJson(response, code, statusBody(code, reason, `${reason} on purpose`), headers);
};

/** Something between us and the server answers. */
export const page = (code: number): Fault => (_, response) => {
  response.writeHead(code, { 'content-type': 'text/html' }).end('<html>a proxy</html>');
};

/** Nothing comes, and the connection stays. */
export const hang: Fault = () => undefined;

export const cut: Fault = (_, response) => {
  response.socket?.destroy();
};

/** The answer begins and the connection breaks. */
export const cutHalfWay: Fault = (_, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"kind":"', () => response.socket?.destroy());
};

/** The answer ends in good order in the middle of its JSON. */
export const endHalfWay: Fault = (_, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"kind":"');
};

/** A watch that is accepted, says just this, and ends. */
export const stream = (...lines: readonly string[]): Fault => (_, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(lines.map((line) => `${line}\n`).join(''));
};
