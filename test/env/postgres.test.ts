import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Postgres, startPostgres } from './postgres.ts';

describe('a PostgreSQL', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres();
    await postgres.query(`create role robot login password 'secret'`);
  });
  afterAll(async () => {
    await postgres.stop();
  });

  it('tells a login that works from one that is refused', async () => {
    expect(await postgres.login('robot', 'secret')).toBe('ok');
    expect(await postgres.login('robot', 'wrong')).toBe('refused');
    expect(await postgres.login('nobody', 'secret')).toBe('refused');
    await postgres.query(`create role locked nologin password 'secret'`);
    expect(await postgres.login('locked', 'secret')).toBe('refused');
  });

  it('keeps a session open whose user is dropped meanwhile', async () => {
    await postgres.query(`create role leaver login password 'secret'`);
    const session = await postgres.session('leaver', 'secret');
    await postgres.query('drop role leaver');
    expect(await session.query('select 1 as one')).toEqual([{ one: 1 }]);
    expect(await postgres.login('leaver', 'secret')).toBe('refused');
    await session.close();
  });

  it('comes back where it was with what it held, and is never said to refuse while it is down', async () => {
    await postgres.shutDown();
    await expect(postgres.login('robot', 'secret')).rejects.toThrow('ECONNREFUSED');
    await postgres.startAgain();
    expect(await postgres.login('robot', 'secret')).toBe('ok');
  });
});
