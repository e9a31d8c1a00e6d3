/** Which connectors somebody may use, by what the API server lists of their rights: pure. */
import { group } from '../../api/v1alpha1/index.ts';
import type { SelfSubjectRulesReview } from '../../kube/objects.ts';

export interface Usable {
  /** Named in a rule, sorted. */
  readonly names: readonly string[];
  /** A rule names none, so that it means all of them. */
  readonly all: boolean;
  /** There may be more. */
  readonly incomplete: boolean;
}

export const usableBy = ({ resourceRules, incomplete }: NonNullable<SelfSubjectRulesReview['status']>): Usable => {
  const has = (values: readonly string[] | undefined, wanted: string): boolean => values?.some((value) => value === wanted || value === '*') === true;
  const rules = resourceRules.filter(({ verbs, apiGroups, resources }) => has(verbs, 'use') && has(apiGroups, group) && has(resources, 'connectors'));
  const isForAll = ({ resourceNames = [] }: (typeof rules)[number]): boolean => resourceNames.length === 0;
  return { names: [...new Set(rules.flatMap(({ resourceNames = [] }) => resourceNames))].sort(), all: rules.some(isForAll), incomplete };
};
