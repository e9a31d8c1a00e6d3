/** One offboarding for each fault and subject: what was seen meanwhile, how it ended, and whether anything that was claimed was not true. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Condition, OffboardingStatus } from '../../src/api/v1alpha1/index.ts';
import { inParallel } from '../bench/api.ts';
import { readyOf } from '../e2e/stage.ts';
import { waitFor } from '../env/wait-for.ts';
import { offboardApi } from '../soak/agents.ts';
import { lasting } from './catalogue.ts';
import type { Effect, Fault } from './catalogue.ts';
import { home } from './site.ts';
import type { Site } from './site.ts';
import type { Deed, Subject, Victim } from './subjects.ts';

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
  /** Of a lie that lasts: whether it was believed while it did, and how sure anything was then said to be. */
  readonly believed?: boolean;
  readonly strengths?: readonly string[];
}

/**
 * Milliseconds that a fault lasts from the first request on that meets it: less than the settle time; for what hangs more than the time-out of a
 * request, for what is late time to send it again; and a lie that lasts does so for longer than it takes to believe one.
 */
export const windows: Readonly<Partial<Record<Effect['kind'], number>>> = { Hang: 12_000, Stall: 12_000, Late: 16_000, Lie: 75_000 };
const usualWindow = 8_000;
/** What keeps a connection busy. */
const holding: readonly Effect['kind'][] = ['Hang', 'Stall', 'Late'];
/** Until the first request meets it. */
const patience = 180_000;
/** Without an end, and with a block that everybody can see. */
const longestBlock = 45_000;
const longest = 300_000;

export const casesOf = (subjects: readonly Subject[], faults: readonly Fault[]): readonly Case[] =>
  faults.flatMap((fault) => subjects.filter((subject) => isMet(fault, subject)).map((subject) => ({ subject, fault })));

const isMet = ({ of, does }: Fault, { name, without, special = false }: Subject): boolean => of?.includes(name) ?? (!special && !without.includes(does.kind));

/** A lie that lasts may be believed where nothing is tried, and then nothing may be called tried. With the probe there is no excuse. */
export const isExcused = ({ subject, fault, lies, strengths = [] }: Outcome): boolean =>
  lies.length === 0 || (fault === lasting && subject !== 'kubernetes' && strengths.every((each) => each === 'Observed'));

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
    const deed = fault.act === undefined ? {} : (victim.acts?.[fault.act] ?? {});
    await site.oracle.guard(victim.agent, deed.given === undefined ? [] : [deed.given]);
    await hold(site, victim, name);
    if (fault.from === undefined) await soak(site, name);
    const strike = (): Promise<Struck> => meanwhile(site, { victim, fault, deed, name });
    const { liftedAt, lost, ...struck } = await (subject.scarce && holding.includes(fault.does.kind) ? turns(strike) : strike());
    const { seconds, end } = struck.believed === true ? { seconds: 0, end: 'Ready' as const } : await honest(site, name, liftedAt);
    await waitFor(async () => (await site.insist('GET', `${identities}/${name}`)).status === 404, { timeout: patience, interval: 250, what: `${name} to be let go` });
    const letGo = (performance.now() - liftedAt) / 1_000;
    // One by the run, one by the identity.
    await waitFor(() => site.oracle.claims(victim.agent) >= 2, { timeout: patience, what: `both claims about ${name} to be tried` });
    const lies = (await site.oracle.wrong()).filter((each) => each.includes(`${home}/${name} `));
    const missed = (await deed.lost?.()) ?? [];
    await victim.stop();
    return {
      ...struck, subject: subject.name, fault: fault.name, seconds: fault.on === 'Releases' ? letGo : seconds, end,
      claims: site.oracle.claims(victim.agent), lies: [...lies, ...lost, ...missed],
    };
  } catch (error) {
    throw new Error(`${subject.name}, ${fault.name} (${name}): ${String(error)}; it said\n${site.oracle.said(home, name).join('\n')}`, { cause: error });
  }
};

const runs = `${offboardApi}/namespaces/${home}/offboardings`;
const identities = `${offboardApi}/namespaces/${home}/workloadidentities`;

