/** What is built and never drawn tests nothing. */
import { describe, expect, it } from 'vitest';
import { createClusterRealm } from './cluster-realm.ts';
import { draw } from './draw.ts';
import { streamOf } from './engine/random.ts';
import { createScheduler } from './engine/scheduler.ts';
import { createGoogleRealm } from './google-realm.ts';
import { knobOf } from './incidents.ts';
import { epoch } from './invariants.ts';
import { operatorNamespace as namespace } from './people.ts';
import { ownersActs, personActs, reactions, realmActs, storyActs, wireFaults } from './plan.ts';
import type { Incident } from './plan.ts';
import { createVaultRealm } from './vault-realm.ts';

const draws = 10_000;
/** Of so many draws each thing is in so many at least. */
const least = 5;
const plans = Array.from({ length: draws }, (_, index) => draw(index + 1));
const incidents = plans.flatMap((plan) => plan.incidents);
const those = <Kind extends Incident['kind']>(kind: Kind) => incidents.filter((incident): incident is Extract<Incident, { readonly kind: Kind }> => incident.kind === kind);

const scheduler = createScheduler();
const random = streamOf(1, 'test');
const { cluster, realm: kubernetes } = createClusterRealm({ scheduler, random, epoch, namespace });
const outside = { scheduler, random, epoch, namespace, cluster };
const realms = [kubernetes, createVaultRealm(outside).realm, createGoogleRealm(outside).realm];

/** Those of `all` that are too rare. */
const rare = (all: readonly string[], drawn: readonly (string | undefined)[]): readonly string[] => {
  const counts = Map.groupBy(drawn, (each) => each);
  return all.filter((each) => (counts.get(each)?.length ?? 0) < least);
};

describe(`in ${String(draws)} draws`, () => {
  it.each(realms.map((realm) => [realm.name, realm] as const))('each knob of %s is turned', (_, realm) => {
    const turned = those('Knob').filter(({ server }) => realm.servers.some(({ name }) => name === server));
    expect(rare(realm.knobs.map(({ name }) => name), turned.map(({ knob }) => knobOf(realm, knob)?.name))).toEqual([]);
  });

  it('nobody asks for a knob that is not there', () => {
    const named = those('Knob').filter(({ server, knob }) => !realms.some((realm) => realm.servers.some(({ name }) => name === server) && knobOf(realm, knob) !== undefined));
    expect(named).toEqual([]);
  });

  it('people do each of their acts', () => {
    expect(rare([...personActs, ...realmActs, ...storyActs, ...ownersActs], those('Person').map(({ act }) => act))).toEqual([]);
    expect(rare(reactions, those('Reaction').map(({ reaction }) => reaction))).toEqual([]);
  });

  it('each fault of the wire is met', () => {
    expect(rare([...wireFaults, 'ShortLists'], those('Wire').map(({ fault }) => fault))).toEqual([]);
  });

  it('whatever an identity may be or have, some are and have it, and some not', () => {
    const identities = plans.flatMap((plan) => plan.identities);
    const fields = Object.keys(identities[0] ?? {}).filter((each) => each !== 'name' && each !== 'at');
    const values = identities.flatMap((each) => Object.entries(each).map(([name, value]) => `${name} ${String(typeof value === 'string' ? value : Boolean(value))}`));
    const kinds = Map.groupBy(new Set(values), (each) => each.split(' ')[0] ?? '');
    // Shared leases are played by themselves.
    expect(fields.filter((each) => (kinds.get(each)?.length ?? 0) < 2)).toEqual(['sharedLeases']);
    expect(rare([...new Set(values)].filter((each) => !/^(name|at) /.test(each)), values)).toEqual([]);
  });

  it('each system is set up in each way', () => {
    const settings = plans.flatMap(({ setting }) => Object.entries(setting).map(([name, value]) => `${name} ${String(value)}`));
    expect(rare(Object.keys(plans[0]?.setting ?? {}).flatMap((name) => [`${name} true`, `${name} false`]), settings)).toEqual([]);
  });

  it('a part of a list never passes for all of it as long as the settle time', () => {
    const shortest = Math.min(...realms.map(({ settleTime }) => settleTime));
    for (const { fault, for: lasts } of those('Wire')) if (fault === 'ShortLists') expect(lasts).toBeLessThan(shortest);
  });
});
