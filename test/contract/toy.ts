/**
 * The smallest dependency there is, and a revoker for it that is honest unless told to lie: the kit is tried on it, and a
 * connector author can read here what a stage takes.
 */
import type { Target } from '../../src/api/v1alpha1/index.ts';
import { invalid, needsPerson, type OutcomeError, retryable } from '../../src/runtime/outcome.ts';
import type { Controls, Credential, LockCapability, Observation, Revoker } from '../../src/revokers/revoker.ts';
import { createFakeClock, type FakeClock } from '../fakes/clock.ts';
import type { Fault, Harness, Stage } from './stage.ts';

/** What a bad revoker does. */
export type Lie =
  | 'errors are absence'
  | 'revoked is absent'
  | 'unknown is rejected'
  | 'waits for what it could revoke'
  | 'short lists'
  | 'skips a credential'
  | 'lists twice'
  | 'ends by name'
  | 'ends those of others'
  | 'forgets to revoke'
  | 'refused is accepted'
  | 'nothing is missing'
  | 'touches while listing'
  | 'tells the answer'
  | 'remembers in memory'
  | 'ignores the signal'
  | 'waits for ever'
  | 'throws anything'
  | 'cannot be asked twice'
  | 'cannot for now is accepted'
  | 'locks nothing'
  | 'stays locked'
  | 'unlocks whatever is locked'
  | 'errors are locks'
  | 'refused lock is a lock'
  | 'leaves what it tried by'
  | 'drops what it remembers'
  | 'not deleted is gone';

const secret = 'toy-secret-0123456789';
const deadline = 10_000;
const target: Target = { serviceAccount: { namespace: 'ci', name: 'bot', uid: 'u-bot' } };

interface Key {
  readonly id: string;
  readonly uid: string;
  readonly owner: string;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const createDependency = () => {
  const keys = new Map<string, Key>(
    ['a', 'b', 'c', 'd'].map((id) => [id, { id, uid: `u-${id}`, owner: id === 'd' ? 'other' : 'bot' }]),
  );
  const held = new Set<string>();
  const refused = new Set<string>();
  /** Who has locked it. */
  let lockedBy = '';
  /** Made to be tried. */
  const canaries = new Set<string>();
  let fault: Fault | undefined;
  let healthy = 0;
  let writes = 0;
  let denied = false;
  let serial = 0;

  const serve = (method: string, id: string | undefined, uid: string | undefined): Answer => {
    if (method === 'ALLOWED') return { status: 200, body: !denied };
    if (denied) return { status: 403, body: secret };
    if (method === 'LOCK-STATE') return { status: 200, body: { lockedBy } };
    if (method === 'LIST') return { status: 200, body: [...keys.values()] };
    const found = id === undefined ? undefined : keys.get(id);
    if (method === 'GET')
      return found === undefined ? { status: 404, body: { missing: id } } : { status: 200, body: found };
    writes += 1;
    if (method === 'LOCK') {
      if (lockedBy === '') lockedBy = id ?? '';
      return { status: 202, body: { lockedBy } };
    }
    if (method === 'UNLOCK') {
      if (lockedBy === id || id === undefined) lockedBy = '';
      return { status: 202, body: { lockedBy } };
    }
    if (method === 'PLANT') canaries.add(id ?? '');
    if (method === 'UPROOT') canaries.delete(id ?? '');
    if (method === 'PLANT' || method === 'UPROOT') return { status: 202, body: { canaries: canaries.size } };
    if (found === undefined) return { status: 404, body: { missing: id } };
    if (uid !== undefined && found.uid !== uid) return { status: 409, body: undefined };
    if (refused.has(found.id)) return { status: 422, body: { why: `the disk behind ${found.id} is read-only` } };
    if (!held.has(found.id)) keys.delete(found.id);
    return { status: 202, body: undefined };
  };

  return {
    keys,
    held,
    refused,
    lockedBy: () => lockedBy,
    canaries: () => [...canaries],
    lock: (who: string) => {
      lockedBy = who;
    },
    serial: () => (serial += 1),
    writes: () => writes,
    deny: () => {
      denied = true;
    },
    breakWith: (next: Fault | undefined, after = 0) => {
      fault = next;
      healthy = after;
    },
    request: async (
      method: string,
      id: string | undefined,
      uid: string | undefined,
      signal: AbortSignal,
    ): Promise<Answer> => {
      signal.throwIfAborted();
      if (fault === undefined || healthy-- > 0) return serve(method, id, uid);
      return misbehave(fault, signal);
    },
  };
};

type Dependency = ReturnType<typeof createDependency>;

const statusOf: Partial<Record<Fault, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  NotFoundPage: 404,
  TooManyRequests: 429,
  ServerError: 500,
  Unavailable: 503,
  Garbage: 200,
};

