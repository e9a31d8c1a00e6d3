/** Everything that the fake knows. Plain data: what it means is said by the files that use it. */
import { createHash } from 'node:crypto';

import type { Fields } from './json.ts';
import type { Nature } from './nature.ts';
import { versioned, type Versioned } from './versioned.ts';

export interface Condition {
  readonly title: string;
  readonly description?: string;
  readonly expression: string;
}

export interface Binding {
  readonly role: string;
  /** As stored: a service account of ours is `uid:N`, so that it is the account that is meant, and not its name. */
  readonly members: readonly string[];
  readonly condition?: Condition;
}

export interface Policy {
  readonly etag: string;
  readonly bindings: readonly Binding[];
  /** One that was never written shows no version. */
  readonly written?: true;
  readonly auditConfigs?: unknown;
}

export interface Resource {
  /** `projects/ID`, `folders/N`, `organizations/N`, else the full resource name, with the project's ID and an account's unique id. */
  readonly name: string;
  /** Such as `storage.buckets`: what its permissions begin with. */
  readonly kind: string;
  readonly parent?: string;
  readonly policy: Versioned<Policy>;
}

export interface Project {
  readonly id: string;
  readonly number: string;
  readonly parent?: string;
}

export interface Account {
  readonly uniqueId: string;
  readonly email: string;
  readonly project: string;
  readonly displayName?: string;
  readonly description?: string;
  readonly etag: string;
  readonly disabled: boolean;
  readonly deleted: boolean;
}

export interface AccountKey {
  readonly id: string;
  readonly account: string;
  readonly type: 'USER_MANAGED' | 'SYSTEM_MANAGED';
  readonly origin: 'GOOGLE_PROVIDED' | 'USER_PROVIDED';
  readonly publicKey: string;
  readonly validAfter: string;
  readonly disabled: boolean;
  readonly deleted: boolean;
}

export interface HmacKey {
  readonly accessId: string;
  readonly secret: string;
  readonly account: string;
  readonly email: string;
  readonly project: string;
  readonly created: string;
  readonly updated: string;
  readonly state: 'ACTIVE' | 'INACTIVE' | 'DELETED';
}

export interface Pool {
  /** `projects/NUMBER/locations/global/workloadIdentityPools/POOL`. */
  readonly name: string;
  /** What clients name as the audience at the security token service. */
  readonly audience: string;
  readonly issuer: string;
  readonly jwks: readonly object[];
  /** What the tokens must be for. */
  readonly tokenAudiences: readonly string[];
  /** The claims of a token that its issuer signed and takes now, where that is asked instead of checking a signature. */
  readonly claimsOf?: (token: string) => Fields | undefined;
  /** `{namespace}`, `{name}` and `{uid}`; the token's own subject when not told. */
  readonly subject?: string;
}

export interface Attachment {
  /** Full resource name. */
  readonly name: string;
  readonly assetType: string;
  readonly project: string;
  /** Of the service account as which it runs. */
  readonly email: string;
}

export interface World {
  readonly nature: Nature;
  readonly url: string;
  readonly projects: Map<string, Project>;
  readonly resources: Map<string, Resource>;
  /** By unique id, the deleted ones too. */
  readonly accounts: Map<string, Versioned<Account>>;
  /** The unique id that an e-mail leads to now. */
  readonly emails: Map<string, string>;
  readonly keys: Map<string, Versioned<AccountKey>>;
  readonly hmacKeys: Map<string, Versioned<HmacKey>>;
  readonly pools: Map<string, Pool>;
  readonly groups: Map<string, readonly string[]>;
  readonly roles: Map<string, readonly string[]>;
  /** What is stored in buckets and secrets, by `BUCKET/OBJECT` or the full name of the secret. */
  readonly contents: Map<string, string>;
  readonly attachments: Map<string, Attachment>;
  /** The account that the metadata server speaks for, by unique id. */
  metadataAccount: string | undefined;
  /** The longest that a minted token may live, in seconds: an organisation may allow 12 hours. */
  longestLifetime: number;
}

