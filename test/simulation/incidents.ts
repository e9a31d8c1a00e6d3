/** Makes the incidents of a plan happen. What lasts is ended when its time is over. */
import { streamOf } from './engine/random.ts';
import type { Faults } from './faults.ts';
import type { People } from './people.ts';
import type { EndsLater, IdentityPlan, Incident, PersonAct, RealmAct } from './plan.ts';
import { realmActs } from './plan.ts';
import type { Reactions } from './reactions.ts';
import type { Person, Realm } from './realm.ts';
import type { Replicas } from './replicas.ts';

export interface IncidentsOptions {
  readonly seed: number;
  readonly realms: readonly Realm[];
  readonly identities: readonly { readonly person: Person; readonly plan: IdentityPlan }[];
  readonly operators: Replicas;
  readonly faults: Faults;
  readonly people: People;
  readonly meddlers: Reactions;
  readonly endsLater: EndsLater;
  /** Told of each that really happens, before it does. */
  readonly onBegin: (name: string, incident: Incident) => void;
  readonly onPeople: () => void;
}

export interface Incidents {
  readonly happen: (incident: Incident) => void;
}

type Of<Kind extends Incident['kind']> = Extract<Incident, { readonly kind: Kind }>;

/** By its name, or by a fraction of all of them. */
export const knobOf = ({ knobs }: Realm, wanted: number | string): Realm['knobs'][number] | undefined =>
  typeof wanted === 'string' ? knobs.find(({ name }) => name === wanted) : knobs[Math.floor(wanted * knobs.length)];

const isOfOneRealm = (act: PersonAct): act is RealmAct => realmActs.some((each) => each === act);

export const createIncidents = (options: IncidentsOptions): Incidents => {
  const { operators, faults, people, meddlers, identities, endsLater, onBegin, onPeople } = options;

  const freeze = (incident: Of<'Freeze'>): void => {
    const process = operators.process(incident.replica);
    onBegin('Freeze', incident);
    process.freeze();
    endsLater(incident.for, process.thaw);
  };
  const turn = (incident: Of<'Knob'>): void => {
    const realm = options.realms.find(({ servers }) => servers.some(({ name }) => name === incident.server));
    const knob = realm && knobOf(realm, incident.knob);
    if (realm === undefined || knob === undefined) return;
    onBegin(`${realm.name} ${knob.name}`, incident);
    const off = knob.on(streamOf(options.seed, `knob ${String(incident.at)}`));
    onPeople();
    endsLater(incident.for, () => {
      off();
      onPeople();
    });
  };
  const act = (incident: Of<'Person'>): void => {
    const identity = identities[incident.identity];
    if (identity === undefined) return;
    onBegin(incident.act, incident);
    const { act: what } = incident;
    if (isOfOneRealm(what)) for (const { acts } of options.realms) acts?.[what]?.(identity.person);
    else people.act(what, identity.person, identity.plan, streamOf(options.seed, `person ${String(incident.at)}`));
    onPeople();
  };
  const arm = (incident: Of<'Reaction'>): void => {
    const identity = identities[incident.identity];
    if (identity === undefined) return;
    onBegin(incident.reaction, incident);
    meddlers.arm(incident.reaction, identity.person);
  };

  return {
    happen: (incident) => {
      switch (incident.kind) {
        case 'Kill':
          onBegin('Kill', incident);
          operators.kill(incident.replica, incident.for);
          return;
        case 'KillAtRequest':
          onBegin('KillAtRequest', incident);
          operators.killAtRequest(incident.replica, incident.nth, incident.when, incident.for);
          return;
        case 'Freeze':
          freeze(incident);
          return;
        case 'StepWall':
          onBegin('StepWall', incident);
          operators.process(incident.replica).stepWall(incident.by);
          return;
        case 'Wire':
          onBegin(`${incident.server} ${incident.fault}`, incident);
          endsLater(incident.for, faults.begin(incident));
          return;
        case 'Knob':
          turn(incident);
          return;
        case 'Person':
          act(incident);
          return;
        case 'Reaction':
          arm(incident);
      }
    },
  };
};
