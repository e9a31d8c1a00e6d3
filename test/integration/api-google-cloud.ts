/** What manifests may say of Google Cloud, right and wrong, as tables for api-dependencies.test.ts. */
import { connectorSpec, type Fields, inGoogle } from './manifests.ts';

const pool = 'projects/123456/locations/global/workloadIdentityPools/clusters';
const provider = `//iam.googleapis.com/${pool}/providers/prod`;
const ofGke = 'identitynamespace:acme.svc.id.goog:https://container.googleapis.com/v1/projects/acme/locations/europe-west1/clusters/prod';
const secret = { name: 'google', key: 'key.json' };
const email = 'ci-agent@acme-ci.iam.gserviceaccount.com';

const within = (more: Fields): Fields => ({ googleCloud: { auth: { attached: {} }, ...more } });
const byAuth = (auth: Fields): Fields => ({ googleCloud: { auth } });
const federated = (more: Fields): Fields => byAuth({ workloadIdentityFederation: { audience: provider, ...more } });
const at = (endpoints: Fields): Fields => within({ endpoints });
const pools = (...list: readonly Fields[]): Fields => within({ workloadIdentityPools: list.map((each) => ({ name: pool, clusters: 'OnlyThis', ...each })) });
const granting = (googleCloud: Fields): Fields => ({ ...within({}), grants: [{ namespaces: { names: ['ci'] }, googleCloud }] });

export const connectorsTaken: readonly (readonly [string, Fields])[] = [
  ['to Google Cloud, with what the machine has', within({})],
  ['to Google Cloud, with a key in a Secret', byAuth({ keySecretRef: secret })],
  ['to Google Cloud, with a token of its own account', federated({})],
  ['to Google Cloud, through another account', federated({ tokenAudience: 'https://example.com/clusters', serviceAccount: 'offboard@acme-ops.iam.gserviceaccount.com' })],
  ['to Google Cloud, through an account of a project in a domain', federated({ serviceAccount: 'offboard@ops.example.com.iam.gserviceaccount.com' })],
  ['to Google Cloud, from a cluster of GKE', byAuth({ workloadIdentityFederation: { audience: ofGke, tokenAudience: 'acme.svc.id.goog' } })],
  ['to Google Cloud, with a project for its quota', within({ quotaProject: 'example.com:ops' })],
  ['to Google Cloud, at other addresses', at({ iam: 'https://iam-acme.p.googleapis.com', storage: 'https://10.0.0.7:8443', metadata: 'http://127.0.0.1:8080', sts: 'http://localhost:1' })],
  ['with a pool of its own and one of all', pools({ subject: '{namespace}/{name}' }, { name: 'projects/1/locations/global/workloadIdentityPools/acme.svc.id.goog', clusters: 'Shared', provider: { audience: ofGke, tokenAudience: 'acme.svc.id.goog' } })],
  ['with a pool in which a UID is the name', pools({ subject: 'cluster-a:{uid}' })],
  ...['organizations/1', 'folders/2', 'projects/acme'].map((scope) => [`that searches ${scope}`, within({ assetSearch: { scope } })] as const),
  ['to an organisation whose tokens live long', within({ accessTokenLifetime: '12h' })],
  ['with patterns of every kind of Google', granting({ projects: ['acme-*', 'example.com:ops'], serviceAccounts: ['ci-*@acme-ci.iam.gserviceaccount.com'], resources: ['folders/1', 'organizations/2', '//storage.googleapis.com/acme-*', '//cloudbilling.googleapis.com/billingAccounts/*'] })],
];

const audience = 'audience must be //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER';
const address = 'an address is https://HOST[:PORT], without a path';

