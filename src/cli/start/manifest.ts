/** The Offboarding to be created, from flags or from a file. Pure. */
import { CORE_SCHEMA, loadAll } from 'js-yaml';
import { apiVersion } from '../../api/v1alpha1/index.ts';
import type { OffboardingSpec } from '../../api/v1alpha1/index.ts';
import { CannotError, UsageError } from '../errors.ts';
import type { Wanted } from './options.ts';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: 'Offboarding';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: OffboardingSpec;
}

const suffixes: Readonly<Record<Wanted['reason'], string>> = { Retired: 'retired', Compromised: 'compromised', OwnerLeft: 'owner-left', Expired: 'expired' };

/** Who asks claims so: the API server writes over it where it can. */
export const manifestOf = (wanted: Wanted, namespace: string, me: string | undefined): Manifest => {
  const { identity, serviceAccount, reason, mode, soak, deadline, emergency } = wanted;
  const whose = identity ?? serviceAccount ?? '';
  return {
    apiVersion,
    kind: 'Offboarding',
    metadata: { name: wanted.name ?? `${whose}-${mode === 'Plan' ? 'plan' : suffixes[reason]}`, namespace },
    spec: {
      ...(identity === undefined ? { identity: { serviceAccount: { name: whose } } } : { workloadIdentityRef: { name: identity } }),
      reason,
      mode,
      ...(emergency ? { urgency: 'Emergency' } : {}),
      ...(soak === undefined ? {} : { soak }),
      ...(deadline === undefined ? {} : { deadline }),
      ...(me === undefined ? {} : { requestedBy: { username: me }, ...(mode === 'Enforce' ? { enforcedBy: { username: me } } : {}) }),
    },
  };
};

/** One Offboarding, of the namespace asked for. What is in its spec is for the API server to judge. @throws CannotError that names the file */
export const readManifest = (file: string, text: string, name: string | undefined, { asked, usual }: { readonly asked: string | undefined; readonly usual: string }): Manifest => {
  const [document, ...more] = documentsIn(file, text);
  if (document === undefined || more.length > 0) throw new CannotError(`${file} must hold one Offboarding${document === undefined ? '' : ', not several objects'}`);
  const { kind, apiVersion: version, metadata, spec } = document;
  if (kind !== 'Offboarding' || version !== apiVersion || !isRecord(spec)) throw new CannotError(`${file} holds no Offboarding of ${apiVersion}`);
  const { name: own, namespace: its, ...rest } = isRecord(metadata) ? metadata : {};
  if (asked !== undefined && typeof its === 'string' && its !== asked) throw new UsageError(`the Offboarding in ${file} is for namespace ${its}, not for that of --namespace, ${asked}`);
  const called = name ?? (typeof own === 'string' ? own : undefined);
  if (called === undefined) throw new UsageError(`the Offboarding in ${file} has no name: --name gives it one`);
  return { apiVersion, kind, metadata: { ...rest, name: called, namespace: typeof its === 'string' ? its : (asked ?? usual) }, spec: spec as unknown as OffboardingSpec };
};

const documentsIn = (file: string, text: string): readonly Readonly<Record<string, unknown>>[] => {
  let documents: readonly unknown[];
  try {
    // Without times, which would be read as something else than text.
    documents = loadAll(text, { schema: CORE_SCHEMA });
  } catch {
    throw new CannotError(`${file} is neither JSON nor YAML`);
  }
  return documents.filter((each) => each !== null && each !== undefined).map((each) => {
    if (!isRecord(each)) throw new CannotError(`${file} holds no Offboarding of ${apiVersion}`);
    return each;
  });
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is about to happen, and what of it nobody can take back. */
export const questionOf = ({ metadata, spec }: Manifest): string => {
  const whose = spec.workloadIdentityRef?.name ?? spec.identity?.serviceAccount.name ?? metadata.name;
  const soak = spec.urgency === 'Emergency' || spec.soak === undefined || spec.soak === '0s' ? undefined : spec.soak;
  const then = soak === undefined ? 'locks and revokes' : `locks, which can be taken back for ${soak}, and then revokes`;
  return `This ${then} all access of ${whose} in namespace ${metadata.namespace}. What is revoked cannot be given back. Go on?`;
};
