/**
 * What is true, whatever anybody was told: which of an identity's ways in work at this instant. Worked out anew with every question,
 * from what the policies, accounts and keys are and, for as long as a change takes to be felt, were.
 */
import { conditionKey } from '../../../src/revokers/google-cloud/policies.ts';
import { stands } from '../../fakes/google-cloud/tokens.ts';
import { accountResource, type Binding, type Condition, type Policy } from '../../fakes/google-cloud/world.ts';
import { holds } from '../../fakes/google-cloud/conditions.ts';
import { showMember } from '../../fakes/google-cloud/members.ts';
import type { Scheduler } from '../engine/scheduler.ts';
import { projectId, type Ground } from './ground.ts';
import { federated, formsOf, type Holder, labelOf, type Register } from './holders.ts';

export interface Way {
  readonly kind: 'ServiceAccount' | 'Key' | 'HmacKey' | 'Binding' | 'Impersonation' | 'AccessToken';
  /** As the operator calls it, where it has a name for it and the binding has no condition. */
  readonly id: string;
  /** It opens something now. */
  readonly works: boolean;
  /** It is still there: also what does not work for now, and would again once the account is enabled or brought back. */
  readonly isStored: boolean;
}

/** Something began to work, or stopped. */
export interface Turn {
  /** Virtual milliseconds. */
  readonly at: number;
  /** `NAMESPACE/NAME`. */
  readonly holder: string;
  readonly way: Way;
}

export interface Truth {
  /** Every way in that is there or works; one that is in no list does not work. */
  readonly ways: (holder: Holder) => readonly Way[];
  readonly works: (holder: Holder) => boolean;
  /** Told for every registered holder. Returns what stops it. */
  readonly onChange: (listener: (turn: Turn) => void) => () => void;
  /** Something may have changed. */
  readonly look: () => void;
  /** The holder gets an access token of its account for so many seconds, if it can; and keeps it. */
  readonly takeToken: (holder: Holder, seconds: number) => boolean;
}

export interface TruthOptions {
  readonly ground: Ground;
  readonly register: Register;
  readonly scheduler: Scheduler;
  /** Milliseconds, as it was turned. */
  readonly propagation: () => number;
}

/** A moment after a change is felt by all: the sum of two times may be a little less than both. */
const after = 0.01;