export const connectorsRefused: readonly (readonly [string, Fields, string])[] = [
  ['to two systems at once', { ...connectorSpec, ...within({}) }, 'spec: Invalid value: exactly one of vault, googleCloud must be set'],
  ['to Google Cloud without a login', { googleCloud: {} }, 'spec.googleCloud.auth: Required value'],
  ['to Google Cloud without a way to log in', byAuth({}), 'spec.googleCloud.auth: Invalid value: exactly one of workloadIdentityFederation, attached, keySecretRef must be set'],
  ['to Google Cloud with two ways to log in', byAuth({ attached: {}, keySecretRef: secret }), 'exactly one of workloadIdentityFederation, attached, keySecretRef must be set'],
  ['to Google Cloud with a key in the clear', byAuth({ key: '{}' }), 'unknown field "spec.googleCloud.auth.key"'],
  ['to Google Cloud with a Secret of another namespace', byAuth({ keySecretRef: { ...secret, namespace: 'ci' } }), 'unknown field "spec.googleCloud.auth.keySecretRef.namespace"'],
  ['to Google Cloud with a Secret that cannot be', byAuth({ keySecretRef: { ...secret, name: 'ci/google' } }), 'spec.googleCloud.auth.keySecretRef.name: Invalid value: "ci/google": name must be made of'],
  ['to Google Cloud with a key that no Secret has', byAuth({ keySecretRef: { ...secret, key: '../key' } }), 'spec.googleCloud.auth.keySecretRef.key: Invalid value: "../key": key must be made of'],
  ['with a token for nobody', byAuth({ workloadIdentityFederation: {} }), 'spec.googleCloud.auth.workloadIdentityFederation.audience: Required value'],
  ['with a provider by its short name', federated({ audience: 'clusters/prod' }), `spec.googleCloud.auth.workloadIdentityFederation.audience: Invalid value: "clusters/prod": ${audience}`],
  ['with a pool in place of a provider', federated({ audience: `//iam.googleapis.com/${pool}` }), audience],
  ['with a provider that climbs', federated({ audience: `//iam.googleapis.com/${pool}/../other/providers/prod` }), audience],
  ['with a provider and a line break', federated({ audience: `${provider}\n` }), audience],
  ['with a provider of an https address', federated({ audience: `https:${provider}` }), audience],
  ['with a token of Google for the API server', federated({ tokenAudience: 'https://kubernetes.default.svc' }), 'spec.googleCloud.auth.workloadIdentityFederation.tokenAudience: Invalid value: "https://kubernetes.default.svc": tokenAudience is one of the API server itself'],
  ['through an account that is a person', federated({ serviceAccount: 'alice@example.com' }), 'spec.googleCloud.auth.workloadIdentityFederation.serviceAccount: Invalid value: "alice@example.com": serviceAccount must be an e-mail such as NAME@PROJECT.iam.gserviceaccount.com'],
  ['through the account of a path', federated({ serviceAccount: 'a/b@acme.iam.gserviceaccount.com' }), 'serviceAccount must be an e-mail'],
  ['with a quota of several projects', within({ quotaProject: 'a,b' }), 'spec.googleCloud.quotaProject: Invalid value: "a,b": quotaProject is the id of a project'],
  ['with a quota that is a header of its own', within({ quotaProject: 'a\r\nx-evil: 1' }), 'quotaProject is the id of a project'],
  ['at an address over plain http', at({ iam: 'http://iam.example.com' }), `spec.googleCloud.endpoints: Invalid value: ${address}`],
  ['at what only looks like loopback for Google', at({ iam: 'http://127.0.0.1.example.com' }), address],
  ['at an address with a path', at({ iam: 'https://iam.example.com/v1' }), address],
  ['at an address with a user', at({ iam: 'https://me:secret@iam.example.com' }), address],
  ['at the address of a service that cannot be', at({ 'iam.googleapis.com': 'https://iam.example.com' }), 'spec.googleCloud.endpoints: Invalid value: the names of services are such as iam, storage or secretmanager'],
  ['at an address that is none', at({ iam: '' }), address],
  ['with a pool by its short name', pools({ name: 'clusters' }), 'spec.googleCloud.workloadIdentityPools[0].name: Invalid value: "clusters": name must be projects/NUMBER/locations/global/workloadIdentityPools/POOL'],
  ['with a pool by the id of its project', pools({ name: pool.replace('123456', 'acme') }), 'name must be projects/NUMBER/'],
  ['with a pool of everybody', pools({ name: pool.replace('clusters', '*') }), 'name must be projects/NUMBER/'],
  ['with a pool that says nothing of other clusters', within({ workloadIdentityPools: [{ name: pool }] }), 'spec.googleCloud.workloadIdentityPools[0].clusters: Required value'],
  ['with a pool of some clusters', pools({ clusters: 'Some' }), 'supported values: "OnlyThis", "Shared"'],
  ['with a pool twice', pools({}, { clusters: 'Shared' }), 'spec.googleCloud.workloadIdentityPools[1]: Duplicate value'],
  ['with a subject for every account of a name', pools({ subject: 'sa/{name}' }), 'spec.googleCloud.workloadIdentityPools[0].subject: Invalid value: "sa/{name}": subject must hold {uid}, or {namespace} and {name}'],
  ['with a subject for every account of a namespace', pools({ subject: 'ns/{namespace}' }), 'subject must hold {uid}, or {namespace} and {name}'],
  ['with a subject of what is not known', pools({ subject: '{namespace}/{name}/{pod}' }), 'subject must hold {uid}, or {namespace} and {name}'],
  ['with a subject that ends the member', pools({ subject: '{uid}?uid=1' }), 'subject must hold {uid}, or {namespace} and {name}'],
  ['with a provider that nobody can ask', pools({ provider: { tokenAudience: 'x' } }), 'spec.googleCloud.workloadIdentityPools[0].provider.audience: Required value'],
  ['with a pool\'s provider by its short name', pools({ provider: { audience: 'prod' } }), `spec.googleCloud.workloadIdentityPools[0].provider.audience: Invalid value: "prod": ${audience}`],
  ['with a pool\'s token for the API server', pools({ provider: { audience: provider, tokenAudience: 'kubernetes.default.svc' } }), 'spec.googleCloud.workloadIdentityPools[0].provider.tokenAudience: Invalid value: "kubernetes.default.svc": tokenAudience is one of the API server itself'],
  ['that searches everywhere', within({ assetSearch: {} }), 'spec.googleCloud.assetSearch.scope: Required value'],
  ['that searches by a wildcard', within({ assetSearch: { scope: 'projects/*' } }), 'spec.googleCloud.assetSearch.scope: Invalid value: "projects/*": scope is organizations/N, folders/N or projects/P'],
  ['that searches an organisation by its domain', within({ assetSearch: { scope: 'organizations/example.com' } }), 'scope is organizations/N'],
  ['whose tokens live some time', within({ accessTokenLifetime: 'long' }), 'spec.googleCloud.accessTokenLifetime: Invalid value: "long": accessTokenLifetime must be a duration'],
  ['whose tokens live for days', within({ accessTokenLifetime: '24h' }), 'spec.googleCloud.accessTokenLifetime: Invalid value: "24h": accessTokenLifetime must be from 1s to 12h'],
  ['whose tokens live for no time', within({ accessTokenLifetime: '0h0m' }), 'spec.googleCloud.accessTokenLifetime: Invalid value: "0h0m": accessTokenLifetime must be from 1s to 12h'],
  ['that grants projects by their full name', granting({ projects: ['projects/acme'] }), 'spec.grants[0].googleCloud.projects[0]: Invalid value: "projects/acme": a pattern of projects is an id such as acme-*'],
  ['that grants projects across anything', granting({ projects: ['acme-**'] }), 'a pattern of projects is an id'],
  ['that grants accounts without their project', granting({ serviceAccounts: ['ci-*'] }), 'spec.grants[0].googleCloud.serviceAccounts[0]: Invalid value: "ci-*": a pattern of service accounts is an e-mail such as ci-*@acme-ci'],
  ['that grants every account in one star', granting({ serviceAccounts: ['*'] }), 'a pattern of service accounts is an e-mail'],
  ['that grants every resource in one star', granting({ resources: ['*'] }), 'spec.grants[0].googleCloud.resources[0]: Invalid value: "*": a pattern of resources is folders/N or organizations/N'],
  ['that grants every folder', granting({ resources: ['folders/*'] }), 'a pattern of resources is folders/N or organizations/N'],
  ['that grants a project as a resource', granting({ resources: ['projects/acme'] }), 'a pattern of resources is folders/N or organizations/N'],
  ['that grants a folder by its full name', granting({ resources: ['//cloudresourcemanager.googleapis.com/folders/*'] }), 'a pattern of resources is folders/N or organizations/N'],
  ['that grants a resource of any service', granting({ resources: ['//*.googleapis.com/acme'] }), 'a pattern of resources is'],
  ['that grants a resource of somebody else\'s service', granting({ resources: ['//storage.googleapis.com.example.com/acme'] }), 'a pattern of resources is'],
  ['that grants a resource that climbs', granting({ resources: ['//storage.googleapis.com/acme/../other'] }), 'a pattern of resources is'],
  ['that grants a resource in a project by its name', granting({ resources: ['//secretmanager.googleapis.com/projects/acme/secrets/*'] }), 'spec.grants[0].googleCloud.resources[0]: Invalid value: "//secretmanager.googleapis.com/projects/acme/secrets/*": what lies in a project is granted with it, by projects'],
  ['that grants a project twice', granting({ projects: ['acme', 'acme'] }), 'spec.grants[0].googleCloud.projects[1]: Duplicate value'],
  ['to Google Cloud that grants what is in a Vault', { ...within({}), grants: [{ namespaces: { names: ['ci'] }, vault: { authRoles: ['ci'] } }] }, 'spec.grants: Invalid value: this Connector is to Google Cloud, where a grant of vault would grant nothing'],
  ['to a Vault that grants what is in Google Cloud', { ...connectorSpec, grants: [{ namespaces: { names: ['ci'] }, googleCloud: { projects: ['acme'] } }] }, 'spec.grants: Invalid value: this Connector is to a Vault, where a grant of googleCloud would grant nothing'],
];

