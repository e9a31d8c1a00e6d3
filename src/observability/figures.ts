/** What only the leader's metrics show: figures of all runs, Connectors and records, as they are when they are scraped. */
import { Gauge, type Registry } from 'prom-client';

/** The figures of all runs, as the metrics show them. */
export interface RunFigures {
  readonly revocations: readonly { readonly revoker: string; readonly state: string; readonly count: number }[];
  readonly oldestUnconfirmed: readonly { readonly revoker: string; readonly seconds: number }[];
  readonly residual: readonly { readonly revoker: string; readonly seconds: number; readonly unknown: number }[];
  readonly stuck: readonly { readonly revoker: string; readonly count: number }[];
  readonly waiting: readonly { readonly revoker: string; readonly reason: string; readonly count: number }[];
  readonly held: readonly { readonly reason: string; readonly count: number }[];
  readonly overdue: number;
  readonly unlocked: number;
  readonly waived: readonly { readonly revoker: string; readonly count: number }[];
  readonly unheld: readonly { readonly kind: string; readonly count: number }[];
  readonly identities: readonly { readonly state: string; readonly count: number }[];
}

/** All figures that only the leader has. */
export interface Figures extends RunFigures {
  readonly connectors: readonly { readonly type: string; readonly ready: boolean; readonly count: number }[];
  /** False when the policies of the lock are not as they should be; undefined when that cannot be told. */
  readonly lockInstalled: boolean | undefined;
  readonly oldestUnknown: readonly { readonly revoker: string; readonly seconds: number }[];
  readonly tombstones: readonly { readonly state: string; readonly count: number }[];
  readonly recordHead: number;
  readonly recordsMissing: number;
}

/** `current` is undefined when this process does not lead. */
export const registerFigures = (registry: Registry, current: () => Figures | undefined): void => {
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[], fill: (gauge: Gauge<Label>, figures: Figures) => void): void => {
    new Gauge<Label>({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset();
        const now = current();
        if (now !== undefined) fill(this, now);
      },
    });
  };
  gauge('offboard_revocations', 'Credentials of runs that have not ended, by state.', ['revoker', 'state'], (all, { revocations }) => {
    for (const { count, ...labels } of revocations) all.set(labels, count);
  });
  gauge(
    'offboard_oldest_unconfirmed_revocation_seconds',
    'Time since the oldest request to revoke that is not confirmed, less the settle time. What waits for an expiry or is suspended does not count.',
    ['revoker'],
    (all, { oldestUnconfirmed }) => {
      for (const { seconds, revoker } of oldestUnconfirmed) all.set({ revoker }, seconds);
    },
  );
  gauge(
    'offboard_residual_access_seconds',
    'Time for which access of runs that have not ended may be left at most, where somebody can say; offboard_residual_access_unknown counts the rest.',
    ['revoker'],
    (all, { residual }) => {
      for (const { revoker, seconds } of residual) all.set({ revoker }, seconds);
    },
  );
  gauge('offboard_residual_access_unknown', 'Credentials of runs that have not ended of which nobody can say until when they work.', ['revoker'], (all, { residual }) => {
    for (const { revoker, unknown } of residual) all.set({ revoker }, unknown);
  });
  gauge('offboard_stuck_revocations', 'Credentials whose revoke was taken and cannot be carried out.', ['revoker'], (all, { stuck }) => {
    for (const { count, revoker } of stuck) all.set({ revoker }, count);
  });
  gauge('offboard_waiting_revocations', 'Credentials that are not meant to be gone yet: expiry, suspended, waived.', ['revoker', 'reason'], (all, { waiting }) => {
    for (const { count, ...labels } of waiting) all.set(labels, count);
  });
  gauge('offboard_held_offboardings', 'Runs held before the first revoke, by the reason of their Ready condition.', ['reason'], (all, { held }) => {
    for (const { count, reason } of held) all.set({ reason }, count);
  });
  gauge('offboard_overdue_offboardings', 'Runs that have not ended within their deadline.', [], (all, { overdue }) => {
    all.set(overdue);
  });
  gauge('offboard_unlocked_offboardings', 'Runs whose lock does not hold any more, though nobody gave it up.', [], (all, { unlocked }) => {
    all.set(unlocked);
  });
  gauge('offboard_lock_installed', '1 when the admission policies of the lock are as they should be. Not there when they cannot be seen.', [], (all, { lockInstalled }) => {
    // A gauge without labels is 0 unless it is taken away, which would be a false alarm.
    if (lockInstalled === undefined) all.remove();
    else all.set(lockInstalled ? 1 : 0);
  });
  gauge(
    'offboard_oldest_unknown_dependency_seconds',
    'Time for which a dependency of a run that has not ended could not be asked. What is suspended or waived does not count.',
    ['revoker'],
    (all, { oldestUnknown }) => {
      for (const { seconds, revoker } of oldestUnknown) all.set({ revoker }, seconds);
    },
  );
  gauge('offboard_waived_dependencies', 'Dependencies of runs that waivers in force give up.', ['revoker'], (all, { waived }) => {
    for (const { count, revoker } of waived) all.set({ revoker }, count);
  });
  gauge('offboard_unheld_objects', 'Objects whose finalizer somebody took off, so that deleting them waits for nothing.', ['kind'], (all, { unheld }) => {
    for (const { count, kind } of unheld) all.set({ kind }, count);
  });
  gauge('offboard_workload_identities', 'WorkloadIdentities by lifecycle state.', ['state'], (all, { identities }) => {
    for (const { count, state } of identities) all.set({ state }, count);
  });
  gauge('offboard_connectors', 'Connectors by whether they can be used.', ['type', 'ready'], (all, { connectors }) => {
    for (const { count, type, ready } of connectors) all.set({ type, ready: String(ready) }, count);
  });
  gauge(
    'offboard_tombstones',
    'Records of ends: watching and resting are all of them; superseded, resurrected, not_looked_at, lock_lost and changed are counted beside that.',
    ['state'],
    (all, { tombstones }) => {
      for (const { count, state } of tombstones) all.set({ state }, count);
    },
  );
  gauge('offboard_record_head', 'The number of the last record that the leader has seen; it only grows while that leads.', [], (all, { recordHead }) => {
    all.set(recordHead);
  });
  gauge('offboard_missing_records', 'Numbers from the first record to the last that was seen that no record has.', [], (all, { recordsMissing }) => {
    all.set(recordsMissing);
  });
};
