/** The HTTP side: brings calls to the core over sockets, and lets it wait, hang or break where a test wants that. */
import { type IncomingMessage, createServer, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import type { Answer } from './answers.ts';
import { control } from './control.ts';
import { createCore, happen, type Outcome, parse, written } from './core.ts';
import { createLog, shownHeaders } from './log.ts';
import { principalName } from './members.ts';
import { realNature } from './nature.ts';

const controlPath = '/_control/';

export const createGoogleCloud = (url: string): Server => {
  const core = createCore(url, realNature);
  const { world, knobs } = core;
  const log = createLog();
  const site = { ...core, log };

  const answer = async (request: IncomingMessage, body: string, response: ServerResponse): Promise<void> => {
    const { method = '', url: path = '/', headers } = request;
    if (path.startsWith(controlPath)) {
      send(response, await control(site, path.slice(controlPath.length), parse(body, 'application/json')));
      return;
    }
    const { service, caller, fault, decide } = core.arrive({ method, url: path, headers, body });
    if (knobs.settings.latency > 0) await delay(knobs.settings.latency);
    if (fault?.kind === 'late') await delay(fault.milliseconds);
    const given = await decide();
    const status = play(response, happen(given, fault, service));
    log.write({ at: Date.now(), service, method, path, caller: principalName(world, caller), headers: shownHeaders(headers), status, ...(fault === undefined ? {} : { fault: fault.kind }) });
    const counted = status === 409 || status === 412 ? 'conflicts' : status !== 200 ? undefined : given.commit === undefined ? 'reads' : 'writes';
    if (given.policyOf !== undefined && counted !== undefined) log.count(given.policyOf, counted);
  };

  return createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      answer(request, body, response).catch((error: unknown) => {
        process.stderr.write(`${request.method ?? ''} ${request.url ?? ''}: ${error instanceof Error ? String(error.stack) : String(error)}\n`);
        send(response, { status: 500, body: { error: { code: 500, message: error instanceof Error ? error.message : String(error), status: 'INTERNAL' } } });
      });
    });
  });
};

/** Tells the status that went out. */
const play = (response: ServerResponse, outcome: Outcome): number => {
  switch (outcome.kind) {
    case 'Answer':
      return send(response, outcome.answer);
    case 'Hang':
      return 0;
    case 'Reset':
      response.socket?.destroy();
      return 0;
    case 'Cut': {
      const { status, body = {} } = outcome.answer;
      const whole = Buffer.from(JSON.stringify(body));
      response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8', 'content-length': whole.length });
      response.write(whole.subarray(0, Math.floor(whole.length / 2)), () => response.socket?.destroy());
      return status;
    }
  }
};

const send = (response: ServerResponse, answer: Answer): number => {
  const { text, headers } = written(answer);
  response.writeHead(answer.status, headers);
  response.end(text);
  return answer.status;
};
