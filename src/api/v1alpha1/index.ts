/** The API types as the code uses them: deeply readonly, with names for the parts that the generated files nest. */
import type { Connector as GeneratedConnector } from './connector.ts';
import type { Offboarding as GeneratedOffboarding } from './offboarding.ts';
import type { OffboardingRecord as GeneratedOffboardingRecord } from './offboarding-record.ts';
import type { OffboardingWaiver as GeneratedOffboardingWaiver } from './offboarding-waiver.ts';
import type { WorkloadIdentity as GeneratedWorkloadIdentity } from './workload-identity.ts';

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

export const group = 'offboard.dev';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}`;

/** Holds an Offboarding until its end is true: deleting it does not cancel it. */
export const offboardingFinalizer = `${group}/offboarding`;
/** Holds a WorkloadIdentity until an Offboarding has confirmed that its access is gone. */
export const workloadIdentityFinalizer = `${group}/workload-identity`;

export type WorkloadIdentitySpec = DeepReadonly<GeneratedWorkloadIdentity['spec']>;
export type WorkloadIdentityStatus = DeepReadonly<NonNullable<GeneratedWorkloadIdentity['status']>>;
export type LifecycleState = NonNullable<WorkloadIdentityStatus['lifecycleState']>;
export type IdentityDependency = NonNullable<WorkloadIdentityStatus['dependencies']>[number];

export type OffboardingSpec = DeepReadonly<GeneratedOffboarding['spec']>;
export type OffboardingStatus = DeepReadonly<NonNullable<GeneratedOffboarding['status']>>;
export type Phase = NonNullable<OffboardingStatus['phase']>;
export type Target = NonNullable<OffboardingStatus['target']>;
export type Certificate = NonNullable<Target['certificates']>[number];
/** One dependency other than the cluster, as the run goes by it. */
export type Dependency = NonNullable<Target['dependencies']>[number];
export type VaultDependency = NonNullable<Dependency['vault']>;
export type GoogleCloudDependency = NonNullable<Dependency['googleCloud']>;
export type Summary = NonNullable<OffboardingStatus['summary']>;
export type DependencyStatus = NonNullable<OffboardingStatus['dependencies']>[number];
/** Of a Plan: of the whole run, and of one dependency. */
export type Forecast = NonNullable<OffboardingStatus['forecast']>;
export type DependencyForecast = NonNullable<DependencyStatus['forecast']>;
/** What a dependency holds of an identity that does not name it. */
export type Undeclared = NonNullable<DependencyStatus['undeclared']>[number];
export type DependencyState = DependencyStatus['state'];
export type CredentialStatus = NonNullable<DependencyStatus['credentials']>[number];
export type CredentialState = CredentialStatus['state'];
export type Finding = NonNullable<DependencyStatus['findings']>[number];
export type DependencyWaiver = NonNullable<DependencyStatus['waiver']>;
export type Strength = NonNullable<CredentialStatus['strength']>;
export type Probe = NonNullable<CredentialStatus['probe']>;
export type LastError = NonNullable<DependencyStatus['lastError']>;
export type Condition = NonNullable<OffboardingStatus['conditions']>[number];

export type OffboardingWaiverSpec = DeepReadonly<GeneratedOffboardingWaiver['spec']>;
export type OffboardingWaiverStatus = DeepReadonly<NonNullable<GeneratedOffboardingWaiver['status']>>;

export type OffboardingRecordSpec = DeepReadonly<GeneratedOffboardingRecord['spec']>;
export type OffboardingRecordStatus = DeepReadonly<NonNullable<GeneratedOffboardingRecord['status']>>;
export type Outcome = NonNullable<OffboardingRecordSpec['outcome']>;
export type RecordRef = NonNullable<OffboardingStatus['recordRef']>;

export type ConnectorSpec = DeepReadonly<GeneratedConnector['spec']>;
export type ConnectorStatus = DeepReadonly<NonNullable<GeneratedConnector['status']>>;
export type VaultConnectorSpec = NonNullable<ConnectorSpec['vault']>;
export type GoogleCloudConnectorSpec = NonNullable<ConnectorSpec['googleCloud']>;
export type Grant = NonNullable<ConnectorSpec['grants']>[number];
