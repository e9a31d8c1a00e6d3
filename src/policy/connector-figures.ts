/** All Connectors in figures: what the leader's metrics show at a scrape. */
import { conditionTypes } from '../api/v1alpha1/conditions.ts';
import type { ConnectorSpec, ConnectorStatus } from '../api/v1alpha1/index.ts';

export interface ConnectorCount {
  readonly type: 'vault' | 'google-cloud' | 'other';
  readonly ready: boolean;
  readonly count: number;
}

interface Counted {
  readonly metadata: { readonly generation?: number };
  readonly spec: ConnectorSpec;
  readonly status?: ConnectorStatus;
}

/** Ready counts for the spec that it was said of. Each type has both figures, so that the first one of trouble is an increase. */
export const connectorFigures = (connectors: readonly Counted[]): readonly ConnectorCount[] => {
  const all = connectors.map((each) => ({ type: typeOf(each.spec), ready: isReady(each) }));
  const types = [...new Set(all.map(({ type }) => type))];
  return types.flatMap((type) =>
    [true, false].map((ready) => ({ type, ready, count: all.filter((each) => each.type === type && each.ready === ready).length })),
  );
};

/** As the revokers of that kind call it. */
const typeOf = ({ vault, googleCloud }: ConnectorSpec): ConnectorCount['type'] => {
  if (vault !== undefined) return 'vault';
  return googleCloud === undefined ? 'other' : 'google-cloud';
};

/** Of the spec as it is now. */
export const isReady = ({ metadata, status }: Counted): boolean =>
  status?.conditions?.some(
    (condition) => condition.type === conditionTypes.ready && condition.status === 'True' && condition.observedGeneration === metadata.generation,
  ) === true;
