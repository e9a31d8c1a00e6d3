/** Leases whose backend refuses to end them, in the three states that Vault knows. */
import type { Openbao } from './openbao.ts';
import type { Postgres } from './postgres.ts';
import type { Lease } from './vault-agents.ts';
import { waitFor } from './wait-for.ts';

export interface StuckLeases {
  /** Its user owns a table from now on, so that PostgreSQL does not drop it: every revoke is refused. */
  readonly stick: (lease: Lease) => Promise<void>;
  /** What it owns goes away. Nothing is revoked by that. */
  readonly unstick: (lease: Lease) => Promise<void>;
  /** Irrevocable, as after six failed attempts in ten minutes. Needs `rawStorage`; the server is sealed in between. */
  readonly giveUpOn: (leases: readonly Lease[]) => Promise<void>;
}

export const createStuckLeases = (bao: Openbao, postgres: Postgres): StuckLeases => ({
  stick: async ({ user, password }) => {
    const session = await postgres.session(user, password);
    await session.query(`create table "owned by ${user}" (a int)`).finally(session.close);
  },
  unstick: async ({ user }) => {
    await postgres.query(`drop table "owned by ${user}"`);
  },
  giveUpOn: async (leases) => {
    for (const { id } of leases) {
      const path = `sys/raw/sys/expire/id/${id}`;
      const { data: { value } } = await bao.ask<{ readonly data: { readonly value: string } }>('GET', path);
      const entry = JSON.parse(value) as object;
      await bao.ask('PUT', path, { value: JSON.stringify({ ...entry, revokeErr: 'out of retries: marked by a test' }) });
    }
    await bao.seal();
    await bao.unseal();
    // Right after an unseal the list is empty until the leases are restored.
    await waitFor(
      async () => {
        const { data } = await bao.ask<{ readonly data: { readonly leases: readonly { readonly lease_id: string }[] } }>('GET', 'sys/leases?type=irrevocable');
        return leases.every(({ id }) => data.leases.some((each) => each.lease_id === id));
      },
      { what: 'the leases being irrevocable' },
    );
  },
});