export const createWorld = (url: string, nature: Nature): World => ({
  nature,
  url,
  projects: new Map(),
  resources: new Map(),
  accounts: new Map(),
  emails: new Map(),
  keys: new Map(),
  hmacKeys: new Map(),
  pools: new Map(),
  groups: new Map(),
  roles: new Map(),
  contents: new Map(),
  attachments: new Map(),
  metadataAccount: undefined,
  longestLifetime: 3600,
});

/** Eight bytes as Google's etags are. */
export const newEtag = ({ nature }: Pick<World, 'nature'>): string => Buffer.concat([Buffer.from([7]), nature.bytes(7)]).toString('base64');

export const newNumber = ({ nature }: Pick<World, 'nature'>, digits: number): string => {
  const value = BigInt(`0x${nature.bytes(12).toString('hex')}`) % 10n ** BigInt(digits - 1);
  return `1${value.toString().padStart(digits - 1, '0')}`;
};

export const shortHash = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 20);

export const addResource = (world: World, name: string, kind: string, parent?: string): Resource => {
  const resource = { name, kind, policy: versioned<Policy>(world.nature, { etag: newEtag(world), bindings: [] }), ...(parent === undefined ? {} : { parent }) };
  world.resources.set(name, resource);
  return resource;
};

export const findProject = (world: World, idOrNumber: string): Project | undefined =>
  world.projects.get(idOrNumber) ?? [...world.projects.values()].find(({ number }) => number === idOrNumber);

export const accountResource = (account: Pick<Account, 'project' | 'uniqueId'>): string => `//iam.googleapis.com/projects/${account.project}/serviceAccounts/${account.uniqueId}`;

/** The one that has that name now, as it was so long ago; a deleted one is found by neither. */
export const findAccount = (world: World, emailOrId: string, ago = 0): Account | undefined => {
  const byId = world.accounts.get(emailOrId)?.ago(ago);
  if (byId !== undefined) return byId.deleted ? undefined : byId;
  if (ago <= 0) return world.accounts.get(world.emails.get(emailOrId) ?? '')?.now();
  for (const account of world.accounts.values()) {
    const value = account.ago(ago);
    if (!value.deleted && value.email === emailOrId) return value;
  }
  return undefined;
};

/** A resource by any of its names: projects by number, accounts by e-mail. */
export const findResource = (world: World, name: string): Resource | undefined => world.resources.get(canonicalName(world, name));

export const canonicalName = (world: World, name: string): string => {
  const [, before = '', idOrNumber = '', rest = ''] = /^((?:\/\/[^/]+\/)?projects\/)([^/]+)(.*)$/.exec(name) ?? [];
  if (before === '') return name;
  const project = findProject(world, idOrNumber)?.id ?? idOrNumber;
  const account = /^\/serviceAccounts\/([^/]+)$/.exec(rest)?.[1];
  if (!before.startsWith('//iam.') || account === undefined) return `${before === '//cloudresourcemanager.googleapis.com/projects/' ? 'projects/' : before}${project}${rest}`;
  const found = findAccount(world, account);
  return `//iam.googleapis.com/projects/${project}/serviceAccounts/${found?.project === project ? found.uniqueId : account}`;
};

export const newKeyId = ({ nature }: Pick<World, 'nature'>): string => nature.bytes(20).toString('hex');

/** Every account has one that Google keeps: nobody can log in with it, and nobody can take it away. */
export const addSystemKey = (world: World, { uniqueId }: Account): void => {
  const id = newKeyId(world);
  world.keys.set(id, versioned<AccountKey>(world.nature, { id, account: uniqueId, type: 'SYSTEM_MANAGED', origin: 'GOOGLE_PROVIDED', publicKey: '', validAfter: now(world), disabled: false, deleted: false }));
};

/** As the wire has times. */
export const now = ({ nature }: Pick<World, 'nature'>): string => new Date(nature.now()).toISOString().replace(/\.\d+Z$/, 'Z');

/** It, and what it lies in, up to the organisation. */
export const lineage = (world: World, resource: Resource): readonly Resource[] => {
  const parent = resource.parent === undefined ? undefined : world.resources.get(resource.parent);
  return parent === undefined ? [resource] : [resource, ...lineage(world, parent)];
};
