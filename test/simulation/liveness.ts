/** Once trouble has ended, every retirement comes to its end, or says which person it waits for; and what is recorded of it is true. */
import { reasons } from '../../src/api/v1alpha1/conditions.ts';
import type { PublicKeys } from '../../src/evidence/keys.ts';
import { keysById, readPublicKeys } from '../../src/evidence/keys.ts';
import { verify } from '../../src/evidence/verify.ts';
import { materialOf } from '../../src/evidence/material.ts';
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import type { World } from './invariants.ts';
import { Violation } from './invariants.ts';
import { conditionOf, isTrue } from './runs.ts';

/** Named decisions of people. Whatever else a run waits for by itself. */
const decisions: ReadonlySet<string> = new Set([
  reasons.inUse, reasons.identityRecreated, reasons.identityUnknown, reasons.identityNotFound, reasons.managedElsewhere, reasons.sharedLeasePath, reasons.sharedRole,
  reasons.sharedEntity, reasons.sharedAccount, reasons.revocationStuck, reasons.contradicted, 'HeldByFinalizer', reasons.accountUnknown, reasons.uidMismatch, reasons.resurrected, reasons.invalidSpec, reasons.reopened,
]);

const idle: ReadonlySet<string> = new Set([reasons.planOnly, reasons.suspended, reasons.cancelled, reasons.superseded, reasons.waitingForOtherRun]);

/** In a word: `Ready/Confirmed`, `Stalled/InUse`, `Reconciling/Settling`. */
export const restsOn = (run: OffboardingObject): string => {
  const ready = conditionOf(run, 'Ready');
  if (ready === undefined) return 'New';
  const kind = ready.status === 'True' ? 'Ready' : isTrue(run, 'Stalled') ? 'Stalled' : isTrue(run, 'Reconciling') ? 'Reconciling' : 'Idle';
  return `${kind}/${ready.reason}`;
};

/** What people gave a time of day for. Of a clock that was set back it comes late. */
const byTheTimeOfDay: ReadonlySet<string> = new Set([reasons.soaking, reasons.waitingForExpiry, reasons.completedWithWaivers]);

const hasEnded = (run: OffboardingObject): boolean => {
  const { reason = '' } = conditionOf(run, 'Ready') ?? {};
  // What is given up for a while is asked for again after that.
  return (isTrue(run, 'Ready') && reason !== reasons.completedWithWaivers) || (isTrue(run, 'Stalled') && decisions.has(reason)) || idle.has(reason);
};

export const isSettled = (runs: readonly OffboardingObject[]): boolean => runs.every(hasEnded);

export const atTheEnd = (world: World, settled: boolean, publicKey: string): void => {
  if (!settled) {
    const open = world.offboardings().filter((run) => !hasEnded(run) && !(world.clocksWereSet() && byTheTimeOfDay.has(conditionOf(run, 'Ready')?.reason ?? '')));
    if (open.length === 0 && world.clocksWereSet()) return;
    throw new Violation('Lives', `did not end in time: ${open.map((run) => `${run.metadata.name} is ${restsOn(run)}: ${(conditionOf(run, 'Ready') as { message?: string } | undefined)?.message ?? ''}`).join('; ') || 'what is going on has not ended'}`);
  }
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
