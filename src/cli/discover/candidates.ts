/** What to ask of which connector, as dependencies of an identity that depends on nothing that is known yet: pure. */
import type { ConnectorSpec, OffboardingSpec } from '../../api/v1alpha1/index.ts';

type Declared = NonNullable<NonNullable<OffboardingSpec['identity']>['dependencies']>[number];

export interface UsableConnector {
  readonly name: string;
  /** Undefined where whoever asks may not read it: then it is asked as each. */
  readonly type: 'vault' | 'googleCloud' | undefined;
}

export interface Candidate {
  readonly connector: string;
  readonly type: 'vault' | 'googleCloud';
  /** The service account of Google's that an annotation names. */
  readonly email?: string;
  readonly dependency: Declared;
}

export const typeOf = ({ vault, googleCloud }: Partial<ConnectorSpec>): UsableConnector['type'] => (vault !== undefined ? 'vault' : googleCloud === undefined ? undefined : 'googleCloud');

/** By connector, each kind once; one of Google's twice where an annotation names an account, since it may be granted or not by itself. */
export const candidatesOf = (connectors: readonly UsableConnector[], googleAccount: string | undefined): readonly Candidate[] => {
  const asked = connectors.flatMap(({ name, type }) => {
    const connectorRef = { name };
    const isOr = (wanted: Candidate['type']): boolean => type === undefined || type === wanted;
    return [
      ...(isOr('vault') ? [{ connector: name, type: 'vault' as const, part: { vault: { connectorRef } } }] : []),
      ...(isOr('googleCloud') ? [{ connector: name, type: 'googleCloud' as const, part: { googleCloud: { connectorRef } } }] : []),
      ...(isOr('googleCloud') && googleAccount !== undefined
        ? [{ connector: name, type: 'googleCloud' as const, email: googleAccount, part: { googleCloud: { connectorRef, serviceAccount: { email: googleAccount } } } }]
        : []),
    ];
  });
  return asked.map(({ part, ...rest }, index) => ({ ...rest, dependency: { name: `candidate-${String(index)}`, ...part } }));
};

/** As many as one identity may have. */
export const perPlan = 16;

/** At least one, which asks of the cluster alone where there are no candidates. */
export const inPlans = (candidates: readonly Candidate[]): readonly (readonly Candidate[])[] =>
  Array.from({ length: Math.max(1, Math.ceil(candidates.length / perPlan)) }, (_, index) => candidates.slice(index * perPlan, (index + 1) * perPlan));
