/** What processes and the machine use: /proc on Linux, `ps` elsewhere. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

export interface Usage {
  /** User and system time since the process began. */
  readonly cpuSeconds: number;
  /** Bytes: the highest so far on Linux, the present elsewhere. */
  readonly rss: number;
  /** Bytes, now. */
  readonly rssNow: number;
}

const linux = process.platform === 'linux';
const ticksPerSecond = linux ? Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })) : 1;

export const usageOf = (pid: number): Usage => (linux ? fromProc(pid) : fromPs(pid));

const fromProc = (pid: number): Usage => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the name in brackets, which may hold blanks; the third is the first after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (field: RegExp): number => Number(field.exec(status)?.[1] ?? 0) * 1024;
  return { cpuSeconds: ticks / ticksPerSecond, rss: bytes(/^VmHWM:\s+(\d+) kB$/m), rssNow: bytes(/^VmRSS:\s+(\d+) kB$/m) };
};

const fromPs = (pid: number): Usage => {
  const [time = '0', rss = '0'] = execFileSync('ps', ['-o', 'time=,rss=', '-p', String(pid)], { encoding: 'utf8' }).trim().split(/\s+/);
  const [days, clock = ''] = time.includes('-') ? time.split('-') : ['0', time];
  const seconds = clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return { cpuSeconds: Number(days) * 86_400 + seconds, rss: Number(rss) * 1024, rssNow: Number(rss) * 1024 };
};

/** The last part of the name of its binary. */
export const nameOf = (pid: number): string =>
  execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).trim().split(' ')[0]?.split('/').at(-1) ?? '';

/** Seconds that all processors together were busy since the machine began. */
const machineBusy = (): number => cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;

export interface Window {
  readonly seconds: number;
  /** CPU seconds of each process by its name. */
  readonly cpu: Readonly<Record<string, number>>;
  /** CPU seconds of everything else on the machine: what disturbed the figures. */
  readonly others: number;
}

/** Measures from now until the function that it returns is called. This process is measured too, as `bench`. */
export const openWindow = (pids: Readonly<Record<string, number>>): (() => Window) => {
  const read = (): Readonly<Record<string, number>> => ({
    ...Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, usageOf(pid).cpuSeconds])),
    bench: usageOf(process.pid).cpuSeconds,
  });
  const began = performance.now();
  const before = read();
  const busyBefore = machineBusy();
  return () => {
    const after = read();
    const busy = machineBusy() - busyBefore;
    const cpu = Object.fromEntries(Object.entries(after).map(([name, seconds]) => [name, seconds - (before[name] ?? 0)]));
    const ours = Object.values(cpu).reduce((sum, seconds) => sum + seconds, 0);
    return { seconds: (performance.now() - began) / 1000, cpu, others: Math.max(busy - ours, 0) };
  };
};
