/** One offboarding for each fault and subject: what was seen meanwhile, how it ended, and whether anything that was claimed was not true. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Condition, OffboardingStatus } from '../../src/api/v1alpha1/index.ts';
import { inParallel } from '../bench/api.ts';
import { readyOf } from '../e2e/stage.ts';
import { waitFor } from '../env/wait-for.ts';
import { offboardApi } from '../soak/agents.ts';
import type { Fault } from './catalogue.ts';
import { home } from './site.ts';
import type { Site } from './site.ts';
import type { Subject, Victim } from './subjects.ts';

export interface Case {
  readonly subject: Subject;
  readonly fault: Fault;
}

export interface Outcome {
  readonly subject: string;
  readonly fault: string;
  /** Requests that met it. */
  readonly struck: number;
  /** The Ready condition, as it was when the fault was lifted. */
  readonly seen: Pick<Condition, 'reason' | 'message'>;
  /** From the lifting to Ready; to its block, which was there by then, where a person has to wake it. */
  readonly seconds: number;
  readonly end: 'Ready' | 'Blocked';
  /** Claims about the identity, and those of them that were made while something of it worked. */
  readonly claims: number;
  readonly lies: readonly string[];
}

/** Milliseconds that a fault lasts from the first request on that meets it: less than the settle time, and for what hangs more than the time-out of a request. */
const window = { usual: 8_000, hang: 12_000 };
/** Until the first request meets it. */
const patience = 180_000;
/** Without an end, and with a block that everybody can see. */
const longestBlock = 45_000;
const longest = 300_000;

export const casesOf = (subjects: readonly Subject[], faults: readonly Fault[]): readonly Case[] =>
  faults.flatMap((fault) => subjects.filter(({ without }) => !without.includes(fault.does.kind)).map((subject) => ({ subject, fault })));

export interface Progress {
  readonly atOnce: number;
  readonly onEnd: (outcome: Outcome) => void;
}

export const runCases = async (site: Site, cases: readonly Case[], { atOnce, onEnd }: Progress): Promise<readonly Outcome[]> => {
  const outcomes: Outcome[] = [];
  const failures: unknown[] = [];
  const turns = createTurns();
  const one = async ([index, each]: readonly [number, Case]): Promise<void> => {
    try {
      const outcome = await runCase(site, each, `${each.subject.name}-${String(index)}`, turns);
      outcomes.push(outcome);
      onEnd(outcome);
    } catch (error) {
      failures.push(error);
    }
  };
  const all = [...cases.entries()];
  await inParallel(all.filter(([, { fault }]) => fault.alone !== true), atOnce, one);
  await inParallel(all.filter(([, { fault }]) => fault.alone === true), 1, one);
  // One that never ends, or meets no fault, must not hide behind the others.
  if (failures.length > 0) throw new Error(failures.map(String).join('\n'));
  return outcomes;
};

type Turns = <T>(work: () => Promise<T>) => Promise<T>;

/** One after the other. */
const createTurns = (): Turns => {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
};

const runCase = async (site: Site, { subject, fault }: Case, name: string, turns: Turns): Promise<Outcome> => {
  try {
    const victim = await subject.bring(site, name);
    await site.oracle.guard(victim.agent);
    await beginRun(site, victim, name);
    const strike = (): Promise<Outcome['seen'] & { readonly struck: number; readonly liftedAt: number }> => meanwhile(site, victim, fault, name);
    const { struck, liftedAt, ...seen } = await (subject.scarce && fault.does.kind === 'Hang' ? turns(strike) : strike());
    const { seconds, end } = await honest(site, name, liftedAt);
    await waitFor(async () => (await site.insist('GET', `${identities}/${name}`)).status === 404, { timeout: patience, interval: 250, what: `${name} to be let go` });
    // One by the run, one by the identity.
    await waitFor(() => site.oracle.claims(victim.agent) >= 2, { timeout: patience, what: `both claims about ${name} to be tried` });
    const lies = (await site.oracle.wrong()).filter((each) => each.includes(`${home}/${name} `));
    await victim.stop();
    return { subject: subject.name, fault: fault.name, struck, seen, seconds, end, claims: site.oracle.claims(victim.agent), lies };
  } catch (error) {
    throw new Error(`${subject.name}, ${fault.name} (${name}): ${String(error)}; it said\n${site.oracle.said(home, name).join('\n')}`, { cause: error });
  }
};

const runs = `${offboardApi}/namespaces/${home}/offboardings`;
const identities = `${offboardApi}/namespaces/${home}/workloadidentities`;

const statusOf = ({ oracle }: Site, name: string): OffboardingStatus | undefined => oracle.run(home, name)?.status;

/** Past its lock, and before the first revoke. */
const beginRun = async (site: Site, { spec }: Victim, name: string): Promise<void> => {
  const { insist } = site;
  const apiVersion = 'offboard.dev/v1alpha1';
  await insist('POST', identities, { apiVersion, kind: 'WorkloadIdentity', metadata: { name }, spec: { serviceAccount: { name }, ...spec } });
  // It is held once it was looked at.
  await waitFor(async () => (await insist('GET', `${identities}/${name}`)).body.includes('"lifecycleState":"Active"'), { timeout: patience, interval: 250, what: `${name} to be held` });
  await insist('POST', runs, { apiVersion, kind: 'Offboarding', metadata: { name }, spec: { workloadIdentityRef: { name }, reason: 'Retired', mode: 'Enforce', soak: '1h' } });
  await waitFor(() => readyOf(statusOf(site, name))?.reason === 'Soaking', { timeout: patience, what: `${name} to soak` });
};

/** From the soak on, while the fault lasts: the revokes, and the first observations. The identity is deleted meanwhile, and held. */
const meanwhile = async (site: Site, { obstacle }: Victim, fault: Fault, name: string): Promise<Outcome['seen'] & { readonly struck: number; readonly liftedAt: number }> => {
  const raised = fault.alone === true ? site.everybody : obstacle;
  raised.raise(fault);
  try {
    await site.insist('PATCH', `${runs}/${name}`, { spec: { soak: '0s' } });
    await site.insist('DELETE', `${identities}/${name}`);
    await waitFor(() => raised.struck() > 0, { timeout: patience, what: 'a request to meet the fault' });
    await delay(fault.does.kind === 'Hang' ? window.hang : window.usual);
    const struck = raised.struck();
    const { reason = '', message = '' } = readyOf(statusOf(site, name)) ?? {};
    return { struck, reason, message, liftedAt: performance.now() };
  } finally {
    raised.lift();
  }
};

const isBlocked = (status: OffboardingStatus | undefined): boolean => status?.conditions?.some(({ type, status: is }) => type === 'Stalled' && is === 'True') ?? false;

const honest = async (site: Site, name: string, liftedAt: number): Promise<Pick<Outcome, 'seconds' | 'end'>> => {
  const since = (): number => (performance.now() - liftedAt) / 1_000;
  const ended = (): boolean => readyOf(statusOf(site, name))?.status === 'True';
  const first = await waitFor(
    () => {
      if (ended()) return { seconds: since(), end: 'Ready' as const };
      return isBlocked(statusOf(site, name)) && since() * 1_000 > longestBlock ? { seconds: 0, end: 'Blocked' as const } : undefined;
    },
    { timeout: longest, what: `${name} to end` },
  );
  // Whoever has mended what stood in its way wakes it.
  if (first.end === 'Blocked') await site.insist('PATCH', `${runs}/${name}`, { spec: { deadline: '2h' } });
  await waitFor(ended, { timeout: longest, what: `${name} to end once it is woken` });
  return first;
};