const one = (what: Fields): readonly Fields[] => [{ name: 'google', ...inGoogle('gcp', what) }];
const account = (more: Fields): readonly Fields[] => one({ serviceAccount: { email, ...more } });
const many = (length: number): readonly string[] => Array.from({ length }, (_, index) => `//secretmanager.googleapis.com/projects/acme/secrets/s-${String(index)}-`.padEnd(400, 'x'));

export const dependenciesTaken: readonly (readonly [string, unknown])[] = [
  ['in Google Cloud, that names nothing but its connector', one({})],
  ['in Google Cloud, that names all there is', one({
    serviceAccount: { email, uniqueId: '112011146970661392355', onRetire: 'Delete' },
    resources: ['projects/acme-ci', 'projects/example.com:ops', 'folders/1', 'organizations/2', '//storage.googleapis.com/acme_bucket.1', `//iam.googleapis.com/projects/acme-ci/serviceAccounts/${email}`, '//artifactregistry.googleapis.com/projects/p/locations/europe-west1/repositories/r', '//cloudkms.googleapis.com/projects/p/locations/global/keyRings/r/cryptoKeys/k'],
    probe: true,
  })],
  ['in Google Cloud, that stays disabled', account({ onRetire: 'KeepDisabled' })],
  ['in Google Cloud, of a project in a domain', account({ email: 'ci@ops.example.com.iam.gserviceaccount.com' })],
  ['in Google Cloud and in a Vault', [...one({}), { name: 'vault', after: ['google'], vault: { connectorRef: { name: 'vault' } } }]],
  ['in Google Cloud, with as many and as long names as there can be', one({ resources: many(32) })],
  ['in Google Cloud sixteen times, with as many names each', Array.from({ length: 16 }, (_, index) => ({ name: `google-${String(index)}`, ...inGoogle('gcp', { resources: many(32) }) }))],
];