const misbehave = (fault: Fault, signal: AbortSignal): Promise<Answer> => {
  if (fault === 'Hanging') {
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        reject(new Error('aborted'));
      });
    });
  }
  if (fault === 'Disconnected' || fault === 'Crash') return Promise.reject(new Error(`lost ${secret}`));
  if (fault === 'NotFoundOther') return Promise.resolve({ status: 404, body: { missing: 'something else' } });
  return Promise.resolve({ status: statusOf[fault] ?? 200, body: fault === 'Empty' ? undefined : `<p>${secret}</p>` });
};

export const createToyRevoker = (dependency: Dependency, clock: FakeClock, lies: ReadonlySet<Lie>): Revoker => {
  const lie = (one: Lie): boolean => lies.has(one);
  const revoked = new Set<string>();
  const bounded = (signal: AbortSignal): AbortSignal => {
    if (lie('ignores the signal')) return new AbortController().signal;
    if (lie('waits for ever')) return signal;
    const stop = new AbortController();
    clock.schedule(deadline, () => {
      stop.abort(new Error('too late'));
    });
    return AbortSignal.any([signal, stop.signal]);
  };
  const call = async (
    method: string,
    id: string | undefined,
    uid: string | undefined,
    signal: AbortSignal,
  ): Promise<Answer> => {
    try {
      return await dependency.request(method, id, uid, bounded(signal));
    } catch (error) {
      if (lie('throws anything')) throw error;
      throw retryable('Unavailable', lie('tells the answer') ? String(error) : 'the dependency cannot be reached');
    }
  };
  const refused = ({ status, body }: Answer): OutcomeError =>
    status === 403
      ? needsPerson('PermissionMissing', 'may not')
      : retryable('Unavailable', lie('tells the answer') ? String(body) : `answered ${String(status)}`);

  const look = async (credential: Credential, signal: AbortSignal): Promise<Observation> => {
    const method = 'get/keys';
    if (lie('revoked is absent') && revoked.has(credential.id)) return { state: 'Absent', method };
    if (lie('remembers in memory') && !known.has(credential.id)) return { state: 'Absent', method };
    const { status, body } = await call('GET', credential.id, undefined, signal);
    const found = body as (Partial<Key> & { readonly missing?: string }) | undefined;
    if (status === 404 && found?.missing === credential.id) return { state: 'Absent', method };
    if (status === 200 && found?.id === credential.id) {
      const same = lie('ends by name') || found.uid === credential.uid;
      const end = lie('waits for what it could revoke') ? { expiresAt: new Date(clock.now().getTime() + 3_600_000) } : {};
      return { state: same ? 'Present' : 'Absent', method, ...end };
    }
    if (lie('errors are absence')) return { state: 'Absent', method };
    return { state: 'Unknown', method, message: lie('tells the answer') ? String(body) : `answered ${String(status)}` };
  };
  const known = new Set<string>();

  const listed = async (signal: AbortSignal): Promise<readonly Key[]> => {
    const answer = await call('LIST', undefined, undefined, signal);
    if (answer.status === 200 && Array.isArray(answer.body)) return answer.body as Key[];
    if (lie('short lists')) return [];
    throw refused(answer);
  };

  return {
    kind: 'toy',
    name: 'toy',
    settleTime: 1_000,
    concurrency: 1,
    lock: toyLock(call, refused, lie),
    controls: toyControls(call, refused, lie),
    preflight: async (_, __, signal) => {
      if (lie('nothing is missing')) return [];
      const answer = await call('ALLOWED', undefined, undefined, signal);
      if (answer.status !== 200 || typeof answer.body !== 'boolean') throw refused(answer);
      return answer.body ? [] : [{ permission: 'delete keys', message: 'may not delete keys' }];
    },
    inventory: async (_, __, signal) => {
      if (lie('touches while listing')) await call('DELETE', 'nothing', undefined, signal);
      const all = (await listed(signal)).filter(({ owner }) => owner === 'bot' || lie('ends those of others'));
      const credentials = all
        .slice(lie('skips a credential') ? 1 : 0)
        .map(({ id, uid }): Credential => ({ id, uid, class: 'Key', end: { by: 'Revoke' }, seen: true }));
      for (const { id } of credentials) known.add(id);
      return { credentials: lie('lists twice') ? [...credentials, ...credentials] : credentials, findings: [] };
    },
    usage: async (_, signal) => {
      await listed(signal);
      return [];
    },
    revoke: async (credential, _, signal) => {
      if (lie('cannot be asked twice') && revoked.has(credential.id)) throw invalid('Gone', 'there is no such key');
      revoked.add(credential.id);
      if (lie('forgets to revoke')) return 'Accepted';
      const answer = await call('DELETE', credential.id, lie('ends by name') ? undefined : credential.uid, signal);
      if (answer.status === 202) return 'Accepted';
      if (answer.status === 404 && (answer.body as { readonly missing?: string }).missing === credential.id)
        return 'NothingThere';
      if (answer.status === 409) return 'NothingThere';
      if (answer.status === 422 && !lie('cannot for now is accepted'))
        return { refused: 'DiskReadOnly', message: (answer.body as { readonly why: string }).why };
      if (lie('refused is accepted') || answer.status === 422) return 'Accepted';
      throw refused(answer);
    },
    observe: async (credential, _, signal) => {
      try {
        return await look(credential, signal);
      } catch (error) {
        if (lie('unknown is rejected')) throw error;
        if (lie('errors are absence')) return { state: 'Absent', method: 'get/keys' };
        return {
          state: 'Unknown',
          method: 'get/keys',
          message: error instanceof Error ? error.message : 'could not be told',
        };
      }
    },
  };
};

