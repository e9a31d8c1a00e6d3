/** The parts of one simulated Vault, as its routes and its people use them. */
import type { Acl, Policy } from './acl.ts';
import { createAcl, defaultPolicy } from './acl.ts';
import type { Core } from './core.ts';
import type { Identity } from './identity.ts';
import type { Leases } from './leases.ts';
import type { Account } from './storage.ts';
import type { Tokens } from './tokens.ts';

export interface Mount {
  readonly path: string;
  readonly type: string;
  readonly accessor: string;
}

export interface Policies {
  readonly write: (name: string, policy: Policy) => void;
  readonly read: (name: string) => Policy | undefined;
  readonly clear: () => void;
  /** What a token with these policies may do. */
  readonly aclOf: (names: readonly string[]) => Acl;
}

export interface Parts {
  readonly core: Core;
  readonly tokens: Tokens;
  readonly leases: Leases;
  readonly identity: Identity;
  readonly policies: Policies;
  /** Auth mounts by path, without a slash. */
  readonly mounts: Map<string, Mount>;
  /** Who a token of a ServiceAccount is, as the API server says now. */
  readonly review: (jwt: string) => Account | undefined;
}

export const createPolicies = (): Policies => {
  const policies = new Map<string, Policy>();
  let acls = new WeakMap<readonly string[], Acl>();
  const changed = (): void => { acls = new WeakMap(); };
  return {
    write: (name, policy) => {
      policies.set(name, policy);
      changed();
    },
    read: (name) => policies.get(name),
    clear: () => {
      policies.clear();
      changed();
    },
    aclOf: (names) => {
      const known = acls.get(names) ?? createAcl([defaultPolicy, ...names.flatMap((name) => policies.get(name) ?? [])]);
      acls.set(names, known);
      return known;
    },
  };
};
