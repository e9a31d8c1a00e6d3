/** Reads a profile that `node --cpu-prof` wrote: which functions the time went to. */
import { readFileSync, readdirSync } from 'node:fs';
import { SourceMap } from 'node:module';
import type { SourceMapPayload } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface FunctionShare {
  /** Name and place: `reconcile src/reconcile/offboarding/reconciler.ts:71`. */
  readonly name: string;
  /** Of the time in which the process was busy, 0 to 1: in the function itself. */
  readonly self: number;
  /** The same, with all that it called. What it awaited is not in it. */
  readonly total: number;
}

interface Frame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: Frame; readonly children?: readonly number[] }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const notBusy = ['(idle)', '(root)'];

/** The place in the sources, since the operator runs as one bundled file. */
const placeOf = (map: SourceMap, { url, lineNumber, columnNumber }: Frame): string => {
  if (!url.startsWith('file:')) return url;
  const file = fileURLToPath(url);
  const entry = map.findEntry(lineNumber, columnNumber);
  return 'originalSource' in entry
    ? `${relative(root, resolve(dirname(file), entry.originalSource))}:${entry.originalLine + 1}`
    : `${relative(root, file)}:${lineNumber + 1}`;
};

const label = (map: SourceMap, frame: Frame): string => {
  const place = placeOf(map, frame);
  return `${frame.functionName === '' ? '(anonymous)' : frame.functionName}${place === '' ? '' : ` ${place}`}`;
};

/** @param bundle is the file that ran, with its source map beside it. */
export const readProfile = (folder: string, bundle: string): readonly FunctionShare[] => {
  const map = new SourceMap(JSON.parse(readFileSync(`${bundle}.map`, 'utf8')) as SourceMapPayload);
  const file = readdirSync(folder).find((name) => name.endsWith('.cpuprofile'));
  if (file === undefined) throw new Error(`the operator left no profile in ${folder}`);
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
  const selfOfNode = new Map<number, number>();
  samples.forEach((id, index) => selfOfNode.set(id, (selfOfNode.get(id) ?? 0) + (timeDeltas[index] ?? 0)));

  const byId = new Map(nodes.map((node) => [node.id, node]));
  const self = new Map<string, number>();
  const total = new Map<string, number>();
  let busy = 0;
  // Counts a function once on a path, however often it is on it; returns the time of the node and all below it.
  const walk = (id: number, above: ReadonlySet<string>): number => {
    const node = byId.get(id);
    if (node === undefined) return 0;
    const name = label(map, node.callFrame);
    const idle = notBusy.includes(node.callFrame.functionName);
    const own = idle ? 0 : (selfOfNode.get(id) ?? 0);
    busy += own;
    const path = above.has(name) ? above : new Set(above).add(name);
    const time = (node.children ?? []).reduce((sum, child) => sum + walk(child, path), own);
    self.set(name, (self.get(name) ?? 0) + own);
    if (!above.has(name) && !idle) total.set(name, (total.get(name) ?? 0) + time);
    return time;
  };
  const [first] = nodes;
  if (first !== undefined) walk(first.id, new Set());
  return [...total].map(([name, time]) => ({ name, self: (self.get(name) ?? 0) / busy, total: time / busy }));
};

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`.padStart(8);

export const renderProfile = (shares: readonly FunctionShare[]): string => {
  const table = (title: string, by: 'self' | 'total'): string =>
    [title, ...shares.toSorted((a, b) => b[by] - a[by]).slice(0, 25).map((share) => `${percent(share[by])}  ${share.name}`)].join('\n');
  return `${table('Time of the operator by function, itself alone', 'self')}\n\n${table('The same, with what it called', 'total')}`;
};
