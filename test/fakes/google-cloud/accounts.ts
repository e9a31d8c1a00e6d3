/** Service accounts: made, read, changed, disabled, deleted and brought back. */
import { type Answer, aborted, denied, failure, invalid, notFound, ok } from './answers.ts';
import { type Authorise, refusal } from './authorise.ts';
import { fields, optionalText, text } from './json.ts';
import type { Knobs } from './knobs.ts';
import { names, sameEtag } from './policies.ts';
import type { Call, Route } from './router.ts';
import { versioned } from './versioned.ts';
import { type Account, accountResource, addResource, addSystemKey, findAccount, findProject, newEtag, newNumber, type World } from './world.ts';

interface Site {
  readonly world: World;
  readonly knobs: Knobs;
  readonly authorise: Authorise;
}

const one = '/v1/projects/{project}/serviceAccounts/{account}';
const all = '/v1/projects/{project}/serviceAccounts';

export const accountRoutes = (site: Site): readonly Route[] => {
  const { world, knobs } = site;
  const on = (method: string, pattern: string, permission: string, handle: (call: Call, account: Account) => Answer): Route => ({
    service: 'iam',
    method,
    pattern,
    handle: (call, parameters) => {
      const found = reach(site, call, parameters, `iam.serviceAccounts.${permission}`, method === 'GET' ? knobs.settings.staleAccounts : 0);
      return 'refused' in found ? found.refused : handle(call, found.account);
    },
  });
  const switched = (disabled: boolean) => (_: Call, account: Account) => ok({}, () => { change(world, account, { disabled }); });
  return [
    { service: 'iam', method: 'POST', pattern: all, handle: (call, { project = '' }) => create(site, call, project) },
    { service: 'iam', method: 'GET', pattern: all, handle: (call, { project = '' }) => listed(site, call, project) },
    { service: 'iam', method: 'POST', pattern: `${one}:undelete`, handle: (call, parameters) => undelete(site, call, parameters) },
    on('GET', one, 'get', (_, account) => ok(showAccount(account))),
    on('PATCH', one, 'update', (call, account) => patch(world, account, fields(call.body['serviceAccount']), text(call.body['updateMask']))),
    on('PUT', one, 'update', (call, account) => patch(world, account, call.body, 'displayName')),
    on('POST', `${one}:disable`, 'disable', switched(true)),
    on('POST', `${one}:enable`, 'enable', switched(false)),
    on('DELETE', one, 'delete', (_, account) => ok({}, () => { change(world, account, { deleted: true }); })),
  ];
};

/** The account that a path names, after the permission: whom it is refused is not told whether there is one. */
export const reach = (
  { world, authorise }: Pick<Site, 'world' | 'authorise'>,
  call: Call,
  { project = '', account: name = '' }: Readonly<Record<string, string>>,
  permission: string,
  ago = 0,
): { readonly account: Account } | { readonly refused: Answer } => {
  const found = findAccount(world, name, ago);
  const there = found !== undefined && (project === '-' || findProject(world, project)?.id === found.project) ? found : undefined;
  const resource = there === undefined ? `//iam.googleapis.com/projects/${project}/serviceAccounts/${name}` : accountResource(there);
  const refused = refusal(authorise, { caller: call.caller, permission, resource });
  if (refused !== undefined) return { refused };
  if (there !== undefined) return { account: there };
  return { refused: project === '-' ? denied(permission, resource) : notFound('Unknown service account') };
};

/** `disabled` is there only when it is true. */
export const showAccount = (account: Account): object => ({
  name: `projects/${account.project}/serviceAccounts/${account.email}`,
  projectId: account.project,
  uniqueId: account.uniqueId,
  email: account.email,
  ...(account.displayName === undefined ? {} : { displayName: account.displayName }),
  etag: account.etag,
  ...(account.description === undefined ? {} : { description: account.description }),
  oauth2ClientId: account.uniqueId,
  ...(account.disabled ? { disabled: true } : {}),
});

export const addAccount = (world: World, project: string, email: string, texts: Pick<Account, 'displayName' | 'description'> = {}): Account => {
  const account: Account = { uniqueId: newNumber(world, 21), email, project, ...texts, etag: newEtag(world), disabled: false, deleted: false };
  world.accounts.set(account.uniqueId, versioned(world.nature, account));
  world.emails.set(email, account.uniqueId);
  addResource(world, accountResource(account), 'iam.serviceAccounts', `projects/${project}`);
  addSystemKey(world, account);
  return account;
};

