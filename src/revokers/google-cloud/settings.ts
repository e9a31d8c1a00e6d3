/** What a Connector to Google Cloud says, checked and in the units of the code. The schema has checked most of it, but maybe that of another version. */
import type { ConnectorSpec, GoogleCloudConnectorSpec } from '../../api/v1alpha1/index.ts';
import { addressOf, durationOf, type Timing, timingOf, wrong } from '../connector-settings.ts';
import type { GoogleSettings, WorkloadIdentityPool } from './api.ts';

/** How Offboard logs in, with what is usual filled in. */
export type GoogleAuth =
  | {
      readonly by: 'federation';
      readonly audience: string;
      readonly tokenAudience: string;
      readonly serviceAccount?: string;
      /** Undefined where nobody said which pool an identity namespace is. */
      readonly pool?: Pick<WorkloadIdentityPool, 'name' | 'subject'>;
    }
  | { readonly by: 'attached' }
  | { readonly by: 'key'; readonly secret: { readonly name: string; readonly key: string } };

/** All that a connection is made from. */
export interface UsableConnector extends GoogleSettings, Timing {
  readonly auth: GoogleAuth;
  readonly quotaProject?: string;
}

export const usualSettings: GoogleSettings = {
  settleTime: 7 * 60_000, maxConcurrent: 8, pools: [], accessTokenLifetime: 3_600_000, endpoints: {},
};

/** No organisation can allow more. */
const lifetimes = { least: 1_000, most: 12 * 3_600_000 };

/** Throws an `Invalid` error that names the field. */
export const usable = ({ googleCloud, timing }: ConnectorSpec, allowLoopbackHttp: boolean): UsableConnector => {
  if (googleCloud === undefined) throw wrong('spec.googleCloud must be set');
  const { auth, quotaProject, endpoints = {}, workloadIdentityPools = [], assetSearch, accessTokenLifetime } = googleCloud;
  if (quotaProject !== undefined && !/^[a-z0-9][-a-z0-9.:]{0,62}$/.test(quotaProject)) throw wrong('spec.googleCloud.quotaProject is not the id of a project');
  const pools = workloadIdentityPools.map(poolOf);
  return {
    auth: authOf(auth, pools),
    ...(quotaProject !== undefined && { quotaProject }),
    endpoints: endpointsOf(endpoints, allowLoopbackHttp),
    pools,
    ...(assetSearch && { assetScope: scopeOf(assetSearch.scope) }),
    accessTokenLifetime: durationOf('spec.googleCloud.accessTokenLifetime', accessTokenLifetime, usualSettings.accessTokenLifetime, lifetimes),
    ...timingOf(timing, usualSettings.settleTime),
  };
};

const authOf = ({ workloadIdentityFederation: federation, attached, keySecretRef }: GoogleCloudConnectorSpec['auth'], pools: readonly WorkloadIdentityPool[]): GoogleAuth => {
  if (federation !== undefined) {
    const { audience, serviceAccount } = federation;
    const tokenAudience = tokenAudienceOf('spec.googleCloud.auth.workloadIdentityFederation', federation);
    if (serviceAccount !== undefined && !isEmail(serviceAccount)) {
      throw wrong('spec.googleCloud.auth.workloadIdentityFederation.serviceAccount is not an e-mail such as NAME@PROJECT.iam.gserviceaccount.com');
    }
    const pool = poolBehind(audience, pools);
    return { by: 'federation', audience, tokenAudience, ...(serviceAccount !== undefined && { serviceAccount }), ...(pool && { pool }) };
  }
  if (keySecretRef !== undefined) return { by: 'key', secret: keySecretRef };
  if (attached !== undefined) return { by: 'attached' };
  throw wrong('spec.googleCloud.auth: exactly one of workloadIdentityFederation, attached, keySecretRef must be set');
};

export const isEmail = (text: string): boolean => /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?@[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/.test(text) && !text.includes('..') && text.length <= 320;

const provider = /^\/\/iam\.googleapis\.com\/projects\/\d+\/locations\/global\/workloadIdentityPools\/[a-z0-9][-a-z0-9.:]*\/providers\/[a-z0-9][-a-z0-9]*$/;
/** Of a cluster of Google's own, or of a fleet. */
const identityNamespace = /^identitynamespace:([-a-z0-9.:]+):https:\/\/[-A-Za-z0-9._~:/%]+$/;

/** A provider takes its own name as an https address unless it is told otherwise, and an identity namespace the name of its pool. */
const tokenAudienceOf = (field: string, { audience, tokenAudience }: { readonly audience: string; readonly tokenAudience?: string }): string => {
  const pool = identityNamespace.exec(audience)?.[1];
  if (pool === undefined && !provider.test(audience)) throw wrong(`${field}.audience is not that of a provider of a workload identity pool`);
  return tokenAudience ?? pool ?? `https:${audience}`;
};

const poolBehind = (audience: string, pools: readonly WorkloadIdentityPool[]): Pick<WorkloadIdentityPool, 'name' | 'subject'> | undefined => {
  const namespace = identityNamespace.exec(audience)?.[1];
  if (namespace !== undefined) return pools.find(({ name }) => name.endsWith(`/${namespace}`));
  const name = audience.replace(/^\/\/iam\.googleapis\.com\//, '').replace(/\/providers\/[^/]+$/, '');
  return pools.find((pool) => pool.name === name) ?? { name, subject: usualSubject(name) };
};

const usualSubject = (pool: string): string => (pool.endsWith('.svc.id.goog') ? 'ns/{namespace}/sa/{name}' : 'system:serviceaccount:{namespace}:{name}');

const poolOf = ({ name, clusters, subject, provider: login }: NonNullable<GoogleCloudConnectorSpec['workloadIdentityPools']>[number]): WorkloadIdentityPool => {
  const field = 'spec.googleCloud.workloadIdentityPools';
  if (!/^projects\/\d+\/locations\/global\/workloadIdentityPools\/[a-z0-9](?:[-a-z0-9.:]*[a-z0-9])?$/.test(name)) {
    throw wrong(`${field}: a name must be projects/NUMBER/locations/global/workloadIdentityPools/POOL`);
  }
  return {
    name,
    shared: clusters === 'Shared',
    subject: subject ?? usualSubject(name),
    ...(login && { provider: { audience: login.audience, tokenAudience: tokenAudienceOf(`${field}.provider`, login) } }),
  };
};

const scopeOf = (scope: string): string => {
  if (/^(?:projects\/[a-z0-9](?:[-a-z0-9.:]*[a-z0-9])?|folders\/\d+|organizations\/\d+)$/.test(scope)) return scope;
  throw wrong('spec.googleCloud.assetSearch.scope is organizations/N, folders/N or projects/P');
};

const endpointsOf = (endpoints: Readonly<Record<string, string>>, allowLoopbackHttp: boolean): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(endpoints).map(([service, address]) => {
      if (!isService(service)) throw wrong('spec.googleCloud.endpoints: the names of services are such as iam, storage or secretmanager');
      return [service, addressOf(`spec.googleCloud.endpoints.${service}`, address, 'https://iam.googleapis.com', allowLoopbackHttp)];
    }),
  );

/** One label of a host name, so that no service means a host of somebody else's. */
export const isService = (name: string): boolean => /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(name);
