/** Once trouble has ended, every retirement comes to its end, or says which person it waits for; and what is recorded of it is true. */
import { reasons } from '../../src/api/v1alpha1/conditions.ts';
import type { PublicKeys } from '../../src/evidence/keys.ts';
import { keysById, readPublicKeys } from '../../src/evidence/keys.ts';
import { verify } from '../../src/evidence/verify.ts';
import { materialOf } from '../../src/evidence/material.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import type { World } from './invariants.ts';
import { Violation } from './invariants.ts';
import { conditionOf, isActing, isTrue, nameOf } from './runs.ts';
import { isAsWanted, reasonOf, waitsForAPerson } from './waits.ts';

/** In a word: `Ready/Confirmed`, `Stalled/InUse`, `Reconciling/Settling`. */
export const restsOn = (run: OffboardingObject): string => {
  const ready = conditionOf(run, 'Ready');
  if (ready === undefined) return 'New';
  const kind = ready.status === 'True' ? 'Ready' : isTrue(run, 'Stalled') ? 'Stalled' : isTrue(run, 'Reconciling') ? 'Reconciling' : 'Idle';
  return `${kind}/${ready.reason}`;
};

/** What people gave a time of day for. Of a clock that was set back it comes late. */
const byTheTimeOfDay: ReadonlySet<string> = new Set([reasons.soaking, reasons.waitingForExpiry, reasons.completedWithWaivers]);

/** What is given up for a while is asked for again after that. */
const isReady = (run: OffboardingObject): boolean => isTrue(run, 'Ready') && reasonOf(run) !== reasons.completedWithWaivers;

const rests = (run: OffboardingObject, world: World): boolean => isReady(run) || isAsWanted(run, world) || waitsForAPerson(run, world);

const isHeld = ({ metadata: { finalizers = [] } }: KubeObject): boolean => finalizers.some((name) => name.startsWith('offboard.dev/'));

const isGoing = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp !== undefined;

/** Such a run can never begin, so that it holds nobody up who deletes it. */
const isOfNoUse = (run: OffboardingObject): boolean => run.status?.startedAt === undefined && [reasons.identityNotFound, reasons.identityUnknown].some((reason) => reason === reasonOf(run));

const isUnderWay = (run: OffboardingObject): boolean => run.spec.mode === 'Enforce' && (run.status?.completedAt === undefined || isActing(run));

const tell = (run: OffboardingObject): string => `${nameOf(run)} is ${restsOn(run)}: ${(conditionOf(run, 'Ready') as { readonly message?: string } | undefined)?.message ?? ''}`;

/** What has not come to its end, and is not where it may stay: runs, and what is held though nothing will come of that. */
export const whatIsOpen = (world: World, mayBeLate: (run: OffboardingObject) => boolean = () => false): readonly string[] => {
  const runs = world.offboardings();
  const open = runs.filter((run) => !rests(run, world) && !mayBeLate(run)).map(tell);
  const kept = runs
    .filter((run) => isHeld(run) && (run.status?.completedAt !== undefined || (isGoing(run) && isOfNoUse(run))))
    .map((run) => `${nameOf(run)} has ended, as ${restsOn(run)}, and is not let go`);
  const stuck = world
    .workloadIdentities()
    .filter((identity) => isHeld(identity) && isGoing(identity) && !runs.some((run) => isUnderWay(run) && isOf(run, identity)))
    .map((identity) => `WorkloadIdentity ${nameOf(identity)} is being deleted, and no run is under way that it could wait for`);
  return [...open, ...kept, ...stuck];
};

/** Its account has its name here. */
const isOf = ({ status, spec }: OffboardingObject, { metadata: { namespace = '', name } }: KubeObject): boolean =>
  status?.identity === `${namespace}/${name}` || (status?.identity === undefined && spec.workloadIdentityRef?.name === name);

export const atTheEnd = (world: World, settled: boolean, publicKey: string): void => {
  const open = settled ? [] : whatIsOpen(world, (run) => world.clocksWereSet() && byTheTimeOfDay.has(reasonOf(run)));
  if (open.length > 0) throw new Violation('Lives', `did not end in time: ${open.join('; ')}`);
  checkRecords(world, publicKey);
};

const read = new Map<string, PublicKeys>();

/** It is the same one in every run. */
const keysIn = (pem: string): PublicKeys => {
  const keys = read.get(pem) ?? keysById(readPublicKeys(pem));
  read.set(pem, keys);
  return keys;
};

const ofTheTimeOfDay = /(ended|confirmed|refused|was|began) before|between its times|waiver had ended|at the last look|after the run had ended|its time was not over|not before the lock|from its first absence on/;

/** Each end that is told has one record, the chain has no gap, and what it says is what an auditor finds proven. */
const checkRecords = (world: World, publicKey: string): void => {
  const records = world.records();
  if (world.recordsWereDeleted()) return;
  records.forEach(({ metadata: { name } }, index) => {
    if (Number(name) !== index + 1) throw new Violation('RecordTells', `record ${name} has place ${String(index + 1)}`);
  });
  if (records.length === 0) return;
  const keys = keysIn(publicKey);
  const report = verify(records.map((record) => materialOf(record.metadata.name, record.metadata.name, (record as { readonly spec?: Readonly<Record<string, unknown>> }).spec ?? {})), { trusted: keys, published: keys });
  // With a clock that was set by an hour half-way, the times of day of a record contradict each other, and an auditor is told so.
  const excused = (message: string): boolean => world.clocksWereSet() && ofTheTimeOfDay.test(message);
  const found = [...report.problems, ...report.records.flatMap(({ problems }) => problems)];
  if (report.verdict !== 'Proven' && !(found.length > 0 && found.every(({ message }) => excused(message)))) throw new Violation('RecordTells', `offboard verify says ${report.verdict}: ${JSON.stringify(report)}`);
};
