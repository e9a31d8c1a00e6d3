import { asRecord, checkObject, garbage } from './check.ts';
import { errorFromStatus } from './errors.ts';
import type { KubeObject, WatchEvent } from './objects.ts';
import type { Resource } from './resources.ts';

/** No object is larger: etcd takes 1.5 MiB, and JSON is at most a few times that. */
export const maxLineBytes = 8 * 2 ** 20;

const newline = 0x0a;

/** Cuts a stream of bytes into lines. A line without an end is an error: something is missing from it. */
async function* readLines(chunks: AsyncIterable<Buffer>, resource: Resource): AsyncGenerator<string, void, undefined> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      parts.push(chunk.subarray(start, end));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      size = 0;
      start = end + 1;
      if (line.trim() !== '') yield line;
    }
    if (start === chunk.length) continue;
    // Copied, so that a few bytes do not keep a whole network buffer alive until the next event.
    parts.push(Buffer.from(chunk.subarray(start)));
    size += chunk.length - start;
    if (size > maxLineBytes) throw garbage(resource, 'watch', 'an event has no end');
  }
  if (size > 0) throw garbage(resource, 'watch', 'it ended in the middle of an event');
}

/** The events of a watch. An in-stream `ERROR` is thrown as the error it tells (410: list again). */
export async function* readEvents<T extends KubeObject>(
  chunks: AsyncIterable<Buffer>, resource: Resource, metadataOnly: boolean,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  for await (const line of readLines(chunks, resource)) yield readEvent(line, resource, metadataOnly) as WatchEvent<T>;
}

const readEvent = (line: string, resource: Resource, metadataOnly: boolean): WatchEvent => {
  const event = parse(line, resource);
  switch (event['type']) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event['type'], object: checkObject(event['object'], resource, { verb: 'watch', metadataOnly }) };
    case 'BOOKMARK': {
      const metadata = asRecord(asRecord(event['object'])?.['metadata']);
      if (typeof metadata?.['resourceVersion'] !== 'string') throw garbage(resource, 'watch', 'a bookmark marks nothing');
      return { type: 'BOOKMARK', object: event['object'] as WatchEvent['object'] };
    }
    case 'ERROR':
      throw errorFromStatus(event['object'], undefined, { verb: 'watch' });
    default:
      throw garbage(resource, 'watch', 'an event has no known type');
  }
};

const parse = (line: string, resource: Resource): Record<string, unknown> => {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = undefined;
  }
  const event = asRecord(value);
  if (!event) throw garbage(resource, 'watch', 'a line is not JSON');
  return event;
};
