/** What a test does to the world from outside of it: `POST /_control/OPERATION`, without a login. The handle is its only user. */
import { addAccount, change } from './accounts.ts';
import type { Answer } from './answers.ts';
import type { Authorise } from './authorise.ts';
import { addHmacKey } from './hmac-keys.ts';
import { type Fields, fields, list, optionalText, text } from './json.ts';
import { addKeyTo } from './keys.ts';
import type { Knobs, Rule } from './knobs.ts';
import type { Log } from './log.ts';
import { changeMember, showPolicy } from './policies.ts';
import { kindOf } from './policy-routes.ts';
import type { Tokens } from './tokens.ts';
import { type Account, addResource, type Attachment, canonicalName, type Condition, findAccount, findProject, findResource, newEtag, newNumber, type Policy, type Pool, type Resource, type World } from './world.ts';

export interface ControlSite {
  readonly world: World;
  readonly knobs: Knobs;
  readonly tokens: Tokens;
  readonly authorise: Authorise;
  readonly log: Log;
}

type Operation = (site: ControlSite, input: Fields) => unknown;

export const control = async (site: ControlSite, name: string, input: Fields): Promise<Answer> => {
  const operation = operations[name];
  if (operation === undefined) return { status: 404, body: { error: `There is no operation ${name}.` } };
  try {
    return { status: 200, body: (await operation(site, input)) ?? {} };
  } catch (error) {
    return { status: 400, body: { error: error instanceof Error ? error.message : String(error) } };
  }
};

