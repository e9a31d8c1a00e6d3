import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { shutdownSignal } from './shutdown.ts';

const start = () => {
  const clock = createFakeClock();
  const told: string[] = [];
  const events = new EventEmitter();
  const signal = shutdownSignal({
    limit: 10_000, clock,
    host: { on: (name, listener) => events.on(name, listener), exit: (code) => told.push(`exit ${code}`) },
    onSignal: (name) => told.push(name),
    onLate: () => told.push('late'),
  });
  return { clock, told, signal, kill: (name: NodeJS.Signals) => { events.emit(name); } };
};

describe('the end of the process', () => {
  it('is asked for by the first signal, which leaves the work time to end', async () => {
    const { clock, told, signal, kill } = start();
    expect(signal.aborted).toBe(false);
    kill('SIGTERM');
    expect(signal.reason).toEqual(new Error('stopped by SIGTERM'));
    await clock.advance(9_999);
    expect(told).toEqual(['SIGTERM']);
  });

  it('comes at the limit, whatever still runs, and is told', async () => {
    const { clock, told, kill } = start();
    kill('SIGINT');
    await clock.advance(10_000);
    expect(told).toEqual(['SIGINT', 'late', 'exit 1']);
  });

  it.each([
    ['SIGINT', 'SIGINT', 130],
    ['SIGTERM', 'SIGTERM', 143],
    ['SIGTERM', 'SIGINT', 130],
  ] as const)('comes at once when %s is followed by %s', (first, second, code) => {
    const { told, kill } = start();
    kill(first);
    kill(second);
    expect(told).toEqual([first, `exit ${code}`]);
  });
});
