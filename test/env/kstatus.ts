/**
 * What kstatus (sigs.k8s.io/cli-utils), `kubectl wait` and Argo CD may rely on in every status we write. Returns what is
 * wrong, in words; nothing when all is well.
 */
import type { Condition } from '../../src/api/v1alpha1/index.ts';

export interface Observed {
  readonly metadata: { readonly generation?: number };
  readonly status?: { readonly observedGeneration?: number; readonly conditions?: readonly Condition[] };
}

/** Of an object that nobody has looked at yet: the schemas give it, so that it is in progress from its first moment. */
const unseen = -1;

export const kstatusViolations = ({ metadata, status }: Observed): readonly string[] => {
  if (status === undefined || status.observedGeneration === unseen) return [];
  const { conditions = [], observedGeneration } = status;
  const find = (name: string): Condition | undefined => conditions.find(({ type }) => type === name);
  const ready = find('Ready');
  const violations: string[] = [];
  const expect = (holds: boolean, rule: string): void => {
    if (!holds) violations.push(rule);
  };
  expect(ready !== undefined, 'Ready is always there');
  expect(observedGeneration !== undefined, 'status.observedGeneration is always there');
  expect((observedGeneration ?? 0) <= (metadata.generation ?? 0), 'status.observedGeneration is never ahead');
  for (const { type, observedGeneration: own, reason, message, lastTransitionTime } of conditions) {
    expect(own === observedGeneration, `${type} speaks of the same generation as the status`);
    expect(/^[A-Za-z][A-Za-z0-9]*$/.test(reason), `${type} has a CamelCase reason, not "${reason}"`);
    expect(message !== '', `${type} has a message`);
    expect(!Number.isNaN(Date.parse(lastTransitionTime)), `${type} has a transition time`);
  }
  for (const name of ['Reconciling', 'Stalled']) {
    const condition = find(name);
    expect(condition === undefined || condition.status === 'True', `${name} is only there while true`);
    expect(condition === undefined || ready?.status !== 'True', `${name} and Ready=True exclude each other`);
  }
  expect(find('Reconciling') === undefined || find('Stalled') === undefined, 'Reconciling and Stalled exclude each other');
  return violations;
};