const statusOf = ({ oracle }: Site, name: string): OffboardingStatus | undefined => oracle.run(home, name)?.status;

const apiVersion = 'offboard.dev/v1alpha1';

const hold = async ({ insist }: Site, { spec }: Victim, name: string): Promise<void> => {
  await insist('POST', identities, { apiVersion, kind: 'WorkloadIdentity', metadata: { name }, spec: { serviceAccount: { name }, ...spec } });
  // It is held once it was looked at.
  await waitFor(async () => (await insist('GET', `${identities}/${name}`)).body.includes('"lifecycleState":"Active"'), { timeout: patience, interval: 250, what: `${name} to be held` });
};

const begin = async ({ insist }: Site, name: string, time: string): Promise<void> => {
  await insist('POST', runs, { apiVersion, kind: 'Offboarding', metadata: { name }, spec: { workloadIdentityRef: { name }, reason: 'Retired', mode: 'Enforce', soak: time } });
};

const saying = (site: Site, name: string, reason: string): Promise<unknown> => waitFor(() => readyOf(statusOf(site, name))?.reason === reason, { timeout: patience, what: `${name} to be ${reason}` });

/** Past its lock, and before the first revoke. */
const soak = async (site: Site, name: string): Promise<void> => {
  await begin(site, name, '1h');
  await saying(site, name, 'Soaking');
};

interface Struck extends Pick<Outcome, 'struck' | 'seen' | 'believed' | 'strengths'> {
  readonly liftedAt: number;
  readonly lost: readonly string[];
}

interface Strike {
  readonly victim: Victim;
  readonly fault: Fault;
  readonly deed: Deed;
  readonly name: string;
}

/** While the fault lasts, from where it begins on. The identity is deleted meanwhile, and held. */
const meanwhile = async (site: Site, { victim: { obstacle }, fault, deed, name }: Strike): Promise<Struck> => {
  const { insist } = site;
  const raised = fault.alone === true ? site.everybody : obstacle;
  const { kind } = fault.does;
  if (fault.from === 'Settling') {
    await begin(site, name, '0s');
    await saying(site, name, 'Settling');
  }
  raised.raise(fault, deed.ambush);
  let undone = false;
  const undo = async (): Promise<void> => {
    if (!undone) await deed.undo?.();
    undone = true;
  };
  try {
    await deed.begin?.();
    if (fault.from === 'Start') {
      await begin(site, name, '0s');
      await waitFor(() => readyOf(statusOf(site, name)) !== undefined, { timeout: patience, what: `${name} to begin` });
    }
    if (fault.from === undefined) await insist('PATCH', `${runs}/${name}`, { spec: { soak: '0s' } });
    await insist('DELETE', `${identities}/${name}`);
    await waitFor(() => raised.struck() > 0, { timeout: patience, what: 'a request to meet the fault' });
    await (kind === 'Lie' ? outlasting(site, name) : delay(windows[kind] ?? usualWindow));
    const struck = raised.struck();
    const { reason = '', message = '', status } = readyOf(statusOf(site, name)) ?? {};
    const lost = (await deed.lost?.()) ?? [];
    await undo();
    const told = kind === 'Lie' ? { believed: status === 'True', strengths: strengthsOf(statusOf(site, name)) } : {};
    return { struck, seen: { reason, message }, liftedAt: performance.now(), lost, ...told };
  } finally {
    raised.lift();
    await undo();
  }
};

/** Until it is believed, or was not for long enough. */
const outlasting = async (site: Site, name: string): Promise<void> => {
  const end = performance.now() + (windows.Lie ?? usualWindow);
  await waitFor(() => performance.now() > end || readyOf(statusOf(site, name))?.status === 'True', { timeout: patience, interval: 250, what: `the lie about ${name} to last` });
};

const strengthsOf = (status: OffboardingStatus | undefined): readonly string[] => [
  ...new Set((status?.dependencies ?? []).flatMap(({ credentials = [] }) => credentials.flatMap(({ strength }) => (strength === undefined ? [] : [strength])))),
];

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
