/** Follows an Offboarding to its end: a table that redraws on a terminal, the lines that changed otherwise. */
import type { WriteStream } from 'node:tty';
import type { OffboardingStatus } from '../../src/api/v1alpha1/index.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { cut, widthOf } from './screen.ts';

const poll = 250;
const limit = 90_000;

type Output = Pick<WriteStream, 'write'> & { readonly isTTY?: boolean; readonly columns?: number };

/** Returns whether it ended Ready=True. */
export const follow = async (cluster: ControlPlane, namespace: string, name: string, output: Output): Promise<boolean> => {
  const started = performance.now();
  let drawn: readonly string[] = [];
  for (;;) {
    const object = await cluster.kubectl(['get', 'offboarding', name, '-n', namespace, '-o', 'json']);
    const { status = {} } = JSON.parse(object) as { readonly status?: OffboardingStatus };
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    drawn = output.isTTY === true ? redraw(output, drawn, table(status, seconds)) : changed(output, drawn, lines(status), seconds);
    if (status.completedAt !== undefined) {
      return status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
    }
    if (performance.now() - started > limit) return false;
    await new Promise((resolve) => setTimeout(resolve, poll));
  }
};

const mark: Readonly<Record<string, string>> = { Confirmed: '✔', Absent: '◔', Waiting: '◔', Present: '●', Unknown: '?' };

const table = (status: OffboardingStatus, seconds: string): readonly string[] => [
  `  ${status.phase ?? 'Pending'}  ${status.progress ?? ''}  after ${seconds} s`,
  ...(status.dependencies ?? []).flatMap(({ name, state: reached, credentials = [] }) => [
    `    ${name}: ${reached}`,
    ...credentials.map(({ state, id, method }) => `      ${mark[state] ?? ' '} ${state.padEnd(10)} ${id}${method === undefined ? '' : `  (${method})`}`),
  ]),
  ...(status.residualUntil === undefined ? [] : [`    residual access until ${status.residualUntil}`]),
];

const redraw = (output: Output, before: readonly string[], now: readonly string[]): readonly string[] => {
  if (before.length > 0) output.write(`\u001b[${before.length}A\u001b[0J`);
  // A line that went on in the next would be one more than is taken back.
  for (const line of now) output.write(`${cut(line, widthOf(output))}\n`);
  return now;
};

const lines = (status: OffboardingStatus): readonly string[] => [
  `${status.phase ?? 'Pending'} ${status.progress ?? ''}`.trim(),
  ...(status.dependencies ?? []).map(({ name, state, message }) => `${name}: ${state}${message === undefined ? '' : `: ${message}`}`),
];

const changed = (output: Output, before: readonly string[], now: readonly string[], seconds: string): readonly string[] => {
  const news = now.filter((line) => !before.includes(line));
  for (const [index, line] of news.entries()) output.write(`${cut(`  ${(index === 0 ? `${seconds} s` : '').padStart(8)}  ${line}`, widthOf(output))}\n`);
  return now;
};
