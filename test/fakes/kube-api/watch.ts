import type { ServerResponse } from 'node:http';

import type { Clock } from '../../../src/runtime/clock.ts';
import { type FakeRequest, bare, statusBody, wantsMetadata } from './exchange.ts';
import { type RecordedChange, type Table, collectionOf } from './table.ts';

export interface OpenWatch {
  readonly plural: string;
  /** Sends these very characters. */
  send(text: string): void;
  bookmark(): void;
  /** An in-stream error; the server closes after it. */
  fail(code: number, reason: string): void;
  /** Keeps back what is to be told, as a slow connection does, until `release`. */
  hold(): void;
  release(): void;
  /** Ends it in good order, as after `timeoutSeconds`. */
  end(): void;
  /** Breaks the connection. */
  cut(): void;
}

interface Context {
  readonly table: Table;
  readonly clock: Clock;
  readonly request: FakeRequest;
  readonly response: ServerResponse;
  readonly watches: Set<OpenWatch>;
  readonly isSilent: () => boolean;
}

export const openWatch = ({ table, clock, request, response, watches, isSilent }: Context): void => {
  const { resource, namespace, query } = request;
  const metadataOnly = wantsMetadata(request);
  const from = Number(query.get('resourceVersion'));
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();

  let held: string[] | undefined;
  const send = (type: string, object: object): void => {
    if (isSilent()) return;
    const line = `${JSON.stringify({ type, object })}\n`;
    if (held === undefined) response.write(line);
    else held.push(line);
  };
  const tell = ({ type, object, collection }: RecordedChange): void => {
    if (collection !== collectionOf(resource) || (namespace !== undefined && object.metadata.namespace !== namespace)) return;
    send(type, metadataOnly ? bare(object) : object);
  };
  const fail = (code: number, reason: string, message: string): void => {
    send('ERROR', statusBody(code, reason, message));
    if (!isSilent()) response.end();
  };
  if (from < table.oldest) {
    fail(410, 'Expired', `too old resource version: ${from} (${table.oldest})`);
    return;
  }

  const watch: OpenWatch = {
    plural: resource.plural,
    send: (text) => response.write(text),
    bookmark: () => {
      send('BOOKMARK', { kind: resource.kind, apiVersion: 'v1', metadata: { resourceVersion: String(table.version), creationTimestamp: null } });
    },
    fail: (code, reason) => {
      fail(code, reason, `${reason} on purpose`);
    },
    hold: () => {
      held = [];
    },
    release: () => {
      response.write(held?.join('') ?? '');
      held = undefined;
    },
    end: () => response.end(),
    cut: () => response.socket?.destroy(),
  };
  watches.add(watch);
  for (const change of table.since(from, resource)) tell(change);
  const unsubscribe = table.subscribe(tell);
  const seconds = Number(query.get('timeoutSeconds'));
  const cancel = clock.schedule(seconds * 1000, () => {
    if (!isSilent()) response.end();
  });
  // The real one marks the end of a watch two seconds before it comes, where there is time for that.
  const marksEnd = query.get('allowWatchBookmarks') === 'true' && seconds > 2;
  const cancelMark = marksEnd ? clock.schedule((seconds - 2) * 1000, watch.bookmark) : () => undefined;
  response.on('close', () => {
    unsubscribe();
    cancel();
    cancelMark();
    watches.delete(watch);
  });
};
