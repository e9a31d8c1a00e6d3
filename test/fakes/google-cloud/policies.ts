/** Allow policies: read and written as Google does it, with etags and versions. */
import { type Answer, aborted, failure, invalid, notFound, ok, storageFailure } from './answers.ts';
import { fields, list, optionalText, text } from './json.ts';
import { showMember, storeMember } from './members.ts';
import { roleExists } from './roles.ts';
import { type Binding, type Condition, newEtag, type Policy, type Resource, shortHash, type World } from './world.ts';

const mostMembers = 1500;

/** As the wire has it. An empty policy is its etag alone. */
export const showPolicy = (world: World, policy: Policy, requestedVersion: number): object => {
  const conditional = policy.bindings.some(({ condition }) => condition !== undefined);
  const bindings = policy.bindings.map(({ role, members, condition }) => {
    const shown = members.map((member) => showMember(world, member));
    if (condition === undefined) return { role, members: shown };
    // Who does not know of conditions gets a role that he cannot write back by mistake.
    return requestedVersion >= 3 ? { role, members: shown, condition } : { role: `${role}_withcond_${shortHash(condition)}`, members: shown };
  });
  return {
    ...(policy.written === true ? { version: conditional && requestedVersion >= 3 ? 3 : 1 } : {}),
    etag: policy.etag,
    ...(bindings.length > 0 ? { bindings } : {}),
    ...(policy.auditConfigs === undefined ? {} : { auditConfigs: policy.auditConfigs }),
  };
};

export interface Write {
  readonly resource: Resource;
  readonly policy: unknown;
  readonly updateMask?: string;
  readonly storage: boolean;
  /** How the answer looks. */
  readonly show: (policy: Policy) => object;
}

/** A whole policy in the place of another. Decided now, against what is there now; done by the answer's commit. */
export const writePolicy = (world: World, write: Write): Answer => {
  const { resource, storage } = write;
  const stored = resource.policy.now();
  const sent = fields(write.policy);
  const etag = text(sent['etag']);
  const version = typeof sent['version'] === 'number' ? sent['version'] : 0;
  if (etag !== '' && !sameEtag(etag, stored.etag)) return storage ? storageFailure(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.') : aborted();
  if (etag !== '' && version < 3 && stored.bindings.some(({ condition }) => condition !== undefined)) {
    return failure(400, 'FAILED_PRECONDITION', 'The policy has conditions: it can be replaced only with version 3, or without an etag.');
  }
  const read = readBindings(world, list(sent['bindings']), version, memberships(stored));
  if ('refused' in read) return storage ? storageFailure(400, 'invalid', read.refused) : invalid(read.refused);
  const audited = write.updateMask?.includes('auditConfigs') === true ? sent['auditConfigs'] : stored.auditConfigs;
  const policy: Policy = { etag: newEtag(world), bindings: read.bindings, written: true, ...(audited === undefined ? {} : { auditConfigs: audited }) };
  return ok(write.show(policy), () => {
    resource.policy.set(policy);
  });
};

/** They are bytes: gcloud writes the same ones with the other alphabet. */
export const sameEtag = (one: string, other: string): boolean => Buffer.from(one, 'base64').equals(Buffer.from(other, 'base64'));

const memberships = (policy: Policy): ReadonlySet<string> => new Set(policy.bindings.flatMap(({ members }) => members));

type Read = { readonly bindings: readonly Binding[] } | { readonly refused: string };

const readBindings = (world: World, sent: readonly unknown[], version: number, had: ReadonlySet<string>): Read => {
  const merged = new Map<string, { readonly role: string; readonly condition?: Condition; readonly members: Set<string> }>();
  for (const value of sent) {
    const { role, members, condition } = readBinding(value);
    if (!roleExists(world, role)) return { refused: `Role ${role} is not supported for this resource.` };
    if (condition !== undefined && version < 3) return { refused: 'A policy with conditions must have the version 3.' };
    const key = JSON.stringify([role, condition]);
    const binding = merged.get(key) ?? { role, ...(condition === undefined ? {} : { condition }), members: new Set<string>() };
    merged.set(key, binding);
    for (const member of members) {
      const read = storeMember(world, member, had);
      if ('refused' in read) return read;
      binding.members.add(read.stored);
    }
  }
  // A binding without a member is dropped without a word.
  const bindings = [...merged.values()].filter(({ members }) => members.size > 0).map((binding) => ({ ...binding, members: [...binding.members] }));
  const count = bindings.reduce((sum, { members }) => sum + members.length, 0);
  return count > mostMembers ? { refused: `The number of members in the policy (${count}) is larger than the maximum allowed size ${mostMembers}.` } : { bindings };
};

const readBinding = (value: unknown): { readonly role: string; readonly members: readonly string[]; readonly condition?: Condition } => {
  const binding = fields(value);
  const sent = fields(binding['condition']);
  const description = optionalText(sent['description']);
  const condition = { title: text(sent['title']), ...(description === undefined ? {} : { description }), expression: text(sent['expression']) };
  return { role: text(binding['role']), members: list(binding['members']).map(text), ...(binding['condition'] === undefined ? {} : { condition }) };
};

export const missing = (name: string): Answer => notFound(`Requested entity was not found: ${name}.`);

/** Adds a member to a policy, or takes it out, as an administrator who does it in one step. */
export const changeMember = (world: World, resource: Resource, change: { readonly give: boolean; readonly role: string; readonly member: string; readonly condition?: Condition }): void => {
  const { etag: _, bindings, ...rest } = resource.policy.now();
  const read = storeMember(world, change.member, memberships(resource.policy.now()));
  if ('refused' in read) throw new Error(read.refused);
  const same = (binding: Binding): boolean => binding.role === change.role && JSON.stringify(binding.condition) === JSON.stringify(change.condition);
  const others = bindings.map((binding) => (same(binding) ? { ...binding, members: binding.members.filter((member) => member !== read.stored) } : binding));
  const given = change.give
    ? others.some(same)
      ? others.map((binding) => (same(binding) ? { ...binding, members: [...binding.members, read.stored] } : binding))
      : [...others, { role: change.role, members: [read.stored], ...(change.condition === undefined ? {} : { condition: change.condition }) }]
    : others;
  resource.policy.set({ ...rest, written: true, etag: newEtag(world), bindings: given.filter(({ members }) => members.length > 0) });
};

/** Whether one of its members is stored so. */
export const names = (policy: Policy, stored: string): boolean => policy.bindings.some(({ members }) => members.includes(stored));
