/** Where everything lies in the simulated Google Cloud: one organisation with one project, its pool, and the account of the operator. */
import { addAccount } from '../../fakes/google-cloud/accounts.ts';
import { type Core, createCore } from '../../fakes/google-cloud/core.ts';
import type { Fields } from '../../fakes/google-cloud/json.ts';
import type { Nature } from '../../fakes/google-cloud/nature.ts';
import { changeMember } from '../../fakes/google-cloud/policies.ts';
import { kindOf } from '../../fakes/google-cloud/policy-routes.ts';
import { type Account, addResource, newNumber, type Pool, type Resource, type World } from '../../fakes/google-cloud/world.ts';
import type { Random } from '../../../src/runtime/random.ts';

export const projectId = 'acme-ci';
export const organization = 'organizations/1';
export const operatorRole = `${organization}/roles/offboard`;

export interface Ground {
  readonly core: Core;
  readonly pool: Pool;
  readonly operator: Account;
}

export interface NatureOptions {
  /** Virtual milliseconds since the beginning. */
  readonly now: () => number;
  /** The wall-clock time at that beginning, in milliseconds since 1970. */
  readonly epoch: number;
  readonly random: Random;
  readonly changed: () => void;
}

export const simulatedNature = ({ now, epoch, random, changed }: NatureOptions): Nature => ({
  now: () => epoch + now(),
  monotonic: now,
  bytes: (count) => {
    const bytes = Buffer.allocUnsafe(count);
    for (let at = 0; at < count; at += 1) bytes[at] = random() * 256;
    return bytes;
  },
  // Nobody signs anything here: whether a key still lets its holder in is told by the ground truth.
  keyPair: () => ({ publicKey: '', privateKey: '' }),
  changed,
});

/** `permissions` are those of the operator on the whole organisation. */
export const layGround = (origin: string, nature: Nature, permissions: readonly string[], claimsOf: (token: string) => Fields | undefined): Ground => {
  const core = createCore(origin, nature);
  const { world } = core;
  addResource(world, organization, 'resourcemanager.organizations');
  const project = { id: projectId, number: newNumber(world, 12), parent: organization };
  world.projects.set(project.id, project);
  addResource(world, `projects/${projectId}`, 'resourcemanager.projects', organization);
  const name = `projects/${project.number}/locations/global/workloadIdentityPools/${projectId}.svc.id.goog`;
  const audience = `//iam.googleapis.com/${name}/providers/cluster`;
  const pool: Pool = { name, audience, issuer: '', jwks: [], tokenAudiences: [`https:${audience}`], subject: 'ns/{namespace}/sa/{name}', claimsOf };
  world.pools.set(audience, pool);
  const operator = addAccount(world, projectId, emailOf('offboard'));
  world.metadataAccount = operator.uniqueId;
  world.roles.set(operatorRole, permissions);
  changeMember(world, resourceAt(world, organization), { give: true, role: operatorRole, member: `serviceAccount:${operator.email}` });
  return { core, pool, operator };
};

export const emailOf = (account: string): string => `${account}@${projectId}.iam.gserviceaccount.com`;

export const resourceAt = (world: World, name: string): Resource => {
  const resource = world.resources.get(name);
  if (resource === undefined) throw new Error(`there is no ${name}`);
  return resource;
};

/** By its full name, in the project. */
export const addPlace = (world: World, name: string): void => {
  addResource(world, name, name.startsWith('//storage.') ? 'storage.buckets' : kindOf(name), `projects/${projectId}`);
};
