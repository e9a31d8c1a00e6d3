/**
 * What kstatus, Argo CD and Flux make of our objects, each by its own code, with the health checks that we ship in `config/argocd` and
 * `config/flux`. Argo CD's and Flux's controllers are not run.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import { requireGitopsHealth } from './tools/gitops-health.ts';

/** One of our objects as the API server has it. */
export interface Judged {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid?: string; readonly generation?: number; readonly deletionTimestamp?: string };
  readonly spec?: unknown;
  readonly status?: unknown;
}

export interface Health {
  readonly status?: string;
  readonly message?: string;
  /** Instead of a status: why there is none. Flux waits then, until its time-out. */
  readonly error?: string;
}

/** `kstatus`: Current, InProgress, Failed or Terminating. `argocd`: Healthy, Progressing, Degraded, Suspended or Unknown. `flux`: as kstatus. */
export interface Judgement {
  readonly kstatus: Health;
  readonly argocd: Health;
  readonly flux: Health;
}

interface Expressions {
  readonly apiVersion: string;
  readonly kind: string;
  readonly current: string;
  readonly inProgress?: string;
  readonly failed?: string;
}

const read = (path: string): unknown => load(readFileSync(fileURLToPath(new URL(`../../config/${path}`, import.meta.url)), 'utf8'));

const scripts = (read('argocd/argocd-cm.yaml') as { readonly data: Readonly<Record<string, string>> }).data;
const checks = (read('flux/health-checks.yaml') as { readonly spec: { readonly healthCheckExprs: readonly Expressions[] } }).spec.healthCheckExprs;

const scriptOf = (kind: string): string | undefined => scripts[`resource.customizations.health.offboard.dev_${kind}`];

/** The kinds for which both say something. */
export const judgedKinds: readonly string[] = checks.map(({ kind }) => kind).filter((kind) => scriptOf(kind) !== undefined);

const questionOf = (object: Judged): object => {
  const lua = scriptOf(object.kind);
  const expressions = checks.find(({ kind }) => kind === object.kind);
  if (lua === undefined || expressions === undefined) throw new Error(`there is no health check for ${object.kind}`);
  return { object: { apiVersion: 'offboard.dev/v1alpha1', ...object }, lua, expressions };
};

const patience = 120_000;

/** In the order of the objects. */
export const judge = async (objects: readonly Judged[]): Promise<readonly Judgement[]> => {
  const child = spawn(await requireGitopsHealth(), [], { stdio: 'pipe', timeout: patience });
  const closed = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => { resolve(code ?? signal); });
  });
  // One that ends before it has read everything says why on its standard error.
  child.stdin.on('error', () => undefined);
  child.stdin.end(objects.map((object) => `${JSON.stringify(questionOf(object))}\n`).join(''));
  const [output, complaints, end] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  if (end !== 0) throw new Error(`gitops-health ended with ${String(end)}: ${complaints}`);
  const answers = output.trim().split('\n').map((line) => JSON.parse(line) as Judgement);
  if (answers.length !== objects.length) throw new Error(`gitops-health gave ${String(answers.length)} answers to ${String(objects.length)} questions`);
  return answers;
};
