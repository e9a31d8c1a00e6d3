/** Makes happen what waits for a moment in the life of a run: so long after the stored status of one told it first. */
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import type { Stored } from './invariants.ts';
import type { EndsLater, Incident, Moment } from './plan.ts';
import type { Person } from './realm.ts';

export interface Moments {
  readonly onStored: (change: Pick<Stored, 'plural' | 'object'>) => void;
}

export interface MomentsOptions {
  readonly endsLater: EndsLater;
  readonly identities: readonly Person[];
  /** Those that wait for a moment; others are passed over. */
  readonly incidents: readonly Incident[];
  readonly happen: (incident: Incident) => void;
}

const fields: Readonly<Record<Moment, 'startedAt' | 'lockedAt' | 'revokeStartedAt' | 'completedAt'>> = { Started: 'startedAt', Locked: 'lockedAt', Announced: 'revokeStartedAt', Ended: 'completedAt' };

export const createMoments = ({ endsLater, identities, incidents, happen }: MomentsOptions): Moments => {
  const waiting = new Map(incidents.flatMap((incident) => (incident.since === undefined ? [] : [[incident, incident.since] as const])));
  return {
    onStored: ({ plural, object }) => {
      if (plural !== 'offboardings') return;
      const { status } = object as OffboardingObject;
      for (const [incident, { moment, identity }] of waiting) {
        const { namespace = '', name = '' } = identities[identity] ?? {};
        if (status?.identity !== `${namespace}/${name}` || status[fields[moment]] === undefined) continue;
        waiting.delete(incident);
        // What is yet to come is trouble already: a run that rests before it has not come to its end.
        endsLater(incident.at, () => { happen(incident); });
      }
    },
  };
};