type Call = (method: string, id: string | undefined, uid: string | undefined, signal: AbortSignal) => Promise<Answer>;

const toyLock = (call: Call, refused: (answer: Answer) => OutcomeError, lie: (one: Lie) => boolean): LockCapability => {
  const method = 'get/lock';
  const ask = async (which: 'LOCK' | 'UNLOCK', who: string | undefined, signal: AbortSignal): Promise<void> => {
    const answer = await call(which, who, undefined, signal);
    if (answer.status !== 202 && !lie('refused lock is a lock')) throw refused(answer);
  };
  return {
    kind: 'Lockable',
    lock: async (_, signal) => {
      if (!lie('locks nothing')) await ask('LOCK', 'us', signal);
    },
    unlock: async (_, signal) => {
      if (!lie('stays locked')) await ask('UNLOCK', lie('unlocks whatever is locked') ? undefined : 'us', signal);
    },
    observeLock: async (_, signal) => {
      try {
        const { status, body } = await call('LOCK-STATE', undefined, undefined, signal);
        const by = (body as { readonly lockedBy?: unknown } | undefined)?.lockedBy;
        if (status === 200 && typeof by === 'string') return { state: by === '' ? 'Absent' : 'Present', method };
        return { state: lie('errors are locks') ? 'Present' : 'Unknown', method, message: `answered ${String(status)}` };
      } catch (error) {
        return { state: 'Unknown', method, message: error instanceof Error ? error.message : 'could not be told' };
      }
    },
  };
};

const toyControls = (call: Call, refused: (answer: Answer) => OutcomeError, lie: (one: Lie) => boolean): Controls => {
  let taken = false;
  return {
    tries: () => 'the canary',
    take: async (_, signal) => {
      const answer = await call('PLANT', 'canary', undefined, signal);
      if (answer.status !== 202) throw refused(answer);
      taken = true;
      return [];
    },
    drop: async (_, signal) => {
      if (lie('leaves what it tried by') || (lie('drops what it remembers') && !taken)) return;
      const { status, body } = await call('UPROOT', 'canary', undefined, signal);
      const left = (body as { readonly canaries?: unknown } | undefined)?.canaries;
      if ((status !== 202 || left !== 0) && !lie('not deleted is gone')) throw refused({ status, body });
    },
  };
};

export const toyHarness = (...lies: readonly Lie[]): Harness => ({
  open: () => {
    const dependency = createDependency();
    const clock = createFakeClock();
    const create = (): Revoker => createToyRevoker(dependency, clock, new Set(lies));
    const stage: Stage = {
      revoker: create(),
      target,
      planted: ['a', 'b', 'c'],
      secrets: [secret],
      restart: () => Promise.resolve(create()),
      breakWith: dependency.breakWith,
      writes: dependency.writes,
      exists: ({ id, uid }) => Promise.resolve(dependency.keys.get(id)?.uid === uid),
      foreign: () => Promise.resolve([...dependency.keys.values()].filter(({ owner }) => owner !== 'bot')),
      hold: ({ id }) => {
        dependency.held.add(id);
        return Promise.resolve();
      },
      refuse: ({ id }) => {
        dependency.refused.add(id);
        return Promise.resolve(true);
      },
      relent: () => {
        dependency.refused.clear();
        return Promise.resolve();
      },
      admits: () => Promise.resolve(dependency.lockedBy() === ''),
      lockForeign: () => {
        dependency.lock('somebody');
        return Promise.resolve();
      },
      leftBehind: () => Promise.resolve(dependency.canaries()),
      lockable: () => Promise.resolve(dependency.lockedBy()),
      recreate: ({ id }) => {
        dependency.keys.set(id, { id, uid: `u-${id}-${String(dependency.serial())}`, owner: 'bot' });
        return Promise.resolve();
      },
      deny: dependency.deny,
      advance: (ms) => clock.advance(ms),
      settle: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    return Promise.resolve(stage);
  },
});