const where = '.dependencies[0].googleCloud';
const mail = 'email must be that of a user-managed service account, such as NAME@PROJECT.iam.gserviceaccount.com';

export const dependenciesRefused: readonly (readonly [string, unknown, string])[] = [
  ['in two systems at once', [{ name: 'both', ...inGoogle('gcp'), vault: { connectorRef: { name: 'vault' } } }], '.dependencies[0]: Invalid value: exactly one of vault, googleCloud must be set'],
  ['in Google Cloud without a connector', [{ name: 'google', googleCloud: {} }], `${where}.connectorRef: Required value`],
  ['in Google Cloud with a connector that cannot be', [{ name: 'google', ...inGoogle('../gcp') }], `${where}.connectorRef.name: Invalid value: "../gcp": name must be made of`],
  ['with an account of no e-mail', one({ serviceAccount: { uniqueId: '1' } }), `${where}.serviceAccount.email: Required value`],
  ['with a person', account({ email: 'alice@example.com' }), `${where}.serviceAccount.email: Invalid value: "alice@example.com": ${mail}`],
  ['with the account of every machine of a project', account({ email: '123-compute@developer.gserviceaccount.com' }), mail],
  ['with an account of Google', account({ email: 'service-1@gcp-sa-pubsub.iam.gserviceaccount.com.' }), mail],
  ['with a unique id of letters', account({ uniqueId: 'N1' }), `${where}.serviceAccount.uniqueId: Invalid value: "N1": uniqueId is made of digits`],
  ['with a unique id that is a path', account({ uniqueId: '1/keys' }), 'uniqueId is made of digits'],
  ['with an empty unique id', account({ uniqueId: '' }), `${where}.serviceAccount.uniqueId`],
  ['with an account that is deleted, whichever it is by then', account({ onRetire: 'Delete' }), `${where}.serviceAccount: Invalid value: onRetire: Delete needs uniqueId, so that nothing but the account that was meant is deleted: gcloud iam service-accounts describe EMAIL`],
  ['with another end of the account', account({ onRetire: 'Forget' }), 'supported values: "KeepDisabled", "Delete"'],
  ['with a probe of no account', one({ probe: true }), `${where}: Invalid value: probe tries a login as the service account, so serviceAccount must be set`],
  ['with a resource twice', one({ resources: ['projects/acme', 'projects/acme'] }), `${where}.resources[1]: Duplicate value`],
  ['with a thirty-third resource', one({ resources: many(33) }), 'must have at most 32 items'],
  ['with a resource that is too long', one({ resources: [`//storage.googleapis.com/${'x'.repeat(400)}`] }), `${where}.resources[0]: Too long`],
  ['with a project by its bare id', one({ resources: ['acme-ci'] }), `${where}.resources[0]: Invalid value: "acme-ci": a resource is projects/P, folders/N or organizations/N`],
  ['with a project by its full name, which is the same under another', one({ resources: ['//cloudresourcemanager.googleapis.com/projects/acme'] }), 'a resource is projects/P, folders/N or organizations/N'],
  ['with a folder by its display name', one({ resources: ['folders/ci'] }), 'a resource is projects/P'],
  ['with what lies in a project but has no service', one({ resources: ['projects/p/secrets/s'] }), 'a resource is projects/P'],
  ['with a service and nothing of it', one({ resources: ['//storage.googleapis.com'] }), 'a resource is projects/P'],
  ['with somebody else\'s service', one({ resources: ['//storage.googleapis.com.example.com/b'] }), 'a resource is projects/P'],
  ['with a service of several parts', one({ resources: ['//a.b.googleapis.com/b'] }), 'a resource is projects/P'],
  ['with an address in place of a name', one({ resources: ['https://storage.googleapis.com/b'] }), 'a resource is projects/P'],
  ['with a bucket by its own notation', one({ resources: ['gs://acme'] }), 'a resource is projects/P'],
];

/** Where a tenant may try to have one name granted and another one meant. */
export const places: readonly (readonly [string, (text: string) => readonly Fields[]])[] = [
  ['a project', (text) => one({ resources: [`projects/${text}`] })],
  ['a folder', (text) => one({ resources: [`folders/${text}`] })],
  ['a service', (text) => one({ resources: [`//${text}.googleapis.com/b`] })],
  ['a bucket', (text) => one({ resources: [`//storage.googleapis.com/${text}`] })],
  ['a secret', (text) => one({ resources: [`//secretmanager.googleapis.com/projects/p/secrets/${text}`] })],
  ['the project of a secret', (text) => one({ resources: [`//secretmanager.googleapis.com/projects/${text}/secrets/s`] })],
  ['the name of an account', (text) => account({ email: `${text}@acme.iam.gserviceaccount.com` })],
  ['the project of an account', (text) => account({ email: `ci@${text}.iam.gserviceaccount.com` })],
  ['a unique id', (text) => account({ uniqueId: text })],
];
