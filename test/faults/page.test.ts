import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { faults, lasting } from './catalogue.ts';
import { casesOf } from './matrix.ts';
import type { Outcome } from './matrix.ts';
import { complaintsAbout, falseClaims, renderPage, rowsOf } from './page.ts';
import type { Plan } from './page.ts';
import { policies } from './policies.ts';
import { subjects } from './subjects.ts';

const plan: Plan = { subjects, cases: casesOf(subjects, faults), policies };

const outcomes: readonly Outcome[] = plan.cases.map(({ subject, fault }) => ({
  subject: subject.name,
  fault: fault.name,
  struck: 1,
  seen: { reason: 'DependencyUnavailable', message: 'vault: no whole answer from http://127.0.0.1:4711 in time | or so' },
  seconds: 16,
  end: 'Ready',
  claims: 2,
  lies: [],
  ...(fault.name === lasting && { believed: subject.name !== 'kubernetes', strengths: ['Observed'] }),
}));

const comparisons = policies.map(({ name }) => ({ policy: name, fault: '400', subject: 'vault', met: true, over: true, lied: true }));

const render = (changed: readonly Outcome[] = outcomes): string =>
  renderPage(plan, { outcomes: changed, comparisons, machine: 'a machine', minutes: 6, settle: 15 });

it('the page has every fault on every dependency, and every policy, and no false completion of ours', () => {
  expect(complaintsAbout(readFileSync('docs/fault-matrix.md', 'utf8'), plan)).toEqual([]);
});

it('what is written is read back', () => {
  expect(complaintsAbout(render(), plan)).toEqual([]);
  expect(rowsOf(render()).find(({ part }) => part === subjects[0]?.title)?.cells).toEqual([
    plan.cases[0]?.fault.name, 'writes', '`DependencyUnavailable`: vault: no whole answer from the server in time | or so', 'Ready after 16.0 s', '0',
  ]);
});

it('a fault that was not measured cannot be written', () => {
  expect(() => render(outcomes.slice(1))).toThrow('was not measured');
});

it('a false completion is a complaint, in its row and in the summary', () => {
  const lie = 'Offboarding agents/x said Ready=True (Confirmed) at 10:00';
  const lies = [`${lie}, and the Vault token still works`, `${lie}, and the child token still works`];
  expect(falseClaims(lies)).toBe(1);
  const complaints = complaintsAbout(render(outcomes.map((each, index) => (index === 0 ? { ...each, lies } : each))), plan);
  expect(complaints).toEqual([expect.stringContaining('Kubernetes: false completions in "time-out before the effect'), expect.stringContaining('Kubernetes: the summary')]);
});

it('a lie that lasts is told apart, may be believed where nothing is tried, and never with the probe', () => {
  const lied = (name: string, change: Partial<Outcome>): readonly Outcome[] => outcomes.map((each) => (each.subject === name && each.fault === lasting ? { ...each, ...change } : each));
  const lies = ['Offboarding agents/x said Ready=True (Confirmed) at 10:00, and the Vault token still works'];
  const page = render(lied('vault', { lies }));
  expect(complaintsAbout(page, plan)).toEqual([]);
  expect(rowsOf(page).find(({ part, cells: [first] }) => part === 'What no observation can tell' && first === 'Vault')?.cells.at(-1)).toBe('**believed**: 1 claims were not true');
  expect(() => render(lied('vault', { lies, strengths: ['Probed'] }))).toThrow('must not be');
  expect(() => render(lied('kubernetes', { lies }))).toThrow('must not be');
  expect(complaintsAbout(render(lied('kubernetes', { believed: true })), plan)).toEqual([expect.stringContaining('whatever the probe said')]);
});

it('a fault or a policy that is new in the code is missed in the page', () => {
  const [first, ...rest] = plan.cases;
  expect(complaintsAbout(render(), { ...plan, cases: rest })).toContainEqual(expect.stringContaining(`"${first?.fault.name ?? ''}" is none of the code's`));
  const another = { name: 'another', on: 'Reads', does: { kind: 'Empty' } } as const;
  expect(complaintsAbout(render(), { ...plan, cases: casesOf(subjects, [...faults, another]) })).toContainEqual('Vault: "another" is missing');
  expect(complaintsAbout(render(), { ...plan, policies: policies.map((policy) => ({ ...policy, source: 'https://example.com' })) })).toHaveLength(policies.length);
});

it('names are different', () => {
  for (const names of [faults, subjects, policies].map((all) => all.map(({ name }) => name))) expect(new Set(names).size).toBe(names.length);
});
