/** A plan as lines for people, dependency by dependency in the order in which it would happen: pure. */
import type { DependencyStatus, OffboardingStatus } from '../../api/v1alpha1/index.ts';
import { conditionOf, conditionTypes } from '../../api/v1alpha1/conditions.ts';
import type { RunObject } from '../runs.ts';
import { wrap } from '../screen.ts';
import { lasting } from '../time.ts';
import { blocks, rowsOf, verbOf } from './rows.ts';

type Planned = Pick<RunObject, 'spec' | 'status'>;

/** Something would hold the run, or it could not be told that nothing would. */
export const isBlocked = ({ status = {} }: Planned): boolean => !isComplete(status) || (status.dependencies ?? []).some(blocks);

const isComplete = (status: OffboardingStatus): boolean => conditionOf(status, conditionTypes.planned)?.status === 'True';

export const printed = (plan: Planned, width: number): string => {
  const { spec, status = {} } = plan;
  const ordered = inOrder(status.dependencies ?? []);
  return [
    wrap(`Plan for the end of ${status.identity ?? 'an identity that could not be found'} (${spec.reason}${spec.urgency === 'Emergency' ? ', Emergency' : ''}). Nothing was changed.`, width, ''),
    ...ordered.map((dependency) => `\n${section(dependency, status, width)}`),
    '\n',
    ...summary(plan, ordered, width),
  ].join('');
};

/** One that could not be asked is in no stage, and comes last. */
const inOrder = (dependencies: readonly DependencyStatus[]): readonly DependencyStatus[] =>
  dependencies.toSorted((one, other) => (one.forecast?.stage ?? Infinity) - (other.forecast?.stage ?? Infinity) || 0);

const section = (dependency: DependencyStatus, { target }: OffboardingStatus, width: number): string => {
  const { forecast: { stage, after = [], issuers = [] } = {}, name } = dependency;
  const order = [
    ...(after.length === 0 ? [] : [`once ${after.join(', ')} is proven gone`]),
    ...(issuers.length === 0 ? [] : [`looked at for the last time after ${issuers.join(', ')}, whose credentials log in here`]),
  ];
  const rows = rowsOf(dependency, target);
  return [
    wrap(`${stage === undefined ? '?' : String(stage)}. ${name}${order.length === 0 ? '' : `: ${order.join('; ')}`}`, width, '', '   '),
    ...rows.map(({ label, text }) => row(label, text, width)),
    ...(rows.length === 0 ? [row('', 'nothing was found', width)] : []),
  ].join('');
};

const labels = 9;

const row = (label: string, text: string, width: number): string => {
  const beside = ' '.repeat(labels + 4);
  return wrap(text, width, beside).replace(beside, `   ${label.padEnd(labels)} `);
};

const summary = (plan: Planned, ordered: readonly DependencyStatus[], width: number): readonly string[] => {
  const { status = {} } = plan;
  return [
    wrap(counted(ordered, status), width, '', '  '),
    ...residual(status, width),
    wrap(verdict(plan, ordered), width, '', '  '),
  ];
};

/** As `terraform plan` ends: how many of what. */
const counted = (dependencies: readonly DependencyStatus[], { target }: OffboardingStatus): string => {
  const counts = new Map<string, number>();
  for (const { name, credentials = [] } of dependencies) {
    for (const credential of credentials) {
      const { end = 'Revoke', count = 1 } = credential;
      const what = end === 'Revoke' ? `to ${verbOf(name, credential, target)}` : { Others: 'to end with them', Expiry: 'to wait out', Person: 'for a person' }[end];
      counts.set(what, (counts.get(what) ?? 0) + count);
    }
  }
  const leftOut = dependencies.reduce((sum, { undeclared = [] }) => sum + undeclared.length, 0);
  if (leftOut > 0) counts.set('left out', leftOut);
  return `Plan: ${counts.size === 0 ? 'nothing was found' : [...counts].map(([what, count]) => `${String(count)} ${what}`).join(', ')}.`;
};

const residual = (status: OffboardingStatus, width: number): readonly string[] => {
  const { forecast } = status;
  const say = (text: string): string => wrap(`Access left: ${text}.`, width, '', '  ');
  if (forecast === undefined) return isComplete(status) ? [] : [say('nobody can say, since not everything could be asked')];
  const { residualFor, residualUntil } = forecast;
  const soon = residualFor === undefined ? undefined : `${lasting(residualFor)} from the first revoke on, if each is accepted at once and nothing new comes`;
  if (residualUntil === 'unknown') return [say(`nobody can say until when, since a person must end something first; of the rest ${soon ?? 'none'}`)];
  if (residualUntil !== undefined) return [say(`until ${residualUntil}, by what nobody can revoke; of the rest ${soon ?? 'none'}`)];
  return [say(soon ?? 'none that is known')];
};

const verdict = ({ status = {} }: Planned, dependencies: readonly DependencyStatus[]): string => {
  const names = dependencies.filter(blocks).map(({ name }) => name);
  if (names.length > 0) return `BLOCKED by ${names.join(', ')}: as things are, it would not be carried out.`;
  if (isComplete(status)) return 'Nothing blocks it. It is carried out with spec.mode Enforce.';
  const why = conditionOf(status, conditionTypes.stalled) ?? conditionOf(status, conditionTypes.ready);
  return `BLOCKED: the plan is not complete: ${why?.message ?? 'the operator said nothing yet'}`;
};
