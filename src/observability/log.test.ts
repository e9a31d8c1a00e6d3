import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { retryable } from '../runtime/outcome.ts';
import { createLogger, standardError, type LoggerOptions } from './log.ts';

const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl';

const start = (options: Partial<LoggerOptions> = {}) => {
  const lines: string[] = [];
  const log = createLogger({
    clock: createFakeClock(new Date('2026-11-23T10:02:11.500Z')),
    level: 'debug',
    format: 'json',
    write: (line) => lines.push(line),
    ...options,
  });
  const only = (): Record<string, unknown> => {
    expect(lines).toHaveLength(1);
    return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  };
  return { log, lines, only };
};

describe('the log', () => {
  it('writes one JSON object a line, with time, level, message and fields', () => {
    const { log, lines } = start();
    log.info('A run began', { offboarding: 'ci/build-agent-7', credentials: 4 });
    expect(lines).toEqual([
      '{"time":"2026-11-23T10:02:11.500Z","level":"info","message":"A run began","offboarding":"ci/build-agent-7","credentials":4}\n',
    ]);
  });

  it('writes plain text for people', () => {
    const { log, lines } = start({ format: 'text' });
    log.child({ revoker: 'vault' }).warn('It failed', { error: retryable('Timeout', 'no answer in 10 s'), key: 'ci/a b' });
    expect(lines).toEqual(['10:02:11.500 WARN  It failed revoker=vault error="no answer in 10 s" key="ci/a b"\n']);
  });

  it('leaves out what is below its level', () => {
    const { log, lines } = start({ level: 'warn' });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['c', 'd']);
  });

  it('gives the fields of a child to each of its lines, and to no other', () => {
    const { log, lines } = start();
    log.child({ a: 1 }).child({ b: 2 }).info('x', { c: 3 });
    log.info('y');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({ a: 1, b: 2, c: 3 }),
      { time: expect.any(String) as string, level: 'info', message: 'y' },
    ]);
  });

  it('redacts the message, the fields at any depth, their names, and errors with their causes', () => {
    const { log, lines } = start();
    const error = new Error(`refused: ${jwt}`, { cause: new Error(`Bearer ${jwt}`, { cause: jwt }) });
    log.error(`token ${jwt}`, { a: { b: [{ c: jwt }] }, [jwt]: 1, error, Authorization: 'short', client_token: 'root' });
    expect(lines.join('')).not.toMatch(/eyJ|short|root"/);
  });

  it('tells of an error what is fit to read, and nothing that a library hung on it', () => {
    const { log, only } = start();
    const error = Object.assign(new TypeError('broken'), { code: 'ECONNRESET', config: { headers: { 'X-Vault-Token': 'root' } } });
    log.error('It failed', { error });
    const told = only()['error'] as { stack: string[] };
    expect(told).toEqual({ message: 'broken', name: 'TypeError', code: 'ECONNRESET', stack: expect.any(Array) as string[] });
    expect(told.stack[0]).toContain('log.test.ts');
    expect(told.stack.length).toBeLessThanOrEqual(6);
  });

  it('shows the place of a bug, not of an expected failure', () => {
    const { log, only } = start();
    log.error('It failed', { error: retryable('Timeout', 'no answer') });
    expect(only()['error']).toEqual({ message: 'no answer', name: 'OutcomeError', reason: 'Timeout' });
  });

  it('keeps a hostile name on its line, and a field from posing as the level', () => {
    const { log, lines, only } = start();
    log.info('x', { name: 'a\n{"level":"error"}\u202e', level: 'error', message: 'forged', time: 'never' });
    expect(lines[0]?.match(/\n/g)).toHaveLength(1);
    expect(only()).toEqual({ time: '2026-11-23T10:02:11.500Z', level: 'info', message: 'x', message_: 'forged', name: 'a\\n{"level":"error"}\\u202e' });
  });

  it('bounds what is long, wide, deep or its own part', () => {
    const { log, lines } = start();
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    log.info('x'.repeat(1e6), { long: 'y '.repeat(1e6), wide: Array.from({ length: 1e5 }, (_, index) => index), cycle });
    expect(lines[0]?.length).toBeLessThan(10_000);
  });

  it('carries what JSON cannot', () => {
    const { log, only } = start();
    log.info('x', {
      big: 10n, nan: Number.NaN, date: new Date(0), bad: new Date(Number.NaN), bytes: Buffer.from('abc'), none: undefined,
      nil: null, call: () => 1, mark: Symbol('s'),
    });
    expect(only()).toMatchObject({
      big: '10', nan: 'NaN', date: '1970-01-01T00:00:00.000Z', bad: 'invalid date', bytes: '[3 bytes]', nil: null,
      call: '[function]', mark: '[symbol]',
    });
  });

  it('tells the message when the fields cannot be read', () => {
    const { log, lines } = start();
    const trap = Object.defineProperty({}, 'x', { enumerable: true, get: () => { throw new Error('trap'); } });
    log.warn('It failed', { trap });
    log.warn('It failed', { error: Object.create(Error.prototype) as Error });
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ message: 'It failed', unreadable: true });
  });

  it('never throws, wherever it writes to', () => {
    const { log } = start({
      write: () => {
        throw new Error('EPIPE');
      },
    });
    log.error('x');
  });

  it('writes to a terminal as text, to a pipe as JSON, and outlives its reader', () => {
    const stream = (isTTY: boolean) => Object.assign(new EventEmitter(), { isTTY, write: () => true }) as unknown as NodeJS.WriteStream;
    expect(standardError(stream(true)).format).toBe('text');
    const pipe = stream(false);
    expect(standardError(pipe).format).toBe('json');
    expect(() => pipe.emit('error', new Error('EPIPE'))).not.toThrow();
  });
});