export const createTruth = ({ ground, register, scheduler, propagation }: TruthOptions): Truth => {
  const tokens = new Map<string, { readonly token: string; readonly id: string }[]>();
  const listeners = new Set<(turn: Turn) => void>();
  const worked = new Map<string, Map<string, Way>>();

  const ways = (holder: Holder): readonly Way[] => [
    ...bindingWays(ground, holder),
    ...keyWays(ground, holder),
    ...accountWays(ground, holder),
    ...(tokens.get(labelOf(holder)) ?? []).map(({ token, id }): Way => {
      const works = 'caller' in ground.core.tokens.check(token);
      return { kind: 'AccessToken', id, works, isStored: works };
    }),
  ];

  /** What has changed since it was asked for the last time. */
  const turnsByNow = (): readonly Turn[] => {
    const turns: Turn[] = [];
    for (const holder of register.all()) {
      const label = labelOf(holder);
      const before = worked.get(label) ?? new Map<string, Way>();
      const now = new Map(ways(holder).flatMap((way) => (way.works ? [[way.id, way] as const] : [])));
      worked.set(label, now);
      for (const [id, way] of before) if (!now.has(id)) turns.push({ at: scheduler.now(), holder: label, way: { ...way, works: false } });
      for (const [id, way] of now) if (!before.has(id)) turns.push({ at: scheduler.now(), holder: label, way });
    }
    return turns;
  };

  const compare = (): void => {
    if (listeners.size === 0) return;
    for (const turn of turnsByNow()) for (const listener of listeners) listener(turn);
  };

  const look = (): void => {
    compare();
    if (propagation() > 0) scheduler.after(propagation() + after, compare);
  };

  return {
    ways,
    works: (holder) => ways(holder).some((way) => way.works),
    look,
    onChange: (listener) => {
      // Only what changes from now on is told.
      if (listeners.size === 0) turnsByNow();
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    takeToken: (holder, seconds) => {
      const entries = [...keyWays(ground, holder), ...accountWays(ground, holder)];
      if (holder.account === undefined || !entries.some(({ kind, works }) => works && (kind === 'Key' || kind === 'Impersonation'))) return false;
      const mine = tokens.get(labelOf(holder)) ?? [];
      tokens.set(labelOf(holder), mine);
      mine.push({ token: ground.core.tokens.mint({ kind: 'account', uniqueId: holder.account }, seconds).token, id: `access token ${mine.length + 1}` });
      look();
      scheduler.after(seconds * 1_000 + after, compare);
      return true;
    },
  };
};

const bindingWays = (ground: Ground, holder: Holder): readonly Way[] => {
  const { core: { world, knobs }, pool } = ground;
  const { propagation } = knobs.settings;
  const forms = formsOf(pool, holder);
  const byPool: ReadonlySet<string> = new Set([forms.byName, forms.byUid, forms.setByUid, forms.legacy]);
  const own = holder.account === undefined ? undefined : `uid:${holder.account}`;
  const isUp = holder.account !== undefined && stands(world, { kind: 'account', uniqueId: holder.account }, propagation);
  const found = new Map<string, Way>();
  for (const { name, policy } of world.resources.values()) {
    // A policy goes with its account, and comes back with it.
    const isThere = accountsOf(ground, name).some(({ deleted }) => !deleted);
    const versions = policy.within(propagation);
    for (const [age, { bindings }] of versions.entries()) {
      for (const { role, members, condition } of bindings) {
        for (const member of members) {
          if (member !== own && !byPool.has(member)) continue;
          const shown = member === own ? showMember(world, member) : member;
          const id = `${name} ${role}${condition === undefined ? '' : ` if:${conditionKey(condition)}`} ${shown}${shown.startsWith('serviceAccount:') && member === own ? `?uid=${holder.account ?? ''}` : ''}`;
          if (found.has(id)) continue;
          const works = isThere && (member !== own || isUp) && isOpen(condition, world.nature.now());
          found.set(id, { kind: 'Binding', id, works, isStored: age === 0 });
        }
      }
    }
  }
  return [...found.values()];
};

/** As it is and was; what lies with no account is always there. */
const accountsOf = ({ core: { world, knobs } }: Ground, resource: string): readonly { readonly deleted: boolean }[] => {
  const account = resource.startsWith('//iam.') ? world.accounts.get(resource.slice(resource.lastIndexOf('/') + 1)) : undefined;
  return account?.within(knobs.settings.propagation) ?? [{ deleted: false }];
};

/** Whatever the resource that is opened. */
const isOpen = (condition: Condition | undefined, time: number): boolean =>
  condition === undefined || condition.expression.includes('resource.name') || holds(condition, { time, resource: '' });

const keyWays = ({ core: { world, knobs } }: Ground, { account }: Holder): readonly Way[] => {
  if (account === undefined) return [];
  const { propagation } = knobs.settings;
  const isUp = stands(world, { kind: 'account', uniqueId: account }, propagation);
  const found: Way[] = [];
  for (const [id, key] of world.keys) {
    const { type, account: of, deleted, disabled } = key.now();
    if (of !== account || type !== 'USER_MANAGED') continue;
    const works = isUp && key.within(propagation).some((one) => !one.deleted && !one.disabled);
    found.push({ kind: 'Key', id: `projects/${projectId}/serviceAccounts/${account}/keys/${id}`, works, isStored: !deleted && !disabled });
  }
  for (const [id, key] of world.hmacKeys) {
    const { account: of, state } = key.now();
    if (of !== account) continue;
    const works = isUp && key.within(propagation).some((one) => one.state === 'ACTIVE');
    found.push({ kind: 'HmacKey', id: `projects/${projectId}/hmacKeys/${id}`, works, isStored: state === 'ACTIVE' });
  }
  return found;
};

/** That the account can be used at all, and that the ServiceAccount may act as it. */
const accountWays = ({ core: { world, knobs, authorise }, pool }: Ground, holder: Holder): readonly Way[] => {
  const account = holder.account === undefined ? undefined : world.accounts.get(holder.account)?.now();
  if (account === undefined) return [];
  const { uniqueId, email, disabled, deleted } = account;
  const isUp = stands(world, { kind: 'account', uniqueId }, knobs.settings.propagation);
  const resource = accountResource(account);
  const may = authorise({ caller: federated(pool, holder), permission: 'iam.serviceAccounts.getAccessToken', resource, conditionName: `projects/-/serviceAccounts/${uniqueId}` });
  return [
    { kind: 'ServiceAccount', id: `projects/${projectId}/serviceAccounts/${email}`, works: isUp, isStored: !disabled && !deleted },
    { kind: 'Impersonation', id: `impersonation of ${email}`, works: isUp && may, isStored: may },
  ];
};

/** One member of one policy. */
interface Triple {
  readonly role: string;
  readonly member: string;
  readonly condition: Binding['condition'];
}

const triplesIn = ({ bindings }: Policy): ReadonlyMap<string, Triple> =>
  new Map(bindings.flatMap(({ role, members, condition }) => members.map((member) => [condition === undefined ? `${role} ${member}` : `${role} ${member} ${JSON.stringify(condition)}`, { role, member, condition }] as const)));

/** What one write took out of a policy, and put into it: in words, with the member that it is about. */
export const policyDiff = (before: Policy, after: Policy): readonly { readonly what: string; readonly member: string }[] => {
  const [had, has] = [triplesIn(before), triplesIn(after)];
  const missing = (from: typeof had, others: typeof had, verb: string) => [...from].flatMap(([key, { member }]) => (others.has(key) ? [] : [{ what: `${verb} ${key}`, member }]));
  const audit = JSON.stringify(before.auditConfigs) === JSON.stringify(after.auditConfigs) ? [] : [{ what: 'changed auditConfigs', member: '' }];
  return [...missing(had, has, 'removed'), ...missing(has, had, 'added'), ...audit];
};
