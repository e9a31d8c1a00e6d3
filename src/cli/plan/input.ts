/** What is to be planned, from a file or a name: pure. */
import { CORE_SCHEMA, loadAll } from 'js-yaml';
import { apiVersion } from '../../api/v1alpha1/index.ts';
import type { OffboardingSpec, WorkloadIdentitySpec } from '../../api/v1alpha1/index.ts';
import { isObject } from '../../evidence/check.ts';
import { UsageError } from '../command.ts';

export interface Wanted {
  /** Where the file says so. */
  readonly namespace?: string;
  readonly name: string;
  readonly spec: Omit<OffboardingSpec, 'mode'>;
}

export const byName = (identity: string): Wanted => ({ name: identity, spec: { workloadIdentityRef: { name: identity }, reason: 'Retired' } });

/**
 * The one Offboarding or WorkloadIdentity of a file; what else is in it is left alone. The API server checks it as it checks any.
 * @throws UsageError that names the file.
 */
export const readWanted = (source: string, text: string): Wanted => {
  const found = documentsIn(source, text).filter((document) => isObject(document) && document['apiVersion'] === apiVersion && (document['kind'] === 'Offboarding' || document['kind'] === 'WorkloadIdentity'));
  const [only, ...more] = found;
  if (!isObject(only)) throw new UsageError(`${source} holds no Offboarding and no WorkloadIdentity of ${apiVersion}`);
  if (more.length > 0) throw new UsageError(`${source} holds ${String(found.length)} Offboardings or WorkloadIdentities: one plan is of one`);
  const { kind, metadata, spec } = only;
  const [name, namespace] = isObject(metadata) ? [metadata['name'] ?? metadata['generateName'], metadata['namespace']] : [];
  if (typeof name !== 'string' || name === '' || !isObject(spec)) throw new UsageError(`${source}: the ${String(kind)} has no metadata.name, or no spec`);
  const where = typeof namespace === 'string' && namespace !== '' ? { namespace } : {};
  return { ...where, name, spec: kind === 'Offboarding' ? offboardingSpec(spec) : identitySpec(spec as unknown as WorkloadIdentitySpec) };
};

const documentsIn = (source: string, text: string): readonly unknown[] => {
  try {
    return loadAll(text, { schema: CORE_SCHEMA }).flatMap((document) => (isObject(document) && document['kind'] === 'List' && Array.isArray(document['items']) ? (document['items'] as unknown[]) : [document]));
  } catch {
    throw new UsageError(`${source} is neither JSON nor YAML`);
  }
};

/** What would stop a plan, and what the API server says of who asks, is not taken over. */
const offboardingSpec = ({ mode: _, suspend: __, cancel: ___, requestedBy: ____, enforcedBy: _____, ...spec }: Readonly<Record<string, unknown>>): Wanted['spec'] => spec as unknown as Wanted['spec'];

const identitySpec = ({ serviceAccount, owner, kubernetes, dependencies }: WorkloadIdentitySpec): Wanted['spec'] => ({
  identity: { serviceAccount, ...(owner && { owner }), ...(kubernetes && { kubernetes }), ...(dependencies && { dependencies }) },
  reason: 'Retired',
});