const operations: Readonly<Record<string, Operation>> = {
  identity: ({ world }) => ({ url: world.url }),
  addContainer: ({ world }, { name, parent }) => void addResource(world, text(name), kindOf(text(name)), optionalText(parent)),
  addProject: ({ world }, { id, parent }) => {
    const above = optionalText(parent);
    const project = { id: text(id), number: newNumber(world, 12), ...(above === undefined ? {} : { parent: above }) };
    world.projects.set(project.id, project);
    addResource(world, `projects/${project.id}`, 'resourcemanager.projects', above);
    return project;
  },
  project: ({ world }, { project }) => {
    const found = findProject(world, text(project));
    if (found === undefined) throw new Error(`There is no project ${text(project)}.`);
    return found;
  },
  addResource: ({ world }, { name, project }) => {
    const canonical = canonicalName(world, text(name));
    const kind = canonical.startsWith('//storage.') ? 'storage.buckets' : kindOf(canonical);
    addResource(world, canonical, kind, `projects/${text(project)}`);
    return { name: canonical };
  },
  store: ({ world }, { name, content }) => void world.contents.set(text(name), text(content)),
  addServiceAccount: ({ world }, { project, name, ...texts }) => {
    const displayName = optionalText(texts['displayName']);
    const description = optionalText(texts['description']);
    return addAccount(world, text(project), `${text(name)}@${text(project)}.iam.gserviceaccount.com`, { ...(displayName === undefined ? {} : { displayName }), ...(description === undefined ? {} : { description }) });
  },
  account: ({ world }, { account }) => world.accounts.get(text(account))?.now() ?? accountAt(world, account),
  changeAccount: ({ world }, { account, to }) => {
    const found = world.accounts.get(text(account))?.now() ?? accountAt(world, account);
    const changes: Partial<Account> = fields(to);
    if (found.deleted && changes.deleted === false && findAccount(world, found.email) !== undefined) throw new Error(`There is another ${found.email} now.`);
    change(world, found, changes);
  },
  addKey: async ({ world }, { account }) => (await addKeyTo(world, text(account))).file,
  keys: ({ world }, { account }) => ({ keys: [...world.keys.values()].map((key) => key.now()).filter((key) => key.account === accountAt(world, account).uniqueId && key.type === 'USER_MANAGED' && !key.deleted).map(({ id }) => id) }),
  addHmacKey: ({ world }, { account }) => addHmacKey(world, accountAt(world, account)),
  addPool: ({ world }, { pool }) => {
    const added = fields(pool) as unknown as Pool;
    world.pools.set(added.audience, added);
  },
  addAttachment: ({ world }, { attachment }) => {
    const added = fields(attachment) as unknown as Attachment;
    world.attachments.set(added.name, added);
  },
  removeAttachment: ({ world }, { name }) => void world.attachments.delete(text(name)),
  defineRole: ({ world }, { role, permissions }) => void world.roles.set(text(role), list(permissions).map(text)),
  setGroup: ({ world }, { group, members }) => void world.groups.set(text(group), list(members).map(text)),
  setMetadataAccount: ({ world }, { account }) => {
    world.metadataAccount = accountAt(world, account).uniqueId;
  },
  setLongestLifetime: ({ world }, { seconds }) => {
    world.longestLifetime = Number(seconds);
  },
  grant: (site, input) => {
    editPolicy(site, input, true);
  },
  ungrant: (site, input) => {
    editPolicy(site, input, false);
  },
  policy: ({ world }, { resource }) => showPolicy(world, resourceAt(world, resource).policy.now(), 3),
  writeStoredPolicy: ({ world }, { resource, policy }) => {
    // Without any check: for members that nobody could write, and for policies of any size.
    const { bindings, ...rest } = fields(policy) as unknown as Omit<Policy, 'etag'>;
    const stored = bindings.map((binding) => ({ ...binding, members: binding.members.map((member) => storedForm(world, member)) }));
    resourceAt(world, resource).policy.set({ ...rest, bindings: stored, written: true, etag: newEtag(world) });
  },
  may: ({ tokens, authorise }, { token, permission, resource }) => {
    const who = tokens.check(text(token));
    return { may: 'caller' in who && authorise({ caller: who.caller, permission: text(permission), resource: text(resource) }) };
  },
  userToken: ({ tokens }, { email, seconds }) => ({ token: tokens.mint({ kind: 'user', email: text(email) }, Number(seconds ?? 3600)).token }),
  set: ({ knobs }, { settings }) => {
    knobs.set(fields(settings));
  },
  addFault: ({ knobs }, { rule }) => ({ id: knobs.add(fields(rule) as unknown as Rule) }),
  removeFault: ({ knobs }, { id }) => {
    knobs.remove(text(id));
  },
  meddle: ({ knobs }, { resource, grant, times }) => void knobs.meddlers.push({ resource: text(resource), ...(grant === undefined ? {} : { grant: { role: text(fields(grant)['role']), member: text(fields(grant)['member']) } }), times: Number(times) }),
  calm: ({ knobs }) => {
    knobs.reset();
  },
  requests: ({ log }) => ({ requests: log.entries() }),
  counts: ({ log }) => log.counts(),
  clearLog: ({ log }) => {
    log.clear();
  },
};

const accountAt = (world: World, name: unknown): Account => {
  const account = findAccount(world, text(name));
  if (account === undefined) throw new Error(`There is no account ${text(name)}.`);
  return account;
};

const resourceAt = (world: World, name: unknown): Resource => {
  const resource = findResource(world, text(name));
  if (resource === undefined) throw new Error(`There is no resource ${text(name)}.`);
  return resource;
};

const storedForm = (world: World, member: string): string => {
  const id = /^deleted:serviceAccount:[^?]+\?uid=(\d+)$/.exec(member)?.[1];
  if (id !== undefined && world.accounts.has(id)) return `uid:${id}`;
  const account = member.startsWith('serviceAccount:') ? findAccount(world, member.slice('serviceAccount:'.length)) : undefined;
  return account === undefined ? member : `uid:${account.uniqueId}`;
};

const editPolicy = ({ world }: ControlSite, input: Fields, give: boolean): void => {
  const condition = input['condition'] as Condition | undefined;
  changeMember(world, resourceAt(world, input['resource']), { give, role: text(input['role']), member: text(input['member']), ...(condition === undefined ? {} : { condition }) });
};
