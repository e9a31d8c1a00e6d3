/**
 * A simulated Vault (or OpenBao) with a database behind it, as the operator meets it on the wire, with the truth that no answer tells,
 * the people and workloads who use it, and what may be wrong with it.
 *
 *     const vault = createVaultServer({ scheduler, random, epoch, review });
 *     vault.wire                                                  // for the network
 *     vault.people.addAgent(account, 'ci-bot')                    // its auth role and its database role
 *     const token = vault.people.login(jwt, 'ci-bot');            // undefined: refused
 *     vault.people.lease(token, 'ci-bot')                         // the name of a database user; undefined: refused
 *     vault.truth.working(account.uid)                            // what of it works now
 *     vault.knobs.accept('Lease', { kind: 'Late', after: 5_000 })
 */
import type { Random } from '../../../src/runtime/random.ts';
import type { Scheduler } from '../engine/scheduler.ts';
import type { WireServer } from '../engine/wire.ts';
import { createCore } from './core.ts';
import { createHandler, type Reach } from './handle.ts';
import { createIdentity } from './identity.ts';
import { createKnobs, type Knobs } from './knobs.ts';
import { createLeases } from './leases.ts';
import { createPeople, type People } from './people.ts';
import { createPolicies, type Mount, type Parts } from './state.ts';
import type { Account } from './storage.ts';
import { createTokens } from './tokens.ts';
import { createTruth, type Truth } from './truth.ts';

export const vaultOrigin = 'https://vault.sim:8200';

export interface VaultServerOptions {
  readonly scheduler: Scheduler;
  /** A stream of its own. */
  readonly random: Random;
  /** The wall-clock time at the beginning of the universe, in milliseconds since 1970. */
  readonly epoch: number;
  /** Who a token of a ServiceAccount is, as the API server says now; undefined: nobody. */
  readonly review: (jwt: string) => Account | undefined;
  /** On raft, the default, answers tell how far the storage is; in memory they do not. */
  readonly storage?: 'raft' | 'memory';
}

export interface VaultServer {
  readonly wire: WireServer;
  readonly people: People;
  readonly truth: Truth;
  readonly knobs: Knobs;
}

export const createVaultServer = ({ scheduler, random, epoch, review, storage = 'raft' }: VaultServerOptions): VaultServer => {
  // The first write is made below, after there is somebody to be told.
  let changed = (): void => undefined;
  const core = createCore({ scheduler, random, epoch, changed: () => { changed(); } });
  const leases = createLeases(core);
  const identity = createIdentity(core);
  const mounts = new Map<string, Mount>();
  const parts: Parts = { core, leases, identity, tokens: createTokens(core, leases), policies: createPolicies(), mounts, review };
  const reach: { now: Reach } = { now: { throughStandby: () => false, heedsIndex: true, tellsIndex: storage === 'raft' } };
  const people = createPeople(parts);
  const truth = createTruth({ core, mounts, accounts: people.accounts, identity });
  changed = truth.look;
  people.setUp();
  const handle = createHandler(parts, () => reach.now);
  return {
    wire: { origin: vaultOrigin, name: 'vault', handle },
    people,
    truth,
    knobs: createKnobs(parts, people, (change) => { reach.now = { ...reach.now, ...change }; }, truth.look),
  };
};
