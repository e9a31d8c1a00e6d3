/**
 * A PostgreSQL of its own on loopback: the backend whose users OpenBao leases.
 *
 *     const postgres = await startPostgres();                    // needs `make tools` once
 *     await postgres.query('create table …');                    // as the superuser
 *     await postgres.login(user, password);                      // 'ok' or 'refused', by really logging in
 *     const session = await postgres.session(user, password);    // stays open: await session.query('select 1')
 *     await postgres.shutDown();  await postgres.startAgain();   // same port, same data
 *     postgres.pause();  postgres.resume();                      // new connections hang
 *     await postgres.stop();
 */
import { execFile } from 'node:child_process';
import { chownSync, cpSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

import { type Account, type ServerProcess, startProcess, startWatchdog, type Watchdog } from './process.ts';
import { onFreePorts, ready } from './servers.ts';
import { requirePostgres } from './tools/postgres.ts';

const run = promisify(execFile);

export interface Postgres {
  readonly port: number;
  readonly superuser: { readonly user: string; readonly password: string };
  /** Logs in and asks for something. Refused is only what the server refused by name; whatever else goes wrong rejects. */
  login(user: string, password: string): Promise<'ok' | 'refused'>;
  /** Logs in and stays. */
  session(user: string, password: string): Promise<Session>;
  /** As the superuser. */
  query(sql: string): Promise<readonly Row[]>;
  /** Ends every connection and the server; resolves when it is gone. */
  shutDown(): Promise<void>;
  /** Resolves when it takes connections again. */
  startAgain(): Promise<void>;
  /** SIGSTOP: who connects gets no answer; sessions that are open go on. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

export interface Session {
  query(sql: string): Promise<readonly Row[]>;
  close(): Promise<void>;
}

export type Row = Readonly<Record<string, unknown>>;

const superuser = { user: 'postgres', password: 'superuser-of-a-test' } as const;

/** `binaries` is the folder that holds `postgres` and `initdb`; what is found on the machine unless told. */
export const startPostgres = async (binaries?: string): Promise<Postgres> => {
  const folder = mkdtempSync(join(tmpdir(), 'offboard-postgres-'));
  const watchdog = startWatchdog(folder);
  try {
    return await assemble(folder, watchdog, binaries ?? (await requirePostgres()));
  } catch (error) {
    await watchdog.close();
    throw error;
  }
};

const assemble = async (folder: string, watchdog: Watchdog, found: string): Promise<Postgres> => {
  const account = await accountOf(folder);
  const binaries = await reachable(found, folder, account);
  const data = join(folder, 'data');
  await initialise(binaries, data, folder, account);

  const launch = async (port: number): Promise<ServerProcess> => {
    const server = await startProcess('postgres', join(binaries, 'postgres'), ['-D', data, '-p', String(port), ...settings], {
      logFile: join(folder, 'postgres.log'),
      watchdog,
      account,
    });
    await ready(server, new AbortController().signal, async () => (await attempt(port, superuser.user, superuser.password)) === 'ok');
    return server;
  };
  const first = await onFreePorts(1, async ([free = 0]) => ({ process: await launch(free), port: free }));
  const { port } = first;
  let server = first.process;
  const connect = (user: string, password: string): Promise<Session> => openSession(port, user, password);
  return {
    port,
    superuser,
    login: (user, password) => attempt(port, user, password),
    session: connect,
    query: async (sql) => {
      const session = await connect(superuser.user, superuser.password);
      return session.query(sql).finally(session.close);
    },
    // SIGTERM would wait for the connections that OpenBao keeps.
    shutDown: () => server.kill('SIGINT'),
    startAgain: async () => {
      server = await launch(port);
    },
    pause: () => {
      server.signal('SIGSTOP');
    },
    resume: () => {
      server.signal('SIGCONT');
    },
    stop: async () => {
      server.signal('SIGCONT');
      await server.kill('SIGINT');
      await watchdog.close();
    },
  };
};

/** The data lives no longer than the process, and nothing is left outside its folder. */
const settings = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'dynamic_shared_memory_type=mmap',
  'shared_buffers=16MB',
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
].flatMap((setting) => ['-c', setting]);

const initialise = async (binaries: string, data: string, folder: string, account: Account | undefined): Promise<void> => {
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, superuser.password);
  if (account !== undefined) chownSync(passwordFile, account.uid, account.gid);
  const args = ['-D', data, '-U', superuser.user, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8', '--no-locale', '--no-sync'];
  await run(join(binaries, 'initdb'), args, { ...account, cwd: '/' });
};

/** PostgreSQL refuses to be run by root: somebody else does then, to whom the folder is given. */
const accountOf = async (folder: string): Promise<Account | undefined> => {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = async (flag: '-u' | '-g'): Promise<number> => {
    const { stdout } = await run('id', [flag, 'postgres']).catch(() => run('id', [flag, 'nobody']));
    return Number(stdout);
  };
  const account = { uid: await idOf('-u'), gid: await idOf('-g') };
  chownSync(folder, account.uid, account.gid);
  return account;
};

/** The cache folder of root is closed to others: what cannot be run from there is copied. */
const reachable = async (binaries: string, folder: string, account: Account | undefined): Promise<string> => {
  const runs = await run(join(binaries, 'postgres'), ['--version'], { ...account, cwd: '/' }).then(() => true, () => false);
  if (runs) return binaries;
  const copy = join(folder, 'postgresql');
  cpSync(dirname(binaries), copy, { recursive: true, verbatimSymlinks: true });
  if (account !== undefined) await run('chown', ['-R', `${String(account.uid)}:${String(account.gid)}`, copy]);
  return join(copy, 'bin');
};

const attempt = async (port: number, user: string, password: string): Promise<'ok' | 'refused'> => {
  try {
    const session = await openSession(port, user, password);
    await session.query('select 1').finally(session.close);
    return 'ok';
  } catch (error) {
    if (isRefusal(error)) return 'refused';
    throw error;
  }
};

/** invalid_password, which it also says of a user that does not exist, and invalid_authorization_specification. */
const isRefusal = (error: unknown): boolean => error instanceof pg.DatabaseError && (error.code === '28P01' || error.code === '28000');

const openSession = async (port: number, user: string, password: string): Promise<Session> => {
  const client = new pg.Client({ host: '127.0.0.1', port, user, password, database: 'postgres', connectionTimeoutMillis: 5_000, query_timeout: 10_000 });
  // A connection that breaks while nothing is asked: the next question says so.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  return {
    query: async (sql) => (await client.query<Row>(sql)).rows,
    close: () => client.end(),
  };
};
