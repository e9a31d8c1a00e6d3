/** What a test turns: how slow the world is to notice changes, and which calls go wrong. */
import type { Nature } from './nature.ts';

export interface Settings {
  /** Milliseconds by which policies are read as they were. */
  readonly stalePolicies: number;
  /** Milliseconds by which accounts and keys are read as they were. */
  readonly staleAccounts: number;
  /** Milliseconds for which what was taken away goes on working. */
  readonly propagation: number;
  /** Milliseconds by which the search of assets lags behind. */
  readonly assetLag: number;
  /** Milliseconds before every answer. */
  readonly latency: number;
  /** `testIamPermissions` says yes to all that is asked. */
  readonly testPermissionsFailOpen: boolean;
}

export interface Match {
  /** As in a full resource name, such as `iam`. */
  readonly service?: string;
  readonly method?: string;
  /** A regular expression over the path as it was sent, with the custom method and the query. */
  readonly path?: string;
}

export type Fault =
  /** An answer of that status; `retryAfter` in seconds or as a date. */
  | { readonly kind: 'status'; readonly status: number; readonly body?: unknown; readonly retryAfter?: string; readonly applied?: boolean }
  /** The answer never comes; the connection stays open. */
  | { readonly kind: 'hang'; readonly applied?: boolean }
  /** 200 with a page, with nothing, or with half of the answer. */
  | { readonly kind: 'html' | 'empty' | 'cut'; readonly applied?: boolean }
  /** The answer as if it had been done, and nothing changed. */
  | { readonly kind: 'nothing' }
  /** The connection is closed without an answer. */
  | { readonly kind: 'reset'; readonly applied?: boolean }
  /** The answer as it is, so many milliseconds later. */
  | { readonly kind: 'late'; readonly milliseconds: number }
  /** A write finds that somebody else wrote since it was read: 409, of storage 412. */
  | { readonly kind: 'conflict' };

export interface Rule {
  readonly match: Match;
  readonly fault: Fault;
  /** How often; for ever when not told. */
  readonly times?: number;
}

/** Somebody else, who writes a policy right before a write to it: gives or takes a member, or changes nothing that can be seen. */
export interface Meddler {
  readonly resource: string;
  readonly grant?: { readonly role: string; readonly member: string };
  times: number;
}

export interface Knobs {
  /** As they act now: nothing looks back beyond the moment in which its knob was turned, so that what was furnished before stands. */
  readonly settings: Settings;
  readonly set: (settings: Partial<Settings>) => void;
  readonly meddlers: Meddler[];
  readonly add: (rule: Rule) => string;
  readonly remove: (id: string) => void;
  /** The fault that the call meets, which is used up by that. */
  readonly take: (call: { readonly service: string; readonly method: string; readonly path: string }) => Fault | undefined;
  readonly reset: () => void;
}

const calm: Settings = { stalePolicies: 0, staleAccounts: 0, propagation: 0, assetLag: 0, latency: 0, testPermissionsFailOpen: false };

export const createKnobs = ({ monotonic }: Pick<Nature, 'monotonic'>): Knobs => {
  let settings = calm;
  const turned = new Map<string, number>();
  const bounded = (name: 'stalePolicies' | 'staleAccounts' | 'propagation' | 'assetLag'): number => (settings[name] === 0 ? 0 : Math.min(settings[name], monotonic() - (turned.get(name) ?? 0)));
  const meddlers: Meddler[] = [];
  const rules = new Map<string, { readonly rule: Rule; readonly path: RegExp | undefined; left: number }>();
  let next = 1;
  const acting: Settings = {
    get stalePolicies() { return bounded('stalePolicies'); },
    get staleAccounts() { return bounded('staleAccounts'); },
    get propagation() { return bounded('propagation'); },
    get assetLag() { return bounded('assetLag'); },
    get latency() { return settings.latency; },
    get testPermissionsFailOpen() { return settings.testPermissionsFailOpen; },
  };
  return {
    settings: acting,
    set: (changes) => {
      settings = { ...settings, ...changes };
      for (const name of Object.keys(changes)) turned.set(name, monotonic());
    },
    meddlers,
    add: (rule) => {
      const id = String(next++);
      rules.set(id, { rule, path: rule.match.path === undefined ? undefined : new RegExp(rule.match.path), left: rule.times ?? Infinity });
      return id;
    },
    remove: (id) => {
      rules.delete(id);
    },
    take: (call) => {
      for (const [id, entry] of rules) {
        if (!matches(entry.rule.match, call) || entry.path?.test(call.path) === false) continue;
        entry.left -= 1;
        if (entry.left <= 0) rules.delete(id);
        return entry.rule.fault;
      }
      return undefined;
    },
    reset: () => {
      settings = calm;
      meddlers.length = 0;
      rules.clear();
    },
  };
};

const matches = (match: Match, call: { readonly service: string; readonly method: string }): boolean => (match.service ?? call.service) === call.service && (match.method ?? call.method) === call.method;
