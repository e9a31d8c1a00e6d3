import { describe, expect, it } from 'vitest';
import { Violation } from './invariants.ts';
import { draw } from './draw.ts';
import { without } from './plan.ts';
import type { Incident, PersonAct, Plan } from './plan.ts';
import { report } from './report.ts';
import { shrink } from './shrink.ts';
import type { Outcome } from './universe.ts';
import { simulate } from './universe.ts';

/** A neighbour has nothing in common with it. */
const alone = { sharedRole: false, sharedLeases: false, sharedEntity: false, sharedAccount: false } as const;

const withDependency = (name: 'vault' | 'google'): number => {
  for (let seed = 1; ; seed += 1) if (draw(seed).identities.some((each) => each[name])) return seed;
};

describe('a run', () => {
  it.each(['vault', 'google'] as const)('is the same every time, to the last request, with %s', async (name) => {
    const seed = withDependency(name);
    const [first, again] = [await simulate(draw(seed), { trace: true }), await simulate(draw(seed), { trace: true })];
    expect(first.trace.length).toBeGreaterThan(200);
    expect(again.trace).toEqual(first.trace);
    expect(again).toMatchObject({ events: first.events, ends: first.ends });
  });

  it('is another one for another seed', () => {
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('comes to a true end when nothing goes wrong', async () => {
    const plan = draw(1);
    const identities = plan.identities.map((each) => ({ ...each, ...alone, mode: 'Enforce' as const, soak: 0 }));
    const { violation, ends } = await simulate({ ...plan, identities, incidents: [] }, { trace: false });
    expect(violation).toBeUndefined();
    expect(ends.every((end) => end.startsWith('Ready/'))).toBe(true);
  });

  it.each([
    ['SharedRole', 'vault', { sharedRole: true }],
    ['SharedLeasePath', 'vault', { sharedLeases: true }],
    ['SharedEntity', 'vault', { sharedEntity: true }],
    ['SharedAccount', 'google', { sharedAccount: true }],
  ] as const)('waits for a person with %s where something in %s is a neighbour\'s as well', async (reason, realm, shared) => {
    const [first] = draw(1).identities;
    if (first === undefined) throw new Error('nobody is drawn');
    const usual = { by: 'Offboarding', mode: 'Enforce', soak: 0, inUse: 0, undeclared: false, idle: false } as const;
    const { violation, ends } = await simulate({ ...draw(1), identities: [{ ...first, ...usual, ...alone, ...shared, [realm]: true }], incidents: [] }, { trace: false });
    expect([violation, ends[0]]).toEqual([undefined, `Stalled/${reason}`]);
    expect(ends.at(-1)).toMatch(/^Ready\//);
  });
});

describe('a run of which the identity is suspended', () => {
  const plan = draw(1);
  const [identity] = plan.identities;
  const act = (what: PersonAct, at: number): Incident => ({ at, kind: 'Person', act: what, identity: 0 });
  const play = (...incidents: readonly Incident[]) =>
    simulate({ ...plan, identities: identity === undefined ? [] : [{ ...identity, ...alone, at: 2_000, by: 'Offboarding', mode: 'Enforce', inUse: 0 }], incidents }, { trace: false });

  it('is not over before the last of its plan has happened', async () => {
    const { violation, happened, ends } = await play(act('Suspend', 2_050), act('Resume', 60_000));
    expect(violation).toBeUndefined();
    expect(happened).toEqual(['Suspend', 'Resume']);
    expect(ends).toEqual(['Ready/ConfirmedWithUnprovable']);
  });

  it('is brought to its end by whoever it waits for', async () => {
    const { violation, ends } = await play(act('Suspend', 2_050));
    expect(violation).toBeUndefined();
    expect(ends).toEqual(['Idle/Suspended', 'Ready/ConfirmedWithUnprovable']);
  });
});

describe('a failing plan', () => {
  const [seed] = Array.from({ length: 200 }, (_, index) => index + 1).filter((each) => draw(each).incidents.length >= 6);
  const plan = draw(seed ?? 1);
  const needed = [plan.incidents[1], plan.incidents[4]];
  const outcome = (violation: Violation | undefined): Outcome => ({ violation, milliseconds: 1_000, events: 1, ends: [], happened: [], trace: ['what happened'] });
  /** Fails with both of them, as the operator would that has one mistake. */
  const run = (tried: Plan): Promise<Outcome> =>
    Promise.resolve(outcome(needed.every((each) => each !== undefined && tried.incidents.includes(each)) ? new Violation('NeverLies', 'it works') : undefined));

  it('is made as small as it can be', async () => {
    const { kept } = await shrink(plan, await run(plan), run);
    expect(kept).toEqual([1, 4]);
  });

  it('is left as it is when no try is left', async () => {
    const { kept } = await shrink(plan, await run(plan), run, 0);
    expect(kept).toEqual(plan.incidents.map((_, index) => index));
  });

  it('is printed with what it takes and the command that plays it again', async () => {
    const small = await run(without(plan, (index) => [1, 4].includes(index)));
    const text = report.failure(plan, [1, 4], small);
    expect(text).toContain('NeverLies at 1.0 s: it works');
    expect(text).toContain(`make sim SEED=${String(plan.seed)} KEEP=1,4`);
    expect(text).toContain('what happened');
  });
});