/** Its own policy goes and comes with it; the policies that name it show it otherwise from now on, and so have another etag. */
export const change = (world: World, { uniqueId }: Account, to: Partial<Account>): void => {
  const account = world.accounts.get(uniqueId);
  if (account === undefined) return;
  const before = account.now();
  account.set({ ...before, ...to, etag: newEtag(world) });
  if ((to.deleted ?? before.deleted) === before.deleted) return;
  if (to.deleted !== true) world.emails.set(before.email, uniqueId);
  else if (world.emails.get(before.email) === uniqueId) world.emails.delete(before.email);
  for (const { policy } of world.resources.values()) {
    if (names(policy.now(), `uid:${uniqueId}`)) policy.set({ ...policy.now(), etag: newEtag(world) });
  }
};

const create = ({ world, authorise }: Site, call: Call, projectName: string): Answer => {
  const project = findProject(world, projectName);
  const refused = refusal(authorise, { caller: call.caller, permission: 'iam.serviceAccounts.create', resource: `projects/${projectName}` });
  if (refused !== undefined || project === undefined) return refused ?? denied('iam.serviceAccounts.create', `projects/${projectName}`);
  const id = text(call.body['accountId']);
  if (!/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/.test(id)) return invalid('The account ID has an invalid length or an invalid character.');
  const email = `${id}@${project.id}.iam.gserviceaccount.com`;
  if (findAccount(world, email) !== undefined) return failure(409, 'ALREADY_EXISTS', `Service account ${id} already exists within project projects/${project.id}.`);
  const sent = fields(call.body['serviceAccount']);
  const displayName = optionalText(sent['displayName']);
  const description = optionalText(sent['description']);
  return ok(showAccount(addAccount(world, project.id, email, { ...(displayName === undefined ? {} : { displayName }), ...(description === undefined ? {} : { description }) })));
};

const listed = ({ world, authorise, knobs }: Site, call: Call, projectName: string): Answer => {
  const refused = refusal(authorise, { caller: call.caller, permission: 'iam.serviceAccounts.list', resource: `projects/${projectName}` });
  if (refused !== undefined) return refused;
  const project = findProject(world, projectName)?.id;
  const accounts = [...world.accounts.values()].map((account) => account.ago(knobs.settings.staleAccounts)).filter((account) => !account.deleted && account.project === project);
  return ok(page(accounts.map(showAccount), 'accounts', call, 100));
};

/** One page of a list; nothing at all of an empty one. */
export const page = (items: readonly object[], name: string, call: Call, most: number): object => {
  const size = Math.min(Number(call.query.get('pageSize') ?? most), most) || most;
  const start = Number(call.query.get('pageToken') ?? 0);
  const part = items.slice(start, start + size);
  return { ...(part.length > 0 ? { [name]: part } : {}), ...(start + size < items.length ? { nextPageToken: String(start + size) } : {}) };
};

const patch = (world: World, account: Account, sent: Readonly<Record<string, unknown>>, mask: string): Answer => {
  if (text(sent['etag']) !== '' && !sameEtag(text(sent['etag']), account.etag)) return aborted();
  const named = mask.split(',').map((name) => name.trim().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()));
  if (named.some((name) => name !== 'displayName' && name !== 'description')) return invalid('The update mask names what cannot be changed.');
  const texts = Object.fromEntries(named.map((name) => [name, text(sent[name])]));
  const { displayName, description, ...rest } = { ...account, ...texts };
  // What is empty is not shown.
  const next: Account = { ...rest, ...(displayName ? { displayName } : {}), ...(description ? { description } : {}), etag: newEtag(world) };
  // Only what the mask names comes back.
  const shown = Object.entries(showAccount(next)).filter(([name]) => name === 'name' || named.includes(name));
  return ok(Object.fromEntries(shown), () => {
    world.accounts.get(account.uniqueId)?.set(next);
  });
};

const undelete = ({ world, authorise }: Site, call: Call, { project = '', account: id = '' }: Readonly<Record<string, string>>): Answer => {
  const gone = world.accounts.get(id)?.now();
  const refused = refusal(authorise, { caller: call.caller, permission: 'iam.serviceAccounts.undelete', resource: `projects/${gone?.project ?? project}` });
  if (refused !== undefined) return refused;
  if (!gone?.deleted) return notFound('Unknown service account');
  if (findAccount(world, gone.email) !== undefined) return failure(409, 'ALREADY_EXISTS', 'A service account with the same e-mail exists.');
  return ok({ restoredAccount: showAccount(gone) }, () => {
    change(world, gone, { deleted: false });
  });
};
