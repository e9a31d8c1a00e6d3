/**
 * Events are for people who run `kubectl describe`. They are written on change only, one after another, and nothing that
 * goes wrong with one ever disturbs the work that it tells of.
 */
import { createHash } from 'node:crypto';

import type { Clock } from '../runtime/clock.ts';
import { sleep } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { KubeClient } from './client.ts';
import { isAlreadyExists, isNamespaceTerminating, isRetryable } from './errors.ts';
import { toMicroTime } from './micro-time.ts';
import type { KubeObject } from './objects.ts';
import { redactText } from '../runtime/redact.ts';
import { events } from './resources.ts';

/** What happened to an object. `reason` and `action` are CamelCase constants, `note` is a sentence for people. */
export interface RecordedEvent {
  /** With its `apiVersion` and `kind`. */
  readonly regarding: KubeObject;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  /** What we were doing. */
  readonly action: string;
  /** Redacted and cut to 1 kB here. */
  readonly note: string;
}

export interface EventRecorder {
  /**
   * Returns at once and never throws. What was said of the same object within the last ten minutes is not repeated, and for one
   * reason no more than ten things are told of it in that time: who changes something all the time must not flood the cluster.
   */
  record(event: RecordedEvent): void;
  /** Resolves when everything recorded so far is written or given up, within three seconds. */
  flush(): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** A qualified name, as `offboard.dev/operator`. */
  readonly reportingController: string;
  /** This process, as the name of its pod. */
  readonly reportingInstance: string;
  readonly log: Logger;
}

const repeatAfter = 10 * 60_000;
const maxRemembered = 2_000;
const maxForOneReason = 10;
const maxPending = 500;
const maxAttempts = 3;
const retryPause = 1_000;
const flushLimit = 3_000;
/** Limits of the API server, in bytes (`note`) and characters. */
const maxNote = 1_024;
const maxShort = 128;

export const createEventRecorder = (options: EventRecorderOptions): EventRecorder => {
  const { client, clock, log } = options;
  /** When each was recorded, on the monotonic clock, and of what; the oldest first. */
  const remembered = new Map<string, { readonly at: number; readonly topic: string }>();
  const ofTopic = new Map<string, number>();
  const pending: RecordedEvent[] = [];
  let stopping = new AbortController();
  let writing: Promise<void> | undefined;
  let dropped = 0;

  const remember = (key: string, topic: string): void => {
    remembered.set(key, { at: clock.monotonic(), topic });
    ofTopic.set(topic, (ofTopic.get(topic) ?? 0) + 1);
  };
  const forget = (key: string): void => {
    const known = remembered.get(key);
    if (known === undefined) return;
    remembered.delete(key);
    const left = (ofTopic.get(known.topic) ?? 1) - 1;
    if (left === 0) ofTopic.delete(known.topic);
    else ofTopic.set(known.topic, left);
  };
  const forgetOld = (): void => {
    for (const [key, { at }] of remembered) {
      if (remembered.size <= maxRemembered && clock.monotonic() - at < repeatAfter) return;
      forget(key);
    }
  };

  const write = async (event: RecordedEvent, signal: AbortSignal): Promise<void> => {
    const body = bodyOf(event, clock.now(), options);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await client.create(events, body.metadata.namespace, body, { signal });
        return;
      } catch (error) {
        // The name stands for the content: then an earlier attempt did arrive.
        if (isAlreadyExists(error) || isNamespaceTerminating(error)) return;
        if (attempt === maxAttempts || signal.aborted || !isRetryable(error)) throw error;
      }
      await sleep(clock, retryPause * attempt, signal);
    }
  };

  const writeAll = async (): Promise<void> => {
    for (let event = pending.shift(); event !== undefined; event = pending.shift()) {
      try {
        await write(event, stopping.signal);
      } catch (error) {
        forget(keyOf(event));
        log.warn('An event could not be written', { reason: event.reason, regarding: event.regarding.metadata.name, error });
      }
    }
    if (dropped > 0) log.warn('Too many events at once; some were dropped', { dropped });
    dropped = 0;
    writing = undefined;
  };

  return {
    record: (event) => {
      const key = keyOf(event);
      forgetOld();
      const topic = `${event.regarding.metadata.uid} ${event.reason}`;
      if (remembered.has(key) || (ofTopic.get(topic) ?? 0) >= maxForOneReason) return;
      if (pending.length >= maxPending) {
        dropped += 1;
        return;
      }
      remember(key, topic);
      pending.push(event);
      writing ??= writeAll();
    },
    flush: async () => {
      const current = writing;
      if (current === undefined) return;
      const cancel = clock.schedule(flushLimit, () => {
        pending.length = 0;
        stopping.abort(new Error('no time was left to write events'));
        stopping = new AbortController();
      });
      await current;
      cancel();
    },
  };
};

const keyOf = ({ regarding, reason, note }: RecordedEvent): string =>
  createHash('sha256').update(JSON.stringify([regarding.metadata.uid, reason, note])).digest('base64');

interface EventBody {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly [field: string]: unknown;
}

const bodyOf = (
  { regarding, type, reason, action, note }: RecordedEvent,
  now: Date,
  { reportingController, reportingInstance }: EventRecorderOptions,
): EventBody => {
  const { name, namespace, uid, resourceVersion } = regarding.metadata;
  const eventTime = toMicroTime(now);
  const content = JSON.stringify([uid, reason, note, eventTime, reportingInstance]);
  const suffix = createHash('sha256').update(content).digest('hex').slice(0, 16);
  return {
    // Events about what has no namespace live in `default`.
    metadata: { name: `${dnsName(name)}.${suffix}`, namespace: namespace ?? 'default' },
    eventTime,
    type,
    reason: reason.slice(0, maxShort),
    action: action.slice(0, maxShort),
    note: cut(redactText(note, maxNote), maxNote),
    reportingController,
    reportingInstance: reportingInstance.slice(0, maxShort),
    regarding: {
      ...(regarding.apiVersion !== undefined && { apiVersion: regarding.apiVersion }),
      ...(regarding.kind !== undefined && { kind: regarding.kind }),
      ...(namespace !== undefined && { namespace }),
      name,
      uid,
      resourceVersion,
    },
  };
};

/** Names of RBAC objects may hold capitals and colons; those of events may not. */
const dnsName = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .split('.')
    .map((label) => label.replace(/^-+|-+$/g, ''))
    .filter((label) => label !== '')
    .join('.')
    .slice(0, 230)
    .replace(/[.-]+$/, '') || 'object';

/** At most `limit` bytes of UTF-8, never half a character. */
const cut = (text: string, limit: number): string => {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= limit) return text;
  return `${bytes.subarray(0, limit - 3).toString('utf8').replace(/\uFFFD+$/, '')}…`;
};
